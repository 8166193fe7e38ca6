//! The verifier in Python and the engine come to the same verdict, over good receipts
//! and over every line changed. They share nothing but `docs/receipt.md`.
//!
//! Where Python or its package `cryptography` is absent the test says so.
#![allow(clippy::disallowed_methods)] // it runs another program over files

mod made;
mod vectors;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tally_core::ledger::shared::Authorities;
use tally_core::ledger::{Receipt, SigningKey, Trust, TrustedLog, Verdict, verify_receipt};

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

fn engine(bytes: &[u8], trust: Option<&Trust>) -> &'static str {
    let verified = std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| Receipt::parse(text).ok())
        .and_then(|receipt| verify_receipt(&receipt, trust).ok());
    match verified {
        Some((Verdict::Trusted, _)) => "trusted",
        Some((Verdict::Consistent, _)) => "consistent, not trusted",
        None => "does not hold",
    }
}

/// Runs the script over files, and compares each verdict, and the exit.
fn compare(name: &str, files: &[Vec<u8>], trust: Option<&Trust>) -> Vec<&'static str> {
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
    let expected: Vec<_> = files.iter().map(|bytes| engine(bytes, trust)).collect();
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
    expected
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

/// One byte of every line, in its middle and at its end, and the line left out, twice
/// there, and cut; and every signature, whole, put in another's place.
#[test]
fn every_line_changed() {
    if !present() {
        return;
    }
    let [local, shared] = logs();
    let trust = trust(vec![local, shared]);
    let sound = made::shared(&epochs(), 4, true).to_string();
    assert_eq!(engine(sound.as_bytes(), Some(&trust)), "trusted");
    let lines: Vec<&str> = sound.split_inclusive('\n').collect();
    let mut files = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let bytes = line.as_bytes();
        let mut change = |line: Vec<u8>| {
            let before = lines[..at].concat().into_bytes();
            files.push([before, line, lines[at + 1..].concat().into_bytes()].concat());
        };
        for place in [0, bytes.len() / 3, bytes.len() / 2, bytes.len() - 1] {
            for bit in [1, 2, 0x20, 0x80] {
                let mut changed = bytes.to_vec();
                changed[place] ^= bit;
                change(changed);
            }
        }
        change(vec![]);
        change(bytes.repeat(2));
        change(bytes[..bytes.len() - 1].to_vec());
        change([bytes, b"\r\n"].concat());
    }
    let signatures = lines.iter().filter(|line| line.starts_with('—'));
    for one in signatures.clone() {
        for other in signatures.clone().filter(|other| *other != one) {
            files.push(sound.replacen(one, other, 1).into_bytes());
        }
    }
    for (name, trust) in [("changed", None), ("changed-trust", Some(&trust))] {
        for (part, files) in files.chunks(400).enumerate() {
            let verdicts = compare(&format!("{name}-{part}"), files, trust);
            assert!(verdicts.iter().all(|of| *of == "does not hold"));
        }
    }
}

#[test]
fn it_is_short_and_shares_nothing() {
    let text = std::fs::read_to_string(script()).unwrap();
    assert!(text.lines().count() <= 100);
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
