//! Prior authorisation and referral, at the level of the binary: what is asked for,
//! decided, used by claims and taken back; and that every claim is decided by what was
//! on file when it came, and can be decided so again.

mod common;
#[path = "common/site.rs"]
#[allow(dead_code)] // this file uses a part
mod site;

use std::path::Path;
use std::process::Output;

use common::{errors, json, scratch, tally, text};
use serde_json::{Value, json as object};
use site::Site;

const IMAGING: &str = "2000042475";
const CARDIOLOGIST: &str = "2000019184";
/// A scan, which Cedar HMO pays for when it is authorised: clause 4.1.
const SCAN: &str = "72148";

/// What policies run on.
const BACKENDS: [&str; 2] = ["cranelift", "pulley"];

/// So many days from today.
fn day(after: i64) -> String {
    (chrono::Utc::now().date_naive() + chrono::Duration::days(after)).to_string()
}

/// A node, and a folder for files.
struct Node {
    folder: tempfile::TempDir,
    /// Where it is, as every command is told.
    at: [String; 2],
    _site: Option<Site>,
}

impl Node {
    /// A family of two under Cedar HMO.
    fn new() -> Self {
        let (folder, data) = scratch();
        Self::at(folder, "--data", &data, None)
    }

    /// The same on PostgreSQL.
    fn on_a_server() -> Self {
        let site = Site::alone();
        let config = site.config.clone();
        Self::at(
            tempfile::tempdir().unwrap(),
            "--config",
            &config,
            Some(site),
        )
    }

    fn at(folder: tempfile::TempDir, what: &str, path: &Path, site: Option<Site>) -> Self {
        let node = Self {
            folder,
            at: [what, path.to_str().unwrap()].map(str::to_owned),
            _site: site,
        };
        node.enrol("");
        node
    }

    /// Imports the family, the first member with authorisations of another system.
    fn enrol(&self, authorizations: &str) {
        let path = self.write(
            "family.json",
            &format!(
                r#"{{"format":"tallystick-contract/v1","id":"C-9","inception":"2025-01-01","members":[
                {{"id":"M-9","name":"Robin Example","birth":"1980-05-02","sex":"female",
                "relationship":"subscriber","spans":[{{"product":"cedar-hmo","from":"2025-01-01"}}]{authorizations}}},
                {{"id":"M-8","name":"Alex Example","birth":"2010-05-02","sex":"male",
                "relationship":"child","spans":[{{"product":"cedar-hmo","from":"2025-01-01"}}]}}]}}"#
            ),
        );
        text(&self.run(&["member", "import", &path]), 0);
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = tally();
        command.args(arguments).args(&self.at);
        command.output().unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        json(&self.run(&[arguments, &["--json"]].concat()), 0)
    }

    /// What is refused, and why: `code` is how it ends.
    #[track_caller]
    fn refused(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        errors(&output)
    }

    /// A file of a claim of a provider: each line a procedure and its day.
    fn claim(&self, control: &str, provider: &str, lines: &[(&str, &str)]) -> String {
        let lines: Vec<Value> = lines
            .iter()
            .map(|(procedure, on)| {
                object!({ "procedure": procedure, "place": "11", "quantity": "1",
                    "charge": if *procedure == SCAN { "405.00" } else { "140.00" }, "from": on })
            })
            .collect();
        let claim = object!({
            "format": "tallystick-claim/v1", "kind": "professional", "control_number": control,
            "member": "M-9", "billing": provider, "diagnoses": ["M25.511"], "lines": lines,
        });
        self.write(&format!("{control}.json"), &claim.to_string())
    }

    fn submit(&self, control: &str, provider: &str, lines: &[(&str, &str)]) -> String {
        let file = self.claim(control, provider, lines);
        let said = self.json(&["claim", "submit", &file]);
        said["claims"][0].as_str().unwrap().to_owned()
    }

    /// What became of the lines of a claim: `paid`, or the reason it is denied for.
    fn lines(&self, claim: &str) -> Vec<String> {
        came_to(&self.json(&["claim", "eob", claim]))
    }

    /// Takes a request in, and answers its number.
    fn ask(&self, request: &Value) -> String {
        let said = self.json(&["authorization", "request", &self.request(request)]);
        said["number"].as_str().unwrap().to_owned()
    }

    fn request(&self, request: &Value) -> String {
        self.write("request.json", &request.to_string())
    }

    fn show(&self, number: &str) -> Value {
        self.json(&["authorization", "show", number])
    }

    /// All that was decided is what a replay on a backend makes of it, and the log and the
    /// contracts say so. A replay does every adjudication again, of whatever time, and
    /// compiles every policy for it, which takes most of the time of these tests.
    #[track_caller]
    fn sound(&self, backends: &[&str]) -> Value {
        common::sound(|asked| self.json(asked), backends)
    }
}

fn came_to(view: &Value) -> Vec<String> {
    let lines = view["lines"].as_array().unwrap().iter();
    lines
        .map(|line| {
            let adjustments = line["adjustments"].as_array().unwrap().iter();
            let reasons: Vec<String> = adjustments
                .map(|adjustment| adjustment["carc"].to_string().replace('"', ""))
                .collect();
            match line["paid"].as_str().unwrap() {
                "0.00" => reasons.join(" "),
                _ => "paid".to_owned(),
            }
        })
        .collect()
}

fn coded(extension: &str, list: &str, code: &str) -> Value {
    object!({
        "url": format!("http://hl7.org/fhir/us/davinci-pas/StructureDefinition/{extension}"),
        "valueCodeableConcept": { "coding": [
            { "system": format!("https://codesystem.x12.org/005010/{list}"), "code": code } ] },
    })
}

/// A request as Da Vinci PAS has it, of items.
fn request(control: &str, provider: &str, items: &[Value]) -> Value {
    object!({
        "resourceType": "Claim", "status": "active", "use": "preauthorization",
        "identifier": [{ "value": control }],
        "type": { "coding": [{ "code": "professional" }] },
        "priority": { "coding": [{ "code": "normal" }] },
        "created": day(0),
        "patient": { "identifier": { "value": "M-9" } },
        "provider": { "identifier": { "value": provider } },
        "insurer": { "display": "An insurer" },
        "insurance": [{ "sequence": 1, "focal": true,
            "coverage": { "identifier": { "value": "M-9" } } }],
        "diagnosis": [{ "sequence": 1, "diagnosisCodeableConcept": { "coding": [
            { "system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M25.511" } ] } }],
        "item": items,
    })
}

fn item(sequence: u16, kind: &str, procedure: &str, units: u16, from: i64, through: i64) -> Value {
    object!({
        "sequence": sequence, "diagnosisSequence": [1],
        "extension": [coded("extension-serviceItemRequestType", "1525", kind)],
        "productOrService": { "coding": [
            { "system": "http://www.ama-assn.org/go/cpt", "code": procedure } ] },
        "servicedPeriod": { "start": day(from), "end": day(through) },
        "quantity": { "value": units },
    })
}

/// The same, as an update of an authorisation: `S` revises it, `3` takes it back.
fn update(request: &Value, control: &str, certification: &str, number: &str) -> Value {
    let mut update = request.clone();
    update["identifier"] = object!([{ "value": control }]);
    update["extension"] = object!([coded("extension-certificationType", "1322", certification)]);
    update["insurance"][0]["preAuthRef"] = object!([number]);
    update
}

#[test]
fn a_claim_is_paid_for_what_was_certified_when_it_came() {
    is_paid_for_what_was_certified(&Node::new(), &BACKENDS);
}

#[test]
fn a_claim_is_paid_for_what_was_certified_on_a_server_too() {
    // What a backend makes of claims has nothing to do with where they are stored: once,
    // at the end.
    is_paid_for_what_was_certified(&Node::on_a_server(), &BACKENDS[..1]);
}

fn is_paid_for_what_was_certified(node: &Node, backends: &[&str]) {
    let early = node.submit("A-1", IMAGING, &[(SCAN, &day(-20))]);
    assert_eq!(node.lines(&early), ["197"]);

    // It is asked for, and asking again is asking once.
    let asked = request(
        "R-1",
        IMAGING,
        &[
            item(1, "HS", SCAN, 3, -20, 20),
            item(2, "HS", "E0260", 1, -20, 20),
        ],
    );
    let number = node.ask(&asked);
    assert!(number.starts_with("PA") && number.len() == 14, "{number}");
    assert_eq!(node.ask(&asked), number);
    let shown = node.show(&number.to_lowercase());
    assert_eq!(shown["stage"], "requested");
    assert_eq!(shown["lines"][0]["status"], "waits");
    assert_eq!(shown["lines"][0]["asked"]["units"], "3");
    let mut other = asked.clone();
    other["item"][0]["quantity"]["value"] = object!(4);
    let said = node.refused(&["authorization", "request", &node.request(&other)], 1);
    assert!(said.contains("used for another one before"), "{said}");
    let waits = node.submit("A-2", IMAGING, &[(SCAN, &day(-19))]);
    assert_eq!(node.lines(&waits), ["197"]);

    // The payer needs more, then decides in part.
    let pended = node.json(&[
        "authorization",
        "decide",
        &number,
        "--pend",
        "The clinical notes",
        "--pend",
        "An X-ray",
    ]);
    assert_eq!(pended["stage"], "pended");
    assert_eq!(
        pended["lines"][1]["needs"],
        object!(["The clinical notes", "An X-ray"])
    );
    let response = node.run(&["authorization", "show", &number, "--output-format", "fhir"]);
    let response = json(&response, 0);
    assert_eq!(response["resourceType"], "ClaimResponse");
    assert_eq!(response["outcome"], "queued");
    let listed = node.json(&[
        "authorization",
        "list",
        "--stage",
        "pended",
        "--member",
        "M-9",
    ]);
    assert_eq!(listed[0]["number"], number.as_str());
    assert_eq!(
        node.json(&["authorization", "list", "--stage", "denied"]),
        object!([])
    );
    let decision = node.write(
        "decision.json",
        &object!({ "lines": [
            { "line": 1, "certify": { "units": "2" } },
            { "line": 2, "deny": { "code": "0V", "text": "Not needed at home." } },
        ] })
        .to_string(),
    );
    let decided = node.json(&["authorization", "decide", &number, &decision]);
    assert_eq!(decided["stage"], "in-part");
    assert_eq!(decided["lines"][0]["certified"]["units"], "2");
    assert_eq!(decided["lines"][0]["left"], "2");
    assert_eq!(decided["lines"][1]["reason"]["code"], "0V");
    assert_eq!(decided["events"][1]["contract_version"], 2);
    let said = node.refused(&["authorization", "decide", &number, "--approve"], 1);
    assert!(said.contains("only a revision can change it"), "{said}");

    // What was decided before stays as it was.
    assert_eq!(node.lines(&early), ["197"]);
    let file = node.claim(
        "A-3",
        IMAGING,
        &[(SCAN, &day(-10)), (SCAN, &day(-9)), (SCAN, &day(-8))],
    );
    let estimated = node.json(&["claim", "estimate", &file]);
    let part = node.submit(
        "A-3",
        IMAGING,
        &[(SCAN, &day(-10)), (SCAN, &day(-9)), (SCAN, &day(-8))],
    );
    assert_eq!(node.lines(&part), ["paid", "paid", "197"]);
    let estimate = &estimated["estimates"][0];
    assert_eq!(came_to(estimate), ["paid", "paid", "197"], "{estimated:#}");
    let shown = node.show(&number);
    assert_eq!(shown["stage"], "used-up");
    assert_eq!(shown["lines"][0]["left"], "0");
    let claims = shown["lines"][0]["claims"].as_array().unwrap();
    let used: Vec<(&str, u64)> = claims
        .iter()
        .map(|by| (by["claim"].as_str().unwrap(), by["line"].as_u64().unwrap()))
        .collect();
    assert_eq!(used, [(part.as_str(), 1), (part.as_str(), 2)]);
    let found = node.sound(&backends[1..]);
    assert_eq!(found["authorizations"], 1, "{found:#}");

    // By what is known by now, the earlier claims have what the last one had.
    let anew = [
        "claim",
        "readjudicate",
        "--member",
        "M-9",
        "--reason",
        "certified after",
    ];
    let changes = node.json(&anew);
    assert_eq!(
        changes["changes"].as_array().unwrap().len(),
        3,
        "{changes:#}"
    );
    assert_eq!(node.lines(&early), ["paid"]);
    assert_eq!(node.lines(&waits), ["paid"]);
    assert_eq!(node.lines(&part), ["197", "197", "197"]);
    let shown = node.show(&number);
    assert_eq!(shown["lines"][0]["claims"][0]["claim"], early.as_str());
    assert_eq!(shown["lines"][0]["claims"][1]["claim"], waits.as_str());
    node.sound(backends);
    let text = text(&node.run(&["authorization", "show", &number]), 0);
    for part in ["used-up", "Not needed at home.", &early, "decided by"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_referral_runs_out_and_is_taken_back() {
    let node = Node::new();
    let visit = |control: &str, on: i64| {
        let claim = node.submit(control, CARDIOLOGIST, &[("99214", &day(on))]);
        node.lines(&claim).join(" ")
    };
    assert_eq!(visit("V-1", -30), "288");
    let asked = request("R-1", "2000001372", &[item(1, "SC", "99214", 2, -29, -10)]);
    let number = node.ask(&asked);
    let decided = node.json(&["authorization", "decide", &number, "--approve"]);
    assert_eq!(
        decided["stage"], "expired",
        "its days are over, and certified"
    );
    assert_eq!(visit("V-2", -28), "paid");
    // After its last day.
    assert_eq!(visit("V-3", -9), "243");

    // A revision restates the whole: more units, more days.
    let mut more = update(&asked, "R-2", "S", &number);
    more["item"] = object!([item(1, "SC", "99214", 3, -29, 30)]);
    let revision = node.ask(&more);
    assert_ne!(revision, number);
    assert_eq!(visit("V-4", -8), "243");
    let decided = node.json(&["authorization", "decide", &revision, "--approve"]);
    assert_eq!(decided["stage"], "approved");
    assert_eq!(decided["earlier"]["number"], number.as_str());
    // To anybody: the plan counts what is used, one of it by now.
    assert_eq!(decided["lines"][0]["left"], Value::Null);
    assert_eq!(node.show(&number)["stage"], "superseded");
    assert_eq!(visit("V-5", -7), "paid");
    assert_eq!(node.show(&revision)["lines"][0]["left"], Value::Null);
    node.sound(&[]);

    // It is on file whatever is imported after it, beside what is imported.
    node.enrol(
        r#","authorizations":[{"number":"OTHER","procedure":"72148","from":"2025-01-01","through":"2025-01-02","units":"1"}]"#,
    );
    let member = node.json(&["member", "show", "M-9"]);
    let on_file = &member["members"][0]["authorizations"];
    assert_eq!(on_file.as_array().unwrap().len(), 2, "{on_file:#}");
    assert_eq!(on_file[0]["number"], "OTHER");
    assert_eq!(on_file[1]["number"], revision.as_str());
    assert_eq!(on_file[1]["kind"], "referral");
    node.sound(&[]);

    // Its provider takes it back: not another's, and from today on.
    let mut strange = update(&asked, "R-3", "3", &revision);
    strange["patient"] = object!({ "identifier": { "value": "M-8" } });
    strange["insurance"][0]["coverage"] = object!({ "identifier": { "value": "M-8" } });
    let said = node.refused(&["authorization", "request", &node.request(&strange)], 1);
    assert!(said.contains("is not known of this member"), "{said}");
    let back = update(&asked, "R-4", "3", &revision);
    let said = node.json(&["authorization", "request", &node.request(&back)]);
    assert_eq!(said["stage"], "cancelled");
    assert_eq!(said["lines"][0]["good_through"], day(-1));
    assert_eq!(node.ask(&back), revision);
    assert_eq!(visit("V-6", 0), "243");
    assert_eq!(visit("V-7", -1), "paid", "it was good the day before");
    let said = node.refused(
        &["authorization", "cancel", &revision, "--reason", "again"],
        1,
    );
    assert!(said.contains("cancelled"), "{said}");
    let found = node.sound(&BACKENDS);
    assert_eq!(found["authorizations"], 2, "{found:#}");
}

#[test]
fn what_cannot_be_is_refused_with_a_reason() {
    let node = Node::new();
    let asked = request("R-1", IMAGING, &[item(1, "HS", SCAN, 1, -5, 5)]);
    let with = |change: &dyn Fn(&mut Value)| {
        let mut changed = asked.clone();
        change(&mut changed);
        node.request(&changed)
    };
    let stranger = with(&|of| {
        of["patient"] = object!({ "identifier": { "value": "M-7" } });
        of["insurance"][0]["coverage"] = object!({ "identifier": { "value": "M-7" } });
    });
    let said = node.refused(&["authorization", "request", &stranger], 1);
    assert!(
        said.contains("not enrolled") && !said.contains("M-7"),
        "{said}"
    );
    let claim = with(&|of| of["use"] = object!("claim"));
    let output = node.run(&[
        "authorization",
        "request",
        &claim,
        "--output-format",
        "fhir",
    ]);
    let outcome = json(&output, 1);
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    assert!(
        errors(&output).contains("Claim.use: I301"),
        "{}",
        errors(&output)
    );
    let said = node.refused(&["authorization", "show", "PA000000000000"], 1);
    assert!(
        said.contains("`tally authorization list` lists them"),
        "{said}"
    );
    let renewed = node.request(&update(&asked, "R-2", "R", "PA000000000000"));
    let said = node.refused(&["authorization", "request", &renewed], 1);
    assert!(
        said.contains("name the authorisation by the number"),
        "{said}"
    );

    let number = node.ask(&asked);
    let revised = node.request(&update(&asked, "R-3", "S", &number));
    let said = node.refused(&["authorization", "request", &revised], 1);
    assert!(said.contains("waits for its decision"), "{said}");
    let decide = |lines: Value| {
        let file = node.write("decision.json", &object!({ "lines": lines }).to_string());
        node.refused(&["authorization", "decide", &number, &file], 1)
    };
    for (lines, reason) in [
        (object!([]), "line 1 has no decision"),
        (
            object!([{ "line": 2, "certify": {} }]),
            "line 2: the request has no such line",
        ),
        (object!([{ "line": 1 }]), "line 1: it says one of"),
        (
            object!([{ "line": 1, "certify": { "units": "2" } }]),
            "line 1: more units are certified than were asked for",
        ),
        (
            object!([{ "line": 1, "certify": { "from": "soon" } }]),
            "line 1: `soon` is no date",
        ),
        (
            object!([{ "line": 1, "deny": { "code": "0V", "text": " " } }]),
            "line 1: what is not certified needs a reason",
        ),
        (
            object!([{ "line": 1, "pend": [] }]),
            "line 1: what is pended says what is needed",
        ),
    ] {
        let said = decide(lines);
        assert!(said.contains(reason), "{reason}: {said}");
    }
    // Wrong use.
    for arguments in [
        &["authorization", "decide", &number][..],
        &["authorization", "decide", &number, "--deny", "0V"],
        &[
            "authorization",
            "decide",
            &number,
            "--approve",
            "--pend",
            "notes",
        ],
        &["authorization", "cancel", &number],
        &["authorization", "list", "--stage", "unknown"],
    ] {
        node.refused(arguments, 2);
    }
    let denied = node.json(&[
        "authorization",
        "decide",
        &number,
        "--deny",
        "0V",
        "--reason",
        "Not shown to be needed.",
    ]);
    assert_eq!(denied["stage"], "denied");
    assert_eq!(denied["events"][0]["contract_version"], Value::Null);
    let said = node.refused(&["authorization", "cancel", &number, "--reason", "no"], 1);
    assert!(said.contains("nothing of it is certified"), "{said}");
    node.sound(&[]);
}
