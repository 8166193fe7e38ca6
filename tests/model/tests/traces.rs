//! Traces that pass, and the same with one line that must not.

use tally_model::rules::Refusal;
use tally_model::trace::{Event, Line, Reason, Trace, check_trace};

/// Four nodes; a kill between commit and acknowledgement; a disk that is lost, and its
/// organisation back with a new key in the next epoch; a witness.
fn good() -> Vec<String> {
    let mut lines = Vec::new();
    for node in ["a", "b", "c", "d"] {
        lines.push(line(node, &format!(r#""started","journal":"j{node}""#)));
        lines.push(line(
            node,
            r#""epoch","epoch":0,"authorities":["a","b","c","d"]"#,
        ));
    }
    for node in ["a", "b", "c", "d"] {
        lines.extend(block(node, &[("o", 0, 2), ("p", 0, 1)], 1, 5, 0));
    }
    // `b` is killed before it acknowledges, and the block comes again.
    lines.push(line("b", r#""killed""#));
    lines.push(line("b", r#""started","journal":"jb","height":1"#));
    lines.push(line("b", r#""epoch","epoch":0,"authorities":"a, b, c, d""#));
    lines.extend(block("b", &[("o", 0, 2), ("p", 0, 1)], 1, 5, 0));
    for node in ["a", "b", "c", "d"] {
        lines.push(line(node, r#""acknowledged","height":1"#));
        lines.push(line(node, r#""signed","size":5,"root":"r5","epoch":0"#));
    }
    for signer in ["b", "c", "c"] {
        lines.push(line(
            "a",
            &format!(r#""collected","signer":"{signer}","size":5,"root":"r5""#),
        ));
    }
    lines.push(line(
        "a",
        r#""published","size":5,"root":"r5","epoch":0,"signers":"a b c""#,
    ));
    lines.push(line(
        "w",
        r#""cosigned","witness":"w","size":5,"root":"r5""#,
    ));
    // The disk of `d` is lost; the next block is the boundary.
    lines.push(line("d", r#""killed""#));
    for node in ["a", "b", "c"] {
        lines.extend(block(node, &[("o", 2, 1)], 2, 7, 0));
        lines.push(line(
            node,
            r#""epoch","epoch":1,"authorities":["a","b","c","d2"]"#,
        ));
        lines.push(line(node, r#""signed","size":7,"root":"r7","epoch":0"#));
    }
    for signer in ["a", "c"] {
        lines.push(line(
            "b",
            &format!(r#""collected","signer":"{signer}","size":7,"root":"r7""#),
        ));
    }
    lines.push(line(
        "b",
        r#""published","size":7,"root":"r7","epoch":0,"signers":["a","b","c"]"#,
    ));
    lines.push(line(
        "d",
        r#""started","journal":"jd2","key":"d2","height":0"#,
    ));
    lines.extend(block("d", &[("o", 0, 2), ("p", 0, 1)], 1, 5, 0));
    lines.extend(block("d", &[("o", 2, 1)], 2, 7, 0));
    lines.push(line(
        "d",
        r#""epoch","epoch":1,"authorities":["a","b","c","d2"]"#,
    ));
    // A block without entries changes nothing.
    for node in ["a", "b", "c", "d"] {
        lines.push(committed(node, 3, 7, 1));
        lines.extend(block(node, &[("p", 1, 3)], 4, 11, 1));
    }
    for node in ["c", "d"] {
        lines.push(line(node, r#""signed","size":11,"root":"r11","epoch":1"#));
    }
    lines.push(line("b", r#""signed","size":11,"root":"r11","epoch":1"#));
    for signer in ["c", "d2"] {
        lines.push(line(
            "b",
            &format!(r#""collected","signer":"{signer}","size":11,"root":"r11""#),
        ));
    }
    lines.push(line(
        "b",
        r#""published","size":11,"root":"r11","epoch":1,"signers":["b","c","d2"]"#,
    ));
    lines.push(line(
        "w",
        r#""cosigned","witness":"w","size":11,"root":"r11""#,
    ));
    lines
}

fn line(node: &str, event: &str) -> String {
    format!(r#"{{"time":"12:00:00","node":"{node}","event":{event}}}"#)
}

fn committed(node: &str, height: u64, size: u64, epoch: u64) -> String {
    let root = format!("r{size}");
    line(
        node,
        &format!(r#""committed","height":{height},"size":{size},"root":"{root}","epoch":{epoch}"#),
    )
}

fn block(
    node: &str,
    envelopes: &[(&str, u64, u64)],
    height: u64,
    size: u64,
    epoch: u64,
) -> Vec<String> {
    let mut lines: Vec<String> = envelopes
        .iter()
        .map(|(organisation, first, count)| {
            let organisation = format!(r#""relayed","organisation":"{organisation}""#);
            line(
                node,
                &format!(r#"{organisation},"first":{first},"count":{count}"#),
            )
        })
        .collect();
    lines.push(committed(node, height, size, epoch));
    lines
}

fn said(lines: &[String]) -> Result<(), Reason> {
    check_trace(lines.iter().map(String::as_str)).map_err(|violation| violation.reason)
}

#[test]
fn a_good_trace_passes() {
    let mut trace = Trace::default();
    for line in good() {
        trace
            .line(&line)
            .unwrap_or_else(|violation| panic!("{violation}"));
    }
    assert_eq!((trace.finalised(), trace.public()), (4, 3));
}

/// What comes after the whole good trace, and why it must not.
const AFTER: &[(&str, &str, Refusal)] = &[
    (
        "a",
        r#""committed","height":6,"size":11,"root":"r11","epoch":1"#,
        Refusal::Gap,
    ),
    (
        "a",
        r#""committed","height":4,"size":11,"root":"x","epoch":1"#,
        Refusal::Rewritten,
    ),
    (
        "a",
        r#""committed","height":5,"size":9,"root":"x","epoch":1"#,
        Refusal::Shrinks,
    ),
    (
        "a",
        r#""committed","height":5,"size":11,"root":"x","epoch":1"#,
        Refusal::OtherRoot,
    ),
    (
        "a",
        r#""committed","height":5,"size":12,"root":"x","epoch":1"#,
        Refusal::OtherCount,
    ),
    (
        "a",
        r#""committed","height":5,"size":11,"root":"r11","epoch":0"#,
        Refusal::PastBoundary,
    ),
    (
        "a",
        r#""committed","height":2,"size":7,"root":"r7","epoch":1"#,
        Refusal::BeforeItsEpoch,
    ),
    (
        "a",
        r#""committed","height":5,"size":11,"root":"r11","epoch":2"#,
        Refusal::UnknownEpoch,
    ),
    (
        "a",
        r#""acknowledged","height":5"#,
        Refusal::AcknowledgedUncommitted,
    ),
    (
        "a",
        r#""signed","size":11,"root":"x","epoch":1"#,
        Refusal::SignedUncommitted,
    ),
    (
        "a",
        r#""signed","size":13,"root":"r13","epoch":1"#,
        Refusal::SignedUncommitted,
    ),
    (
        "a",
        r#""signed","size":11,"root":"r11","epoch":0"#,
        Refusal::PastBoundary,
    ),
    (
        "a",
        r#""signed","size":7,"root":"r7","epoch":1"#,
        Refusal::BeforeItsEpoch,
    ),
    (
        "d",
        r#""signed","size":5,"root":"r5","epoch":0"#,
        Refusal::NotOfTheSet,
    ),
    (
        "a",
        r#""collected","signer":"a","size":11,"root":"r11""#,
        Refusal::Forged,
    ),
    (
        "a",
        r#""collected","signer":"e","size":11,"root":"r11""#,
        Refusal::NotOfTheSet,
    ),
    (
        "a",
        r#""published","size":11,"root":"r11","epoch":1,"signers":"b c""#,
        Refusal::TooFew,
    ),
    (
        "a",
        r#""published","size":11,"root":"r11","epoch":1,"signers":"b c d""#,
        Refusal::NotOfTheSet,
    ),
    (
        "a",
        r#""published","size":11,"root":"r11","epoch":1,"signers":"b c d2""#,
        Refusal::NotCollected,
    ),
    (
        "a",
        r#""published","size":11,"root":"r11","epoch":0,"signers":"a b c""#,
        Refusal::PastBoundary,
    ),
    (
        "a",
        r#""epoch","epoch":1,"authorities":"a b c""#,
        Refusal::OtherEpoch,
    ),
    (
        "a",
        r#""epoch","epoch":0,"authorities":"a b c d""#,
        Refusal::NotNext,
    ),
    (
        "a",
        r#""epoch","epoch":3,"authorities":"a b c""#,
        Refusal::NotNext,
    ),
    ("a", r#""started","journal":"ja""#, Refusal::Running),
    ("e", r#""acknowledged","height":0"#, Refusal::NotRunning),
    (
        "w",
        r#""cosigned","witness":"w","size":7,"root":"r7""#,
        Refusal::CosignedShrinks,
    ),
    (
        "w",
        r#""cosigned","witness":"w","size":11,"root":"x""#,
        Refusal::CosignedWithoutQuorum,
    ),
    (
        "w",
        r#""cosigned","witness":"v","size":13,"root":"r13""#,
        Refusal::CosignedWithoutQuorum,
    ),
];

#[test]
fn a_bad_line_is_refused() {
    for (node, event, refusal) in AFTER {
        let mut lines = good();
        lines.push(line(node, event));
        assert_eq!(
            said(&lines),
            Err(Reason::Refused(*refusal)),
            "{node}: {event}"
        );
    }
}

/// What takes more than a line: all but the last of these is allowed.
#[test]
fn what_follows_badly_is_refused() {
    let killed = line("a", r#""killed""#);
    let start = |rest: &str| line("a", &format!(r#""started",{rest}"#));
    let enter = line("a", r#""epoch","epoch":1,"authorities":"a b c d2""#);
    let relayed = |node: &str, first: u64, count: u64| {
        let event = format!(r#""relayed","organisation":"o","first":{first},"count":{count}"#);
        line(node, &event)
    };
    let next = |size: u64| committed("a", 5, size, 1);
    let cases = [
        (
            vec![killed.clone(), start(r#""journal":"other""#)],
            Refusal::OtherJournal,
        ),
        (
            vec![killed.clone(), start(r#""journal":"ja","height":3"#)],
            Refusal::Lost,
        ),
        (
            vec![killed.clone(), line("a", r#""acknowledged","height":1"#)],
            Refusal::NotRunning,
        ),
        (vec![relayed("a", 2, 1), next(13)], Refusal::Again),
        (vec![relayed("a", 4, 1), next(13)], Refusal::EntriesMissing),
        (vec![relayed("a", 3, 0), next(12)], Refusal::NoEntries),
        (vec![relayed("a", 3, 2), next(13)], Refusal::OtherCount),
        (
            vec![relayed("a", 3, 1), next(13), committed("b", 5, 11, 1)],
            Refusal::Fork,
        ),
        (
            vec![
                relayed("a", 3, 1),
                line(
                    "a",
                    r#""committed","height":5,"size":13,"root":"x","epoch":1"#,
                ),
                relayed("b", 3, 1),
                committed("b", 5, 13, 1),
            ],
            Refusal::Fork,
        ),
        // What was collected before the kill is gone.
        (
            vec![
                line("b", r#""killed""#),
                line("b", r#""started","journal":"jb","height":4"#),
                line(
                    "b",
                    r#""published","size":11,"root":"r11","epoch":1,"signers":"b c d2""#,
                ),
            ],
            Refusal::NotCollected,
        ),
        // Entries of a block that was never committed are not its.
        (
            vec![
                relayed("a", 3, 1),
                killed,
                start(r#""journal":"ja""#),
                enter,
                next(13),
            ],
            Refusal::OtherCount,
        ),
    ];
    for (lines, refusal) in cases {
        let mut all = good();
        all.extend(lines);
        assert_eq!(said(&all[..all.len() - 1]), Ok(()), "{refusal}");
        assert_eq!(said(&all), Err(Reason::Refused(refusal)));
    }
}

/// Those whose lines are not in the trace may have signed anything; what is published is held
/// against what was finalised.
#[test]
fn what_nobody_finalised_is_not_public() {
    let mut lines: Vec<String> = good().drain(..2).collect();
    for signer in ["b", "c", "d"] {
        lines.push(line(
            "a",
            &format!(r#""collected","signer":"{signer}","size":5,"root":"x""#),
        ));
    }
    assert_eq!(said(&lines), Ok(()));
    lines.push(line(
        "a",
        r#""published","size":5,"root":"x","epoch":0,"signers":"b c d""#,
    ));
    assert_eq!(said(&lines), Err(Reason::Refused(Refusal::NotFinalised)));
}

#[test]
fn an_epoch_is_public_after_its_handover() {
    let handover = |line: &String| line.contains(r#""published","size":7"#);
    let lines: Vec<String> = good().into_iter().filter(|line| !handover(line)).collect();
    assert_eq!(said(&lines), Err(Reason::Refused(Refusal::NoHandover)));
}

#[test]
fn nodes_change_epochs_at_one_height() {
    let mut lines = good();
    let late = lines
        .iter()
        .position(|line| line.contains(r#""node":"b","event":"epoch","epoch":1"#))
        .expect("it enters");
    lines.truncate(late);
    lines.push(committed("b", 3, 7, 0));
    assert_eq!(said(&lines), Err(Reason::Refused(Refusal::PastBoundary)));
}

#[test]
fn the_line_is_named() {
    let mut lines = good();
    lines.insert(3, line("c", r#""danced""#));
    let violation = check_trace(lines.iter().map(String::as_str)).expect_err("no event");
    assert_eq!(violation.line, 4);
    assert!(matches!(&violation.reason, Reason::Form(why) if why.contains("danced")));
    assert_eq!(check_trace(["", "not json"]).expect_err("no event").line, 2);
}

/// An implementation may write events through these types.
#[test]
fn events_are_read_as_written() {
    let written = Line {
        node: "a".to_owned(),
        event: Event::Started {
            journal: "ja".to_owned(),
            key: None,
            height: Some(3),
        },
    };
    let text = serde_json::to_string(&written).expect("plain data");
    assert_eq!(
        text,
        r#"{"node":"a","event":"started","journal":"ja","height":3}"#
    );
    assert_eq!(
        serde_json::from_str::<Line>(&text).expect("as written"),
        written
    );
}

/// A key is changed and the disk is kept.
#[test]
fn a_new_key_may_keep_its_store() {
    let mut lines = good();
    lines.push(line("a", r#""killed""#));
    lines.push(line(
        "a",
        r#""started","journal":"ja2","key":"a2","height":4"#,
    ));
    lines.push(line("a", r#""acknowledged","height":4"#));
    assert_eq!(said(&lines), Ok(()));
}

/// The log as it was founded may be signed before the first block, and is the same for all.
#[test]
fn what_was_founded_is_signed() {
    let mut lines = good()[..8].to_vec();
    let signed = line("a", r#""signed","size":1,"root":"r1","epoch":0"#);
    let mut unfounded = lines.clone();
    unfounded.push(signed.clone());
    let refused = Err(Reason::Refused(Refusal::SignedUncommitted));
    assert_eq!(said(&unfounded), refused);
    for node in ["a", "b"] {
        lines.push(line(node, r#""founded","size":1,"root":"r1""#));
    }
    lines.push(signed);
    assert_eq!(said(&lines), Ok(()));
    lines.push(line("c", r#""founded","size":1,"root":"other""#));
    assert_eq!(said(&lines), Err(Reason::Refused(Refusal::Fork)));
}
