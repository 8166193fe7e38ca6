//! The verifier in Python and the engine come to the same verdict, over good receipts of
//! every kind, over every line and byte changed, and over parts that do not belong
//! together. They share nothing but `docs/receipt.md`.
//!
//! Where Python or its package `cryptography` is absent the test says so.
#![allow(clippy::disallowed_methods)] // it runs another program over files

mod kinds;
mod made;
mod strict;
mod vectors;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use kinds::Kind;
use tally_core::canon::Canon as _;
use tally_core::ledger::shared::Authorities;
use tally_core::ledger::{SigningKey, Trust, TrustedLog};

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../verifiers/verify.py")
}

/// The Python that can run the script, if there is one: the first of the path, or
/// Debian's, whose packages `./test` installs.
fn python() -> Option<&'static str> {
    let import = "from cryptography.hazmat.primitives.asymmetric import ed25519";
    ["python3", "/usr/bin/python3"].into_iter().find(|python| {
        let ran = Command::new(python).args(["-c", import]).output();
        ran.is_ok_and(|ran| ran.status.success())
    })
}

/// Whether the script can run at all.
fn present() -> bool {
    let present = python().is_some();
    if !present {
        // Not `eprintln!`, which is shown only for tests that fail.
        let said = "SKIPPED: no python3 with the package `cryptography`\n";
        std::io::stderr().write_all(said.as_bytes()).unwrap();
    }
    present
}

/// Runs the script over files, and compares each verdict, and the exit; answers the
/// engine's verdicts, and what the script said.
fn run(name: &str, files: &[Vec<u8>], trust: Option<&Trust>) -> Vec<(&'static str, String)> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let mut command = Command::new(python().unwrap());
    command.arg(script());
    for (n, bytes) in files.iter().enumerate() {
        let path = folder.join(n.to_string());
        std::fs::write(&path, bytes).unwrap();
        command.arg(path);
    }
    if let Some(trust) = trust {
        let path = folder.join("trust.json");
        std::fs::write(&path, trust.to_string()).unwrap();
        command.arg("--trust").arg(path);
    }
    let ran = command.output().unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    let errors = String::from_utf8_lossy(&ran.stderr);
    let engine = files.iter().map(|bytes| kinds::verdict(bytes, trust));
    let expected: Vec<_> = engine.collect();
    assert_eq!(said.lines().count(), files.len(), "{errors}");
    for (n, (line, expected)) in said.lines().zip(&expected).enumerate() {
        let verdict = line.split(": ").nth(1).unwrap();
        assert_eq!(verdict, *expected, "{name}/{n}: {line}");
    }
    let code = if expected.contains(&"does not hold") {
        1
    } else if expected.contains(&"consistent, not trusted") {
        3
    } else {
        0
    };
    assert_eq!(ran.status.code(), Some(code));
    let said = said.lines().map(str::to_owned);
    expected.into_iter().zip(said).collect()
}

/// The same over any number of files, a process for some hundreds; answers the verdicts.
fn compare(name: &str, files: &[Vec<u8>], trust: Option<&Trust>) -> Vec<&'static str> {
    let parts = files.chunks(400).enumerate();
    let parts = parts.flat_map(|(part, files)| run(&format!("{name}-{part}"), files, trust));
    parts.map(|(verdict, _)| verdict).collect()
}

fn refused(verdicts: &[&str]) -> bool {
    verdicts.iter().all(|of| *of == "does not hold")
}

fn epochs() -> Vec<Authorities> {
    vec![made::set(0, 0..4), made::set(1, 0..7), made::set(2, 2..7)]
}

fn trust(logs: Vec<TrustedLog>) -> Trust {
    Trust { logs }
}

fn logs() -> [TrustedLog; 2] {
    let local = TrustedLog::local(made::log_key().verifier().clone());
    [local, TrustedLog::shared(&epochs()[0])]
}

#[test]
fn what_holds_and_what_is_trusted() {
    if !present() {
        return;
    }
    let epochs = epochs();
    let mut files: Vec<Vec<u8>> = [
        (0, 1, false),
        (6, 11, false),
        (6, 11, true),
        (254, 300, true),
    ]
    .map(|(at, size, pended)| made::local(at, size, pended).to_string().into())
    .into();
    for sets in [&epochs[..1], &epochs[..2], &epochs[..], &epochs[1..]] {
        for (by, cosigned) in [(9, true), (4, false), (3, true), (2, true)] {
            files.push(made::shared(sets, by, cosigned).to_string().into());
        }
    }
    let verdicts = compare("consistent", &files, None);
    assert_eq!(
        verdicts.iter().filter(|of| **of == "does not hold").count(),
        8
    );
    let [local, shared] = logs();
    let with = |change: &dyn Fn(&mut TrustedLog)| {
        let mut shared = shared.clone();
        change(&mut shared);
        shared
    };
    let stranger = SigningKey::new(made::LEDGER, &[1; 32]).unwrap();
    let unknown = SigningKey::cosigner(made::WITNESS, &[1; 32]).unwrap();
    let cases = [
        vec![local.clone()],
        vec![shared.clone()],
        vec![local.clone(), shared.clone()],
        vec![TrustedLog::shared(&epochs[1])],
        vec![TrustedLog::shared(&epochs[2])],
        vec![local.clone(), with(&|log| log.cosignatures = 1)],
        vec![with(&|log| log.epoch = 1)],
        vec![with(&|log| log.quorum = 2)],
        vec![with(&|log| log.keys[0] = stranger.verifier().clone())],
        vec![local, with(&|log| drop(log.keys.pop()))],
        vec![with(&|log| {
            log.witnesses = vec![unknown.verifier().clone()];
            log.cosignatures = 1;
        })],
        vec![],
    ];
    let mut trusted = Vec::new();
    for (n, logs) in cases.into_iter().enumerate() {
        let verdicts = compare(&format!("trusted-{n}"), &files, Some(&trust(logs)));
        trusted.push(verdicts.iter().filter(|of| **of == "trusted").count());
    }
    assert_eq!(trusted, [12, 6, 10, 5, 4, 8, 0, 0, 0, 4, 0, 0]);
}

#[test]
fn every_line_changed() {
    if !present() {
        return;
    }
    let trust = trust(logs().into());
    let (entry, body) = made::committed().remove(0);
    let received = made::entered(6, 11, made::CLAIM, entry.to_canon(), body);
    let received = made::on_shared(received, &epochs(), 4, true);
    let adjudicated = made::shared(&epochs(), 4, true).to_string();
    let received = received.to_string();
    let erased = String::from_utf8(kinds::erased_on_shared(&epochs(), 4, true)).unwrap();
    for (name, sound, trust) in [
        ("changed", &adjudicated, None),
        ("changed-trust", &adjudicated, Some(&trust)),
        ("changed-received", &received, Some(&trust)),
        ("changed-erased", &erased, Some(&trust)),
    ] {
        let expected = trust.map_or("consistent, not trusted", |_| "trusted");
        assert_eq!(kinds::verdict(sound.as_bytes(), trust), expected);
        assert!(refused(&compare(name, &kinds::lines_changed(sound), trust)));
    }
}

/// The founders' keys are enough for the receipt of an erasure, as for others; and no
/// envelopes but those that brought it.
#[test]
fn erasures_on_a_shared_ledger() {
    if !present() {
        return;
    }
    let epochs = epochs();
    let mut files = Vec::new();
    for sets in [&epochs[..1], &epochs[..2], &epochs[..], &epochs[1..]] {
        for (by, cosigned) in [(9, true), (4, false), (2, true)] {
            files.push(kinds::erased_on_shared(sets, by, cosigned));
        }
    }
    let [local, shared] = logs();
    let (mut trusted, mut unknown) = (Vec::new(), Vec::new());
    let cases = [
        vec![local.clone()],
        vec![shared.clone()],
        vec![local, shared],
        vec![],
    ];
    for (n, logs) in cases.into_iter().enumerate() {
        let verdicts = compare(&format!("erased-{n}"), &files, Some(&trust(logs)));
        let count = |verdict| verdicts.iter().filter(|of| **of == verdict).count();
        trusted.push(count("trusted"));
        unknown.push(count("consistent, not trusted"));
    }
    assert_eq!(
        (&trusted[..], &unknown[..]),
        (&[7, 5, 5, 0][..], &[0, 0, 0, 7][..])
    );
    let [could, not] = kinds::other_envelopes();
    let verdicts = compare("envelopes", &could, None);
    assert!(verdicts.iter().all(|of| *of == "consistent, not trusted"));
    assert!(refused(&compare("envelopes-not", &not, None)));
}

/// Each kind holds, is trusted under the log's key and refused under another, and is
/// called what it is. A trust file that does not know its log refuses nothing.
#[test]
fn every_kind_is_told() {
    if !present() {
        return;
    }
    let (of, files): (Vec<_>, Vec<_>) = kinds::sound().into_iter().unzip();
    let [local, shared] = logs();
    let mut cosigned = local.clone();
    let auditor = made::witness().verifier().clone();
    (cosigned.witnesses, cosigned.cosignatures) = (vec![auditor], 1);
    let stranger = SigningKey::new(made::LOG, &[1; 32]).unwrap();
    let stranger = TrustedLog::local(stranger.verifier().clone());
    for (verdict, said) in run("kinds-unknown", &files, Some(&trust(vec![shared]))) {
        assert_eq!(verdict, "consistent, not trusted");
        assert!(
            said.ends_with("; the trust file names no log of it"),
            "{said}"
        );
    }
    for (n, log) in [cosigned, stranger].into_iter().enumerate() {
        let verdicts = compare(&format!("kinds-no-{n}"), &files, Some(&trust(vec![log])));
        assert!(refused(&verdicts));
    }
    let told = run("kinds", &files, None);
    let trusted = compare("kinds-trusted", &files, Some(&trust(vec![local])));
    for ((kind, (verdict, said)), trusted) in of.into_iter().zip(told).zip(trusted) {
        assert_eq!((verdict, trusted), ("consistent, not trusted", "trusted"));
        let claim = made::CLAIM;
        let words = match kind {
            Kind::Adjudicated => format!("claim {claim}: adjudicated, "),
            Kind::Received => format!("claim {claim}: received 2026-03-01 from 'lakeside', "),
            Kind::Payment => format!("claim {claim}: payment '000000042' advised 2026-04-01, "),
            Kind::Read => format!("claim {claim}: read by lakeside-1 ('Dr Oak'), "),
            Kind::Emergency => format!(
                "claim {claim}: read by lakeside-1 ('Dr Oak') in an emergency: 'unconscious after a fall', "
            ),
            Kind::Erased => "entry 2 erased by ".to_owned(),
        };
        assert!(said.contains(&format!(": {words}")), "{said}");
        assert!(said.contains(&format!(" of {}", made::LOG)), "{said}");
    }
}

/// Of each kind every byte and every line.
#[test]
fn every_byte_of_every_kind_changed() {
    if !present() {
        return;
    }
    for (kind, sound) in kinds::one_of_each() {
        let files = kinds::bytes_changed(&sound);
        assert!(refused(&compare(&format!("bytes-{kind:?}"), &files, None)));
    }
}

/// A log may have the ledger's own name: then both are what the trust file says of it.
#[test]
fn a_log_of_the_ledgers_name() {
    if !present() {
        return;
    }
    let files = kinds::named_as_the_ledger();
    let trust = trust(vec![TrustedLog::shared(&made::set(0, 0..1))]);
    let verdicts = compare("named-alike", &files, Some(&trust));
    assert_eq!(verdicts, ["trusted", "does not hold"]);
}

/// What a ledger's only authority signs is no checkpoint of a log of its own: a line after
/// the root tells the two apart.
#[test]
fn a_ledger_is_nobodys_own_log() {
    if !present() {
        return;
    }
    let (files, trust) = kinds::passed_off();
    assert!(refused(&compare("passed-off", &files, None)));
    for (verdict, said) in run("passed-off-trust", &files, Some(&trust)) {
        assert_eq!(verdict, "does not hold");
        assert!(said.ends_with(": a line follows the root"), "{said}");
    }
}

/// What a trust file does not name is by the receipt's own word; and whose log an erasure is
/// in is said by the ledger, since a log's name says nothing of that.
#[test]
fn whose_word_it_is() {
    if !present() {
        return;
    }
    for (n, told) in kinds::told().into_iter().enumerate() {
        let said = run(&format!("told-{n}"), &[told.file], told.trust.as_ref())
            .remove(0)
            .1;
        for log in [made::LOG, made::LEDGER] {
            let own = said.contains(&format!("{log}, by its own word"));
            assert_eq!(own, told.own_word.contains(&log), "{said}");
        }
        let whose = told.organisation.map(|of| format!(", in the log of {of}"));
        assert!(whose.is_none_or(|of| said.contains(&of)), "{said}");
    }
}

/// A set has sixteen authorities at most, whose keys' ids tell them apart.
#[test]
fn sets_that_are_none() {
    if !present() {
        return;
    }
    let [one, two] = made::twins();
    let with = |members: &[_]| {
        let mut set = made::set(0, 0..5);
        set.members.extend_from_slice(members);
        set
    };
    let sets = [
        made::set(0, 0..16),
        made::set(0, 0..17),
        with(std::slice::from_ref(&one)),
        with(std::slice::from_ref(&two)),
        with(&[one, two]),
    ];
    let files: [Vec<u8>; 5] = sets.map(|set| {
        let quorum = set.quorum();
        made::shared(&[set], quorum, false).to_string().into()
    });
    let [holds, none] = ["consistent, not trusted", "does not hold"];
    let verdicts = compare("sets", &files, None);
    assert_eq!(verdicts, [holds, none, holds, holds, none]);
}

#[test]
fn what_does_not_belong_together() {
    if !present() {
        return;
    }
    let files = kinds::mismatched();
    assert!(files.len() > 1_000);
    assert!(refused(&compare("mismatched", &files, None)));
}

/// Bodies of which the engine takes some and refuses others: it has to be the same ones.
#[test]
fn other_bodies_are_judged_alike() {
    if !present() {
        return;
    }
    for (name, files) in [
        ("bodies", kinds::other_bodies()),
        ("bounds", kinds::bounds()),
    ] {
        let verdicts = compare(name, &files, None);
        let refused = verdicts.iter().filter(|of| **of == "does not hold").count();
        let taken = verdicts.len() - refused;
        assert!(
            refused > 1_000 && taken > 30,
            "{name}: {taken} hold, {refused} do not"
        );
    }
}

/// What a lax ed25519 takes is refused by both, also where nobody signs by it; and a
/// signature that does not hold is called so.
#[test]
fn keys_and_signatures_that_are_none() {
    if !present() {
        return;
    }
    let verdicts = compare("strict-sound", &strict::sound(), None);
    assert!(verdicts.iter().all(|of| *of == "consistent, not trusted"));
    let (names, files): (Vec<_>, Vec<_>) = strict::unsound().into_iter().unzip();
    let said = run("strict", &files, None);
    for (name, (verdict, said)) in names.iter().zip(said) {
        assert_eq!(verdict, "does not hold", "{name}");
        let why = said.rsplit(": ").next().unwrap();
        let known = ["no point, or a weak one", "a signature does not hold"];
        assert!(known.contains(&why), "{name}: {said}");
    }
}

/// A trust file that names what is no key is refused, in words.
#[test]
fn trust_files_that_are_none() {
    if !present() {
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (receipt, path) = (folder.join("strict-receipt"), folder.join("strict-trust"));
    std::fs::write(&receipt, &strict::sound()[0]).unwrap();
    let files = strict::trust_files().into_iter();
    let junk = ["", "{}", "[]"].map(|text| (text.to_owned(), text.to_owned()));
    for (name, text) in files.step_by(7).chain(junk) {
        assert!(Trust::parse(&text).is_err(), "{name}");
        std::fs::write(&path, text).unwrap();
        let mut command = Command::new(python().unwrap());
        command
            .arg(script())
            .arg(&receipt)
            .arg("--trust")
            .arg(&path);
        let ran = command.output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(
            (ran.status.code(), &*ran.stdout),
            (Some(1), &b""[..]),
            "{name}"
        );
        let words = format!("{}: no trust file: ", path.display());
        assert!(
            said.starts_with(&words) && said.lines().count() == 1,
            "{name}: {said}"
        );
    }
}

#[test]
fn it_is_short_and_shares_nothing() {
    let text = std::fs::read_to_string(script()).unwrap();
    assert!(text.lines().count() <= 100);
    assert!(text.lines().all(|line| line.chars().count() <= 150));
    for word in [
        "socket",
        "urllib",
        "http",
        "subprocess",
        "ctypes",
        "tally_core",
    ] {
        assert!(!text.contains(&format!("import {word}")), "{word}");
    }
}
