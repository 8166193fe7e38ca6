//! Cover without a gap, and care after a death.

use tally_types::{Carc, Group};

use super::rig::{World, day, determine, line, settled, span};
use crate::adjudication::*;

/// Since when a member is covered under the product, on 2 March 2026.
fn since(spans: &[(&str, &str, Option<&str>)]) -> String {
    let mut world = World::new(vec![line(1, "D6240", 94_800, "2026-03-02")]);
    world.contract.members[0].spans = spans
        .iter()
        .map(|(product, from, through)| span(product, from, *through))
        .collect();
    world.policies.push(("silver", "2020-01-01", 2));
    world.run().context.covered_since.to_string()
}

#[test]
fn a_renewal_goes_on_and_a_gap_begins_anew() {
    let first = ("gold", "2020-01-01", Some("2025-12-31"));
    let renewed = ("gold", "2026-01-01", None);
    assert_eq!(since(&[first, renewed]), "2020-01-01");
    // In whatever order, over as many as there are.
    let yearly = [
        ("gold", "2026-01-01", Some("2026-12-31")),
        ("gold", "2024-01-01", Some("2024-12-31")),
        ("gold", "2025-01-01", Some("2025-12-31")),
    ];
    assert_eq!(since(&yearly), "2024-01-01");
    // A day without cover, and another product, begin it anew.
    let gap = ("gold", "2026-01-02", None);
    assert_eq!(since(&[first, gap]), "2026-01-02");
    let other = ("silver", "2020-01-01", Some("2025-12-31"));
    assert_eq!(since(&[other, renewed]), "2026-01-01");
    // What comes later adds nothing.
    let ended = ("gold", "2026-01-01", Some("2026-06-30"));
    let later = ("gold", "2026-07-01", None);
    assert_eq!(since(&[ended, later]), "2026-01-01");
}

/// Lines under two covers with a gap between them wait, in whatever order; a policy is told
/// of one cover.
#[test]
fn lines_of_two_covers_wait() {
    let days = ["2026-03-10", "2026-03-20"];
    for (order, spans, rule) in [
        ([0, 1], ["2026-03-12", "2026-03-15"], Some(2)),
        ([1, 0], ["2026-03-12", "2026-03-15"], Some(2)),
        ([1, 0], ["2026-03-14", "2026-03-15"], None),
    ] {
        let line = |(number, at): (u16, &usize)| line(number, "99213", 1_000, days[*at]);
        let mut world = World::new((1u16..).zip(&order).map(line).collect());
        world.contract.members[0].spans = vec![
            span("gold", "2025-01-01", Some(spans[0])),
            span("gold", spans[1], None),
        ];
        let Some(at) = rule else {
            assert_eq!(world.run().context.covered_since.to_string(), "2025-01-01");
            continue;
        };
        let outcome = world.done().outcome;
        let Settlement::Pended { reason, line, .. } = outcome.settlement() else {
            panic!("it does not wait");
        };
        assert_eq!((reason.as_str(), *line), ("E206", at));
    }
}

/// Members are counted on the first day of the claim, whichever line that is, and those
/// who live.
#[test]
fn the_covered_are_counted_on_the_first_day_and_live() {
    let count = |lines: [&str; 2], from: &str, death: Option<&str>| {
        let lines = (1u16..).zip(lines);
        let lines = lines.map(|(number, on)| line(number, "99213", 1_000, on));
        let mut world = World::new(lines.collect());
        let mut other = world.contract.members[0].clone();
        other.id = "another".into();
        other.spans = vec![span("gold", from, None)];
        other.death = death.map(day);
        world.contract.members.push(other);
        world.run().context.covered_members
    };
    let alone_first = ["2026-02-15", "2026-03-15"];
    let reversed = ["2026-03-15", "2026-02-15"];
    for lines in [alone_first, reversed] {
        assert_eq!(count(lines, "2026-03-01", None), 1);
        assert_eq!(count(lines, "2026-02-15", None), 2);
        assert_eq!(count(lines, "2026-01-01", Some("2026-02-14")), 1);
        assert_eq!(count(lines, "2026-01-01", Some("2026-02-15")), 2);
    }
}

/// A line that begins after the member's death is the engine's to deny; the day itself,
/// and what had begun before, are the policy's.
#[test]
fn what_begins_after_a_death_is_denied_co_13() {
    let mut rental = line(2, "E0601", 3_000, "2026-03-01");
    rental.through = day("2026-03-31");
    let mut world = World::new(vec![
        line(1, "99213", 1_000, "2026-03-10"),
        rental,
        line(3, "99214", 2_000, "2026-03-11"),
    ]);
    world.contract.members[0].death = Some(day("2026-03-10"));
    let given = [&world.claim.lines[0], &world.claim.lines[1]];
    let lines = given.map(|line| determine(line, vec![], vec![]));
    let outcome = world.settle(Ok(settled(lines.into()))).outcome;
    let denied: Vec<_> = outcome.lines().iter().map(LineOutcome::denied).collect();
    assert_eq!(denied, [false, false, true]);
    let reason = &outcome.lines()[2].adjustments()[0];
    assert_eq!((reason.group, reason.carc), (Group::Co, Carc(13)));
    assert_eq!((reason.amount.scaled(), &*reason.clause), (2_000, "E106"));
    // After the end of cover too: nobody is left to bear it.
    world.contract.members[0].spans = vec![span("gold", "2025-07-01", Some("2026-03-10"))];
    let lines = [determine(&world.claim.lines[0], vec![], vec![])];
    world.claim.lines.remove(1);
    let outcome = world.settle(Ok(settled(lines.into()))).outcome;
    assert_eq!(outcome.lines()[1].clause(), "E106");
    // Nothing is left to a policy where all of it is later.
    world.claim.lines.remove(0);
    assert_eq!(world.done().outcome.status(), Status::Denied);
}
