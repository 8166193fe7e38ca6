//! Planted identifiers appear in no log, error, ledger byte, public export,
//! queue payload or temporary file: not at trace level, not when it panics.

mod common;
#[path = "common/x12.rs"]
mod x12;

use std::path::Path;
use std::process::Output;

use common::{files, scratch, tally};
use tally_core::claim::{Contract, Member, Relationship, Sex, Span};
use tally_types::ServiceDate;

const NAME: &str = "Zebedee Canarino";
const MEMBER: &str = "CANARY-MEMBER-7781";
const OTHER: &str = "CANARY-SISTER-7782";
const CONTRACT: &str = "CANARY-CONTRACT-55";
const CONTROL: &str = "CANARY-CONTROL-01";
const STRANGER: &str = "CANARY-STRANGER-9";
const WRONG: &str = "CANARY-WRONG-TEXT";
/// Written with care in a claim, an error or a log would show it as text.
const BIRTH: &str = "1961-07-19";

const PLANTED: [&str; 8] = [
    NAME, MEMBER, OTHER, CONTRACT, CONTROL, STRANGER, WRONG, BIRTH,
];

fn contract() -> String {
    let date = |text| ServiceDate::parse(text).unwrap();
    let member = |id: &str, relationship| Member {
        id: id.to_owned(),
        name: NAME.to_owned(),
        birth: date(BIRTH),
        death: None,
        sex: Sex::Female,
        relationship,
        spans: vec![Span {
            product: "harbor-ppo".to_owned(),
            from: date("2025-01-01"),
            through: None,
        }],
        authorizations: Vec::new(),
    };
    common::contracts_json(&[Contract {
        id: CONTRACT.to_owned(),
        inception: date("2025-01-01"),
        members: vec![
            member(MEMBER, Relationship::Subscriber),
            member(OTHER, Relationship::Child),
        ],
    }])
}

/// A FHIR claim; `more` are further members of the resource.
fn claim(control: &str, member: &str, more: &str) -> String {
    format!(
        r#"{{"resourceType":"Claim","status":"active","use":"claim",
        "identifier":[{{"value":"{control}"}}],
        "type":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/claim-type","code":"professional"}}]}},
        "patient":{{"identifier":{{"value":"{member}"}},"display":"{NAME}"}},
        "created":"2026-03-02","provider":{{"identifier":{{"system":"http://hl7.org/fhir/sid/us-npi","value":"2000001372"}}}},
        "priority":{{"coding":[{{"code":"normal"}}]}},
        "insurance":[{{"sequence":1,"focal":true,"coverage":{{"reference":"Coverage/1"}}}}],
        "item":[{{"sequence":1,"productOrService":{{"coding":[{{"system":"http://www.ama-assn.org/go/cpt","code":"99213"}}]}},
        "servicedDate":"2026-03-02","net":{{"value":180.00,"currency":"USD"}}}}]{more}}}"#
    )
}

/// Everything there is to be searched: what was said, and every file.
struct Searched(Vec<(String, Vec<u8>)>);

impl Searched {
    fn output(&mut self, what: &str, output: &Output) {
        self.0
            .push((format!("{what}: stderr"), output.stderr.clone()));
    }

    fn folder(&mut self, folder: &Path) {
        for path in files(folder) {
            self.0
                .push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }

    fn find(&self, planted: &[String]) -> Vec<String> {
        let forms: Vec<(&String, Vec<u8>)> = planted
            .iter()
            .flat_map(|text| forms(text).into_iter().map(move |form| (text, form)))
            .collect();
        let search = aho_corasick::AhoCorasick::new(forms.iter().map(|(_, form)| form)).unwrap();
        let mut found = Vec::new();
        for (place, bytes) in &self.0 {
            for hit in search.find_iter(bytes) {
                let (text, _) = &forms[hit.pattern().as_usize()];
                found.push(format!("{text} in {place}"));
            }
        }
        found.dedup();
        found
    }
}

/// How a text could stand somewhere: as it is, as hexadecimal digits, as the
/// numbers a debug form prints, as base64 at each of its three alignments.
fn forms(text: &str) -> Vec<Vec<u8>> {
    let hex: String = text.bytes().map(|b| format!("{b:02x}")).collect();
    let debug: Vec<String> = text.bytes().map(|b| b.to_string()).collect();
    let mut forms = vec![
        text.as_bytes().to_vec(),
        hex.into_bytes(),
        debug.join(", ").into_bytes(),
    ];
    for skip in 0..3 {
        let inner = text.as_bytes().get(skip..).unwrap_or_default();
        let whole = &inner[..inner.len() / 3 * 3];
        if whole.len() >= 9 {
            forms.push(base64(whole));
        }
    }
    forms
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes
        .chunks(3)
        .flat_map(|three| {
            let n = three.iter().fold(0u32, |n, byte| n << 8 | u32::from(*byte));
            [18, 12, 6, 0].map(|shift| DIGITS[(n >> shift & 63) as usize])
        })
        .collect()
}

#[test]
fn planted_identifiers_are_nowhere() {
    let (folder, data) = scratch();
    let temporary = folder.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let input = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = input.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let contracts = write("a.json", &contract());
    let good = write("b.json", &claim(CONTROL, MEMBER, ""));
    let sister = write("c.json", &claim("CANARY-CONTROL-02", OTHER, ""));
    let stranger = write("d.json", &claim("CANARY-CONTROL-03", STRANGER, ""));
    let bad = [
        claim(
            CONTROL,
            MEMBER,
            &format!(r#","total":{{"value":"{WRONG}"}}"#),
        ),
        claim(
            CONTROL,
            MEMBER,
            r#","total":{"value":1.00,"currency":"USD"}"#,
        ),
        claim(CONTROL, MEMBER, "").replace("2026-03-02", WRONG),
        claim(CONTROL, MEMBER, "").replace("99213", "9921 CANARY-WRONG-TEXT"),
        claim(CONTROL, MEMBER, "").replace(r#""use":"claim""#, r#""use":"CANARY-WRONG-TEXT""#),
        claim(CONTROL, MEMBER, "").replace("USD", "CANARY-WRONG-TEXT"),
        claim(CONTROL, MEMBER, &format!(r#","{WRONG}":1,"{WRONG}":2"#)),
        claim(CONTROL, MEMBER, "").replace("180.00", "28.104000000000003"),
        claim(CONTROL, MEMBER, "").replace(MEMBER, &WRONG.repeat(40)),
        claim(CONTROL, MEMBER, "")[..300].to_owned(),
        format!("{{\"{NAME}\": "),
        format!("ISA*00*{MEMBER}"),
    ];
    let bad: Vec<_> = bad
        .iter()
        .enumerate()
        .map(|(n, text)| write(&format!("bad{n}.json"), text))
        .collect();

    let mut searched = Searched(Vec::new());
    let mut run = |failpoint: &str, arguments: &[&str], files: &[&Path]| {
        let output = tally()
            .env("TALLY_LOG", "trace")
            .env("RUST_BACKTRACE", "full")
            .env("TMPDIR", &temporary)
            .env("TALLY_FAILPOINT", failpoint)
            .args(arguments)
            .args(files)
            .arg("--data")
            .arg(&data)
            .output()
            .unwrap();
        searched.output(&arguments.join(" "), &output);
        output
    };
    run("", &["member", "import"], &[&contracts]);
    run("", &["member", "import"], &[&bad[0]]);
    for place in [
        "before-accept",
        "adjudicated",
        "before-commit",
        "after-commit",
    ] {
        let output = run(&format!("{place}=panic"), &["claim", "submit"], &[&good]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(&format!("failpoint {place}")), "{said}");
    }
    let mut ids = Vec::new();
    for path in [&good, &sister, &stranger] {
        let output = run("", &["claim", "submit", "--json"], &[path]);
        let said = common::json(&output, 0);
        ids.push(said["claims"][0].as_str().unwrap().to_owned());
    }
    // What goes out holds what it has to; what is said beside it does not.
    let inquiry = |member: &str, birth: &str| x12::inquiry(member, birth, "20260302");
    let asked = [
        write("asked0.270", &inquiry(MEMBER, "19610719")),
        write("asked1.270", &inquiry(STRANGER, "19610719")),
        write("asked2.270", &inquiry(MEMBER, "19610720")),
        write(
            "asked3.json",
            &claim(CONTROL, STRANGER, "").replace("\"Claim\"", "\"CoverageEligibilityRequest\""),
        ),
    ];
    for path in &asked {
        run("", &["eligibility"], &[path]);
    }
    // Requests for authorisation: taken in, decided, taken back, and refused.
    let asks = |control: &str, member: &str| {
        claim(control, member, "").replace(r#""use":"claim""#, r#""use":"preauthorization""#)
    };
    let requests = [CONTROL, "CANARY-CONTROL-02"].map(|control| {
        let path = write(&format!("{control}.json"), &asks(control, MEMBER));
        let output = run("", &["authorization", "request", "--json"], &[&path]);
        let said = common::json(&output, 0);
        said["number"].as_str().unwrap().to_owned()
    });
    for (n, text) in [
        asks(CONTROL, STRANGER),
        asks(CONTROL, MEMBER).replace("99213", "99214"),
        asks(CONTROL, MEMBER).replace("2026-03-02", WRONG),
        asks(CONTROL, MEMBER).replace("preauthorization", WRONG),
    ]
    .iter()
    .enumerate()
    {
        let path = write(&format!("asks{n}.json"), text);
        let output = run("", &["authorization", "request", "--json"], &[&path]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        searched_stdout(&output);
    }
    let decision = write(
        "decision.json",
        &format!(r#"{{"lines":[{{"line":"{WRONG}"}}]}}"#),
    );
    for (arguments, file) in [
        (&["decide", &requests[0], "--approve"][..], None),
        (&["decide", &requests[1], "--pend", WRONG], None),
        (&["decide", &requests[1]], Some(&decision)),
        (
            &["decide", &requests[1], "--deny", "0V", "--reason", WRONG],
            None,
        ),
        (&["cancel", &requests[0], "--reason", WRONG], None),
        (&["cancel", WRONG, "--reason", WRONG], None),
        (&["list", "--member", MEMBER], None),
        (&["show", &requests[0]], None),
    ] {
        let files: Vec<&Path> = file.into_iter().map(std::path::PathBuf::as_path).collect();
        let output = run("", &[&["authorization"], arguments].concat(), &files);
        assert_ne!(output.status.code(), Some(2), "{output:?}");
    }
    let bulk = input.path().join("bulk");
    for arguments in [
        &["claim", "remittance", &ids[0], "--output-format", "x12"][..],
        &["claim", "remittance", "--payee", WRONG],
        &["payment", "run", "--dry-run"],
        &["payment", "run", "--payee", WRONG],
        &["payment", "run"],
        &["payment", "list", "--payee", WRONG],
        &["payment", "show", WRONG],
        &["claim", "explanation", &ids[0]],
        &["claim", "explanation", &ids[2]],
        &["member", "access", MEMBER],
        &["member", "access", STRANGER],
        &[
            "claim",
            "export",
            "--output-format",
            "fhir-ndjson",
            "--out",
            bulk.to_str().unwrap(),
        ],
    ] {
        let output = run("", arguments, &[]);
        assert_ne!(output.status.code(), Some(2), "{output:?}");
    }
    let out = input.path().join("acknowledged");
    let sent =
        x12::visit(CONTROL, MEMBER, "180", "20260302").replace("ASH*ANN", "CANARINO*ZEBEDEE");
    for (n, text) in [
        sent.clone(),
        sent.replace("*180~", "*181~"),
        sent.replace("CLM*", "CLM*CANARY-WRONG-TEXT*"),
        sent.replace("*MI*", "*CANARY-WRONG-TEXT*"),
        sent.replace("DMG*D8*19800101", "DMG*D8*CANARY-WRONG-TEXT"),
    ]
    .iter()
    .enumerate()
    {
        let path = write(&format!("sent{n}.837"), text);
        run(
            "",
            &["claim", "submit", "--acknowledge", out.to_str().unwrap()],
            &[&path],
        );
        run("", &["claim", "estimate"], &[&path]);
    }
    for path in &bad {
        let output = run("", &["claim", "estimate"], &[path]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        searched_stdout(&output);
        let output = run("", &["claim", "submit", "--json"], &[path]);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{}: {output:?}",
            path.display()
        );
        // A refusal is answered to whoever submitted, and stored: it too names
        // the place and the reason, never what stood there.
        searched_stdout(&output);
    }
    let export = folder.path().join("export");
    let out = export.to_str().unwrap();
    assert!(
        run("", &["ledger", "export", "--out", out], &[])
            .status
            .success()
    );
    assert!(run("", &["ledger", "replay"], &[]).status.success());
    assert!(run("", &["ledger", "fsck"], &[]).status.success());
    assert!(run("", &["flag", "list"], &[]).status.success());
    let unknown = run("", &["member", "show", "CANARY-MEMBER-7781-X"], &[]);
    assert_eq!(unknown.status.code(), Some(1));
    searched.folder(folder.path());
    let planted: Vec<String> = PLANTED.map(str::to_owned).to_vec();
    let found = searched.find(&planted);
    assert!(found.is_empty(), "{found:#?}");
    // The search finds what is there.
    searched.folder(input.path());
    assert!(searched.find(&planted).len() > 8);
}

fn searched_stdout(output: &Output) {
    let searched = Searched(vec![("stdout".to_owned(), output.stdout.clone())]);
    let found = searched.find(&PLANTED.map(str::to_owned));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_demo_at_trace_level_names_nobody() {
    let (folder, data) = scratch();
    let temporary = folder.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let demo = |failpoint: &str| {
        tally()
            .env("TALLY_LOG", "trace")
            .env("TMPDIR", &temporary)
            .env("TALLY_FAILPOINT", failpoint)
            .args(["demo", "--once", "--json", "--seed", "5", "--claims", "400"])
            .arg("--data")
            .arg(&data)
            .output()
            .unwrap()
    };
    let panicked = demo("adjudicated=panic@20");
    assert!(String::from_utf8_lossy(&panicked.stderr).contains("failpoint"));
    let output = demo("");
    assert_eq!(output.status.code(), Some(0), "{output:?}");

    let population = tally::demo::generate::generate(5, 400);
    let mut planted = Vec::new();
    for contract in &population.contracts {
        planted.push(contract.id.clone());
        for member in &contract.members {
            planted.push(member.id.clone());
            planted.push(member.name.clone());
        }
    }
    planted.retain(|text| text.len() > 5);
    assert!(planted.len() > 50, "{} planted", planted.len());
    let mut searched = Searched(vec![("stdout".to_owned(), output.stdout.clone())]);
    searched.output("demo", &output);
    searched.output("panicked demo", &panicked);
    searched.folder(folder.path());
    let found = searched.find(&planted);
    assert!(found.is_empty(), "{found:#?}");
}
