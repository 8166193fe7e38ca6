//! The bytes of events, as they are stored: changing one means that appeals stored
//! before could not be read.

use core::fmt::Write as _;

use super::rig::*;
use crate::appeal::*;
use crate::canon::Canon as _;
use crate::claim::ClaimId;

#[test]
fn events_are_encoded_as_they_always_were() {
    let urgent = Asking {
        expedited: true,
        ..asking(5)
    };
    let urgent = Docket::default().filing(&levels(), &stands(0, 0, None), &urgent);
    let urgent = urgent.unwrap_or_else(|refusal| panic!("{refusal}"));
    let events = [
        Event::Filed(filed(0)),
        Event::Filed(urgent),
        extended(3),
        asked(9),
        answered(),
        upheld(),
        decided(Verdict::Overturned, Some(act(1))),
        decided(Verdict::InPart, Some(act(2))),
        withdrawn(),
    ];
    let mut all = format!("id {}\n", AppealId::of(ClaimId([7; 16]), 3));
    for event in &events {
        let bytes = event.to_canon();
        assert!(Event::from_canon(&bytes).is_ok_and(|read| read == *event));
        let _ = write!(all, "{} ", event.name());
        for byte in bytes {
            let _ = write!(all, "{byte:02x}");
        }
        all.push('\n');
    }
    insta::assert_snapshot!(all);
}

#[test]
fn what_is_no_event_is_refused() {
    let good = Event::Filed(filed(0)).to_canon();
    for end in 0..good.len() {
        assert!(Event::from_canon(&good[..end]).is_err());
    }
    for (at, value) in [(0, 2), (1, 0), (1, 7)] {
        let mut wrong = good.clone();
        wrong[at] = value;
        assert!(Event::from_canon(&wrong).is_err());
    }
    // A minute that no day has.
    let due = Due {
        day: after(0),
        minute: Some(1440),
    };
    assert!(Due::from_canon(&due.to_canon()).is_err());
}
