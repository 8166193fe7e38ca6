//! What was erased is not shown whatever keys there are, and keys that are there again are
//! destroyed again: after an older backup of them was put back, and after an erasure that did
//! not come to its end.

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::{errors, json, tally, text};
use crate::{Office, TEN_YEARS};

/// The files of the record keys.
const KEYS: [&str; 3] = ["keys.db", "keys.db-wal", "keys.db-shm"];

impl Office {
    /// Copies the record keys out of the node's folder, or puts the copy back.
    fn copy_keys(&self, back: bool) {
        let (from, to) = match back {
            false => (self.path("data"), self.path("backup")),
            true => (self.path("backup"), self.path("data")),
        };
        fs::create_dir_all(&to).unwrap();
        for name in KEYS {
            let _ = fs::remove_file(to.join(name));
            if from.join(name).exists() {
                fs::copy(from.join(name), to.join(name)).unwrap();
            }
        }
    }

    /// What `fsck` finds wrong: the places, and what is said of each.
    fn faults(&self, code: i32) -> Vec<(String, String)> {
        let found = json(&self.run(&["ledger", "fsck", "--json"]), code);
        let word = |fault: &Value, key: &str| fault[key].as_str().unwrap().to_owned();
        let faults = found["faults"].as_array().unwrap().iter();
        faults
            .map(|fault| (word(fault, "place"), word(fault, "what")))
            .collect()
    }

    /// These have keys again, which are destroyed again, and nothing else is wrong.
    #[track_caller]
    fn closed(&self, claims: &[&str]) {
        let faults = self.faults(1);
        assert_eq!(faults.len(), claims.len(), "{faults:?}");
        for claim in claims {
            let place = format!("claim {claim}");
            let found = faults.iter().find(|(of, _)| *of == place);
            let (_, what) = found.unwrap_or_else(|| panic!("{claim}: {faults:?}"));
            assert!(what.contains("keys were destroyed again"), "{what}");
        }
        assert_eq!(self.faults(0), []);
    }

    /// Nobody is shown any of these, nor what was made of them.
    #[track_caller]
    fn gone(&self, claims: &[&str]) {
        for claim in claims {
            for command in [&["claim", "eob", claim][..], &["ledger", "prove", claim]] {
                let said = self.run(command);
                assert!(errors(&said).contains("erased"), "{}", errors(&said));
            }
            for command in [
                &["claim", "receipt", claim, "--received"][..],
                &["claim", "history", claim, "--json"],
            ] {
                let output = self.run(command);
                let said = String::from_utf8(output.stdout).unwrap();
                assert!(!said.contains("99213"), "{said}");
                assert!(!said.contains("tallystick-receipt"), "{said}");
            }
        }
    }

    fn size(&self) -> Value {
        json(&self.run(&["ledger", "checkpoint", "--json"]), 0)["size"].clone()
    }
}

/// A process that is ended with the test.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_older_backup_of_the_keys_opens_nothing() {
    let office = Office::new(TEN_YEARS);
    let kept = office.submit("A-1");
    let [voided, claim] = ["A-2", "A-3"].map(|number| office.submit(number));
    office.act(&["claim", "void", &voided]);
    office.copy_keys(false);
    let entries = [&voided, &claim].map(|of| office.erase(of, "order")["entries"].clone());
    assert_eq!(office.faults(0), []);
    let size = office.size();

    // The keys are back: they open nothing, and are destroyed again.
    office.copy_keys(true);
    office.gone(&[&voided, &claim]);
    office.done(&["claim", "eob", &kept]);
    office.closed(&[&voided, &claim]);
    office.gone(&[&voided, &claim]);
    assert_eq!(office.size(), size);

    // A node that starts does the same by itself, and says so.
    office.copy_keys(true);
    let mut config = fs::read_to_string(office.path("tally.toml")).unwrap();
    config.push_str(
        "[listen]\napi = \"127.0.0.1:0\"\npages = \"127.0.0.1:0\"\nhealth = \"127.0.0.1:0\"\n",
    );
    let (listening, log) = (office.path("node.toml"), office.path("node.log"));
    fs::write(&listening, config).unwrap();
    let mut command = tally();
    command.arg("node").arg("--config").arg(&listening);
    let log_file = fs::File::create(&log).unwrap();
    let node = command.stdout(Stdio::null()).stderr(log_file).spawn();
    let node = Ending(node.unwrap());
    let begun = Instant::now();
    let said = || fs::read_to_string(&log).unwrap();
    while said().matches("keys were destroyed again").count() < 2 {
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", said());
        std::thread::sleep(Duration::from_millis(100));
    }
    for of in [&voided, &claim] {
        assert!(said().contains(&format!("claim {of}: it was erased")));
    }
    assert!(said().contains("2 records"), "{}", said());
    drop(node);
    assert_eq!(office.faults(0), []);

    // By erasing again nothing more is entered either.
    let size = office.size();
    for (of, entries) in [&voided, &claim].into_iter().zip(entries) {
        assert_eq!(office.erase(of, "order")["entries"], entries);
    }
    assert_eq!(office.size(), size);
    office.gone(&[&voided, &claim]);
    office.done(&["claim", "eob", &kept]);
}

#[test]
fn an_erasure_that_did_not_end_is_ended() {
    let office = Office::new(TEN_YEARS);
    let claims = ["A-1", "A-2"].map(|number| office.submit(number));
    for claim in &claims {
        let mut killed = tally();
        killed
            .args(["claim", "erase", claim, "--ground", "order", "--config"])
            .arg(office.path("tally.toml"));
        let killed = killed.env("TALLY_FAILPOINT", "before-destroy=abort");
        assert_eq!(killed.output().unwrap().status.code(), None);
        office.gone(&[claim]);
        let hold = office.run(&["claim", "hold", claim, "--name", "case-7"]);
        assert!(errors(&hold).contains("was erased"), "{}", errors(&hold));
    }
    // Whatever its rules say by now.
    let [claim, other] = &claims;
    text(
        &office.run(&["claim", "erase", claim, "--ground", "retention"]),
        0,
    );
    office.closed(&[other]);
}
