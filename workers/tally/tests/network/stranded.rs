//! An authority that is away while its own next key is voted in, and then another of every
//! other authority: under the key that it had nobody answers it.

use std::fs;

use super::*;

/// Does with an organisation's process what a button of the network's page does.
pub(super) fn press(folder: &Path, organisation: &str, button: &str) {
    let said = fs::read_to_string(folder.with_extension("said")).unwrap();
    let (_, rest) = said.split_once("The network's page on ").unwrap();
    let page = rest.split(' ').next().unwrap();
    let url = format!("{page}/{organisation}/{button}");
    ureq::post(&url).send_empty().unwrap();
}

/// Makes another authority's key; answers the application with it.
pub(super) fn made(folder: &Path, organisation: &str) -> PathBuf {
    let home = folder.join(organisation);
    let made = keys::rotate(&home, "authority");
    let file = folder.with_extension(organisation);
    fs::write(&file, common::text(&made, 0)).unwrap();
    file
}

pub(super) const STAY: [&str; 3] = ["cedar-mutual", "lakeside", "riverside"];

/// Those who stay take an application, and are in the next epoch.
pub(super) fn taken(folder: &Path, file: &Path, epoch: u64) {
    let [proposes, votes @ ..] = STAY;
    let rotated = tally()
        .args(["org", "rotate"])
        .arg(file)
        .arg("--data")
        .arg(folder.join(proposes))
        .output();
    common::text(&rotated.unwrap(), 0);
    for by in votes {
        let proposal = governance::proposal(folder, by);
        governance::vote(folder, by, &proposal);
    }
    for of in STAY {
        until(&format!("epoch {epoch} at {of}"), || {
            status(folder, of).is_some_and(|status| status["epoch"] == epoch)
        });
    }
}

/// Waits until harbor has all there is, in an epoch.
fn caught_up(folder: &Path, epoch: u64) {
    until("harbor has caught up", || {
        status(folder, "harbor-health").is_some_and(|status| {
            status["epoch"] == epoch
                && status["behind"] == 0
                && status["height"] == status["tip"]
                && status["cut_off"].is_null()
        })
    });
}

/// Harbor votes: without riverside the quorum needs it.
fn votes(folder: &Path) {
    press(folder, "riverside", "stop");
    governance::leave(&folder.join("harbor-health"), "riverside");
    governance::proposal(folder, "cedar-mutual");
}

#[test]
fn who_was_away_for_epochs_finds_the_key_that_is_in_force() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("network");
    let network = serving(&folder, 2);
    let harbor = folder.join("harbor-health");

    // A key is made, another in its place, and the first is voted in all the same.
    let application = made(&folder, "harbor-health");
    let data = harbor.to_str().unwrap();
    let anew = run(["keys", "rotate", "authority", "--anew", "--data", data]);
    common::text(&anew, 0);
    let secret = |file: &str| keys::secret(&harbor, file);
    let (old, wanted) = (secret("authority.key"), secret("authority.1.key"));
    let next = secret("authority.next.key");
    press(&folder, "harbor-health", "stop");
    taken(&folder, &application, 1);
    for (of, epoch) in STAY.into_iter().zip(2..) {
        taken(&folder, &made(&folder, of), epoch);
    }

    // Where the file of the key is not there, the node says what it lacks.
    let away = temporary.path().join("away.key");
    fs::rename(harbor.join("keys/authority.1.key"), &away).unwrap();
    press(&folder, "harbor-health", "start");
    let mut cut_off = Value::Null;
    until("harbor says that nobody answers it", || {
        let status = status(&folder, "harbor-health");
        cut_off = status.map_or(Value::Null, |status| status["cut_off"].clone());
        !cut_off.is_null()
    });
    let what = cut_off["what"].as_str().unwrap();
    assert!(what.contains("no other authority answers"), "{what}");
    assert!(what.contains("epoch 4"), "{what}");
    assert!(what.contains("which is not in"), "{what}");
    let to_do = cut_off["next"].as_str().unwrap();
    assert!(to_do.contains("backup") && to_do.contains("--new-key"));
    assert_eq!(cut_off["since"].as_str().unwrap().len(), 20, "{cut_off}");
    // Anybody is shown it, who does not learn where the node keeps what.
    let place = temporary.path().to_str().unwrap();
    assert!(!cut_off.to_string().contains(place), "{cut_off}");
    let log = fs::read_to_string(harbor.join("log")).unwrap();
    let warned = |line: &str| line.contains("WARN") && line.contains(what);
    assert!(log.lines().any(warned));
    let health = setting(&folder, "harbor-health", "health");
    let measured = || {
        let mut answer = ureq::get(format!("http://{health}/metrics"))
            .call()
            .unwrap();
        answer.body_mut().read_to_string().unwrap()
    };
    assert!(measured().contains("tally_ledger_cut_off 1"));
    // It can do its own work: who watches the process is told all the same.
    let pages = setting(&folder, "harbor-health", "pages");
    let watched = || {
        [
            format!("http://{health}/ready"),
            format!("http://{pages}/health"),
        ]
        .map(|url| get(&url).unwrap())
    };
    for told in watched() {
        assert_eq!(told["ledger"], "cut off", "{told}");
        assert_eq!(told["cut_off"], cut_off);
    }
    assert_eq!(watched()[0]["ready"], true);

    // With it, it goes on by itself, from a journal of that key.
    fs::rename(&away, harbor.join("keys/authority.5.key")).unwrap();
    caught_up(&folder, 4);
    assert!(measured().contains("tally_ledger_cut_off 0"));
    for told in watched() {
        assert_eq!(told["ledger"], "ok", "{told}");
        assert_eq!(told["cut_off"], Value::Null);
    }
    let files = ["authority.key", "authority.next.key", "authority.1.key"];
    assert_eq!(files.map(secret), [wanted, next, old]);
    let stands = ["in force", "not yet", "no longer"];
    let stands: Vec<_> = files.into_iter().zip(stands).collect();
    assert_eq!(keys::stand(&harbor, "authority"), keys::stands(&stands));
    assert!(harbor.join("journal.1").exists() && harbor.join("journal").exists());

    votes(&folder);
    drop(network);
    traced::holds(&folder);
}

/// Its own key is in force still, and it knows none of the others'.
#[test]
fn who_knows_nobody_of_today_finds_them() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("network");
    let network = serving(&folder, 2);
    press(&folder, "harbor-health", "stop");
    for (of, epoch) in STAY.into_iter().zip(1..) {
        taken(&folder, &made(&folder, of), epoch);
    }
    press(&folder, "harbor-health", "start");
    caught_up(&folder, 3);
    assert!(!folder.join("harbor-health/journal.1").exists());
    votes(&folder);
    drop(network);
    traced::holds(&folder);
}

/// Voted out while it was away, and others' keys are others: nobody answers it as an
/// authority, and it goes on as a member that follows.
#[test]
fn who_was_voted_out_while_it_was_away_follows() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("network");
    let network = serving(&folder, 12);
    press(&folder, "harbor-health", "stop");
    let made_plain = tally()
        .args(["org", "init", "--ledger", governance::LEDGER])
        .args(["--id", "harbor-health", "--name", "Harbor Health"])
        .args(["--role", "payer", "--url"])
        .arg(format!(
            "http://{}",
            setting(&folder, "harbor-health", "api")
        ))
        .arg("--data")
        .arg(folder.join("harbor-health"))
        .output();
    let plain = folder.with_extension("plain");
    fs::write(&plain, common::text(&made_plain.unwrap(), 0)).unwrap();
    taken(&folder, &plain, 1);
    for (of, epoch) in STAY.into_iter().zip(2..) {
        taken(&folder, &made(&folder, of), epoch);
    }
    press(&folder, "harbor-health", "start");
    caught_up(&folder, 4);

    // Others take in what it decides.
    let agreed = |of: &str| status(&folder, of).map_or(Value::Null, |of| of["agreed"].clone());
    let before = agreed("cedar-mutual").as_u64().unwrap();
    post(&folder, "OUT-1", liar::claim(&folder, "OUT-1", &["99213"]));
    for of in ["cedar-mutual", "harbor-health"] {
        until(&format!("{of} sees it"), || agreed(of) == before + 1);
    }
    drop(network);
    traced::holds(&folder);
}
