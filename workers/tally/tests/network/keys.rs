//! An authority takes other keys while it runs: it goes on with the old ones until they are
//! voted in, and then by itself with the new ones.

use std::fs;

use tally_core::ledger::{Note, VerifierKey};

use super::*;

/// How a key's files stand: `authority.key` is in force, `authority.1.key` no longer.
pub(super) fn stand(home: &Path, key: &str) -> Vec<(String, String)> {
    let list = run(["keys", "list", "--json", "--data", home.to_str().unwrap()]);
    let list = json(&list, 0);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of = list["keys"].as_array().unwrap().iter();
    of.filter(|of| of["key"] == key)
        .map(|of| (text(&of["file"]), text(&of["stands"])))
        .collect()
}

pub(super) fn rotate(home: &Path, key: &str) -> Output {
    run(["keys", "rotate", key, "--data", home.to_str().unwrap()])
}

pub(super) fn stands(of: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(file, stands): &(&str, &str)| ((*file).to_owned(), (*stands).to_owned());
    of.iter().map(own).collect()
}

/// What an API answers an organisation that signs with a secret.
fn asks(folder: &Path, of: &str, secret: [u8; 32]) -> u16 {
    let url = format!("http://{}/api/v1/claims", setting(folder, of, "api"));
    let client = Client::new("harbor-health", secret);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let answer = runtime.block_on(client.get(&url, Some(of)));
    answer.unwrap().status
}

pub(super) fn secret(home: &Path, file: &str) -> [u8; 32] {
    let text = fs::read_to_string(home.join("keys").join(file)).unwrap();
    tally::node::keys::unhex(text.trim()).unwrap()
}

#[test]
fn an_authority_takes_other_keys_while_it_runs() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("network");
    let network = serving(&folder, 6);
    let harbor = folder.join("harbor-health");
    let cedar = folder.join("cedar-mutual");

    // An authority's is not made where it would not vote.
    let text = fs::read_to_string(harbor.join("tally.toml")).unwrap();
    let (before, ledger) = text.split_once("[ledger]").unwrap();
    let (_, after) = ledger.split_once("\n\n").unwrap();
    let elsewhere = temporary.path().join("elsewhere.toml");
    fs::write(&elsewhere, format!("{before}{after}")).unwrap();
    let elsewhere = elsewhere.to_str().unwrap();
    let refused = run(["keys", "rotate", "authority", "--config", elsewhere]);
    let said = common::errors(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("no `[ledger]`"), "{said}");

    // Three keys are made; nothing has changed for anybody.
    let insurer = rotate(&harbor, "insurer");
    common::text(&insurer, 0);
    common::text(&rotate(&harbor, "signing"), 0);
    let made = rotate(&harbor, "authority");
    assert!(common::errors(&made).contains("goes on with the old key"));
    let file = temporary.path().join("harbor.json");
    fs::write(&file, common::text(&made, 0)).unwrap();
    assert_eq!(
        stand(&harbor, "authority"),
        stands(&[
            ("authority.key", "in force"),
            ("authority.next.key", "not yet")
        ])
    );
    let (old, new) = (
        secret(&harbor, "signing.key"),
        secret(&harbor, "signing.next.key"),
    );
    assert_eq!(asks(&folder, "cedar-mutual", old), 200);
    assert_eq!(asks(&folder, "cedar-mutual", new), 401);
    let rotated = tally()
        .args(["org", "rotate"])
        .arg(&file)
        .arg("--data")
        .arg(&cedar)
        .output();
    common::text(&rotated.unwrap(), 0);
    let proposed = governance::proposal(&folder, "lakeside");
    for by in ["lakeside", "riverside"] {
        governance::vote(&folder, by, &proposed);
    }
    governance::until_epoch(&folder, 1);
    for (key, file) in [
        ("authority", "authority"),
        ("signing", "signing"),
        ("insurer", "insurer"),
    ] {
        let (present, aside) = (format!("{file}.key"), format!("{file}.1.key"));
        let wanted = stands(&[
            (present.as_str(), "in force"),
            (aside.as_str(), "no longer"),
        ]);
        until(&format!("another {key} key is in its place"), || {
            stand(&harbor, key) == wanted
        });
    }
    assert_eq!(secret(&harbor, "signing.key"), new);
    assert_eq!(asks(&folder, "cedar-mutual", new), 200);

    // What it shows providers is signed with the new key, which they know by the ledger.
    let agreed = |of: &Value| of["agreed"].as_u64();
    let before = status(&folder, "lakeside").as_ref().and_then(agreed);
    let of_harbor = liar::send(&folder, "K-1", &["99213"]);
    until(&format!("{of_harbor} is run again"), || {
        status(&folder, "lakeside").is_some_and(|of| agreed(&of) > before && of["unchecked"] == 0)
    });

    // It votes: with another authority away the quorum needs it. Its log goes on.
    until("harbor has caught up", || {
        status(&folder, "harbor-health").is_some_and(|status| {
            status["epoch"] == 1
                && status["behind"] == 0
                && status["height"] == status["tip"]
                && status["refused"].is_null()
        })
    });
    assert!(harbor.join("journal.1").exists() && harbor.join("journal").exists());
    governance::leave(&harbor, "riverside");
    governance::proposal(&folder, "cedar-mutual");
    let public = run([
        "keys",
        "public",
        "authority",
        "--data",
        harbor.to_str().unwrap(),
    ]);
    let public = VerifierKey::parse(common::text(&public, 0).trim()).unwrap();
    until("a checkpoint that the new key signed", || {
        let api = setting(&folder, "cedar-mutual", "api");
        let url = format!("http://{api}/api/v1/ledger/shared/checkpoint");
        let note = ureq::get(&url).call().ok();
        let note = note.and_then(|mut note| note.body_mut().read_to_string().ok());
        let note = note.and_then(|note| Note::parse(&note).ok());
        note.is_some_and(|note| note.signatures.iter().any(|line| public.is_of(line)))
    });
    // It votes on itself, too.
    let proposed = governance::proposal(&folder, "harbor-health");
    for by in ["cedar-mutual", "lakeside"] {
        governance::vote(&folder, by, &proposed);
    }
    governance::until_epoch(&folder, 2);
    drop(network);
    traced::holds(&folder);
}
