//! Erasing a claim as its user has it: holds, rules of retention, the receipt, and a log
//! that still verifies. Nothing of it is left in what took it back or settled it, and a key
//! that comes back is seen.

#[path = "erasure/again.rs"]
mod again;
mod common;
#[path = "erasure/copies.rs"]
mod copies;
#[path = "erasure/crossed.rs"]
mod crossed;
#[path = "common/office.rs"]
mod office;
#[path = "erasure/replayed.rs"]
mod replayed;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use common::{errors, json, tally, text};
use serde_json::Value;

struct Office(tempfile::TempDir);

impl Office {
    /// A node with one member, and this of retention in its configuration.
    fn new(retention: &str) -> Self {
        let office = Self(tempfile::tempdir().unwrap());
        let data = office.path("data");
        let config = format!("[node]\ndata = {data:?}\n{retention}");
        fs::write(office.path("tally.toml"), config).unwrap();
        fs::write(office.path("contract.json"), office::CONTRACT).unwrap();
        let contract = office.path("contract.json");
        office.done(&["member", "import", contract.to_str().unwrap()]);
        office
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = tally();
        command
            .args(arguments)
            .arg("--config")
            .arg(self.path("tally.toml"));
        command.output().unwrap()
    }

    #[track_caller]
    fn done(&self, arguments: &[&str]) -> String {
        text(&self.run(arguments), 0)
    }

    /// Submits a claim of yesterday, for a visit; answers its id.
    fn submit(&self, number: &str) -> String {
        self.submit_for(number, "99213", "180.00")
    }

    /// The same, for another procedure.
    fn submit_for(&self, number: &str, procedure: &str, charge: &str) -> String {
        let on = chrono::Utc::now().date_naive() - chrono::Days::new(1);
        let claim = format!(
            r#"{{"format":"tallystick-claim/v1","kind":"professional","control_number":"{number}",
            "member":"M-1001","billing":"2000001372","diagnoses":["J06.9"],"lines":[{{
            "procedure":"{procedure}","place":"11","quantity":"1","charge":"{charge}","from":"{on}"}}]}}"#
        );
        let file = self.path("claim.json");
        fs::write(&file, claim).unwrap();
        let submitted = self.run(&["claim", "submit", "--json", file.to_str().unwrap()]);
        json(&submitted, 0)["claims"][0]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Tries to erase; answers the rule that stands against it.
    #[track_caller]
    fn refused(&self, claim: &str, ground: &str) -> String {
        let output = self.run(&["claim", "erase", claim, "--ground", ground, "--json"]);
        let refused = json(&output, 1);
        assert!(
            errors(&output).contains("is not erased"),
            "{}",
            errors(&output)
        );
        refused["refused"]["rule"].as_str().unwrap().to_owned()
    }

    /// The act that a command brought about.
    #[track_caller]
    fn act(&self, arguments: &[&str]) -> String {
        let said = json(&self.run(&[arguments, &["--json"]].concat()), 0);
        said["acts"][0].as_str().unwrap().to_owned()
    }

    #[track_caller]
    fn erase(&self, claim: &str, ground: &str) -> Value {
        let out = self.path("erased");
        let folder = out.to_str().unwrap();
        let output = self.run(&[
            "claim", "erase", claim, "--ground", ground, "--json", "--out", folder,
        ]);
        json(&output, 0)
    }
}

fn verify(receipt: &Path, trust: Option<&Path>) -> Output {
    let mut command = tally();
    command.args(["ledger", "verify", "--json"]).arg(receipt);
    if let Some(trust) = trust {
        command.arg("--trust").arg(trust);
    }
    command.output().unwrap()
}

const TEN_YEARS: &str = r#"
[[retention]]
id = "ma-records"
kinds = ["claim"]
years = 10
since = "last-activity"
source = "42 CFR 422.504(d)"
"#;

const NO_TIME: &str = r#"
[[retention]]
id = "none"
kinds = ["claim"]
years = 0
since = "made"
source = "a rule of this test"
"#;

#[test]
fn rules_and_holds_stand_against_it() {
    let office = Office::new("");
    let claim = office.submit("A-1");
    // Nobody can say that it was long enough.
    assert_eq!(office.refused(&claim, "request"), "X104");

    let office = Office::new(TEN_YEARS);
    let claim = office.submit("A-1");
    assert_eq!(office.refused(&claim, "request"), "X103");
    assert_eq!(office.refused(&claim, "retention"), "X103");
    office.done(&["claim", "hold", &claim, "--name", "case-7"]);
    // A hold passes nothing, not even an order.
    assert_eq!(office.refused(&claim, "order"), "X101");
    let twice = office.run(&["claim", "hold", &claim, "--name", "case-7"]);
    assert!(errors(&twice).contains("already on"), "{}", errors(&twice));
    let said = office.done(&["claim", "hold", &claim, "--name", "case-7", "--lift"]);
    assert!(said.contains("0 holds"), "{said}");
    let dry = office.done(&["claim", "erase", &claim, "--ground", "order", "--dry-run"]);
    assert!(dry.contains("Nothing was erased"), "{dry}");
    // A day that is said passes no rule, nor tells that one would let it pass.
    for day in ["2090-01-01", "2020-01-01"] {
        for more in [&[][..], &["--dry-run"]] {
            let erase = ["claim", "erase", &claim, "--ground", "retention"];
            let output = office.run(&[&erase[..], &["--day", day], more].concat());
            text(&output, 1);
            let said = errors(&output);
            assert!(said.contains("go by the real day"), "{said}");
        }
    }
    office.done(&["claim", "eob", &claim]);
    // Today is within a rule of no years, which ends with the day.
    let office = Office::new(NO_TIME);
    let claim = office.submit("A-1");
    assert_eq!(office.refused(&claim, "retention"), "X103");

    let wrong = Office(tempfile::tempdir().unwrap());
    let data = wrong.path("data");
    let rule = TEN_YEARS.replace("\"claim\"", "\"letter\"");
    fs::write(
        wrong.path("tally.toml"),
        format!("[node]\ndata = {data:?}\n{rule}"),
    )
    .unwrap();
    let said = errors(&wrong.run(&["claim", "status"]));
    assert!(said.contains("the kind `letter`"), "{said}");
}

#[test]
fn what_is_erased_is_gone_and_the_log_verifies() {
    let office = Office::new(TEN_YEARS);
    let (kept, claim) = (office.submit("A-1"), office.submit("A-2"));
    // It came to something twice: both are erased.
    office.done(&["claim", "readjudicate", &claim, "--reason", "to see"]);
    let trust = office.path("trust.json");
    let export = office.path("export");
    office.done(&["ledger", "export", "--out", export.to_str().unwrap()]);
    fs::copy(export.join("trust.json"), &trust).unwrap();
    let received = office.path("received");
    let receipt = office.done(&["claim", "receipt", &claim, "--received"]);
    fs::write(&received, receipt).unwrap();
    let received = json(&verify(&received, Some(&trust)), 0)[0]["index"].clone();
    let erased = office.erase(&claim, "order");
    assert!(
        erased["entries"].as_array().unwrap().contains(&received),
        "{erased:#}"
    );
    let files = erased["files"].as_array().unwrap();
    assert!(!files.is_empty());
    assert_eq!(files.len(), erased["entries"].as_array().unwrap().len());

    // Nobody can read it, and the one beside it everybody can as before.
    for command in [["claim", "eob", &claim], ["ledger", "prove", &claim]] {
        let gone = office.run(&command);
        assert!(!gone.status.success());
        assert!(errors(&gone).contains("erased"), "{}", errors(&gone));
    }
    // Nor when it was received, which stands before all else of it.
    let received = ["claim", "receipt", &claim, "--received"];
    assert!(errors(&office.run(&received)).contains("it was erased"));
    office.done(&["claim", "receipt", &kept, "--received"]);
    office.done(&["claim", "eob", &kept]);
    office.done(&["ledger", "fsck"]);
    office.done(&["ledger", "replay"]);

    // The receipts say so offline, under the log's key; a changed one says nothing.
    for file in files {
        let file = Path::new(file.as_str().unwrap());
        let verified = json(&verify(file, Some(&trust)), 0);
        assert_eq!(verified[0]["verdict"], "trusted");
        assert_eq!(verified[0]["ground"], "order");
        assert_eq!(json(&verify(file, None), 3)[0]["verdict"], "consistent");
        let said = fs::read_to_string(file).unwrap();
        let other = office.path("other.erasure");
        fs::write(&other, said.replacen("leaf ", "leaf 0", 1)).unwrap();
        assert_eq!(verify(&other, Some(&trust)).status.code(), Some(1));
    }

    // Asked for again it says the same, and enters nothing.
    let size = json(&office.run(&["ledger", "checkpoint", "--json"]), 0)["size"].clone();
    let again = office.erase(&claim, "order");
    assert_eq!(again["entries"], erased["entries"]);
    let now = json(&office.run(&["ledger", "checkpoint", "--json"]), 0)["size"].clone();
    assert_eq!(now, size);

    // The family's next claim is decided.
    let next = office.submit("A-3");
    office.done(&["claim", "eob", &next]);
}
