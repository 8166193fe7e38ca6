//! A request, small enough to be changed in a test.

use tally_types::{Code, CodeSystem, Quantity, ServiceDate, ShortCode};

use crate::authorization::*;
use crate::claim::{AuthorizationKind, ClaimKind, MemberReference, Provider};

pub fn day(text: &str) -> ServiceDate {
    ServiceDate::parse(text).unwrap()
}

pub fn units(count: i64) -> Quantity {
    Quantity::whole(count).unwrap()
}

/// Ten units of a procedure in March.
pub fn line(number: u16) -> RequestLine {
    RequestLine {
        number,
        traces: vec![format!("T{number}")],
        service: ShortCode::NONE,
        system: CodeSystem::Hcpcs,
        procedure: Code::of("97110"),
        modifiers: [ShortCode::NONE; 4],
        quantity: units(10),
        unit: ShortCode::NONE,
        span: Some((day("2026-03-01"), day("2026-03-31"))),
        diagnoses: 1,
        servicing: Some(Provider::new("1234567893")),
    }
}

pub fn request(lines: u16) -> Request {
    Request {
        kind: AuthorizationKind::Authorization,
        certification: Certification::Initial,
        earlier: None,
        urgency: Urgency::Elective,
        claim: ClaimKind::Professional,
        control_number: "R1".into(),
        member: MemberReference::new("M1"),
        requesting: Provider::new("1234567893"),
        diagnoses: vec![Code::of("M545")],
        lines: (1..=lines).map(line).collect(),
    }
}

pub fn grant(count: i64, from: &str, through: &str) -> Verdict {
    Verdict::Certified(Grant {
        units: units(count),
        from: day(from),
        through: day(through),
    })
}

pub fn in_total() -> Verdict {
    Verdict::in_total(&line(1)).unwrap()
}

pub fn refused() -> Verdict {
    Verdict::NotCertified(ReviewReason {
        code: ShortCode::of("0V"),
        text: "Conservative care was not tried.".into(),
    })
}

pub fn pended() -> Verdict {
    Verdict::Pended(vec!["The therapist's notes.".into()])
}

pub fn decision(lines: Vec<(u16, Verdict)>) -> Event {
    Event::Decided(Decision {
        by: "reviewer".into(),
        authorization: "AUTH1".into(),
        lines: lines
            .into_iter()
            .map(|(number, verdict)| LineDecision { number, verdict })
            .collect(),
    })
}

pub fn cancelled() -> Event {
    Event::Cancelled {
        by: "provider".into(),
        reason: "Not needed.".into(),
    }
}

pub fn used(line: u16, count: i64, on: &str) -> Event {
    Event::Used {
        line,
        units: units(count),
        on: day(on),
    }
}

/// A request of two lines after events, each on its day.
pub fn after(events: &[(&str, Event)]) -> Result<State, TransitionError> {
    let mut state = State::requested(request(2), day("2026-02-01"))?;
    for (on, event) in events {
        state = state.after(event, day(on))?;
    }
    Ok(state)
}

/// As [`after`], where it must succeed.
pub fn came_to(events: &[(&str, Event)]) -> State {
    match after(events) {
        Ok(state) => state,
        Err(error) => panic!("{error}"),
    }
}

/// A revision of `AUTH1`, decided or not.
pub fn revision(verdicts: Option<[Verdict; 2]>) -> State {
    let asked = Request {
        certification: Certification::Revised,
        earlier: Some(Earlier::Authorization("AUTH1".into())),
        ..request(2)
    };
    let Ok(state) = State::requested(asked, day("2026-03-05")) else {
        panic!("a sound revision");
    };
    let Some([first, second]) = verdicts else {
        return state;
    };
    let Event::Decided(of) = decision(vec![(1, first), (2, second)]) else {
        unreachable!()
    };
    let of = Decision {
        authorization: "AUTH2".into(),
        ..of
    };
    match state.after(&Event::Decided(of), day("2026-03-06")) {
        Ok(state) => state,
        Err(error) => panic!("{error}"),
    }
}
