//! Which appeals are taken in, and why others are not.

use super::rig::*;
use crate::appeal::*;
use crate::claim::ClaimId;

/// A claim's appeals so far.
fn docket(events: Vec<(u32, Event, i32)>) -> Docket {
    let events: Vec<Numbered> = events
        .into_iter()
        .map(|(of, event, on)| Numbered {
            appeal: id(of),
            day: after(on),
            event,
        })
        .collect();
    Docket::of(&events).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn taken(docket: &Docket, standing: &Standing, asking: &Asking<'_>) -> Filed {
    let filing = docket.filing(&levels(), standing, asking);
    filing.unwrap_or_else(|refusal| panic!("{refusal}"))
}

#[track_caller]
fn refused(docket: &Docket, standing: &Standing, asking: &Asking<'_>) -> Refusal {
    match docket.filing(&levels(), standing, asking) {
        Ok(filed) => panic!("it is taken in at the level {}", filed.name),
        Err(refusal) => refusal,
    }
}

fn first() -> (u32, Event, i32) {
    (1, Event::Filed(filed(10)), 10)
}

#[test]
fn the_first_level_counts_from_when_the_decision_became_known() {
    let none = Docket::default();
    let standing = stands(0, 0, None);
    let filed = taken(&none, &standing, &asking(180));
    assert_eq!((filed.level, &filed.name[..]), (1, "internal"));
    assert_eq!(filed.last_day, after(180));
    assert_eq!(filed.due, Due::on(after(240)));
    assert_eq!(
        refused(&none, &standing, &asking(181)).to_string(),
        "too late: the decision became known on 2026-03-01, and the last day to file at the \
         level `internal` was 2026-08-28"
    );
    // It was received in time, and is entered later.
    let late = Asking {
        on: after(180),
        ..asking(200)
    };
    assert_eq!(taken(&none, &standing, &late).due, Due::on(after(240)));
    for on in [-1, 201] {
        let never = Asking {
            on: after(on),
            ..asking(200)
        };
        let day = Refusal::Day { known: after(0) };
        assert_eq!(refused(&none, &standing, &never), day);
    }
}

#[test]
fn what_cannot_wait_is_due_by_the_hour() {
    let none = Docket::default();
    let urgent = Asking {
        expedited: true,
        ..asking(5)
    };
    let filed = taken(&none, &stands(0, 0, None), &urgent);
    assert_eq!(filed.due.to_string(), "2026-03-09 12:00 UTC");
    let appeal = Appeal::filed(filed, after(5));
    let at = |minute| Moment {
        day: after(8),
        minute,
    };
    assert_eq!(appeal.stage(at(720)), Stage::Filed);
    assert_eq!(appeal.stage(at(721)), Stage::Lapsed);
    // Received before today: from the first minute of that day.
    let earlier = Asking {
        on: after(4),
        ..urgent
    };
    let filed = taken(&none, &stands(0, 0, None), &earlier);
    assert_eq!(filed.due.to_string(), "2026-03-08 00:00 UTC");
    let closed = docket(vec![first(), (1, upheld(), 20)]);
    let urgent = Asking {
        expedited: true,
        ..asking(21)
    };
    let refusal = refused(&closed, &stands(0, 0, None), &urgent);
    assert_eq!(refusal, Refusal::NotExpedited("external".into()));
}

#[test]
fn a_further_level_counts_from_the_decision_before_it() {
    let standing = stands(0, 0, None);
    let closed = docket(vec![first(), (1, upheld(), 50)]);
    let filed = taken(&closed, &standing, &asking(60));
    assert_eq!((filed.level, filed.known), (2, after(50)));
    // Four months from 20 April.
    assert_eq!(filed.last_day, day("2026-08-20"));
    let late = refused(&closed, &standing, &asking(173));
    assert!(late.to_string().contains("2026-08-20"), "{late}");
    let past = Asking {
        level: Some("internal"),
        ..asking(60)
    };
    assert!(matches!(
        refused(&closed, &standing, &past),
        Refusal::Past { .. }
    ));
    let provider = Asking {
        by: Party::Provider,
        ..asking(60)
    };
    assert!(matches!(
        refused(&closed, &standing, &provider),
        Refusal::NotParty { .. }
    ));
    let last = docket(vec![
        first(),
        (1, upheld(), 50),
        (3, Event::Filed(filed), 60),
        (3, upheld(), 70),
    ]);
    assert!(matches!(
        refused(&last, &standing, &asking(71)),
        Refusal::Exhausted { .. }
    ));
}

#[test]
fn one_is_open_at_a_time() {
    let open = docket(vec![first()]);
    let standing = stands(0, 0, None);
    let Refusal::Open { appeal, due, .. } = refused(&open, &standing, &asking(20)) else {
        panic!("it is open");
    };
    assert_eq!((appeal, due), (id(1), Due::on(after(70))));
    // Changed by another act or not.
    let changed = stands(1, 15, Some(ClaimId([1; 16])));
    assert!(matches!(
        refused(&open, &changed, &asking(20)),
        Refusal::Open { .. }
    ));
}

#[test]
fn who_waited_in_vain_goes_on() {
    let open = docket(vec![first()]);
    let standing = stands(0, 0, None);
    let filed = taken(&open, &standing, &asking(71));
    assert_eq!((filed.level, filed.known), (2, after(70)));
    let gone_on = docket(vec![first(), (2, Event::Filed(filed), 71)]);
    assert!(gone_on.is_overtaken(id(1)) && !gone_on.is_overtaken(id(2)));
    let mut decided = gone_on.clone();
    let late = decided.happen(id(1), &upheld(), noon(72));
    assert_eq!(late, Err(StepError::Overtaken));
    assert!(decided == gone_on);
}

#[test]
fn a_level_is_not_skipped() {
    let asking = Asking {
        level: Some("external"),
        ..asking(5)
    };
    let refusal = refused(&Docket::default(), &stands(0, 0, None), &asking);
    assert_eq!(
        refusal.to_string(),
        "the level `external` comes after `internal`: file at that level first"
    );
    let asking = Asking {
        level: Some("federal court"),
        ..asking
    };
    let refusal = refused(&Docket::default(), &stands(0, 0, None), &asking);
    assert_eq!(
        refusal.to_string(),
        "there is no level `federal court`: the levels are `internal`, `external`"
    );
}

#[test]
fn what_was_taken_back_may_be_filed_again_in_its_time() {
    let withdrawn = docket(vec![first(), (1, withdrawn(), 30)]);
    let standing = stands(0, 0, None);
    let filed = taken(&withdrawn, &standing, &asking(180));
    assert_eq!((filed.level, filed.known), (1, after(0)));
    let late = refused(&withdrawn, &standing, &asking(181));
    assert!(matches!(late, Refusal::TooLate { .. }));
}

#[test]
fn another_decision_begins_at_the_first_level() {
    let own = act(1);
    let in_part = decided(Verdict::InPart, Some(own.clone()));
    let closed = docket(vec![first(), (1, in_part, 40)]);
    // Put right by the appeal: the next level is of that decision.
    let filed = taken(&closed, &stands(1, 41, Some(own.id)), &asking(42));
    assert_eq!((filed.level, filed.known), (2, after(40)));
    assert_eq!(filed.appealed.outcome, [1; 32]);
    // By anything else: it is another decision.
    let other = stands(2, 60, Some(ClaimId([2; 16])));
    let filed = taken(&closed, &other, &asking(61));
    assert_eq!((filed.level, filed.known), (1, after(60)));
}

#[test]
fn without_a_decision_there_is_nothing_to_appeal() {
    let none = Docket::default();
    for (standing, expected) in [
        (Standing::Waits, Refusal::Waits),
        (Standing::Pended, Refusal::Pended),
        (Standing::Gone, Refusal::Gone),
    ] {
        assert_eq!(refused(&none, &standing, &asking(5)), expected);
    }
    let nothing = none.filing(&[], &stands(0, 0, None), &asking(5));
    assert!(matches!(nothing, Err(Refusal::NoLevels)));
    let silent = Asking {
        reason: "  ",
        ..asking(5)
    };
    let refusal = refused(&none, &stands(0, 0, None), &silent);
    assert_eq!(refusal, Refusal::NoReason);
    for (bytes, is_taken) in [(TEXT_BYTES, true), (TEXT_BYTES + 1, false)] {
        let reason = "a".repeat(bytes);
        let long = Asking {
            reason: &reason,
            ..asking(5)
        };
        let filing = none.filing(&levels(), &stands(0, 0, None), &long);
        match filing {
            Ok(_) => assert!(is_taken),
            Err(refusal) => assert!(!is_taken && refusal == Refusal::LongReason),
        }
    }
}
