//! What the enrolment has on file, by table.

use super::rig::*;
use crate::adjudication::{LineState, PastLine, remaining};
use crate::authorization::{Event, State, entries, entries_by_line};
use crate::claim::{Authorization, AuthorizationKind, ClaimKind};
use tally_types::{Code, Money, ShortCode};

fn shown(entries: &[Authorization]) -> Vec<String> {
    let one = |of: &Authorization| {
        format!(
            "{} {} {}–{} {}",
            of.number, of.procedure, of.from, of.through, of.units
        )
    };
    entries.iter().map(one).collect()
}

#[test]
fn entries_follow_what_was_decided() {
    let decided = (
        "2026-02-10",
        decision(vec![(1, in_total()), (2, refused())]),
    );
    let whole = "AUTH1 97110 2026-03-01–2026-03-31 10".to_owned();
    let cut = "AUTH1 97110 2026-03-01–2026-03-09 10".to_owned();
    for (name, events, on, expected) in [
        ("requested", vec![], "2026-12-31", vec![]),
        ("before it", vec![decided.clone()], "2026-02-09", vec![]),
        (
            "decided",
            vec![decided.clone()],
            "2026-02-10",
            vec![whole.clone()],
        ),
        (
            "expired",
            vec![decided.clone()],
            "2026-12-31",
            vec![whole.clone()],
        ),
        (
            "used",
            vec![decided.clone(), ("2026-03-02", used(1, 4, "2026-03-02"))],
            "2026-03-02",
            vec![whole.clone()],
        ),
        (
            "taken back",
            vec![decided.clone(), ("2026-03-10", cancelled())],
            "2026-03-10",
            vec![cut],
        ),
        (
            "taken back, as known before",
            vec![decided.clone(), ("2026-03-10", cancelled())],
            "2026-03-09",
            vec![whole.clone()],
        ),
        (
            "taken back before it began",
            vec![decided.clone(), ("2026-03-01", cancelled())],
            "2026-03-01",
            vec![],
        ),
        (
            "replaced",
            vec![
                decided.clone(),
                ("2026-03-06", Event::Superseded { by: "AUTH2".into() }),
            ],
            "2026-03-06",
            vec![],
        ),
        (
            "replaced, as known before",
            vec![
                decided,
                ("2026-03-06", Event::Superseded { by: "AUTH2".into() }),
            ],
            "2026-03-05",
            vec![whole],
        ),
    ] {
        let found = entries(&[came_to(&events)], day(on));
        assert_eq!(shown(&found), expected, "{name}");
    }
}

#[test]
fn what_ends_first_is_used_first_and_order_does_not_matter() {
    let long = came_to(&[(
        "2026-02-10",
        decision(vec![
            (1, grant(5, "2026-03-01", "2026-12-31")),
            (2, in_total()),
        ]),
    )]);
    let other = revision(Some([grant(1, "2026-02-01", "2026-03-31"), refused()]));
    let mut asked = request(1);
    asked.kind = AuthorizationKind::Referral;
    asked.lines[0].procedure = Code::NONE;
    asked.lines[0].servicing = None;
    let referral = State::requested(asked, day("2026-02-01"))
        .and_then(|state| state.after(&decision(vec![(1, in_total())]), day("2026-02-02")));
    let Ok(referral) = referral else {
        panic!("a sound referral")
    };
    let expected = [
        "AUTH2 97110 2026-02-01–2026-03-31 1",
        "AUTH1 97110 2026-03-01–2026-03-31 10",
        "AUTH1 97110 2026-03-01–2026-12-31 5",
        "AUTH1  2026-03-01–2026-03-31 10",
    ];
    let all = [long, other, referral];
    let on = day("2026-04-01");
    let found = entries(&all, on);
    assert_eq!(shown(&found), expected);
    assert!(found[3].provider.is_none() && found[3].kind == AuthorizationKind::Referral);
    assert_eq!(found[0].provider, Code::of("1234567893"));
    let [a, b, c] = all;
    assert_eq!(shown(&entries(&[c, b, a], on)), expected);
}

/// While a line of a revision waits the old one stands, alone: units that both
/// certify are never there twice.
#[test]
fn a_revision_is_on_file_as_a_whole() {
    let old = came_to(&[(
        "2026-02-10",
        decision(vec![(1, in_total()), (2, refused())]),
    )]);
    let waiting = revision(Some([in_total(), pended()]));
    assert!(waiting.waits() && !old.waits());
    let on = day("2026-03-06");
    let found = entries(&[old, waiting], on);
    assert_eq!(shown(&found), ["AUTH1 97110 2026-03-01–2026-03-31 10"]);
    let first = entries_by_line(&[revision(Some([refused(), in_total()]))], on);
    assert_eq!(first.iter().map(|(_, line)| *line).collect::<Vec<_>>(), [2]);
}

#[test]
fn adjudication_counts_down_what_is_on_file() {
    let service = |on: &str, count: i64, provider: &str| PastLine {
        member: "M1".into(),
        kind: ClaimKind::Professional,
        billing: provider.into(),
        rendering: provider.into(),
        procedure: Code::of("97110"),
        modifiers: [ShortCode::NONE; 4],
        revenue: ShortCode::NONE,
        place: ShortCode::of("11"),
        quantity: units(count),
        charge: Money::cents(10_000),
        from: day(on),
        through: day(on),
        drug: None,
        cavities: vec![],
        teeth: vec![],
        state: LineState::Allowed,
    };
    let part = grant(6, "2026-03-01", "2026-03-31");
    let state = came_to(&[
        ("2026-02-10", decision(vec![(1, part), (2, refused())])),
        ("2026-03-20", cancelled()),
    ]);
    let on_file = entries(&[state], day("2026-12-31"));
    let left = |history: &[PastLine]| {
        let left = remaining(&on_file, "M1", history);
        left.iter().map(|of| of.remaining).collect::<Vec<_>>()
    };
    assert_eq!(left(&[]), [units(6)]);
    let mut history = vec![service("2026-03-02", 4, "1234567893")];
    assert_eq!(left(&history), [units(2)]);
    // Another provider's, one after it was taken back, and more than is left.
    history.push(service("2026-03-03", 1, "1245319599"));
    history.push(service("2026-03-20", 1, "1234567893"));
    assert_eq!(left(&history), [units(2)]);
    history.push(service("2026-03-19", 9, "1234567893"));
    assert_eq!(left(&history), [units(2)]);
    history.push(service("2026-03-19", 2, "1234567893"));
    assert_eq!(left(&history), [units(0)]);
}
