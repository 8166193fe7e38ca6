//! Properties over sequences of events, sound and unsound alike.

use proptest::collection::vec;
use proptest::prelude::*;

use super::rig::*;
use crate::appeal::*;
use crate::canon::Canon as _;

/// An event to be made: what holds what people wrote cannot be shown, this can.
#[derive(Debug, Clone, Copy)]
enum Happens {
    Extended(i32),
    Asked(i32),
    Answered,
    Upheld,
    InPart(u8),
    Withdrawn,
}

impl Happens {
    fn event(self, on: i32) -> Event {
        match self {
            Self::Extended(days) => extended(days),
            Self::Asked(days) => asked(on + days),
            Self::Answered => answered(),
            Self::Upheld => upheld(),
            Self::InPart(n) => decided(Verdict::InPart, Some(act(n))),
            Self::Withdrawn => withdrawn(),
        }
    }
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        3 => (-2..20i32).prop_map(Happens::Extended),
        3 => (-1..30i32).prop_map(Happens::Asked),
        3 => Just(Happens::Answered),
        1 => Just(Happens::Upheld),
        1 => (1u8..9).prop_map(Happens::InPart),
        1 => Just(Happens::Withdrawn),
    ]
}

/// What happens to a claim's appeals: somebody files, or something happens to the last.
#[derive(Debug, Clone, Copy)]
enum Step {
    File,
    Last(Happens),
}

fn steps() -> impl Strategy<Value = Vec<(Step, i32)>> {
    let step = prop_oneof![1 => Just(Step::File), 2 => happens().prop_map(Step::Last)];
    vec((step, 0..50i32), 0..24)
}

proptest! {
    #[test]
    fn a_deadline_never_comes_nearer_and_goes_no_further_than_allowed(
        events in vec((happens(), 0..12i32), 0..16),
    ) {
        let mut appeal = Appeal::filed(filed(0), after(0));
        let (mut on, mut waited) = (0, 0);
        for (happens, days) in events {
            on += days;
            let event = happens.event(on);
            let before = appeal.due(noon(on));
            let Ok(next) = appeal.after(&event, noon(on)) else { continue };
            if let Happens::Asked(days) = happens {
                waited += days;
            }
            prop_assert!(next.due(noon(on)).day >= before.day);
            prop_assert!(next.due(noon(on)).day <= next.due(noon(on + 1)).day);
            appeal = next;
            let most = 60 + 14 + waited;
            prop_assert!(appeal.due(noon(9_999)).day <= after(most));
            // What is open lapses, in the end.
            let end = appeal.stage(noon(9_999));
            prop_assert_eq!(appeal.is_open(), end == Stage::Lapsed);
            // It is stored and read again as it is.
            prop_assert_eq!(Event::from_canon(&event.to_canon()).unwrap() == event, true);
        }
    }

    #[test]
    fn the_last_day_is_the_last(known in 0..400i32, on in 0..900i32, level in 0..2usize) {
        let levels = levels();
        let levels = levels.get(level..=level).unwrap();
        let last = levels[0].file_within.last_day(after(known)).unwrap();
        let filing = Docket::default().filing(levels, &stands(0, known, None), &asking(on));
        match filing {
            Ok(filed) => {
                prop_assert!(after(on) <= last && on >= known);
                prop_assert_eq!(filed.last_day, last);
            }
            Err(Refusal::TooLate { last: told, .. }) => {
                prop_assert!(after(on) > told);
                prop_assert_eq!(told, last);
            }
            Err(Refusal::Day { .. }) => prop_assert!(on < known),
            Err(other) => panic!("{other}"),
        }
    }

    /// Whatever happens in whatever order: one appeal is open or none, levels follow
    /// each other, and what is stored comes to the same when it is read again.
    #[test]
    fn levels_are_gone_through_in_order(steps in steps()) {
        let levels = levels();
        let mut docket = Docket::default();
        let mut events = Vec::new();
        let mut standing = stands(0, 0, None);
        let (mut on, mut number) = (0, 0u32);
        for (step, days) in steps {
            on += days;
            let event = match step {
                Step::File => match docket.filing(&levels, &standing, &asking(on)) {
                    Ok(filed) => Event::Filed(filed),
                    Err(_) => continue,
                },
                Step::Last(happens) => happens.event(on),
            };
            let of = match (&event, docket.appeals().last()) {
                (Event::Filed(_), _) => id(number + 1),
                (_, Some((last, _))) => *last,
                (_, None) => continue,
            };
            if docket.happen(of, &event, noon(on)).is_err() {
                continue;
            }
            if let Step::Last(Happens::InPart(n)) = step {
                standing = stands(n, on, Some(act(n).id));
            }
            number += 1;
            events.push(Numbered { appeal: of, day: after(on), event });
            let open = docket.appeals().iter().filter(|(id, of)| {
                of.is_open() && !docket.is_overtaken(*id)
            });
            prop_assert!(open.count() <= 1);
        }
        prop_assert!(Docket::of(&events).unwrap() == docket);
        let appeals = docket.appeals();
        for (at, (_, appeal)) in appeals.iter().enumerate() {
            let level = appeal.as_filed().level;
            let before = appeals[..at].last().map(|(_, of)| of);
            match before {
                None => prop_assert_eq!(level, 1),
                Some(of) if of.stage(noon(on)) == Stage::Withdrawn => {
                    prop_assert_eq!(level, of.as_filed().level);
                }
                Some(of) => prop_assert_eq!(level, of.as_filed().level + 1),
            }
            prop_assert!(appeal.on() <= appeal.as_filed().last_day);
        }
    }
}
