//! Properties over sequences of events, sound and unsound alike.

use proptest::collection::vec;
use proptest::prelude::*;
use tally_types::{Quantity, ServiceDate};

use super::rig;
use crate::authorization::*;
use crate::canon::Canon as _;

fn day(offset: i32) -> ServiceDate {
    rig::day("2026-03-01").plus_days(offset).unwrap()
}

/// A verdict to be made: what holds health information cannot be shown, this can.
#[derive(Debug, Clone)]
enum Judged {
    Certified(i64, i32, i32),
    InTotal,
    Refused,
    Pended,
}

impl Judged {
    fn verdict(&self) -> Verdict {
        match *self {
            Self::Certified(units, from, length) => Verdict::Certified(Grant {
                units: Quantity::from_scaled(units),
                from: day(from),
                through: day(from + length),
            }),
            Self::InTotal => rig::in_total(),
            Self::Refused => rig::refused(),
            Self::Pended => rig::pended(),
        }
    }
}

/// An event to be made.
#[derive(Debug, Clone)]
enum Happens {
    Decided(Vec<(u16, Judged)>),
    Cancelled,
    Superseded,
    Used(u16, i64, i32),
}

impl Happens {
    fn event(&self) -> Event {
        match self {
            Self::Decided(lines) => {
                let lines = lines.iter().map(|(line, of)| (*line, of.verdict()));
                rig::decision(lines.collect())
            }
            Self::Cancelled => rig::cancelled(),
            Self::Superseded => Event::Superseded { by: "AUTH2".into() },
            Self::Used(line, units, on) => Event::Used {
                line: *line,
                units: Quantity::from_scaled(*units),
                on: day(*on),
            },
        }
    }
}

fn judged() -> impl Strategy<Value = Judged> {
    prop_oneof![
        6 => (0i64..140_000, -20..40i32, -3..40i32)
            .prop_map(|(units, from, length)| Judged::Certified(units, from, length)),
        1 => Just(Judged::InTotal),
        1 => Just(Judged::Refused),
        2 => Just(Judged::Pended),
    ]
}

fn happens() -> impl Strategy<Value = Happens> {
    let both = (judged(), judged()).prop_map(|(a, b)| Happens::Decided(vec![(1, a), (2, b)]));
    prop_oneof![
        2 => vec((1u16..4, judged()), 1..4).prop_map(Happens::Decided),
        4 => both,
        1 => Just(Happens::Cancelled),
        1 => Just(Happens::Superseded),
        8 => (1u16..4, -1i64..60_000, -25..60i32)
            .prop_map(|(line, units, on)| Happens::Used(line, units, on)),
    ]
}

/// Events with the days between them, some of which run backwards.
fn events() -> impl Strategy<Value = Vec<(i32, Happens)>> {
    vec((-1..12i32, happens()), 0..14)
}

/// What every state must hold to.
fn assert_sound(state: &State) {
    for (asked, line) in state.request().lines.iter().zip(state.lines()) {
        assert_eq!(asked.number, line.number());
        let Some((_, grant)) = line.granted() else {
            assert!(line.used().is_zero());
            assert!(state.usable(line.number(), day(0)).is_err());
            continue;
        };
        assert!(grant.units <= asked.quantity && line.used() <= grant.units);
        assert!(grant.from <= grant.through);
        for offset in -30..100 {
            let on = day(offset);
            let Ok(usable) = state.usable(line.number(), on) else {
                continue;
            };
            assert!(on >= grant.from && on <= grant.through);
            assert!(state.cancelled().is_none_or(|cancelled| on < cancelled));
            assert!(state.superseded().is_none());
            assert_eq!(usable.checked_add(line.used()), Some(grant.units));
        }
    }
}

/// What is on file agrees with what may be used, day by day, but for what was used.
fn assert_on_file(state: &State) {
    let on_file = entries(std::slice::from_ref(state), state.last());
    for offset in -30..100 {
        let on = day(offset);
        let usable = state.lines().iter().filter_map(|line| {
            let usable = state.usable(line.number(), on).ok()?;
            usable.checked_add(line.used())
        });
        let mut usable: Vec<Quantity> = usable.collect();
        let good = on_file
            .iter()
            .filter(|of| of.from <= on && on <= of.through);
        let mut good: Vec<Quantity> = good.map(|of| of.units).collect();
        usable.sort_unstable();
        good.sort_unstable();
        assert_eq!(usable, good);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn nothing_is_certified_or_used_beyond_what_it_may(events in events()) {
        let mut state = State::requested(rig::request(2), day(-28)).ok().unwrap();
        let mut today = -28;
        let mut record = Record {
            request: rig::request(2),
            received: day(today),
            events: vec![],
        };
        for (later, happens) in events {
            let event = happens.event();
            let on = day(today + later);
            match state.after(&event, on) {
                Ok(next) => {
                    prop_assert!(later >= 0);
                    if matches!(event, Event::Decided(_)) {
                        // A line that was decided stays as it was.
                        for (before, now) in state.lines().iter().zip(next.lines()) {
                            let waits = matches!(before.decided(), None | Some((_, Verdict::Pended(_))));
                            prop_assert!(waits || before == now);
                        }
                    }
                    state = next;
                    today += later;
                    record.events.push(Dated { day: on, event });
                }
                Err(_) => prop_assert!(state.last() == day(today)),
            }
            assert_sound(&state);
            assert_on_file(&state);
        }
        // The record is the state, and its bytes are the record.
        prop_assert!(record.state(day(today)).ok() == Some(state));
        let back = Record::from_canon(&record.to_canon()).ok();
        prop_assert!(back.is_some_and(|back| back == record));
    }

    #[test]
    fn a_second_decision_is_refused(a in judged(), b in judged(), again in judged()) {
        let Ok(state) = rig::after(&[("2026-02-10", rig::decision(vec![(1, a.verdict()), (2, b.verdict())]))]) else {
            return Ok(());
        };
        let waits = |line: &LineState| matches!(line.decided(), Some((_, Verdict::Pended(_))));
        for line in state.lines().iter().filter(|line| !waits(line)) {
            let second = rig::decision(vec![(line.number(), again.verdict())]);
            prop_assert!(state.after(&second, day(0)).is_err());
        }
    }

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..400)) {
        let _ = Record::from_canon(&bytes);
    }
}
