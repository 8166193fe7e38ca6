//! What may follow what, and what a deadline comes to.

use super::rig::*;
use crate::appeal::*;

#[track_caller]
fn fails(events: &[(Event, i32)]) -> StepError {
    match through(events) {
        Ok(appeal) => panic!("it follows: {}", appeal.stage(noon(0))),
        Err(error) => error,
    }
}

#[track_caller]
fn stage(events: &[(Event, i32)], on: i32) -> (Stage, i32) {
    let appeal = through(events).unwrap_or_else(|error| panic!("{error}"));
    let due = appeal.due(noon(on));
    (appeal.stage(noon(on)), due.day.days_since(after(0)))
}

#[test]
fn it_lapses_when_its_deadline_is_over() {
    assert_eq!(stage(&[], 0), (Stage::Filed, 60));
    assert_eq!(stage(&[], 60), (Stage::Filed, 60));
    assert_eq!(stage(&[], 61), (Stage::Lapsed, 60));
    // It can be decided late.
    assert_eq!(stage(&[(upheld(), 70)], 80).0, Stage::Upheld);
}

#[test]
fn a_deadline_is_put_off_as_far_as_its_level_allows() {
    assert_eq!(stage(&[(extended(10), 5)], 70), (Stage::Extended, 70));
    let twice = [(extended(10), 5), (extended(4), 65)];
    assert_eq!(stage(&twice, 70), (Stage::Extended, 74));
    let left = fails(&[(extended(10), 5), (extended(5), 6)]);
    assert_eq!(left, StepError::TooLong { left: 4 });
    for days in [0, -1, 15] {
        assert_eq!(
            fails(&[(extended(days), 1)]),
            StepError::TooLong { left: 14 }
        );
    }
    // What is over is not put off.
    assert_eq!(fails(&[(extended(1), 61)]), StepError::Over);
}

#[test]
fn the_clock_stands_still_while_an_answer_is_waited_for() {
    let waiting = [(asked(40), 10)];
    assert_eq!(stage(&waiting, 10), (Stage::Asked, 60));
    assert_eq!(stage(&waiting, 40), (Stage::Asked, 90));
    // The answer did not come: it runs again, thirty days later.
    assert_eq!(stage(&waiting, 41), (Stage::Filed, 90));
    assert_eq!(stage(&waiting, 91), (Stage::Lapsed, 90));
    let in_time = [(asked(40), 10), (answered(), 25)];
    assert_eq!(stage(&in_time, 30), (Stage::Filed, 75));
    // Too late for an answer to be waited for; the same deadline.
    assert_eq!(
        fails(&[(asked(40), 10), (answered(), 41)]),
        StepError::NotAsked
    );
    let again = [(asked(40), 10), (asked(60), 50)];
    assert_eq!(stage(&again, 60), (Stage::Asked, 100));
    assert_eq!(fails(&[(asked(40), 10), (asked(50), 20)]), StepError::Asked);
    assert_eq!(fails(&[(asked(10), 10)]), StepError::Until);
    assert_eq!(fails(&[(answered(), 10)]), StepError::NotAsked);
    assert_eq!(fails(&[(asked(80), 61)]), StepError::Over);
    // It is decided or taken back meanwhile all the same.
    assert_eq!(
        stage(&[(asked(40), 10), (upheld(), 12)], 12).0,
        Stage::Upheld
    );
}

#[test]
fn what_is_closed_stays_so() {
    let ends = [
        (upheld(), Stage::Upheld),
        (
            decided(Verdict::Overturned, Some(act(1))),
            Stage::Overturned,
        ),
        (decided(Verdict::InPart, Some(act(1))), Stage::InPart),
        (withdrawn(), Stage::Withdrawn),
    ];
    for (end, stage) in ends {
        for event in [upheld(), withdrawn(), extended(1), asked(9), answered()] {
            assert_eq!(
                fails(&[(end.clone(), 5), (event, 6)]),
                StepError::Ended(stage)
            );
        }
    }
}

#[test]
fn what_is_overturned_has_an_act_and_what_is_upheld_has_none() {
    for event in [
        decided(Verdict::Upheld, Some(act(1))),
        decided(Verdict::Overturned, None),
        decided(Verdict::InPart, None),
    ] {
        assert_eq!(fails(&[(event, 5)]), StepError::Act);
    }
}

#[test]
fn every_event_has_its_day_and_its_reason() {
    assert_eq!(
        fails(&[(extended(1), 5), (upheld(), 4)]),
        StepError::OutOfOrder
    );
    for event in saying(" ") {
        assert_eq!(fails(&[(event, 5)]), StepError::NoReason);
    }
}

/// What people write is bounded, to the byte.
#[test]
fn every_text_has_its_length() {
    for event in saying(&"a".repeat(TEXT_BYTES + 1)) {
        assert_eq!(fails(&[(asked(20), 4), (event, 5)]), StepError::LongText);
    }
    for event in saying(&"a".repeat(TEXT_BYTES)) {
        let asks = matches!(event, Event::Asked { .. });
        let first = if asks { extended(1) } else { asked(20) };
        assert!(through(&[(first, 4), (event, 5)]).is_ok());
    }
}

/// Every event that follows a filing, with these words.
fn saying(text: &str) -> [Event; 5] {
    let by = || "a clerk".to_owned();
    [
        Event::Withdrawn {
            by: by(),
            reason: text.to_owned(),
        },
        Event::Answered {
            by: by(),
            what: text.to_owned(),
        },
        Event::Asked {
            by: by(),
            what: text.to_owned(),
            until: after(9),
        },
        Event::Extended {
            by: by(),
            reason: text.to_owned(),
            days: 1,
        },
        Event::Decided(Decided {
            by: by(),
            reason: text.to_owned(),
            verdict: Verdict::Upheld,
            overturning: None,
        }),
    ]
}
