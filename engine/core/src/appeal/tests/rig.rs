//! Appeals to test with.

use tally_types::ServiceDate;

use crate::adjudication::{Act, ActKind};
use crate::appeal::*;
use crate::claim::ClaimId;

pub fn day(text: &str) -> ServiceDate {
    ServiceDate::parse(text).unwrap()
}

/// So many days after the decision became known.
pub fn after(days: i32) -> ServiceDate {
    day("2026-03-01").plus_days(days).unwrap()
}

/// Noon of such a day.
pub fn noon(days: i32) -> Moment {
    Moment {
        day: after(days),
        minute: 720,
    }
}

pub fn id(number: u32) -> AppealId {
    AppealId::of(ClaimId([7; 16]), number)
}

/// Two levels: one for everybody, one that members alone go to, with nothing put off.
pub fn levels() -> Vec<Level> {
    let internal = Level {
        name: "internal".into(),
        file_within: Window::Days(180),
        decide_within: 60,
        extend: 14,
        expedited: Some(72),
        member: true,
        provider: true,
    };
    let external = Level {
        name: "external".into(),
        file_within: Window::Months(4),
        decide_within: 45,
        extend: 0,
        expedited: None,
        provider: false,
        ..internal.clone()
    };
    vec![internal, external]
}

/// The `n`th outcome of the claim, brought about by an act on such a day.
pub fn stands(n: u8, since: i32, by: Option<ClaimId>) -> Standing {
    Standing::Decided {
        what: Appealed {
            outcome: [n; 32],
            number: n.into(),
            entry: Some(9),
        },
        since: after(since),
        by,
    }
}

pub fn asking(on: i32) -> Asking<'static> {
    Asking {
        level: None,
        by: Party::Member,
        noted_by: "a clerk",
        reason: "it was needed",
        expedited: false,
        on: after(on),
        now: noon(on),
    }
}

/// An appeal at the first level, filed on such a day.
pub fn filed(on: i32) -> Filed {
    let docket = Docket::default();
    let filing = docket.filing(&levels(), &stands(0, 0, None), &asking(on));
    filing.unwrap_or_else(|refusal| panic!("{refusal}"))
}

pub fn act(n: u8) -> Overturning {
    Overturning {
        id: ClaimId([n; 16]),
        act: n.is_multiple_of(2).then(|| Act {
            by: "a reviewer".into(),
            reason: "it is covered".into(),
            kind: ActKind::Readjudicate,
        }),
    }
}

pub fn decided(verdict: Verdict, overturning: Option<Overturning>) -> Event {
    Event::Decided(Decided {
        by: "a reviewer".into(),
        reason: "as read again".into(),
        verdict,
        overturning,
    })
}

pub fn upheld() -> Event {
    decided(Verdict::Upheld, None)
}

pub fn extended(days: i32) -> Event {
    Event::Extended {
        by: "a reviewer".into(),
        reason: "records are on their way".into(),
        days,
    }
}

pub fn asked(until: i32) -> Event {
    Event::Asked {
        by: "a reviewer".into(),
        what: "the operation's report".into(),
        until: after(until),
    }
}

pub fn answered() -> Event {
    Event::Answered {
        by: "a clerk".into(),
        what: "the report".into(),
    }
}

pub fn withdrawn() -> Event {
    Event::Withdrawn {
        by: "a clerk".into(),
        reason: "by telephone".into(),
    }
}

/// An appeal to which these happened on these days.
pub fn through(events: &[(Event, i32)]) -> Result<Appeal, StepError> {
    let mut appeal = Appeal::filed(filed(0), after(0));
    for (event, on) in events {
        appeal = appeal.after(event, noon(*on))?;
    }
    Ok(appeal)
}
