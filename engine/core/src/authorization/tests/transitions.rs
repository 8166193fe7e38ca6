//! What may follow what, by table.

use super::rig::*;
use crate::authorization::*;
use crate::canon::Canon as _;
use crate::claim::{AuthorizationKind, Provider};
use tally_types::{Code, Quantity, ShortCode};

#[test]
fn where_a_request_stands() {
    let both = |a, b| ("2026-02-10", decision(vec![(1, a), (2, b)]));
    let part = || grant(4, "2026-03-01", "2026-03-31");
    for (events, on, stage) in [
        (vec![], "2026-02-01", Stage::Requested),
        (
            vec![both(in_total(), in_total())],
            "2026-02-10",
            Stage::Approved,
        ),
        (
            vec![both(in_total(), in_total())],
            "2026-03-31",
            Stage::Approved,
        ),
        (
            vec![both(in_total(), in_total())],
            "2026-04-01",
            Stage::Expired,
        ),
        (vec![both(part(), in_total())], "2026-02-10", Stage::InPart),
        (
            vec![both(refused(), in_total())],
            "2026-02-10",
            Stage::InPart,
        ),
        (
            vec![both(refused(), refused())],
            "2026-02-10",
            Stage::Denied,
        ),
        (
            vec![both(refused(), refused())],
            "2026-12-31",
            Stage::Denied,
        ),
        (
            vec![both(pended(), in_total())],
            "2026-02-10",
            Stage::Pended,
        ),
        (
            vec![
                both(pended(), in_total()),
                ("2026-02-12", decision(vec![(1, pended())])),
                ("2026-02-14", decision(vec![(1, in_total())])),
            ],
            "2026-02-14",
            Stage::Approved,
        ),
        (
            vec![
                both(part(), refused()),
                ("2026-03-02", used(1, 3, "2026-03-02")),
                ("2026-03-09", used(1, 1, "2026-03-09")),
            ],
            "2026-03-09",
            Stage::UsedUp,
        ),
        (
            vec![("2026-02-02", cancelled())],
            "2026-02-02",
            Stage::Cancelled,
        ),
        (
            vec![both(in_total(), in_total()), ("2026-03-10", cancelled())],
            "2026-03-10",
            Stage::Cancelled,
        ),
        (
            vec![
                both(in_total(), in_total()),
                ("2026-03-06", Event::Superseded { by: "AUTH2".into() }),
            ],
            "2026-03-06",
            Stage::Superseded,
        ),
    ] {
        let stage_found = came_to(&events).stage(day(on));
        assert_eq!(stage_found, stage, "{} events, {on}", events.len());
    }
}

#[test]
fn what_cannot_follow_is_named() {
    use TransitionError as E;
    let total = || {
        (
            "2026-02-10",
            decision(vec![(1, in_total()), (2, in_total())]),
        )
    };
    let one = |verdict| vec![("2026-02-10", decision(vec![(1, verdict), (2, in_total())]))];
    let then = |event| vec![total(), event];
    let unnumbered = Event::Decided(Decision {
        by: "r".into(),
        authorization: String::new(),
        lines: vec![
            LineDecision {
                number: 1,
                verdict: in_total(),
            },
            LineDecision {
                number: 2,
                verdict: refused(),
            },
        ],
    });
    let other_number = Event::Decided(Decision {
        by: "r".into(),
        authorization: "AUTH9".into(),
        lines: vec![LineDecision {
            number: 1,
            verdict: in_total(),
        }],
    });
    let nameless = Verdict::NotCertified(ReviewReason {
        code: ShortCode::NONE,
        text: "No.".into(),
    });
    let wordless = Verdict::NotCertified(ReviewReason {
        code: ShortCode::of("0V"),
        text: " ".into(),
    });
    for (name, events, error) in [
        ("twice", then(total()), E::AlreadyDecided),
        (
            "a decided line again",
            vec![
                ("2026-02-10", decision(vec![(1, pended()), (2, in_total())])),
                (
                    "2026-02-11",
                    decision(vec![(1, in_total()), (2, refused())]),
                ),
            ],
            E::AlreadyDecided,
        ),
        (
            "before the last event",
            vec![("2026-01-31", cancelled())],
            E::OutOfOrder,
        ),
        (
            "a line left",
            vec![("2026-02-10", decision(vec![(1, in_total())]))],
            E::LineLeft { line: 2 },
        ),
        (
            "no such line",
            vec![("2026-02-10", decision(vec![(3, in_total())]))],
            E::NoLine { line: 3 },
        ),
        (
            "a line twice",
            vec![(
                "2026-02-10",
                decision(vec![(1, in_total()), (1, refused())]),
            )],
            E::Twice { line: 1 },
        ),
        (
            "more units",
            one(grant(11, "2026-03-01", "2026-03-31")),
            E::MoreThanRequested { line: 1 },
        ),
        (
            "no units",
            one(grant(0, "2026-03-01", "2026-03-31")),
            E::Units { line: 1 },
        ),
        (
            "backwards",
            one(grant(1, "2026-03-31", "2026-03-01")),
            E::Span { line: 1 },
        ),
        ("no reason's code", one(nameless), E::NoReason { line: 1 }),
        ("no reason's words", one(wordless), E::NoReason { line: 1 }),
        (
            "nothing needed",
            one(Verdict::Pended(vec![])),
            E::NoNeed { line: 1 },
        ),
        ("no number", vec![("2026-02-10", unnumbered)], E::Number),
        (
            "another number",
            vec![
                ("2026-02-10", decision(vec![(1, pended()), (2, in_total())])),
                ("2026-02-11", other_number),
            ],
            E::Number,
        ),
        (
            "decided after its end",
            vec![("2026-02-02", cancelled()), total()],
            E::Ended(Stage::Cancelled),
        ),
        (
            "taken back twice",
            vec![
                total(),
                ("2026-02-11", cancelled()),
                ("2026-02-12", cancelled()),
            ],
            E::Ended(Stage::Cancelled),
        ),
        (
            "a denial taken back",
            vec![
                ("2026-02-10", decision(vec![(1, refused()), (2, refused())])),
                ("2026-02-11", cancelled()),
            ],
            E::NothingCertified,
        ),
        (
            "used before it is decided",
            vec![("2026-03-02", used(1, 1, "2026-03-02"))],
            E::NotCertified { line: 1 },
        ),
        (
            "used before its days",
            then(("2026-02-20", used(1, 1, "2026-02-20"))),
            E::OutsideDates { line: 1 },
        ),
        (
            "used after its days",
            then(("2026-04-02", used(1, 1, "2026-04-01"))),
            E::OutsideDates { line: 1 },
        ),
        (
            "used beyond its units",
            then(("2026-03-02", used(1, 11, "2026-03-02"))),
            E::BeyondUnits { line: 1 },
        ),
        (
            "used before it was",
            then(("2026-03-02", used(1, 1, "2026-03-03"))),
            E::NotYet { line: 1 },
        ),
        (
            "used after it was taken back",
            vec![
                total(),
                ("2026-03-10", cancelled()),
                ("2026-03-11", used(1, 1, "2026-03-10")),
            ],
            E::Ended(Stage::Cancelled),
        ),
        (
            "used after it was replaced",
            vec![
                total(),
                ("2026-03-06", Event::Superseded { by: "AUTH2".into() }),
                ("2026-03-07", used(1, 1, "2026-03-02")),
            ],
            E::Ended(Stage::Superseded),
        ),
        (
            "nothing used",
            then(("2026-03-02", used(1, 0, "2026-03-02"))),
            E::Units { line: 1 },
        ),
    ] {
        assert_eq!(after(&events).err(), Some(error), "{name}");
    }
}

#[test]
fn a_claim_may_come_late_for_a_service_in_time() {
    let state = came_to(&[
        (
            "2026-02-10",
            decision(vec![(1, in_total()), (2, in_total())]),
        ),
        ("2026-06-01", used(1, 4, "2026-03-31")),
        ("2026-06-02", cancelled()),
        ("2026-06-03", used(1, 6, "2026-03-01")),
    ]);
    assert_eq!(state.lines()[0].used(), units(10));
    assert_eq!(state.usable(1, day("2026-03-15")), Ok(Quantity::ZERO));
    assert_eq!(state.usable(2, day("2026-03-15")), Ok(units(10)));
}

#[test]
fn how_a_decision_is_told() {
    let asked = line(1);
    let open = RequestLine {
        span: None,
        ..line(1)
    };
    for (verdict, of_asked, of_open) in [
        (in_total(), Action::InTotal, Action::InTotal),
        (
            grant(9, "2026-03-01", "2026-03-31"),
            Action::Modified,
            Action::Modified,
        ),
        (
            grant(10, "2026-03-02", "2026-03-31"),
            Action::Modified,
            Action::InTotal,
        ),
        (
            grant(10, "2026-05-01", "2026-05-31"),
            Action::Modified,
            Action::InTotal,
        ),
        (refused(), Action::NotCertified, Action::NotCertified),
        (pended(), Action::Pended, Action::Pended),
    ] {
        assert_eq!(verdict.action(&asked), of_asked);
        assert_eq!(verdict.action(&open), of_open);
    }
    assert!(Verdict::in_total(&open).is_none());
    let back = came_to(&[
        (
            "2026-02-10",
            decision(vec![(1, refused()), (2, in_total())]),
        ),
        ("2026-02-11", cancelled()),
    ]);
    assert_eq!(back.action(1), Some(Action::NotCertified));
    assert_eq!(back.action(2), Some(Action::Cancelled));
    assert_eq!(back.action(3), None);
}

#[test]
fn a_revision_takes_the_place_of_what_it_names() {
    let old = came_to(&[(
        "2026-02-10",
        decision(vec![(1, in_total()), (2, in_total())]),
    )]);
    let granted = revision(Some([grant(2, "2026-03-01", "2026-04-30"), refused()]));
    let Ok(event) = old.supersession(&granted) else {
        panic!("it takes its place")
    };
    assert!(event == Event::Superseded { by: "AUTH2".into() });
    let Ok(old_after) = old.after(&event, day("2026-03-06")) else {
        panic!("it is replaced")
    };
    assert!(old_after.authorization().is_none());
    assert_eq!(old_after.superseded(), Some(day("2026-03-06")));
    assert!(
        granted
            .authorization()
            .is_some_and(|of| of.number == "AUTH2" && of.lines.len() == 1)
    );

    use TransitionError as E;
    for (name, other, error) in [
        ("not decided", revision(None), E::NotItsRevision),
        (
            "pended",
            revision(Some([pended(), in_total()])),
            E::NotItsRevision,
        ),
        (
            "denied",
            revision(Some([refused(), refused()])),
            E::NothingCertified,
        ),
        ("no revision", old.clone(), E::NotItsRevision),
    ] {
        assert_eq!(old.supersession(&other).err(), Some(error), "{name}");
    }
    // A revision of something else.
    assert_eq!(
        granted.supersession(&granted).err(),
        Some(E::NotItsRevision)
    );
}

#[test]
fn a_request_that_is_not_sound_is_not_taken() {
    use RequestError as R;
    let with = |change: &dyn Fn(&mut Request)| {
        let mut request = request(2);
        change(&mut request);
        request.check().err()
    };
    let found = [
        with(&|r| r.lines.clear()),
        with(&|r| r.earlier = Some(Earlier::Request("R0".into()))),
        with(&|r| r.certification = Certification::Renewal),
        with(&|r| r.lines[1].number = 1),
        with(&|r| r.lines[0].number = 0),
        with(&|r| r.lines[0].quantity = Quantity::ZERO),
        with(&|r| r.lines[0].span = Some((day("2026-03-02"), day("2026-03-01")))),
        with(&|r| r.lines[0].procedure = Code::NONE),
        with(&|r| r.lines[0].servicing = Some(Provider::new("a provider of a long name"))),
    ];
    let expected = [
        R::NoLines,
        R::Earlier,
        R::Earlier,
        R::Number { line: 1 },
        R::Number { line: 0 },
        R::Units { line: 1 },
        R::Span { line: 1 },
        R::NoProcedure { line: 1 },
        R::Provider { line: 1 },
    ];
    assert_eq!(found, expected.map(Some));
    // A referral may be for whatever is needed.
    assert_eq!(
        with(&|r| {
            r.kind = AuthorizationKind::Referral;
            r.lines[0].procedure = Code::NONE;
        }),
        None
    );
    let cancel = Request {
        certification: Certification::Cancel,
        earlier: Some(Earlier::Authorization("AUTH1".into())),
        ..request(1)
    };
    let refused = State::requested(cancel, day("2026-02-01")).err();
    assert_eq!(refused, Some(TransitionError::NothingToDecide));
}

#[test]
fn a_record_comes_to_the_same_as_its_events() {
    let dated = |on: &str, event| Dated {
        day: day(on),
        event,
    };
    let record = Record {
        request: request(2),
        received: day("2026-02-01"),
        events: vec![
            dated("2026-02-10", decision(vec![(1, pended()), (2, in_total())])),
            dated("2026-02-12", decision(vec![(1, refused())])),
            dated("2026-03-03", used(2, 3, "2026-03-02")),
            dated("2026-03-10", cancelled()),
        ],
    };
    for (on, stage) in [
        ("2026-02-09", Stage::Requested),
        ("2026-02-11", Stage::Pended),
        ("2026-02-12", Stage::InPart),
        ("2026-03-10", Stage::Cancelled),
    ] {
        let state = record.state(day(on));
        assert_eq!(state.map(|state| state.stage(day(on))), Ok(stage), "{on}");
    }
    let bytes = record.to_canon();
    let Ok(back) = Record::from_canon(&bytes) else {
        panic!("it decodes")
    };
    assert!(back == record);
    // A byte more, or any cut, is no record.
    assert!(Record::from_canon(&[bytes.as_slice(), &[0]].concat()).is_err());
    assert!((0..bytes.len()).all(|end| Record::from_canon(&bytes[..end]).is_err()));
}
