//! Outcomes in full: one paid, one denied, one that waits. Their bytes are
//! frozen: to change a hash here is to change what every receipt means.

use sha2::{Digest, Sha256};
use tally_types::{Group, ShortCode};

use super::rig::{DEDUCTIBLE, FAMILY, World, adjust, determine, line, post};
use crate::adjudication::*;
use crate::canon::Canon;

fn hash(bytes: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An outcome as people could read it, and the hash of its bytes.
fn shown(outcome: &Outcome) -> String {
    let mut text = format!(
        "{}: charge {}, allowed {}, paid {}, patient {}\n",
        outcome.status(),
        outcome.charge(),
        outcome.allowed(),
        outcome.paid(),
        outcome.patient()
    );
    for line in outcome.lines() {
        let denied = if line.denied() { ", denied" } else { "" };
        text += &format!(
            "line {}: charge {}, allowed {}, paid {}{denied}, by {}\n",
            line.number(),
            line.charge(),
            line.allowed(),
            line.paid(),
            line.clause()
        );
        for a in line.adjustments() {
            let OutcomeAdjustment {
                group,
                carc,
                rarc,
                amount,
                clause,
            } = a;
            text += &format!("  {group} {carc} {rarc} {amount}, by {clause}\n");
        }
        for p in line.postings() {
            let whose = if p.family { "family" } else { "member" };
            text += &format!(
                "  {whose} {} from {}: {} and {} is {}\n",
                p.accumulator,
                p.period,
                p.before,
                p.amount,
                p.after()
            );
        }
    }
    if let Settlement::Pended {
        reason,
        text: why,
        resolution,
        line,
        clause,
        charges,
    } = outcome.settlement()
    {
        text += &format!("{reason}, line {line}, by {clause}\n  {why}\n  {resolution}\n");
        for (line, charge) in charges {
            text += &format!("  line {line}: charge {charge}\n");
        }
    }
    for Flagged {
        pattern,
        line,
        score,
        clause,
    } in outcome.findings()
    {
        text += &format!("found {pattern} on line {line}: {score}, by {clause}\n");
    }
    let bytes = outcome.to_canon();
    text + &format!("{} bytes, SHA-256 {}", bytes.len(), hash(&bytes))
}

fn world() -> World {
    let mut world = World::new(vec![
        line(1, "99213", 15_000, "2026-03-10"),
        line(2, "97110", 8_000, "2026-03-10"),
        line(3, "97140", 2_500, "2025-01-05"),
    ]);
    let key = world.key(DEDUCTIBLE, "2026-01-01");
    world.used.insert(key, 49_000);
    world
}

#[test]
fn a_paid_outcome() {
    let world = world();
    let mut not_covered = adjust(Group::Pr, 96, 8_000);
    not_covered.rarc = ShortCode::of("N130");
    let mut second = determine(&world.claim.lines[1], vec![not_covered], vec![]);
    second.denied = true;
    second.allowed = tally_types::Money::ZERO;
    second.clause = 2;
    let first = determine(
        &world.claim.lines[0],
        vec![
            adjust(Group::Co, 45, 5_800),
            adjust(Group::Pr, 1, 1_000),
            adjust(Group::Pr, 2, 1_640),
        ],
        vec![post(DEDUCTIBLE, 1_000), post(FAMILY, 1_000)],
    );
    let settled = world.settle(Ok(Determination {
        verdict: Verdict::Settled(vec![first, second]),
        findings: vec![Finding {
            pattern: 0,
            line: 1,
            score: 350,
            clause: 0,
        }],
    }));
    assert_eq!(settled.fault, None);
    insta::assert_snapshot!(shown(&settled.outcome));
}

#[test]
fn a_denied_outcome() {
    let mut world = world();
    world.claim.lines.drain(..2);
    insta::assert_snapshot!(shown(&world.done().outcome));
}

#[test]
fn an_outcome_that_waits() {
    let world = world();
    let fault = ContractFault::OutOfFuel { limit: 20_000_000 };
    insta::assert_snapshot!(shown(&world.settle(Err(fault)).outcome));
}

/// The canonical bytes of what a policy is given, says and asks are frozen too.
#[test]
fn encodings_are_frozen() {
    let world = world();
    let run = world.run();
    let key = TableKey {
        a: tally_types::Code::of("99213"),
        b: tally_types::Code::NONE,
        on: super::rig::day("2026-03-10"),
    };
    let transcript = Transcript(vec![
        Exchange::Lookup {
            table: 0,
            keys: vec![key],
            rows: vec![TableRow {
                found: true,
                values: [9_200, 0, 0, -1],
            }],
        },
        Exchange::Query {
            questions: vec![Question {
                what: Measure::LastDate,
                code: tally_types::Code::of("97110"),
                revenue: tally_types::ShortCode::NONE,
                provider: tally_types::Code::NONE,
                billing: tally_types::Code::NONE,
                kind: None,
                from: super::rig::day("2026-01-01"),
                through: super::rig::day("2026-12-31"),
                until: tally_types::ServiceDate::MAX,
                family: true,
            }],
            answers: vec![i64::MIN],
        },
    ]);
    assert_eq!(
        Context::from_canon(&run.context.to_canon())
            .ok()
            .map(|c| c.lines.len()),
        Some(2)
    );
    let past = PastLine::of(&world.claim, &world.claim.lines[0], LineState::Pended);
    let frozen = [
        ("claim", hash(&world.claim.to_canon())),
        ("contract", hash(&world.contract.to_canon())),
        ("context", hash(&run.context.to_canon())),
        (
            "description",
            hash(&super::rig::description("gold").to_canon()),
        ),
        (
            "accumulator key",
            hash(&world.key(FAMILY, "2026-01-01").to_canon()),
        ),
        ("past line", hash(&past.to_canon())),
        (
            "transcript",
            transcript
                .hash()
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect(),
        ),
    ];
    let lines: Vec<String> = frozen
        .iter()
        .map(|(of, hash)| format!("{of}: {hash}"))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}
