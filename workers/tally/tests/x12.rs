//! X12 through the binary: claims taken in and refused, and what is answered.

mod common;
#[path = "common/office.rs"]
mod office;
#[path = "common/x12.rs"]
mod x12;

use std::path::{Path, PathBuf};
use std::process::Output;

use common::{cases, errors, files, json, scratch, tally, text};
use serde_json::Value;
use x12::{Professional, elements, professional, visit};

/// Of no claim of the files below the lines come to the total: that is said first,
/// and what else is wrong beside it.
const CLAIMS: [(&str, &str); 24] = [
    ("x12_ambiguous_loop.txt", ""),
    (
        "x12_bad_first_line.txt",
        "the authorisation information is not ten characters",
    ),
    (
        "x12_bad_segment_identifier.txt",
        "2010AA Nd4: there is no segment of this name",
    ),
    (
        "x12_bad_valid_code.txt",
        "2010AA NM1-01: the code is not one of those that may stand here",
    ),
    ("x12_complex.txt", ""),
    (
        "x12_loop_errors1_exceeds_max_1_parent.txt",
        "2010AA NM1: the loop stands more often than it may",
    ),
    (
        "x12_loop_errors2_exceeds_max_repeats_multiple_parents.txt",
        "2010AA NM1: the loop stands more often than it may",
    ),
    (
        "x12_loop_errors3_missing_loops.txt",
        "2010AA NM1: a segment that must be there is missing",
    ),
    ("x12_many_claims.txt", ""),
    (
        "x12_missing_elements.txt",
        "1000B NM1-02: an element that must be there is missing",
    ),
    (
        "x12_missing_required_loop_in_one_repeat.txt",
        "2010BA NM1: a segment that must be there is missing",
    ),
    (
        "x12_missing_required_loops_mult_repeats.txt",
        "a segment that must be there is missing",
    ),
    ("x12_multiple_gs.txt", ""),
    ("x12_multiple_isa.txt", ""),
    ("x12_multiple_st.txt", ""),
    ("x12_multiple_transactions.txt", ""),
    ("x12_no_errors.txt", ""),
    ("x12_no_isa_line.txt", "the envelope has no sound structure"),
    (
        "x12_segment_errors.txt",
        "2010AA REF: the segment stands more often than it may",
    ),
    (
        "x12_segments_out_of_order.txt",
        "2010AA N4: the segment stands in the wrong place",
    ),
    ("x12_valid.txt", ""),
    ("x12_valid_different_separators.txt", ""),
    ("x12_writer_test.txt", ""),
    ("x223-test.txt", ""),
];

/// What the others are, as the refusal names them.
const OTHERS: [(&str, &str); 7] = [
    (
        "x12_999_accepted.txt",
        "an acknowledgement (999 005010X231A1)",
    ),
    (
        "x12_999_rejected.txt",
        "an acknowledgement (999 005010X231A1)",
    ),
    (
        "x12_277CA_accepted.txt",
        "a claim status or acknowledgement (277 005010X214)",
    ),
    (
        "x12_277CA_rejected.txt",
        "a claim status or acknowledgement (277 005010X214)",
    ),
    (
        "x12_277_x212.txt",
        "a claim status or acknowledgement (277 005010X212)",
    ),
    ("x270.txt", "an eligibility inquiry (270 004010X092A1)"),
    ("x271.txt", "an eligibility response (271 005010X279A1)"),
];

fn submit(data: &Path, arguments: &[&str], file: &Path) -> Output {
    tally()
        .args(["claim", "submit", "--data"])
        .arg(data)
        .args(arguments)
        .arg(file)
        .output()
        .unwrap()
}

/// Submits, and answers what was said, with what it was acknowledged with.
fn acknowledged(data: &Path, file: &Path, code: i32) -> (Value, Vec<String>) {
    let folder = data.with_file_name("acknowledgements");
    let output = submit(
        data,
        &["--json", "--acknowledge", folder.to_str().unwrap()],
        file,
    );
    assert!(!errors(&output).contains("panicked"), "{}", errors(&output));
    let said = json(&output, code);
    let written = said["acknowledgements"].as_array().unwrap();
    let texts = written
        .iter()
        .map(|path| std::fs::read_to_string(path.as_str().unwrap()).unwrap());
    let texts = texts.collect();
    (said, texts)
}

#[test]
fn every_shared_file_gets_what_its_kind_deserves() {
    let Some(folder) = cases() else { return };
    let folder = folder.join("claims/x12-imsweb");
    let (_scratch, data) = scratch();
    let mut seen = Vec::new();
    for path in files(&folder) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name == "ORIGIN.txt" {
            continue;
        }
        let (said, acknowledgements) = acknowledged(&data, &path, 1);
        assert_eq!(said["accepted"], 0, "{name}: {said}");
        assert_eq!(said["read"], said["refused"], "{name}: {said}");
        let refusals = said["refusals"].as_array().unwrap();
        assert_eq!(said["refused"], refusals.len(), "{name}");
        let reasons = || {
            refusals
                .iter()
                .map(|refusal| refusal["reason"].as_str().unwrap())
        };
        if let Some((_, what)) = OTHERS.iter().find(|(other, _)| *other == name) {
            let expected = format!("I114 it is {what}, not a claim (837)");
            assert!(
                reasons().all(|reason| reason.starts_with(&expected)),
                "{name}: {said}"
            );
            // An acknowledgement is not acknowledged.
            let answers = usize::from(!name.contains("_999"));
            assert_eq!(acknowledgements.len(), answers, "{name}");
        } else {
            let (_, fault) = CLAIMS.iter().find(|(known, _)| *known == name).unwrap();
            for refusal in refusals {
                let place = refusal["place"].as_str().unwrap();
                assert!(place.ends_with(", 2300 CLM-02"), "{name}: {refusal}");
            }
            assert!(
                reasons().all(|reason| reason.starts_with("I509 the total is ")),
                "{name}"
            );
            assert!(
                reasons().all(|reason| reason.contains(fault)),
                "{name}: {said}"
            );
            assert!(!acknowledgements.is_empty(), "{name}");
        }
        // What is not taken in has a 999 that says so of every transaction set.
        if let [receipts, ..] = acknowledgements.as_slice() {
            let sets = elements(receipts, "AK2", 1).len();
            let verdicts = elements(receipts, "IK5", 1);
            assert_eq!(verdicts.len(), sets, "{name}");
        }
        let (_, again) = acknowledged(&data, &path, 1);
        assert_eq!(again, acknowledgements, "{name}: the same bytes again");
        seen.push(name);
    }
    assert_eq!(seen.len(), CLAIMS.len() + OTHERS.len(), "{seen:?}");
}

#[test]
fn a_file_is_taken_in_and_acknowledged() {
    let (scratch, data) = scratch();
    let file = scratch.path().join("claims.837");
    let sound = |control| Professional {
        control,
        member: "NOBODY",
        charge: "90",
        diagnosis: "J069",
        lines: &[("99213", "", "90", "1", "20260210")],
    };
    let differs = Professional {
        charge: "91",
        ..sound("A-2")
    };
    let text = professional(41, &[sound("A-1"), differs]);
    std::fs::write(&file, &text).unwrap();
    let (said, acknowledgements) = acknowledged(&data, &file, 1);
    assert_eq!(
        (&said["read"], &said["accepted"], &said["refused"]),
        (&2.into(), &1.into(), &1.into())
    );
    let [receipts, claims] = acknowledgements.as_slice() else {
        panic!("two: {said}");
    };
    assert_eq!(elements(receipts, "IK5", 1), ["A"]);
    assert_eq!(elements(receipts, "AK9", 1), ["A"]);
    // Two interchanges to one receiver have two numbers.
    let [one, other] = [receipts, claims].map(|text| elements(text, "ISA", 13));
    assert_ne!(one, other);
    // The number of ours is the claim's id, by which its outcome is found.
    let ours: Vec<String> = x12::segments(claims)
        .into_iter()
        .filter(|segment| segment[..2] == ["REF", "1K"])
        .map(|segment| segment[2].clone())
        .collect();
    assert_eq!(ours, [said["claims"][0].as_str().unwrap()]);
    let told: Vec<String> = elements(claims, "STC", 1);
    assert!(told.contains(&"A2:20:PR".to_owned()), "{told:?}");
    assert!(told.contains(&"A8:400".to_owned()), "{told:?}");
    // For people, the same.
    let folder = scratch.path().join("again");
    let output = submit(&data, &["--acknowledge", folder.to_str().unwrap()], &file);
    let out = common::text(&output, 1);
    assert!(out.contains("Acknowledged in "), "{out}");
    assert!(errors(&output).contains("I509 the total is 91.00, the lines come to 90.00"));
    let folder_named = out.replace(folder.to_str().unwrap(), "DIR");
    insta::assert_snapshot!("submitted", office::settled(&folder_named));
    let names: Vec<PathBuf> = files(&folder);
    assert_eq!(names.len(), 2);
    assert_eq!(
        std::fs::read_to_string(folder.join("claims.837.999")).unwrap(),
        *receipts
    );
    assert_eq!(
        std::fs::read_to_string(folder.join("claims.837.277ca")).unwrap(),
        *claims
    );
}

/// A byte that is no UTF-8 refuses its own transaction set, at its element; the others
/// of the file are taken, and all of it is acknowledged.
#[test]
fn a_byte_that_is_no_text_is_acknowledged() {
    let (scratch, data) = scratch();
    let file = scratch.path().join("claims.837");
    let text = visit("A-1", "NOBODY", "90", "20260210");
    let (head, rest) = text.split_once("ST*").unwrap();
    let (set, tail) = rest.split_once("GE*1*").unwrap();
    let other = set.replace("*0001", "*0002").replace("A-1", "A-2");
    let text = format!("{head}ST*{set}ST*{other}GE*2*{tail}");
    let mut bytes = text.clone().into_bytes();
    let at = text.find("*ASH*ANN").unwrap();
    // Latin-1.
    bytes[at + 1] = 0xc4;
    std::fs::write(&file, bytes).unwrap();
    let (said, acknowledgements) = acknowledged(&data, &file, 1);
    assert_eq!(
        (&said["accepted"], &said["refused"]),
        (&1.into(), &1.into()),
        "{said}"
    );
    let refusal = &said["refusals"][0];
    assert_eq!(refusal["place"], "set 1, segment 13, 2010BA NM1-03");
    let [receipts, claims] = acknowledgements.as_slice() else {
        panic!("two: {said}");
    };
    assert_eq!(elements(receipts, "IK4", 3), ["6"]);
    assert_eq!(elements(receipts, "IK5", 1), ["R", "A"]);
    assert_eq!(elements(receipts, "AK9", 1), ["P"]);
    assert_eq!(elements(claims, "REF", 1), ["1K"]);
}

#[test]
fn x12_is_recognised_or_said() {
    let (scratch, data) = scratch();
    let file = scratch.path().join("claims");
    std::fs::write(&file, visit("A-1", "NOBODY", "90", "20260210")).unwrap();
    for format in [&["--json"][..], &["--json", "--format", "x12"]] {
        let said = json(&submit(&data, format, &file), 0);
        assert_eq!(said["accepted"], 1, "{said}");
        assert!(said.get("acknowledgements").is_none());
    }
    let said = json(&submit(&data, &["--json", "--format", "json"], &file), 0);
    assert_eq!(said["accepted"], 1, "the file was taken in before: {said}");
    // What is no X12 has no acknowledgement.
    let other = scratch.path().join("other.json");
    std::fs::write(&other, "{}").unwrap();
    let folder = scratch.path().join("none");
    let output = submit(&data, &["--acknowledge", folder.to_str().unwrap()], &other);
    text(&output, 1);
    assert!(
        errors(&output).contains("is not X12"),
        "{}",
        errors(&output)
    );
    assert!(!folder.exists());
}

/// What is read and cannot take the place of the claim it names is acknowledged as
/// refused, beside what was taken.
#[test]
fn a_claim_that_replaces_nothing_is_acknowledged_as_refused() {
    let (scratch, data) = scratch();
    let file = scratch.path().join("claims.837");
    let original = visit("A-1", "NOBODY", "90", "20260210");
    let replacement = x12::succeeding(&original, "7", &"0".repeat(32));
    std::fs::write(&file, replacement).unwrap();
    let (said, acknowledgements) = acknowledged(&data, &file, 1);
    assert_eq!(
        (&said["accepted"], &said["refused"]),
        (&0.into(), &1.into()),
        "{said}"
    );
    let [receipts, claims] = acknowledgements.as_slice() else {
        panic!("two: {said}");
    };
    assert_eq!(elements(receipts, "AK9", 1), ["A"]);
    let told = elements(claims, "STC", 1);
    assert!(told.iter().all(|code| !code.starts_with("A2:")), "{told:?}");
    let actions = elements(claims, "STC", 3);
    assert!(actions.contains(&"U".to_owned()), "{claims}");
}

/// Submits a file to the node of a configuration, and has it acknowledged in a folder.
fn submit_by(config: &Path, folder: &Path, file: &Path) -> std::process::Output {
    let mut command = common::tally();
    command.args(["claim", "submit", "--json", "--acknowledge"]);
    command.arg(folder).arg(file).arg("--config").arg(config);
    command.output().unwrap()
}

/// A billing provider that is named by something that no payment can name is taken in
/// with a warning, unless the payer's own intake refuses it. One that a `[[payee]]` names
/// is known.
#[test]
fn who_cannot_be_paid_is_refused_where_that_is_configured() {
    let (scratch, data) = scratch();
    let file = scratch.path().join("claims.837");
    let sound = visit("A-1", "NOBODY", "90", "20260210");
    let wrong = sound.replace("2000001372", "2000001373");
    assert_ne!(sound, wrong);
    std::fs::write(&file, &wrong).unwrap();
    let config = scratch.path().join("tally.toml");
    let folder = scratch.path().join("acknowledged");
    let submit = |intake: &str| {
        let of = format!("[node]\ndata = {data:?}\n{intake}");
        std::fs::write(&config, of).unwrap();
        submit_by(&config, &folder, &file)
    };
    let refuse = "[intake]\nunknown_payee = \"refuse\"\n";
    let refused = submit(refuse);
    let said = json(&refused, 1);
    let reason = said["refusals"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("I312"), "{said}");
    assert_eq!(said["refusals"][0]["place"], "claim 1 of the file");
    let claims = std::fs::read_to_string(folder.join("claims.837.277ca")).unwrap();
    let told = elements(&claims, "STC", 1);
    assert!(told.contains(&"A7:562:85".to_owned()), "{told:?}");
    assert_eq!(
        elements(&claims, "TRN", 2).last().unwrap(),
        "A-1",
        "{claims}"
    );

    let named =
        "[[payee]]\nidentifier = \"2000001373\"\nname = \"A CARRIER\"\ntax = \"123456789\"\n";
    std::fs::write(&file, wrong.replace("A-1", "A-2")).unwrap();
    let known = submit(&format!("{refuse}{named}"));
    assert_eq!(json(&known, 0)["accepted"], 1);
    assert!(!errors(&known).contains("WARN"), "{}", errors(&known));

    std::fs::write(&file, wrong.replace("A-1", "A-3")).unwrap();
    let taken = submit("");
    assert_eq!(json(&taken, 0)["accepted"], 1);
    assert!(errors(&taken).contains("[[payee]]"), "{}", errors(&taken));
}

/// Who the patient is, is not guessed; and an original names no other claim.
#[test]
fn what_contradicts_itself_is_refused() {
    let (scratch, data) = scratch();
    let sound = visit("A-1", "NOBODY", "90", "20260210");
    for (from, to, rule, place) in [
        ("SBR*P*18*", "SBR*P**", "I306", "2000B SBR-02"),
        (
            "SBR*P*18*******CI",
            "SBR*P*18*******Q",
            "I209",
            "2000B SBR-09",
        ),
        (
            "HI*",
            "REF*F8*0123456789abcdef0123456789abcdef~\nHI*",
            "I303",
            "2300 REF-02",
        ),
    ] {
        assert!(sound.contains(from), "{from}: {sound}");
        let mut text = sound.replacen(from, to, 1);
        if to.contains("~\n") {
            let (head, rest) = text.split_once("SE*").unwrap();
            let (count, tail) = rest.split_once('*').unwrap();
            let count: u32 = count.parse().unwrap();
            text = format!("{head}SE*{}*{tail}", count + 1);
        }
        let file = scratch.path().join("claims.837");
        std::fs::write(&file, text).unwrap();
        let said = json(&submit(&data, &["--json"], &file), 1);
        let refusal = &said["refusals"][0];
        let reason = refusal["reason"].as_str().unwrap();
        assert!(reason.starts_with(rule), "{to}: {said}");
        assert!(
            refusal["place"].as_str().unwrap().ends_with(place),
            "{said}"
        );
    }
}

/// Test data is read, unless the payer's own intake says that it is refused: then it
/// is acknowledged as usual and comes to nothing.
#[test]
fn test_data_is_refused_where_that_is_configured() {
    let (scratch, data) = scratch();
    let file = scratch.path().join("claims.837");
    let text = visit("A-1", "NOBODY", "90", "20260210");
    assert_eq!(text.matches("*P*:~").count(), 1, "{text}");
    std::fs::write(&file, text.replace("*P*:~", "*T*:~")).unwrap();
    let config = scratch.path().join("tally.toml");
    let of = format!("[node]\ndata = {data:?}\n[intake]\ntest_data = \"refuse\"\n");
    std::fs::write(&config, of).unwrap();
    let folder = scratch.path().join("acknowledged");
    let output = submit_by(&config, &folder, &file);
    let said = json(&output, 1);
    assert_eq!(
        (&said["accepted"], &said["refused"]),
        (&0.into(), &1.into())
    );
    let reason = said["refusals"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("I115"), "{said}");
    let receipt = std::fs::read_to_string(folder.join("claims.837.999")).unwrap();
    assert_eq!(elements(&receipt, "IK5", 1), ["A"]);
    let claims = std::fs::read_to_string(folder.join("claims.837.277ca")).unwrap();
    let told = elements(&claims, "STC", 1);
    assert!(
        told.iter().any(|code| code.starts_with("A3:541")),
        "{told:?}"
    );
}
