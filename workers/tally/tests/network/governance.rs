//! Organisations leave and join by vote, and come back with another key after they lost
//! their disk, whatever of it was put back.

use std::fs;

use super::*;

pub(super) const LEDGER: &str = "tallystick.example/network";

/// The one proposal that is open, as a node sees it once it is there.
pub(super) fn proposal(folder: &Path, seen_by: &str) -> String {
    let node = folder.join(seen_by);
    let mut found = None;
    until("the proposal is on the ledger", || {
        let list = run(["org", "list", "--json", "--data", node.to_str().unwrap()]);
        let list = json(&list, 0);
        found = list["proposals"][0]["proposal"].as_str().map(str::to_owned);
        found.is_some()
    });
    found.unwrap()
}

pub(super) fn leave(home: &Path, organisation: &str) {
    let data = home.to_str().unwrap();
    let left = run(["org", "leave", organisation, "--data", data]);
    common::text(&left, 0);
}

pub(super) fn vote(folder: &Path, by: &str, proposal: &str) {
    let node = folder.join(by);
    let voted = run(["org", "vote", proposal, "--data", node.to_str().unwrap()]);
    common::text(&voted, 0);
}

/// Waits until every one of those who stay is in an epoch: a proposal of another is void.
pub(super) fn until_epoch(folder: &Path, epoch: u64) {
    for of in ["harbor-health", "cedar-mutual", "lakeside"] {
        until(&format!("epoch {epoch} at {of}"), || {
            let said = fs::read_to_string(folder.with_extension("said")).unwrap();
            assert!(!said.contains("error"), "{said}");
            status(folder, of).is_some_and(|status| status["epoch"] == epoch)
        });
    }
}

/// Makes a newcomer's application, with its node's folder: as a member alone, or an
/// authority that listens.
fn applying(home: &Path, listen: Option<u16>, api: u16, anew: bool) -> Command {
    let mut command = tally();
    command
        .args(["org", "init", "--ledger", LEDGER, "--id", "bayview"])
        .args(["--name", "Bayview", "--role", "provider"])
        .args(["--url", &format!("http://127.0.0.1:{api}")])
        .arg("--data")
        .arg(home);
    if let Some(listen) = listen {
        command.args(["--authority", "--address", &format!("127.0.0.1:{listen}")]);
    }
    if anew {
        command.arg("--new-key");
    }
    command
}

/// A newcomer's application.
pub(super) fn apply(home: &Path, listen: Option<u16>, api: u16, anew: bool) -> PathBuf {
    let made = applying(home, listen, api, anew).output().unwrap();
    let file = home.with_extension("json");
    fs::write(&file, common::text(&made, 0)).unwrap();
    file
}

/// What is to be backed up of a node, by docs/operations.md, and what SQLite keeps beside it.
const BACKED_UP: &[&str] = &[
    "keys",
    "node.json",
    "node.db",
    "node.db-wal",
    "keys.db",
    "keys.db-wal",
];

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.unwrap().success());
}

/// Puts some of a copy in the place of what is there.
fn put_back(away: &Path, home: &Path, names: &[&str]) {
    fs::remove_dir_all(home).unwrap();
    fs::create_dir(home).unwrap();
    for name in names {
        if away.join(name).exists() {
            copy(&away.join(name), &home.join(name));
        }
    }
}

/// A node does not start, and says why and what to do.
#[track_caller]
fn is_refused(config: &Path, why: &str) {
    let refused = node(config).output().unwrap();
    let said = common::errors(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains(why), "{said}");
    for next in ["could vote twice", "--new-key", "tally org rotate"] {
        assert!(said.contains(next), "{said}");
    }
}

pub(super) fn configure(folder: &Path, home: &Path, listen: u16, api: u16) -> PathBuf {
    let file = home.with_extension("toml");
    let charter = folder.join("charter.json");
    let text = format!(
        "[node]\ndata = {home:?}\npayer = \"bayview\"\npolicies = \"none\"\n\
         [listen]\napi = \"127.0.0.1:{api}\"\npages = \"127.0.0.1:0\"\nhealth = \"127.0.0.1:0\"\n\
         [ledger]\ncharter = {charter:?}\norganisation = \"bayview\"\nlisten = \"127.0.0.1:{listen}\"\n"
    );
    fs::write(&file, text).unwrap();
    file
}

pub(super) fn node(config: &Path) -> Command {
    let mut command = tally();
    command
        .args(["node", "--day", "2026-01-01", "--config"])
        .arg(config);
    command
}

/// Harbor proposes what an application is for, and others vote for it.
pub(super) fn proposed(folder: &Path, change: &str, application: &Path, voters: &[&str]) {
    let proposed = tally()
        .args(["org", change])
        .arg(application)
        .arg("--data")
        .arg(folder.join("harbor-health"))
        .output();
    common::text(&proposed.unwrap(), 0);
    for by in voters {
        // Each when its own node has read as far.
        vote(folder, by, &proposal(folder, by));
    }
}

#[test]
fn organisations_leave_join_and_lose_their_disk() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("network");
    let network = serving(&folder, 6);

    // Riverside leaves. A vote too many stops nobody's log.
    let harbor = folder.join("harbor-health");
    leave(&harbor, "riverside");
    let leaving = proposal(&folder, "cedar-mutual");
    for by in ["cedar-mutual", "lakeside"] {
        vote(&folder, by, &leaving);
    }
    until_epoch(&folder, 1);

    // Bayview joins, with a node that has nothing but the charter.
    let (listen, api) = (port(), port());
    let home = temporary.path().join("bayview");
    let join = apply(&home, Some(listen), api, false);
    proposed(&folder, "join", &join, &["cedar-mutual", "lakeside"]);
    until_epoch(&folder, 2);
    let config = configure(&folder, &home, listen, api);
    let url = format!("http://127.0.0.1:{api}/api/v1/ledger/shared/status");
    let signs = |epoch: u64| {
        let status = get(&url);
        status.is_some_and(|status| {
            status["epoch"] == epoch
                && status["behind"] == 0
                && status["height"] == status["tip"]
                && status["refused"].is_null()
        })
    };
    {
        let _bayview = Process::start(&mut node(&config));
        until("bayview has caught up", || signs(2));
    }

    // Its journal is lost: with the key that voted it may not begin again.
    let away = temporary.path().join("away");
    copy(&home, &away);
    fs::remove_dir_all(home.join("journal")).unwrap();
    is_refused(&config, "its journal");

    // The folder is lost. It is put back from a copy of all of it,
    fs::remove_dir_all(&home).unwrap();
    copy(&away, &home);
    is_refused(&config, "was copied or put back from a backup");
    // of its keys,
    put_back(&away, &home, &["keys", "node.json"]);
    let gone = common::errors(&node(&config).output().unwrap());
    assert!(gone.contains("the log of this node is gone"), "{gone}");
    fs::remove_file(home.join("keys/log-begun")).unwrap();
    is_refused(&config, "does not know this key");
    // and of what is to be backed up: no key votes that was not made here.
    put_back(&away, &home, BACKED_UP);
    is_refused(&config, "does not know this key");
    let refused = applying(&home, Some(listen), api, false).output().unwrap();
    let said = common::errors(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains("authority.key was not made in this folder") && said.contains("--new-key"),
        "{said}"
    );

    // With another key, in another epoch, it may.
    let again = apply(&home, Some(listen), api, true);
    proposed(&folder, "rotate", &again, &["cedar-mutual", "lakeside"]);
    until_epoch(&folder, 3);
    let bayview = Process::start(&mut node(&config));
    until("bayview is back", || signs(3));

    // Something is entered in the last epoch, so that there is a checkpoint of it.
    let more = run([
        "org",
        "leave",
        "lakeside",
        "--data",
        harbor.to_str().unwrap(),
    ]);
    common::text(&more, 0);
    // A receipt reaches the last epoch from the founders' keys.
    let receipts = fs::read_dir(folder.join("receipts")).unwrap().flatten();
    let mut names = receipts.map(|file| file.file_name().into_string().unwrap());
    let claim = names.find_map(|name| {
        let name = name.strip_suffix(".receipt")?;
        name.strip_prefix("harbor-health-").map(str::to_owned)
    });
    let claim = claim.unwrap();
    let receipt = temporary.path().join("receipt");
    until("a checkpoint of the last epoch", || {
        let proved = run([
            "ledger",
            "prove",
            &claim,
            "--data",
            harbor.to_str().unwrap(),
        ]);
        fs::write(&receipt, common::text(&proved, 0)).unwrap();
        let trust = folder.join("trust.json");
        let verified = tally()
            .args(["ledger", "verify", "--json", "--trust"])
            .args([&trust, &receipt])
            .output();
        let verified = json(&verified.unwrap(), 0);
        let signers = verified[0]["shared"]["signers"].as_array().unwrap();
        signers.iter().any(|signer| signer == "bayview")
    });
    drop((bayview, network));
    traced::holds(&folder);
    epochs_are_checked(&folder);
}

/// What is kept of a ledger with epochs is checked over every handover.
fn epochs_are_checked(folder: &Path) {
    for of in ["harbor-health", "cedar-mutual", "lakeside"] {
        checked::fsck(&folder.join(of), 0);
    }
    let copy = checked::copied(&folder.join("lakeside"), folder);
    let handover = "hands_over = 1 AND epoch = 1";
    checked::change(&copy, "shared_checkpoint", "note", handover, 20);
    let found = checked::fsck(&copy, 1);
    let place = found["faults"][0]["place"].as_str().unwrap();
    assert!(place.starts_with("checkpoint of the shared ledger at size "));
}
