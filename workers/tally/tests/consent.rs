//! `tally consent` as its user has it: granting, taking back, listing, who read; and a
//! receipt that is verified with the node gone.

mod common;
#[path = "common/office.rs"]
mod office;

use std::path::{Path, PathBuf};
use std::process::Output;

use common::{errors, json, tally, text};
use tally::config::Config;
use tally::node::clock::Clock;
use tally::node::consent::{Asking, Need, Rules};
use tally::node::{Delivery, Node};
use tally_core::claim::ClaimId;
use tally_core::ledger::access::Purpose;

/// A node of a configuration that knows organisations and lists of codes.
struct Office {
    folder: tempfile::TempDir,
}

impl Office {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let office = Self { folder };
        let data = office.folder.path().join("data");
        let key = |seed: u8| {
            let key = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
            tally::node::keys::hex(&key.verifying_key().to_bytes())
        };
        let mut text = format!(
            "[node]\ndata = {:?}\npayer = \"harbor-health\"\n\
             [[code_list]]\nname = \"part-2\"\nprefixes = [\"F10\"]\nprotected = true\n",
            data.display().to_string()
        );
        for (id, seed, role) in [("lakeside", 1, "provider"), ("trust", 2, "custodian")] {
            text.push_str(&format!(
                "[[organisation]]\nid = \"{id}\"\nkey = \"{}\"\nroles = [\"{role}\"]\n",
                key(seed)
            ));
        }
        std::fs::write(office.config(), text).unwrap();
        let contract = office.folder.path().join("contract.json");
        std::fs::write(&contract, office::CONTRACT).unwrap();
        let contract = contract.to_str().unwrap().to_owned();
        text_of(&office.run(&["member", "import", &contract]));
        office
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("tally.toml")
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = tally();
        command.args(arguments).arg("--config").arg(self.config());
        command.output().unwrap()
    }

    /// Output and errors, with ids taken out.
    fn said(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let out = String::from_utf8(output.stdout.clone()).unwrap();
        let mut said = settled(&format!("{out}{}", errors(&output)));
        said.insert_str(0, &format!("$ tally {}\n", settled(&arguments.join(" "))));
        said
    }

    /// Lets lakeside read a claim, as the API does.
    async fn read(&self, purpose: Purpose, emergency: Option<&str>) -> (ClaimId, [u8; 32]) {
        let config = Config::read(&self.config()).unwrap();
        let node = Node::configured(&config, "test", Clock::System)
            .await
            .unwrap();
        let on = Clock::System.today();
        let claim = format!(
            r#"{{"format":"tallystick-claim/v1","kind":"professional","control_number":"A-1",
            "member":"M-1001","billing":"1234567893","diagnoses":["J06.9"],"lines":[{{
            "procedure":"99213","place":"11","quantity":"1","charge":"180.00","from":"{on}"}}]}}"#
        );
        let submitted = node.submit(Delivery::local(claim.as_bytes(), None)).await;
        node.drain(&|_| ()).await.unwrap();
        let id = submitted.unwrap().claims[0];
        let asking = Asking {
            who: Some("lakeside".into()),
            person: "dr-oak".into(),
            purpose: Some(purpose),
            emergency: emergency.map(str::to_owned),
        };
        let rules = Rules::of(&config);
        let read = node
            .disclose(&rules, id, &asking, ("test", Need::default()))
            .await;
        let read = read.unwrap().ok().unwrap();
        let entered = node.enter_reads(&rules, &[&read.allowed]).await.unwrap();
        let entered = entered.ok().unwrap();
        (id, entered[0].1)
    }
}

#[track_caller]
fn text_of(output: &Output) -> String {
    text(output, 0)
}

/// Without what differs from run to run: ids, days and times.
fn settled(text: &str) -> String {
    let today = Clock::System.today().to_string();
    let mut out = String::new();
    let mut run = String::new();
    for c in text.replace(&today, "TODAY").chars().chain(['\n']) {
        if c.is_ascii_hexdigit() {
            run.push(c);
            continue;
        }
        out.push_str(match run.len() {
            12 => "[grant   ]",
            32 => "[claim]",
            64 => "[id]",
            _ => &run,
        });
        run.clear();
        out.push(c);
    }
    out.pop();
    // The minute of a reading.
    let mut lines: Vec<String> = Vec::new();
    for line in out.lines() {
        lines.push(match line.find("TODAY ") {
            Some(at) if line[at..].contains(" UTC") => {
                format!(
                    "{}TODAY HH:MM UTC{}",
                    &line[..at],
                    &line[at + "TODAY 12:34 UTC".len()..]
                )
            }
            _ => line.trim_end().to_owned(),
        });
    }
    lines.join("\n") + "\n"
}

const ALWAYS: [&str; 4] = ["--from", "2020-01-01", "--through", "2099-12-31"];

fn id_of(output: &Output) -> String {
    json(output, 0)["id"].as_str().unwrap().to_owned()
}

#[test]
fn grants_are_given_listed_and_taken_back() {
    let office = Office::new();
    let mut said = String::new();
    let grant = [
        "consent",
        "grant",
        "M-1001",
        "--to",
        "lakeside",
        "--purpose",
    ];
    let first = [&grant[..], &["TREAT"], &ALWAYS].concat();
    said += &office.said(&first);
    let scoped = [
        "PATRQT",
        "--kind",
        "professional",
        "--services-from",
        "2026-01-01",
    ];
    let lists = ["--expressly", "part-2", "--purpose", "HPAYMT", "--json"];
    let second = [&grant[..], &scoped, &lists, &ALWAYS].concat();
    let second = id_of(&office.run(&second));
    let custodian = ["consent", "custodian", "M-1001", "--custodian", "trust"];
    said += &office.said(&[&custodian[..], &ALWAYS].concat());
    let group = ["consent", "group", "care-team", "--add", "lakeside"];
    said += &office.said(&[&group[..], &ALWAYS].concat());
    let to_group = ["consent", "grant", "M-1001", "--to-group", "care-team"];
    let past = [
        "--purpose",
        "TREAT",
        "--from",
        "2020-01-01",
        "--through",
        "2020-12-31",
    ];
    said += &office.said(&[&to_group[..], &past].concat());
    // On a day of then it is taken.
    said += &office.said(&[&to_group[..], &past, &["--day", "2020-06-15"]].concat());
    let revoke = ["consent", "revoke", &second[..12], "--reason", "moved away"];
    said += &office.said(&revoke);
    said += &office.said(&revoke);
    said += &office.said(&["consent", "show", &second[..12]]);
    insta::assert_snapshot!("given", said);

    // In the order of their commitments where others granted, of entry where it is ours.
    insta::assert_snapshot!("list", office.said(&["consent", "list", "M-1001"]));
    let all = json(&office.run(&["consent", "list", "--json"]), 0);
    let stands = |n: usize| all[n]["stands"].as_str().unwrap().to_owned();
    let found: Vec<String> = (0..5).map(stands).collect();
    assert_eq!(found, ["stands", "revoked", "stands", "stands", "ended"]);
    let then = office.run(&["consent", "list", "--json", "--day", "2020-06-15"]);
    assert_eq!(json(&then, 0)[4]["stands"], "stands");
    assert_eq!(all[1]["purposes"], serde_json::json!(["HPAYMT", "PATRQT"]));
    let found = json(&office.run(&["ledger", "fsck", "--json"]), 0);
    assert_eq!(found["faults"], serde_json::json!([]));
}

const UNTIL: [&str; 2] = ["--through", "2099-12-31"];

/// A grant of Ann's, until 2099.
fn grant<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["consent", "grant", "M-1001"][..], more, &UNTIL].concat()
}

/// What could allow nobody anything is not granted; what may come to, is.
#[test]
fn what_has_no_effect_is_not_granted() {
    let office = Office::new();
    let mut said = String::new();
    let custodian = ["consent", "custodian", "M-1001", "--custodian"];
    let group = ["consent", "group", "care-team", "--add", "lakeside"];
    let pays = ["--to", "harbor-health", "--purpose", "HPAYMT", "--purpose"];
    let treats = ["--to", "lakeside", "--purpose", "TREAT"];
    for arguments in [
        grant(&[&pays[..], &["FRAUD"]].concat()),
        grant(&[&treats[..], &["--only", "part-2", "--except", "part-2"]].concat()),
        grant(&[&treats[..], &["--only", "part-2"]].concat()),
        grant(&["--to", "nowhere", "--purpose", "TREAT"]),
        [&custodian[..], &["harbor-health"], &UNTIL].concat(),
    ] {
        said += &office.said(&arguments);
    }
    insta::assert_snapshot!("no_effect", said);
    let past = ["--from", "2020-01-01", "--through", "2020-12-31"];
    let refused = office.run(&[&group[..], &past].concat());
    text(&refused, 1);
    let said = errors(&refused);
    let ended = "A121: it would have ended on 2020-12-31, before today";
    assert!(said.contains(ended), "{said}");
    let listed = || json(&office.run(&["consent", "list", "--json"]), 0);
    assert_eq!(listed(), serde_json::json!([]));

    // By right the payer does not read for treatment, and others do for nothing.
    let none = "0".repeat(32);
    for may in [
        grant(&[&pays[..], &["TREAT"]].concat()),
        grant(&[&pays[..], &["FRAUD", "--to", "lakeside"]].concat()),
        grant(&["--to-group", "care-team", "--purpose", "TREAT"]),
        grant(&[&treats[..], &["--claim", &none]].concat()),
        grant(&[&treats[..], &["--only", "part-2", "--expressly", "part-2"]].concat()),
    ] {
        text_of(&office.run(&may));
    }
    // A group's grant stands when somebody is in it.
    let stands = || {
        let mut all = listed().as_array().unwrap().clone().into_iter();
        let one = all.find(|of| of["to"]["group"] == "care-team");
        one.unwrap()["stands"].clone()
    };
    assert_eq!(stands(), "group without members");
    let member = id_of(&office.run(&[&group[..], &UNTIL, &["--json"]].concat()));
    assert_eq!(stands(), "stands");
    text_of(&office.run(&["consent", "revoke", &member]));
    assert_eq!(stands(), "group without members");
    let listed = office.said(&["consent", "list", "M-1001"]);
    assert!(listed.contains("group without members"), "{listed}");
}

/// A grant of one claim is of the member's whose it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_grant_of_anothers_claim_is_refused() {
    let office = Office::new();
    let treats = ["--to", "lakeside", "--purpose", "TREAT"];
    text_of(&office.run(&grant(&treats)));
    let (claim, _) = office.read(Purpose::Treatment, None).await;
    let claim = claim.to_string();
    let of = |member: &str| {
        let one = ["consent", "grant", member, "--claim", &claim];
        office.run(&[&one[..], &treats, &UNTIL].concat())
    };
    text_of(&of("M-1001"));
    let refused = of("M-1002");
    text(&refused, 1);
    let said = errors(&refused);
    let why = format!("A124: claim {claim} is not this member's");
    assert!(said.contains(&why), "{said}");
}

#[test]
fn errors_say_what_where_and_what_next() {
    let office = Office::new();
    let mut said = String::new();
    let treat = ["--purpose", "TREAT", "--through", "2099-12-31"];
    for (arguments, days) in [
        (
            &["consent", "grant", "NOBODY", "--to", "lakeside"][..],
            &treat[..],
        ),
        (&["consent", "grant", "M-1001", "--to", "nowhere"], &treat),
        (&["consent", "grant", "--to", "lakeside"], &treat),
        (
            &[
                "consent", "grant", "M-1001", "--to", "lakeside", "--except", "hiv",
            ],
            &treat,
        ),
        (
            &[
                "consent",
                "grant",
                "M-1001",
                "--to",
                "lakeside",
                "--from",
                "2100-01-01",
            ],
            &treat,
        ),
        (
            &[
                "consent",
                "grant",
                "M-1001",
                "--to",
                "lakeside",
                "--through",
                "2099-12-31",
            ],
            &["--purpose", "LUNCH"],
        ),
        (&["consent", "revoke", "0123abcd"], &[]),
        (&["consent", "show", "0123"], &[]),
        (&["consent", "list", "NOBODY"], &[]),
        (&["consent", "list"], &[]),
        (&["consent", "readings", "M-1001"], &[]),
        (
            &["consent", "custodian", "M-1001", "--custodian", "nowhere"],
            &["--through", "2099-12-31"],
        ),
    ] {
        said += &office.said(&[arguments, days].concat());
    }
    let said = said.replace(&office.folder.path().display().to_string(), "FOLDER");
    insta::assert_snapshot!("errors", said);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_read_is_told_and_proved() {
    let office = Office::new();
    let grant = [
        "consent",
        "grant",
        "M-1001",
        "--to",
        "lakeside",
        "--purpose",
        "TREAT",
    ];
    text_of(&office.run(&[&grant[..], &ALWAYS].concat()));
    let (claim, reading) = office.read(Purpose::Treatment, None).await;
    let reason = "unconscious after a fall";
    // The API would have found the grant first: of a purpose that it is not for.
    let read = json(&office.run(&["consent", "readings", "M-1001", "--json"]), 0);
    assert_eq!(read[0]["right"], "grant");
    let revoked = read[0]["grant"].as_str().unwrap().to_owned();
    text_of(&office.run(&["consent", "revoke", &revoked]));
    office.read(Purpose::BreakTheGlass, Some(reason)).await;
    insta::assert_snapshot!("readings", office.said(&["consent", "readings", "M-1001"]));

    let digits = tally::node::keys::hex(&reading);
    let receipt = office.run(&["consent", "receipt", &claim.to_string(), &digits]);
    let folder = office.folder.path();
    let file = |name: &str, content: &str| -> String {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let receipt = file("reading.receipt", &text_of(&receipt));
    let out = folder.join("out");
    text_of(&office.run(&["ledger", "export", "--out", out.to_str().unwrap()]));
    std::fs::remove_dir_all(folder.join("data")).unwrap();
    let trust = out.join("trust.json");
    let verified = verify(&receipt, &trust);
    let said = text(&verified, 0).replace(&folder.display().to_string(), "FOLDER");
    let said = settled(&said);
    let (said, _) = said.split_once(" (entry").unwrap();
    insta::assert_snapshot!("verified", said);
    let altered = std::fs::read_to_string(&receipt).unwrap();
    let at = altered.find("salt ").unwrap() + "salt ".len();
    let other = if altered[at..].starts_with('0') {
        "1"
    } else {
        "0"
    };
    let altered = format!("{}{other}{}", &altered[..at], &altered[at + 1..]);
    let altered = file("altered.receipt", &altered);
    text(&verify(&altered, &trust), 1);
}

fn verify(receipt: &str, trust: &Path) -> Output {
    common::run([
        "ledger",
        "verify",
        receipt,
        "--trust",
        trust.to_str().unwrap(),
    ])
}
