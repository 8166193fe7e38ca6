//! What was erased and can be opened again is named, with what to do: after an older backup
//! of the record keys was put back, and after an erasure that did not come to its end.

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

    /// What is said of a claim that can be opened again, and nothing else.
    #[track_caller]
    fn named(&self, claims: &[&str]) {
        let faults = self.faults(1);
        assert_eq!(faults.len(), claims.len(), "{faults:?}");
        for claim in claims {
            let place = format!("claim {claim}");
            let found = faults.iter().find(|(of, _)| *of == place);
            let (_, what) = found.unwrap_or_else(|| panic!("{claim}: {faults:?}"));
            let again = format!("`tally claim erase {claim} --ground order`");
            assert!(what.contains(&again), "{what}");
        }
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
fn an_older_backup_of_the_keys_is_seen() {
    let office = Office::new(TEN_YEARS);
    let kept = office.submit("A-1");
    let [voided, claim] = ["A-2", "A-3"].map(|number| office.submit(number));
    let void = office.act(&["claim", "void", &voided]);
    office.copy_keys(false);
    let entries = [&voided, &claim].map(|of| office.erase(of, "order")["entries"].clone());
    assert_eq!(office.faults(0), []);

    // The keys are back: everybody can read it again.
    office.copy_keys(true);
    office.done(&["claim", "eob", &claim]);
    office.named(&[&voided, &claim]);
    let said = errors(&office.run(&["ledger", "fsck"]));
    assert!(said.contains("2 records"), "{said}");

    // A node that starts says so by itself.
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
    for of in [&voided, &claim] {
        let expected = format!("tally claim erase {of} --ground order");
        while !fs::read_to_string(&log).unwrap().contains(&expected) {
            let said = fs::read_to_string(&log).unwrap();
            assert!(begun.elapsed() < Duration::from_secs(60), "{said}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    drop(node);

    // Erased again they are gone, and nothing more is entered.
    for (of, entries) in [&voided, &claim].into_iter().zip(entries) {
        assert_eq!(office.erase(of, "order")["entries"], entries);
    }
    for gone in [&voided, &void, &claim] {
        let read = office.run(&["claim", "eob", gone]);
        assert!(errors(&read).contains("erased"), "{}", errors(&read));
    }
    assert_eq!(office.faults(0), []);
    office.done(&["claim", "eob", &kept]);
}

#[test]
fn an_erasure_that_did_not_end_is_seen() {
    let office = Office::new(TEN_YEARS);
    let claim = office.submit("A-1");
    let mut killed = tally();
    killed
        .args(["claim", "erase", &claim, "--ground", "order", "--config"])
        .arg(office.path("tally.toml"));
    let killed = killed.env("TALLY_FAILPOINT", "before-destroy=abort");
    assert_eq!(killed.output().unwrap().status.code(), None);
    office.named(&[&claim]);
    let hold = office.run(&["claim", "hold", &claim, "--name", "case-7"]);
    assert!(errors(&hold).contains("was erased"), "{}", errors(&hold));
    // Whatever its rules say by now.
    text(
        &office.run(&["claim", "erase", &claim, "--ground", "retention"]),
        0,
    );
    assert_eq!(office.faults(0), []);
}
