//! The engine's own rules. A claim is wrong in every way; each row mends one
//! thing and fails one rule later.

use tally_types::{Carc, Group, Money, ShortCode};

use super::rig::{World, day, line, rules, settled, span};
use crate::adjudication::*;
use crate::claim::{ClaimKind, Provider};

use EngineRule as E;

type Mend = fn(&mut World);

/// What comes of it: rules by line, or the lines left to the policy.
#[derive(Debug, PartialEq)]
enum Comes {
    Denied(Vec<(u16, E)>),
    Pended(u16, E),
    Run(Vec<u16>),
}

fn wrong_in_every_way() -> World {
    let mut world = World::new(vec![
        line(1, "99211", 1_000, "2025-06-30"), // before cover
        line(2, "99212", 2_000, "2026-11-01"), // after cover
        line(3, "99213", 3_000, "2026-03-10"), // on an earlier claim
        line(4, "99214", 4_000, "2026-03-10"),
        line(5, "99214", 4_000, "2026-03-10"), // as line 4
        line(6, "99215", 5_000, "2026-09-30"),
    ]);
    world.claim.lines[5].through = day("2026-10-01"); // out of cover
    world.contract.members[0].spans = vec![
        span("gold", "2025-07-01", Some("2026-06-30")),
        span("silver", "2026-07-01", Some("2026-09-30")),
    ];
    let earlier = line(9, "99213", 3_000, "2026-03-10");
    world.history = vec![PastLine::of(&world.claim, &earlier, LineState::Allowed)];
    world.enrolled = false;
    world.policies = vec![];
    world
}

#[test]
fn each_row_fails_one_rule_later() {
    let rows: [(&str, Mend, Comes); 8] = [
        (
            "the member is unknown",
            |_| {},
            Comes::Denied((1..=6).map(|n| (n, E::MemberUnknown)).collect()),
        ),
        (
            "line 6 ends after its cover",
            |w| w.enrolled = true,
            Comes::Pended(6, E::CoverChanges),
        ),
        (
            "line 6 is under another product",
            |w| w.claim.lines[5].through = day("2026-09-30"),
            Comes::Pended(6, E::TwoProducts),
        ),
        (
            "no policy of the product",
            |w| w.contract.members[0].spans[1].product = "gold".into(),
            Comes::Pended(4, E::NoPolicy),
        ),
        (
            "a policy, but not yet on line 4's day",
            |w| w.policies.push(("gold", "2026-09-30", 1)),
            Comes::Pended(4, E::NoPolicy),
        ),
        (
            "another version on line 6's day",
            |w| w.policies.push(("gold", "2026-01-01", 2)),
            Comes::Pended(6, E::TwoPolicies),
        ),
        (
            "one version: lines 4 and 6 are the policy's",
            |w| {
                w.policies.remove(0);
            },
            Comes::Run(vec![4, 6]),
        ),
        (
            "and without them there is nothing for a policy",
            |w| {
                w.claim.lines.remove(5);
                w.history
                    .push(PastLine::of(&w.claim, &w.claim.lines[3], LineState::Pended));
            },
            Comes::Denied(vec![
                (1, E::BeforeCover),
                (2, E::AfterCover),
                (3, E::DuplicateOfClaim),
                (4, E::DuplicateOfClaim),
                (5, E::DuplicateOfClaim),
            ]),
        ),
    ];
    let mut world = wrong_in_every_way();
    for (name, mend, expected) in rows {
        mend(&mut world);
        let found = match world.decide() {
            Decision::Run(run) => Comes::Run(run.context.lines.iter().map(|l| l.number).collect()),
            Decision::Done(done) => {
                assert!(done.movements.is_empty() && done.fault.is_none(), "{name}");
                assert_eq!(done.outcome.policy(), None, "{name}");
                let found = rules(&done.outcome);
                match done.outcome.status() {
                    Status::Pended => Comes::Pended(found[0].0, found[0].1),
                    Status::Denied => Comes::Denied(found),
                    Status::Paid => panic!("{name}: paid"),
                }
            }
        };
        assert_eq!(found, expected, "{name}");
    }
}

/// The engine's denials stand in the policy's outcome, in order, each with its
/// group and reason.
#[test]
fn denials_of_the_engine_join_those_of_the_policy() {
    let mut world = wrong_in_every_way();
    world.enrolled = true;
    world.claim.lines[5] = line(6, "99215", 5_000, "2026-03-11");
    world.policies = vec![("gold", "2020-01-01", 1)];
    let lines = [&world.claim.lines[3], &world.claim.lines[5]]
        .map(|line| super::rig::determine(line, vec![], vec![]));
    let outcome = world.settle(Ok(settled(lines.into()))).outcome;
    assert_eq!(outcome.status(), Status::Paid);
    assert_eq!(outcome.paid(), Money::cents(9_000));
    let found: Vec<_> = outcome
        .lines()
        .iter()
        .map(|line| {
            let adjustment = line.adjustments().first();
            let reason =
                adjustment.map(|a| (a.group, a.carc, a.amount.scaled(), a.clause.as_str()));
            (line.number(), line.denied(), line.clause(), reason)
        })
        .collect();
    let own = |n, id, group, carc, amount| (n, true, id, Some((group, Carc(carc), amount, id)));
    assert_eq!(
        found,
        [
            own(1, "E102", Group::Pr, 26, 1_000),
            own(2, "E103", Group::Pr, 27, 2_000),
            own(3, "E104", Group::Oa, 18, 3_000),
            (4, false, "1.1", None),
            own(5, "E105", Group::Oa, 18, 4_000),
            (6, false, "1.1", None),
        ]
    );
}

#[test]
fn an_unknown_member_is_denied_co_31() {
    let mut world = World::new(vec![line(1, "99213", 1_000, "2026-03-10")]);
    world.enrolled = false;
    let done = world.done();
    let adjustment = &done.outcome.lines()[0].adjustments()[0];
    assert_eq!((adjustment.group, adjustment.carc), (Group::Co, Carc(31)));
    assert_eq!(done.lines[0].state, LineState::Denied);
    // A line without a charge is denied without an amount.
    world.claim = super::rig::claim(vec![line(1, "99213", 0, "2026-03-10")]);
    assert!(world.done().outcome.lines()[0].adjustments().is_empty());
}

/// Cover day by day: every day of a line must be covered, under one product.
#[test]
fn cover() {
    let spans = |world: &mut World, spans: &[(&str, &str, Option<&str>)]| {
        world.contract.members[0].spans = spans
            .iter()
            .map(|(product, from, through)| span(product, from, *through))
            .collect();
    };
    let one = &[("gold", "2026-02-01", Some("2026-04-30"))][..];
    let adjoining = &[
        ("gold", "2026-02-01", Some("2026-04-30")),
        ("gold", "2026-05-01", None),
    ][..];
    let gap = &[
        ("gold", "2026-02-01", Some("2026-04-30")),
        ("gold", "2026-05-02", None),
    ][..];
    let other = &[
        ("gold", "2026-02-01", Some("2026-04-30")),
        ("silver", "2026-05-01", None),
    ][..];
    for (name, cover, from, through, expected) in [
        ("its first day", one, "2026-02-01", "2026-02-01", None),
        ("its last day", one, "2026-04-30", "2026-04-30", None),
        (
            "the day before",
            one,
            "2026-01-31",
            "2026-01-31",
            Some(E::BeforeCover),
        ),
        (
            "the day after",
            one,
            "2026-05-01",
            "2026-05-01",
            Some(E::AfterCover),
        ),
        (
            "no cover ever",
            &[],
            "2026-03-01",
            "2026-03-01",
            Some(E::AfterCover),
        ),
        (
            "between two spans",
            gap,
            "2026-05-01",
            "2026-05-01",
            Some(E::AfterCover),
        ),
        (
            "into the cover",
            one,
            "2026-01-31",
            "2026-02-01",
            Some(E::CoverChanges),
        ),
        (
            "out of the cover",
            one,
            "2026-04-30",
            "2026-05-01",
            Some(E::CoverChanges),
        ),
        (
            "over all of it",
            one,
            "2026-01-01",
            "2026-12-31",
            Some(E::CoverChanges),
        ),
        (
            "over two that adjoin",
            adjoining,
            "2026-04-01",
            "2026-06-30",
            None,
        ),
        (
            "over a gap of a day",
            gap,
            "2026-04-01",
            "2026-06-30",
            Some(E::CoverChanges),
        ),
        (
            "into another product",
            other,
            "2026-04-01",
            "2026-06-30",
            Some(E::CoverChanges),
        ),
    ] {
        let mut world = World::new(vec![line(1, "99213", 1_000, from)]);
        world.claim.lines[0].through = day(through);
        spans(&mut world, cover);
        let found = match world.decide() {
            Decision::Run(_) => None,
            Decision::Done(done) => Some(rules(&done.outcome)[0].1),
        };
        assert_eq!(found, expected, "{name}");
    }
}

/// Exactly the fields of the duplicate key, by kind of claim (Medicare Claims
/// Processing Manual, ch. 1 §120).
#[test]
fn duplicates() {
    type Change = fn(&mut World);
    let code = |world: &mut World| world.claim.lines[0].procedure = tally_types::Code::of("99214");
    let rows: [(&str, ClaimKind, Change, bool); 23] = [
        ("the same", ClaimKind::Professional, |_| {}, true),
        ("the same", ClaimKind::Institutional, |_| {}, true),
        ("another procedure", ClaimKind::Professional, code, false),
        (
            "76: repeated by the same physician",
            ClaimKind::Professional,
            |w| {
                w.claim.lines[0].modifiers[0] = ShortCode::of("76");
            },
            false,
        ),
        (
            "77: repeated by another",
            ClaimKind::Professional,
            |w| {
                w.claim.lines[0].modifiers[0] = ShortCode::of("77");
            },
            false,
        ),
        (
            "59: a distinct service",
            ClaimKind::Professional,
            |w| {
                w.claim.lines[0].modifiers[0] = ShortCode::of("59");
            },
            false,
        ),
        (
            "59 on both",
            ClaimKind::Professional,
            |w| {
                w.claim.lines[0].modifiers[1] = ShortCode::of("59");
                w.history[0].modifiers[3] = ShortCode::of("59");
            },
            true,
        ),
        (
            "another charge",
            ClaimKind::Professional,
            |w| {
                w.claim.lines[0].charge = Money::cents(1_001);
            },
            false,
        ),
        (
            "another quantity",
            ClaimKind::Professional,
            |w| {
                w.claim.lines[0].quantity = tally_types::Quantity::whole(2).unwrap();
            },
            true,
        ),
        (
            "another first day",
            ClaimKind::Professional,
            |w| {
                w.history[0].from = day("2026-03-09");
            },
            false,
        ),
        (
            "another last day",
            ClaimKind::Professional,
            |w| {
                w.history[0].through = day("2026-03-11");
            },
            false,
        ),
        (
            "another place",
            ClaimKind::Professional,
            |w| {
                w.history[0].place = ShortCode::of("22");
            },
            false,
        ),
        (
            "another place",
            ClaimKind::Institutional,
            |w| {
                w.history[0].place = ShortCode::of("22");
            },
            true,
        ),
        (
            "another revenue code",
            ClaimKind::Institutional,
            |w| {
                w.history[0].revenue = ShortCode::of("0450");
            },
            false,
        ),
        (
            "another revenue code",
            ClaimKind::Professional,
            |w| {
                w.history[0].revenue = ShortCode::of("0450");
            },
            true,
        ),
        (
            "another provider",
            ClaimKind::Professional,
            |w| {
                w.history[0].billing = "1245319599".into();
            },
            false,
        ),
        (
            "another doctor of the practice",
            ClaimKind::Professional,
            |w| {
                w.claim.lines[0].rendering = Some(Provider::new("1245319599"));
            },
            false,
        ),
        (
            "another doctor of the hospital",
            ClaimKind::Institutional,
            |w| {
                w.claim.lines[0].rendering = Some(Provider::new("1245319599"));
            },
            true,
        ),
        (
            "the billing provider, by name",
            ClaimKind::Professional,
            |w| {
                w.claim.lines[0].rendering = Some(Provider::new("1234567893"));
            },
            true,
        ),
        (
            "another member",
            ClaimKind::Professional,
            |w| {
                w.history[0].member = "M2".into();
            },
            false,
        ),
        (
            "one that was denied",
            ClaimKind::Professional,
            |w| {
                w.history[0].state = LineState::Denied;
            },
            false,
        ),
        (
            "one that waits",
            ClaimKind::Professional,
            |w| {
                w.history[0].state = LineState::Pended;
            },
            true,
        ),
        (
            "one that no policy has judged",
            ClaimKind::Professional,
            |w| {
                w.history[0].state = LineState::Unjudged;
            },
            false,
        ),
    ];
    for (name, kind, change, duplicate) in rows {
        let mut world = World::new(vec![line(1, "99213", 1_000, "2026-03-10")]);
        world.claim.kind = kind;
        world.history = vec![PastLine::of(
            &world.claim,
            &world.claim.lines[0],
            LineState::Allowed,
        )];
        change(&mut world);
        let found = match world.decide() {
            Decision::Run(_) => None,
            Decision::Done(done) => Some(rules(&done.outcome)),
        };
        let expected = duplicate.then(|| vec![(1, E::DuplicateOfClaim)]);
        assert_eq!(found, expected, "{kind:?}: {name}");
    }
}

/// A claim that waits for the engine is sent again as its resolution says, and
/// none of its lines is a duplicate of what never reached a policy.
#[test]
fn what_waits_for_the_engine_may_be_sent_again() {
    let whole = || {
        World::new(vec![
            line(1, "99213", 1_000, "2026-03-10"),
            line(2, "99214", 2_000, "2026-03-11"),
        ])
    };
    type Spoil = fn(&mut World);
    let rows: [(E, Spoil); 3] = [
        (E::TwoProducts, |w| {
            w.contract.members[0].spans = vec![
                span("gold", "2025-07-01", Some("2026-03-10")),
                span("silver", "2026-03-11", None),
            ];
            w.policies.push(("silver", "2020-01-01", 2));
        }),
        (E::NoPolicy, |w| w.policies.clear()),
        (E::TwoPolicies, |w| {
            w.policies.push(("gold", "2026-03-11", 2));
        }),
    ];
    for (rule, spoil) in rows {
        let mut world = whole();
        spoil(&mut world);
        let done = world.done();
        assert_eq!(rules(&done.outcome)[0].1, rule);
        assert!(!rule.resolution().is_empty());
        world.history = done.lines;
        if rule == E::NoPolicy {
            world.policies.push(("gold", "2020-01-01", 1));
        }
        for given in whole().claim.lines {
            world.claim = super::rig::claim(vec![given]);
            let run = world.run();
            assert_eq!(run.context.lines.len(), 1, "{}", rule.id());
            let answer = super::rig::determine(&world.claim.lines[0], vec![], vec![]);
            let settled = world.settle(Ok(settled(vec![answer])));
            world.history.extend(settled.lines);
            // What a policy has judged is repeated as ever.
            let again = rules(&world.done().outcome);
            assert_eq!(again[0].1, E::DuplicateOfClaim, "{}", rule.id());
        }
    }
    // A contract fault: the same claim again, under a corrected policy.
    let mut world = whole();
    world.history = world.settle(Err(ContractFault::BadAnswer)).lines;
    assert_eq!(world.run().context.lines.len(), 2);
}

/// The order of modifiers makes no other service.
#[test]
fn modifiers_in_another_order_repeat() {
    let mut world = World::new(vec![
        line(1, "99213", 1_000, "2026-03-10"),
        line(2, "99213", 1_000, "2026-03-10"),
    ]);
    let (a, b) = (ShortCode::of("25"), ShortCode::of("59"));
    world.claim.lines[0].modifiers = [a, b, ShortCode::NONE, ShortCode::NONE];
    world.claim.lines[1].modifiers = [b, ShortCode::NONE, a, ShortCode::NONE];
    let run = world.run();
    assert_eq!(run.context.lines.len(), 1);
    let determination = settled(vec![super::rig::determine(
        &world.claim.lines[0],
        vec![],
        vec![],
    )]);
    let outcome = world.settle(Ok(determination)).outcome;
    assert_eq!(rules(&outcome), [(2, E::DuplicateOfLine)]);
}

/// One balance an accumulator and period of the lines, none of another.
#[test]
fn balances_of_the_periods_of_the_lines() {
    let mut world = World::new(vec![
        line(1, "99213", 1_000, "2026-06-30"),
        line(2, "99214", 1_000, "2026-07-01"),
        line(3, "99215", 1_000, "2025-12-31"),
    ]);
    let key = world.key(super::rig::VISITS, "2026-07-01");
    world.used.insert(key, 3);
    let key = world.key(super::rig::FAMILY, "2025-01-01");
    world.used.insert(key, 700);
    let found: Vec<_> = world
        .run()
        .context
        .balances
        .iter()
        .map(|b| (b.accumulator, b.period.to_string(), b.used))
        .collect();
    let expected = [
        (0, "2025-01-01", 0),
        (0, "2026-01-01", 0),
        (1, "2025-01-01", 700),
        (1, "2026-01-01", 0),
        (2, "2025-07-01", 0),
        (2, "2026-07-01", 3),
        (3, "1970-01-01", 0),
    ]
    .map(|(a, period, used)| (a, period.to_owned(), used));
    assert_eq!(found, expected);
}

#[test]
fn periods_begin() {
    use AccumulatorPeriod::{CalendarYear, ContractYear, Lifetime};
    for (period, inception, on, begins) in [
        (CalendarYear, "2025-07-01", "2026-01-01", "2026-01-01"),
        (CalendarYear, "2025-07-01", "2026-12-31", "2026-01-01"),
        (ContractYear, "2025-07-01", "2026-06-30", "2025-07-01"),
        (ContractYear, "2025-07-01", "2026-07-01", "2026-07-01"),
        (ContractYear, "2025-07-01", "2020-01-01", "2019-07-01"),
        (ContractYear, "2024-02-29", "2025-02-27", "2024-02-29"),
        (ContractYear, "2024-02-29", "2025-02-28", "2025-02-28"),
        (ContractYear, "2024-02-29", "2028-02-28", "2027-02-28"),
        (ContractYear, "2024-02-29", "2028-02-29", "2028-02-29"),
        (ContractYear, "2025-12-31", "0001-01-01", "0001-01-01"),
        (Lifetime, "2025-07-01", "2026-07-01", "1970-01-01"),
    ] {
        let found = period_start(period, day(inception), day(on));
        assert_eq!(
            found.to_string(),
            begins,
            "{period:?} from {inception}, {on}"
        );
    }
}

/// A hospital that declares all of a line's charge not covered is taken at its word; of a
/// part somebody has to look. Cover and repetition come first.
#[test]
fn what_the_sender_declares_not_covered_is_not_covered() {
    let mut world = wrong_in_every_way();
    world.enrolled = true;
    world.policies = vec![("gold", "2025-01-01", 1)];
    world.claim.lines.truncate(4);
    for at in [0, 2, 3] {
        world.claim.lines[at].detail.non_covered = world.claim.lines[at].charge;
    }
    let Decision::Done(done) = world.decide() else {
        panic!("nothing is left for a policy");
    };
    let denied = |outcome: &Outcome| -> Vec<(u16, String, Group, Carc, ShortCode, Money)> {
        let lines = outcome.lines().iter();
        lines
            .flat_map(|line| line.adjustments().iter().map(move |of| (line.number(), of)))
            .map(|(number, of)| {
                (
                    number,
                    of.clause.clone(),
                    of.group,
                    of.carc,
                    of.rarc,
                    of.amount,
                )
            })
            .collect()
    };
    let all = denied(&done.outcome);
    assert_eq!((all[0].1.as_str(), all[2].1.as_str()), ("E102", "E104"));
    let n130 = ShortCode::of("N130");
    let declared = (
        4,
        "E107".to_owned(),
        Group::Pr,
        Carc(96),
        n130,
        Money::cents(4_000),
    );
    assert_eq!(all[3], declared);
    world.claim.lines[3].detail.non_covered = Money::cents(1);
    let Decision::Done(done) = world.decide() else {
        panic!("it waits");
    };
    let Settlement::Pended { reason, line, .. } = done.outcome.settlement() else {
        panic!("it waits");
    };
    assert_eq!((reason.as_str(), *line), ("E205", 4));
}
