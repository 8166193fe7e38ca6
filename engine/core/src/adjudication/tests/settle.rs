//! A determination against its contract. It is wrong in every way; each row
//! mends one thing and fails one rule later.

use tally_types::{Carc, Group, Money, ShortCode};

use super::rig::{
    DEDUCTIBLE, FAMILY, LIFETIME, VISITS, World, adjust, determine, line, post, settled,
};
use crate::adjudication::*;
use crate::canon::Canon;

use ContractFault as F;
use OutcomeError as O;

fn world() -> World {
    let mut world = World::new(vec![
        line(1, "99213", 15_000, "2026-03-10"),
        line(2, "99214", 8_000, "2026-03-10"),
    ]);
    let key = world.key(DEDUCTIBLE, "2026-01-01");
    world.used.insert(key, 49_000);
    world
}

fn lines(d: &mut Determination) -> &mut Vec<LineDetermination> {
    match &mut d.verdict {
        Verdict::Settled(lines) => lines,
        Verdict::Pended(_) => panic!("it waits"),
    }
}

fn first(d: &mut Determination) -> &mut LineDetermination {
    &mut lines(d)[0]
}

fn index(line: u16, what: &'static str, index: u16) -> F {
    F::BadIndex { line, what, index }
}

fn many(line: u16, what: &'static str, found: usize, limit: usize) -> F {
    F::TooMany {
        line,
        what,
        found,
        limit,
    }
}

#[test]
fn each_row_fails_one_rule_later() {
    let world = world();
    let finding = Finding {
        pattern: 1,
        line: 3,
        score: 1_001,
        clause: 3,
    };
    let mut wrong = determine(&world.claim.lines[0], vec![], vec![]);
    wrong.clause = 3;
    wrong.adjustments = vec![adjust(Group::Oa, 9_999, 0); 33];
    wrong.adjustments[0].clause = 3;
    wrong.postings = vec![post(4, 0); 17];
    wrong.denied = true;
    wrong.paid = Money::cents(-1);
    wrong.allowed = Money::cents(-1);
    let mut determination = Determination {
        verdict: Verdict::Settled(vec![wrong]),
        findings: vec![finding; 65],
    };
    let over = |used, amount| F::OverLimit {
        line: 1,
        accumulator: 0,
        used,
        amount,
    };
    let carc = Carc(16);
    let unbalanced = |stated: i64, paid: i64| O::Unbalanced {
        line: 1,
        stated: Money::cents(stated),
        paid: Money::cents(paid),
    };
    type Mend = fn(&mut Determination);
    let rows: [(Mend, F); 28] = [
        (|_| {}, many(0, "findings", 65, 64)),
        (|d| d.findings.truncate(64), index(3, "line", 3)),
        (
            |d| d.findings.iter_mut().for_each(|f| f.line = 2),
            index(2, "score", 1_001),
        ),
        (
            |d| d.findings.iter_mut().for_each(|f| f.score = 1_000),
            index(2, "pattern", 1),
        ),
        (
            |d| d.findings.iter_mut().for_each(|f| f.pattern = 0),
            index(2, "clause", 3),
        ),
        (
            |d| d.findings.iter_mut().for_each(|f| f.clause = 2),
            F::WrongLines {
                expected: 2,
                found: 0,
            },
        ),
        (
            |d| {
                let mut second = first(d).clone();
                second.line = 3;
                lines(d).push(second);
            },
            F::WrongLines {
                expected: 2,
                found: 3,
            },
        ),
        (
            |d| {
                lines(d)[1] = determine(&line(2, "99214", 8_000, "2026-03-10"), vec![], vec![]);
                let third = first(d).clone();
                lines(d).push(third);
            },
            F::WrongLines {
                expected: 0,
                found: 1,
            },
        ),
        (|d| lines(d).truncate(2), many(1, "adjustments", 33, 32)),
        (
            |d| first(d).adjustments.truncate(32),
            many(1, "postings", 17, 16),
        ),
        (|d| first(d).postings.truncate(2), index(1, "clause", 3)),
        (
            |d| first(d).adjustments[0].clause = 0,
            index(1, "accumulator", 4),
        ),
        (
            |d| first(d).postings = vec![post(DEDUCTIBLE, 0), post(DEDUCTIBLE, 1)],
            over(49_000, 0),
        ),
        (
            |d| first(d).postings = vec![post(DEDUCTIBLE, 1_000), post(DEDUCTIBLE, 1)],
            over(50_000, 1),
        ),
        (|d| first(d).postings.truncate(1), index(1, "clause", 3)),
        (|d| first(d).clause = 0, unbalanced(-1, 15_000).into()),
        (
            |d| {
                first(d).adjustments[0].amount = Money::cents(i64::MAX);
                first(d).adjustments[1].amount = Money::cents(i64::MAX);
            },
            O::Overflow { line: 1 }.into(),
        ),
        (
            |d| {
                first(d).adjustments.truncate(1);
                first(d).adjustments[0].amount = Money::cents(-15_001);
                first(d).paid = Money::cents(30_001);
            },
            O::UnknownReason {
                line: 1,
                carc: Carc(9_999),
            }
            .into(),
        ),
        (
            |d| {
                first(d).adjustments[0].carc = Carc(16);
                first(d).adjustments[0].group = Group::Pi;
            },
            O::GroupNotPermitted {
                line: 1,
                group: Group::Pi,
                carc,
            }
            .into(),
        ),
        (
            |d| first(d).adjustments[0].group = Group::Co,
            O::Remark { line: 1, carc }.into(),
        ),
        (
            |d| first(d).adjustments[0].rarc = ShortCode::of("X1"),
            O::Remark { line: 1, carc }.into(),
        ),
        (
            |d| first(d).adjustments[0].rarc = ShortCode::of("N130"),
            O::NegativeAdjustment { line: 1, carc }.into(),
        ),
        (
            |d| {
                first(d).adjustments[0].amount = Money::ZERO;
                first(d).paid = Money::cents(15_000);
            },
            O::ZeroAdjustment { line: 1 }.into(),
        ),
        (
            |d| {
                first(d).adjustments[0].amount = Money::cents(15_001);
                first(d).paid = Money::cents(-1);
            },
            O::NegativePayment {
                line: 1,
                paid: Money::cents(-1),
            }
            .into(),
        ),
        (
            |d| {
                first(d).adjustments[0].amount = Money::cents(15_000);
                first(d).paid = Money::ZERO;
            },
            O::DeniedButPaid { line: 1 }.into(),
        ),
        (
            |d| first(d).allowed = Money::ZERO,
            O::DeniedButPaid { line: 1 }.into(), // it still accumulates
        ),
        (
            |d| {
                first(d).denied = false;
                first(d).allowed = Money::cents(-1);
            },
            O::PaidOverAllowed {
                line: 1,
                paid: Money::ZERO,
                allowed: Money::cents(-1),
            }
            .into(),
        ),
        (
            |d| {
                first(d).adjustments[0].amount = Money::cents(14_000);
                first(d).paid = Money::cents(1_000);
                first(d).allowed = Money::cents(999);
            },
            O::PaidOverAllowed {
                line: 1,
                paid: Money::cents(1_000),
                allowed: Money::cents(999),
            }
            .into(),
        ),
    ];
    for (row, (mend, expected)) in rows.into_iter().enumerate() {
        mend(&mut determination);
        let settled = world.settle(Ok(determination.clone()));
        assert_eq!(settled.fault.as_ref(), Some(&expected), "row {row}");
        assert_waits(&settled, &expected);
    }
    first(&mut determination).allowed = Money::cents(1_000);
    let settled = world.settle(Ok(determination));
    assert_eq!(settled.fault, None);
    assert_eq!(settled.outcome.status(), Status::Paid);
    assert_eq!(settled.outcome.findings().len(), 64);
    assert_eq!(settled.movements.len(), 1);
}

/// What a fault comes to: the claim waits by its number, nothing has moved.
fn assert_waits(settled: &Settled, fault: &F) {
    let Settlement::Pended {
        reason,
        text,
        resolution,
        line,
        clause,
        charges,
    } = settled.outcome.settlement()
    else {
        panic!("not pended: {fault}");
    };
    let rule = fault.rule();
    assert_eq!([reason, clause], [&rule.id(); 2]);
    assert_eq!(text, &format!("{} ({fault})", rule.text()));
    assert_eq!((resolution.as_str(), *line), (rule.resolution(), 0));
    assert_eq!(charges.len(), settled.lines.len());
    assert!(settled.movements.is_empty());
    assert!(settled.outcome.findings().is_empty());
    assert!(settled.outcome.policy().is_some());
    assert!(
        settled
            .lines
            .iter()
            .all(|line| line.state == LineState::Unjudged)
    );
    let bytes = settled.outcome.to_canon();
    assert_eq!(Outcome::from_canon(&bytes).as_ref(), Ok(&settled.outcome));
}

#[test]
fn a_pend_of_the_policy() {
    let world = world();
    let mut pend = Pend {
        reason: 1,
        line: 3,
        clause: 3,
    };
    let mut fails = |mend: fn(&mut Pend), fault: F| {
        mend(&mut pend);
        let verdict = Verdict::Pended(pend.clone());
        let findings = vec![];
        let settled = world.settle(Ok(Determination { verdict, findings }));
        assert_waits(&settled, &fault);
    };
    fails(|_| {}, index(3, "pend reason", 1));
    fails(|p| p.reason = 0, index(3, "line", 3));
    fails(|p| p.line = 2, index(2, "clause", 3));
    pend.clause = 2;
    let settled = world.settle(Ok(Determination {
        verdict: Verdict::Pended(pend),
        findings: vec![],
    }));
    assert_eq!(settled.fault, None);
    assert!(settled.movements.is_empty());
    let waits = |line: &PastLine| line.state == LineState::Pended;
    assert!(settled.lines.iter().all(waits));
    assert_eq!(settled.outcome.charge(), Money::cents(23_000));
    assert_eq!(settled.outcome.paid(), Money::ZERO);
}

/// Every engine rule is reached: those of `decide` in its own table, and every
/// kind of contract fault here, whether the sandbox or `settle` found it.
#[test]
fn every_fault_has_its_rule() {
    let faults = [
        (F::OutOfFuel { limit: 5 }, 301),
        (F::Trap(TrapKind::Unreachable), 302),
        (F::BadAnswer, 303),
        (F::TooMuchData { limit: 5 }, 304),
        (F::BadQuestion { what: "table" }, 305),
        (
            F::WrongLines {
                expected: 1,
                found: 2,
            },
            306,
        ),
        (index(1, "clause", 9), 307),
        (many(1, "postings", 17, 16), 308),
        (O::Lines.into(), 309),
        (
            F::OverLimit {
                line: 1,
                accumulator: 0,
                used: 1,
                amount: 1,
            },
            310,
        ),
    ];
    let world = world();
    let mut found = Vec::new();
    for (fault, number) in faults {
        assert_eq!(fault.rule().number(), number);
        found.push(fault.rule());
        let settled = world.settle(Err(fault.clone()));
        assert_eq!(settled.fault.as_ref(), Some(&fault));
        assert_waits(&settled, &fault);
    }
    let faults = EngineRule::ALL
        .into_iter()
        .filter(|rule| rule.number() >= 300);
    assert!(faults.eq(found));
}

#[test]
fn wrong_lines_are_told_as_what_they_are() {
    for (expected, found, text) in [
        (2, 0, "line 2 was not determined"),
        (0, 3, "line 3 was determined, which the claim does not have"),
        (2, 3, "line 2 was to be determined next, not line 3"),
    ] {
        assert_eq!(F::WrongLines { expected, found }.to_string(), text);
    }
}

/// Postings run on from line to line, each to the period of its line.
#[test]
fn postings_run_on() {
    let mut world = World::new(vec![
        line(1, "99213", 15_000, "2026-06-30"),
        line(2, "99214", 8_000, "2026-07-01"),
        line(3, "99215", 8_000, "2025-12-31"),
        line(4, "99216", 8_000, "2026-08-01"),
    ]);
    let key = world.key(VISITS, "2026-07-01");
    world.used.insert(key, 18);
    let postings = [
        vec![post(VISITS, 1), post(DEDUCTIBLE, 400), post(FAMILY, 400)],
        vec![post(VISITS, 1), post(DEDUCTIBLE, 300), post(LIFETIME, 5)],
        vec![post(DEDUCTIBLE, 200), post(FAMILY, 200)],
        vec![post(VISITS, 1), post(DEDUCTIBLE, 100), post(LIFETIME, 6)],
    ];
    let lines = world.claim.lines.iter().zip(postings);
    let lines = lines
        .map(|(given, postings)| determine(given, vec![], postings))
        .collect();
    let settled = world.settle(Ok(settled(lines)));
    assert_eq!(settled.fault, None);
    let moved: Vec<_> = settled
        .movements
        .iter()
        .map(|m| {
            let who = m.key.member.as_deref().unwrap_or("family");
            format!(
                "{who} {} {}: {} to {}",
                m.key.name, m.key.period, m.before, m.after
            )
        })
        .collect();
    assert_eq!(
        moved,
        [
            "family family-deductible 2025-01-01: 0 to 200",
            "family family-deductible 2026-01-01: 0 to 400",
            "M1 deductible 2025-01-01: 0 to 200",
            "M1 deductible 2026-01-01: 0 to 800",
            "M1 lifetime 1970-01-01: 0 to 11",
            "M1 visits 2025-07-01: 0 to 1",
            "M1 visits 2026-07-01: 18 to 20",
        ]
    );
    let last = settled.outcome.lines()[3].postings();
    let shown: Vec<_> = last.iter().map(|p| (p.before, p.after())).collect();
    assert_eq!(shown, [(19, 20), (700, 800), (5, 11)]);
    // One visit more is over the limit of the year it falls in.
    let lines = world.claim.lines.iter().map(|given| {
        let visits = vec![post(VISITS, if given.number == 4 { 2 } else { 1 })];
        determine(given, vec![], visits)
    });
    let fault = world.settle(Ok(super::rig::settled(lines.collect()))).fault;
    let over = F::OverLimit {
        line: 4,
        accumulator: VISITS,
        used: 19,
        amount: 2,
    };
    assert_eq!(fault, Some(over));
}

/// A lifetime is one period for all days, those before 1970 too.
#[test]
fn a_service_before_1970_counts_in_the_lifetime() {
    let mut world = World::new(vec![line(1, "99213", 15_000, "1969-12-31")]);
    world.contract.members[0].spans = vec![super::rig::span("gold", "1960-01-01", None)];
    world.policies = vec![("gold", "1960-01-01", 1)];
    let lines = vec![determine(
        &world.claim.lines[0],
        vec![],
        vec![post(LIFETIME, 5)],
    )];
    let settled = world.settle(Ok(settled(lines)));
    assert_eq!(settled.fault, None);
    assert_eq!(settled.movements[0].after, 5);
}

/// A balance already over a limit that was lowered stays, and takes no more.
#[test]
fn a_balance_over_its_limit_takes_no_more() {
    let mut world = world();
    let key = world.key(DEDUCTIBLE, "2026-01-01");
    world.used.insert(key, 60_000);
    let lines = world
        .claim
        .lines
        .iter()
        .map(|given| determine(given, vec![], vec![]));
    assert_eq!(world.settle(Ok(settled(lines.collect()))).fault, None);
    let lines = world
        .claim
        .lines
        .iter()
        .map(|given| determine(given, vec![], vec![post(0, 1)]));
    let over = F::OverLimit {
        line: 1,
        accumulator: 0,
        used: 60_000,
        amount: 1,
    };
    assert_eq!(world.settle(Ok(settled(lines.collect()))).fault, Some(over));
}

/// What a person said holds above a limit, and is named; what a policy says does not.
#[test]
fn what_a_person_determined_holds_above_a_limit_and_is_named() {
    let world = world();
    let given = &world.claim.lines;
    let lines = vec![
        determine(&given[0], vec![], vec![post(DEDUCTIBLE, 900)]),
        determine(&given[1], vec![], vec![post(DEDUCTIBLE, 5_000)]),
    ];
    let run = world.run();
    let by_hand = settle_by_hand(&world.claim, &run, lines.clone()).unwrap();
    assert_eq!(by_hand.fault, None);
    assert_eq!(by_hand.movements[0].after, 54_900);
    let over = over_limits(&by_hand.outcome, &run.policy.description);
    let shown: Vec<_> = over
        .iter()
        .map(|of| (of.line, of.posting.before, of.posting.amount, of.limit))
        .collect();
    assert_eq!(shown, [(2, 49_900, 5_000, 50_000)]);
    let bound = world.settle(Ok(settled(lines.clone())));
    assert!(matches!(bound.fault, Some(F::OverLimit { .. })));
    // Nothing else gives way.
    let mut unbalanced = lines;
    unbalanced[0].paid = Money::cents(1);
    let refused = settle_by_hand(&world.claim, &run, unbalanced).unwrap();
    assert!(matches!(refused.fault, Some(F::Unbalanced(_))));
}
