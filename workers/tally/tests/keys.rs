//! `tally keys` as its user has it: which keys there are and how they stand, others in their
//! place, and what cannot be rotated.

mod common;
#[path = "common/office.rs"]
mod office;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use common::{errors, exported, json, population, scratch, tally, text};

/// Runs a command on a node.
fn on(data: &Path, arguments: &[&str]) -> Output {
    let mut command = tally();
    command.args(arguments).arg("--data").arg(data);
    command.output().unwrap()
}

fn key(data: &Path, name: &str) -> PathBuf {
    data.join("keys").join(format!("{name}.key"))
}

/// Output and errors, without what differs from run to run.
fn said(data: &Path, arguments: &[&str]) -> String {
    let output = on(data, arguments);
    let out = String::from_utf8(output.stdout.clone()).unwrap();
    let text = format!(
        "$ tally {}\n{out}{}(exit {})\n",
        arguments.join(" "),
        errors(&output),
        output.status.code().unwrap()
    );
    settled(&text.replace(data.to_str().unwrap(), "DATA"))
}

/// Keys by as many Xs, times by Ts.
fn settled(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | ':' | '-');
    let mut out = String::new();
    for line in text.lines() {
        let mut word = String::new();
        for c in line.chars().chain([' ']) {
            if plain(c) {
                word.push(c);
                continue;
            }
            let is_time = word.len() == 20 && word.ends_with('Z') && word.contains('T');
            let is_secret = word.len() >= 16 && word.chars().any(|c| c.is_ascii_digit());
            match (is_time, is_secret) {
                (true, _) => out.push_str("TTTT-TT-TTTTT:TT:TTZ"),
                (_, true) => out.push_str(&hidden(&word)),
                _ => out.push_str(&word),
            }
            word.clear();
            out.push(c);
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out
}

/// A key without what is random in it: what stands before the first `+` is its name.
fn hidden(word: &str) -> String {
    let (name, rest) = match word.split_once('+') {
        Some((name, rest)) if !name.contains('=') => (format!("{name}+"), rest),
        _ => (String::new(), word),
    };
    let name = name.replace(|c: char| c.is_ascii_digit(), "0");
    let name = match name.rsplit_once('/') {
        Some((before, _)) => format!("{before}/NODE+"),
        None => name,
    };
    format!("{name}{}", "X".repeat(rest.len().min(8)))
}

/// A node without claims.
fn node() -> (tempfile::TempDir, PathBuf) {
    let (folder, data) = scratch();
    text(&on(&data, &["policy", "list"]), 0);
    (folder, data)
}

fn secrets(data: &Path) -> Vec<String> {
    let files = std::fs::read_dir(data.join("keys")).unwrap();
    let read = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    read.map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
        .collect()
}

#[test]
fn keys_are_listed_and_no_secret_is() {
    let (_folder, data) = node();
    insta::assert_snapshot!("list", said(&data, &["keys", "list"]));
    insta::assert_snapshot!("public", said(&data, &["keys", "public"]));
    insta::assert_snapshot!("public_of_one", said(&data, &["keys", "public", "insurer"]));
    let list = json(&on(&data, &["keys", "list", "--json"]), 0);
    assert_eq!(list["keys"].as_array().unwrap().len(), 8);
    assert_eq!(list["wrong"].as_array().unwrap().len(), 0);
    let public = json(&on(&data, &["keys", "public", "--json"]), 0);
    let names: Vec<_> = public.as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["envelope", "insurer", "log", "signing"]);
    // What others have is what is public elsewhere.
    let trust = text(&on(&data, &["ledger", "checkpoint", "--json"]), 0);
    let origin = list["node"].as_str().unwrap();
    assert!(trust.contains(origin) && public["log"].as_str().unwrap().starts_with(origin));
    let everything = format!("{list}{public}{}", said(&data, &["keys", "list"]));
    for secret in secrets(&data) {
        assert!(!everything.contains(&secret), "a secret is printed");
    }
    let none = on(&data, &["keys", "public", "wrap"]);
    assert_eq!(none.status.code(), Some(1));
}

#[test]
fn what_is_wrong_is_said_with_what_to_do() {
    let (folder, data) = node();
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(key(&data, "log"), open).unwrap();
    std::fs::set_permissions(data.join("keys"), std::fs::Permissions::from_mode(0o750)).unwrap();
    std::fs::remove_file(key(&data, "wrap")).unwrap();
    std::fs::remove_file(key(&data, "queue")).unwrap();
    std::fs::write(key(&data, "tokens"), "no key\n").unwrap();
    insta::assert_snapshot!("wrong", said(&data, &["keys", "list"]));
    let list = json(&on(&data, &["keys", "list", "--json"]), 1);
    assert_eq!(list["wrong"].as_array().unwrap().len(), 5);
    // Looking makes nothing.
    assert!(!key(&data, "queue").exists());
    let nowhere = folder.path().join("nowhere");
    for command in [&["keys", "list"][..], &["keys", "rotate", "wrap"]] {
        let none = on(&nowhere, command);
        assert_eq!(none.status.code(), Some(1));
        assert!(errors(&none).contains("there is no node in"));
        assert!(!nowhere.exists());
    }
}

#[test]
fn what_cannot_be_rotated_is_refused() {
    let (_folder, data) = node();
    let before = secrets(&data);
    for name in ["log", "tokens", "authority"] {
        insta::assert_snapshot!(
            format!("refused_{name}"),
            said(&data, &["keys", "rotate", name])
        );
    }
    let unknown = on(&data, &["keys", "rotate", "password"]);
    assert_eq!(unknown.status.code(), Some(2));
    let sorted = |mut secrets: Vec<String>| {
        secrets.sort();
        secrets
    };
    assert_eq!(sorted(before), sorted(secrets(&data)));
}

/// A node with claims, some of them decided.
fn busy(folder: &Path, data: &Path) -> Vec<PathBuf> {
    let made = population(11, 60, folder);
    text(
        &on(
            data,
            &["member", "import", made.contracts.to_str().unwrap()],
        ),
        0,
    );
    submit(data, &made.claims[..made.claims.len() / 2]);
    made.claims
}

fn submit(data: &Path, files: &[PathBuf]) {
    let names = files.iter().map(|file| file.to_str().unwrap());
    let arguments: Vec<&str> = ["claim", "submit"].into_iter().chain(names).collect();
    let done = on(data, &arguments);
    assert!(
        matches!(done.status.code(), Some(0 | 1)),
        "{}",
        errors(&done)
    );
}

/// Everything opens, is what a replay makes of it, and goes on.
fn sound(data: &Path, claims: &[PathBuf], before: &(usize, String)) {
    assert_eq!(&exported(data), before);
    let fsck = on(data, &["ledger", "fsck"]);
    text(&fsck, 0);
    let replayed = json(&on(data, &["ledger", "replay", "--json"]), 0);
    assert_eq!(replayed["identical"], true, "{replayed:#}");
    submit(data, &claims[claims.len() / 2..]);
    assert!(exported(data).0 > before.0);
}

/// Copies a node's record keys, with what is only in the journal beside them yet.
fn keys_moved(from: &Path, to: &Path) {
    for file in ["keys.db", "keys.db-wal", "keys.db-shm"] {
        let _ = std::fs::remove_file(to.join(file));
    }
    for file in ["keys.db", "keys.db-wal"] {
        if from.join(file).exists() {
            std::fs::copy(from.join(file), to.join(file)).unwrap();
        }
    }
}

#[test]
fn record_keys_are_wrapped_anew_and_what_was_killed_goes_on() {
    let (folder, data) = scratch();
    let claims = busy(folder.path(), &data);
    let before = exported(&data);
    let old = std::fs::read_to_string(key(&data, "wrap")).unwrap();
    let copy = folder.path().join("before");
    std::fs::create_dir(&copy).unwrap();
    keys_moved(&data, &copy);

    let mut killed = tally();
    killed.args(["keys", "rotate", "wrap", "--data"]).arg(&data);
    let killed = killed.env("TALLY_FAILPOINT", "rewrapped=abort").output();
    assert_eq!(killed.unwrap().status.code(), None);
    assert!(key(&data, "wrap.next").exists());
    assert_eq!(exported(&data), before);
    let list = json(&on(&data, &["keys", "list", "--json"]), 0);
    let next = list["keys"].as_array().unwrap().iter();
    let next: Vec<_> = next.filter(|of| of["file"] == "wrap.next.key").collect();
    assert_eq!(next[0]["stands"], "not yet");

    let done = said(&data, &["keys", "rotate", "wrap"]);
    assert!(done.contains("wrapped with another key"), "{done}");
    assert!(!key(&data, "wrap.next").exists());
    assert_ne!(std::fs::read_to_string(key(&data, "wrap")).unwrap(), old);
    assert_eq!(std::fs::read_to_string(key(&data, "wrap.1")).unwrap(), old);
    std::fs::remove_file(key(&data, "wrap.1")).unwrap();
    sound(&data, &claims, &before);

    // A backup from before opens with the old key, and with no other.
    keys_moved(&copy, &data);
    let refused = on(&data, &["claim", "export"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(errors(&refused).contains("another wrapping key"));
    std::fs::rename(key(&data, "wrap"), key(&data, "wrap.next")).unwrap();
    std::fs::write(key(&data, "wrap"), old).unwrap();
    text(&on(&data, &["keys", "rotate", "wrap"]), 0);
}

/// A node on no shared ledger: nobody votes, the key is another at once.
#[test]
fn keys_that_nobody_votes_on_are_others_at_once() {
    let (folder, data) = scratch();
    let claims = busy(folder.path(), &data);
    let before = exported(&data);
    for name in ["signing", "insurer", "envelope", "artefact", "queue"] {
        let old = std::fs::read_to_string(key(&data, name)).unwrap();
        insta::assert_snapshot!(
            format!("rotated_{name}"),
            said(&data, &["keys", "rotate", name])
        );
        assert_ne!(std::fs::read_to_string(key(&data, name)).unwrap(), old);
        let mode = std::fs::metadata(key(&data, name)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        let kept = !matches!(name, "artefact" | "queue");
        assert_eq!(key(&data, &format!("{name}.1")).exists(), kept, "{name}");
    }
    insta::assert_snapshot!("list_after", said(&data, &["keys", "list"]));
    // Policies that the old insurer signed stand; what is published now is the new one's.
    sound(&data, &claims, &before);
    // A ledger would take the policies of one of them alone: it is said before it is joined.
    let mut init = tally();
    init.args([
        "org",
        "init",
        "--ledger",
        "l.example",
        "--id",
        "one",
        "--name",
        "One",
    ]);
    init.args(["--role", "payer", "--data"]).arg(&data);
    let init = init.output().unwrap();
    let said = errors(&init);
    assert!(said.contains("under another `insurer` key"), "{said}");
}
