//! Lines that the engine denies, after another payer.

use proptest::prelude::*;
use tally_types::{Carc, Group, Money, Quantity, ShortCode};

use super::rig::{World, line, member, rules, span};
use crate::adjudication::*;
use crate::claim::{OtherPayer, PriorAdjustment, PriorLine};

fn adjusted(group: Group, reason: &str, amount: i64) -> PriorAdjustment {
    PriorAdjustment {
        group,
        reason: ShortCode::of(reason),
        amount: Money::cents(amount),
    }
}

fn prior(payer: u8, paid: i64, adjustments: Vec<PriorAdjustment>) -> PriorLine {
    PriorLine {
        payer,
        paid: Money::cents(paid),
        units: Quantity::ONE,
        remaining: None,
        decided: None,
        adjustments,
    }
}

fn payer(sequence: u8, paid: i64, adjustments: Vec<PriorAdjustment>) -> OtherPayer {
    OtherPayer {
        identifier: "P".into(),
        sequence,
        filing: ShortCode::of("CI"),
        paid: Some(Money::cents(paid)),
        remaining: None,
        decided: None,
        adjustments,
    }
}

/// 100.00 on a day of cover, 60.00 after it ended. The first payer paid 70.00 and
/// 30.00, wrote off 10.00 and 20.00, and left 20.00 and 10.00.
fn world() -> World {
    let mut world = World::new(vec![
        line(1, "99213", 10_000, "2026-03-10"),
        line(2, "99214", 6_000, "2026-04-10"),
    ]);
    world.contract.members[0] = member("M1", vec![span("gold", "2025-07-01", Some("2026-03-31"))]);
    let shares = |off, left| {
        vec![
            adjusted(Group::Co, "45", off),
            adjusted(Group::Pr, "2", left),
        ]
    };
    world.claim.lines[0].prior = vec![prior(0, 7_000, shares(1_000, 2_000))];
    world.claim.lines[1].prior = vec![prior(0, 3_000, shares(2_000, 1_000))];
    world.claim.coordination.sequence = 2;
    world.claim.coordination.others = vec![payer(1, 10_000, vec![])];
    world
}

fn told(world: &World) -> ContextPayer {
    let context = world.run().context;
    let numbers: Vec<u16> = context.lines.iter().map(|line| line.number).collect();
    assert_eq!(numbers, [1]);
    context.payers[0].clone()
}

#[test]
fn the_policy_is_told_of_its_own_lines_alone() {
    let mut world = world();
    world.claim.coordination.others[0].remaining = Some(Money::cents(3_000));
    let payer = told(&world);
    assert_eq!(payer.paid, Some(Money::cents(7_000)));
    assert_eq!(payer.remaining, Some(Money::cents(2_000)));
}

/// What the payer adjusted of the claim as a whole is taken off the lines by what is
/// left of each: 20.00 of 70.00 and 30.00 is 14.00 and 6.00.
#[test]
fn adjustments_of_the_whole_claim_are_parted() {
    let mut world = world();
    world.claim.coordination.others[0] = payer(1, 8_000, vec![adjusted(Group::Pr, "1", 2_000)]);
    let payer = told(&world);
    assert_eq!(payer.paid, Some(Money::cents(5_600)));
    assert!(payer.adjustments == [adjusted(Group::Pr, "1", 1_400)]);
}

#[test]
fn a_payer_heard_of_the_whole_claim_alone_is_parted_too() {
    let mut world = world();
    for line in &mut world.claim.lines {
        line.prior.clear();
    }
    // 160.00 less 80.00, by the charges: 50.00 and 30.00.
    world.claim.coordination.others[0] = payer(1, 8_000, vec![adjusted(Group::Pr, "1", 8_000)]);
    let payer = told(&world);
    assert_eq!(payer.paid, Some(Money::cents(5_000)));
    assert!(payer.adjustments == [adjusted(Group::Pr, "1", 5_000)]);
}

/// What does not add up still does not: by the same difference.
#[test]
fn what_is_wrong_stays_wrong() {
    let mut world = world();
    world.claim.coordination.others[0].paid = Some(Money::cents(10_001));
    assert_eq!(told(&world).paid, Some(Money::cents(7_001)));
    // A line that does not balance tells nothing.
    world.claim.lines[1].prior[0].paid = Money::cents(2_999);
    assert_eq!(told(&world).paid, Some(Money::cents(10_001)));
}

#[test]
fn a_payer_silent_of_the_denied_line_says_nothing_of_the_whole() {
    let mut world = world();
    world.claim.lines[1].prior.clear();
    assert_eq!(told(&world).paid, None);
}

#[test]
fn a_claim_whose_lines_all_go_to_the_policy_is_told_as_sent() {
    let mut world = world();
    world.contract.members[0] = member("M1", vec![span("gold", "2025-07-01", None)]);
    world.claim.coordination.others[0].paid = Some(Money::cents(1));
    let context = world.run().context;
    assert_eq!(context.payers[0].paid, Some(Money::cents(1)));
}

fn of_denied(world: &World) -> Vec<(Group, u16, i64)> {
    let line = world.claim.lines.last().unwrap().clone();
    let mut only = World::new(vec![line.clone()]);
    only.claim.coordination = world.claim.coordination.clone();
    only.contract.members[0] = world.contract.members[0].clone();
    let done = only.done();
    assert_eq!(
        rules(&done.outcome),
        [(line.number, EngineRule::AfterCover)]
    );
    let lines = done.outcome.lines();
    assert_eq!(lines[0].charge(), line.charge);
    lines[0]
        .adjustments()
        .iter()
        .map(|a| (a.group, a.carc.0, a.amount.scaled()))
        .collect()
}

/// The patient owes what the first payer left to them, not what it paid or wrote off.
#[test]
fn a_denied_line_shows_what_earlier_payers_did() {
    let mut world = world();
    world.claim.coordination.others[0].paid = Some(Money::cents(3_000));
    let after_cover = Carc::AFTER_COVERAGE.0;
    assert_eq!(
        of_denied(&world),
        [(Group::Oa, 23, 5_000), (Group::Pr, after_cover, 1_000)]
    );
    // Left nothing: all of it is the other payer's doing.
    world.claim.lines[1].prior = vec![prior(0, 3_000, vec![adjusted(Group::Co, "45", 3_000)])];
    assert_eq!(of_denied(&world), [(Group::Oa, 23, 6_000)]);
    // Not heard of, or primary: the whole charge.
    world.claim.lines[1].prior.clear();
    assert_eq!(of_denied(&world), [(Group::Pr, after_cover, 6_000)]);
    world.claim.coordination = Default::default();
    assert_eq!(of_denied(&world), [(Group::Pr, after_cover, 6_000)]);
}

/// A payer's amounts of some lines, charges and adjustments, and of the claim.
fn reported() -> impl Strategy<Value = (Vec<(i64, i64, i64)>, Vec<i64>)> {
    let line = (0i64..50_000, 0i64..100, 0i64..100);
    let whole = prop::collection::vec(-20i64..60, 0..3);
    (prop::collection::vec(line, 2..6), whole)
}

proptest! {
    /// What a policy is told of its lines adds up wherever the whole did, and to
    /// the whole with what it is not told.
    #[test]
    fn the_parts_add_up((of_lines, of_claim) in reported(), kept in 1usize..5) {
        let kept = kept.min(of_lines.len() - 1);
        let mut world = World::new(
            (1u16..)
                .zip(&of_lines)
                .map(|(number, (charge, ..))| {
                    let on = if usize::from(number) <= kept { "2026-03-10" } else { "2026-04-10" };
                    line(number, &format!("9{number:04}"), *charge, on)
                })
                .collect(),
        );
        world.contract.members[0] =
            member("M1", vec![span("gold", "2025-07-01", Some("2026-03-31"))]);
        world.claim.coordination.sequence = 2;
        let mut left = 0;
        for (line, (charge, off, share)) in world.claim.lines.iter_mut().zip(&of_lines) {
            let off = charge * off / 100;
            let share = (charge - off) * share / 100;
            let shares = vec![adjusted(Group::Co, "45", off), adjusted(Group::Pr, "2", share)];
            line.prior = vec![prior(0, charge - off - share, shares)];
            left += charge - off - share;
        }
        let mut adjustments = Vec::new();
        for percent in of_claim {
            let amount = left * percent / 100;
            left -= amount;
            adjustments.push(adjusted(Group::Pr, "1", amount));
        }
        world.claim.coordination.others = vec![payer(1, left, adjustments)];
        let payer = told_any(&world);
        let paid = payer.paid.unwrap().scaled();
        let lines: i64 = world.claim.lines[..kept].iter().map(|l| l.prior[0].paid.scaled()).sum();
        let whole: i64 = payer.adjustments.iter().map(|a| a.amount.scaled()).sum();
        prop_assert_eq!(lines - whole, paid);
        prop_assert!(payer.adjustments.iter().all(|a| !a.amount.is_zero()));
    }
}

fn told_any(world: &World) -> ContextPayer {
    world.run().context.payers[0].clone()
}
