//! What policies' questions are answered from, and what is left of an
//! authorisation.

use tally_types::{Code, Quantity, ShortCode};

use super::rig::{World, claim, day, line};
use crate::adjudication::*;
use crate::claim::{Authorization, Provider};

fn past(procedure: &str, on: &str, units: i64, state: LineState) -> PastLine {
    let mut given = line(1, procedure, 1_000, on);
    given.quantity = Quantity::whole(units).unwrap();
    PastLine::of(&claim(vec![given.clone()]), &given, state)
}

fn question(what: Measure) -> Question {
    Question {
        what,
        code: Code::NONE,
        provider: Code::NONE,
        from: day("2026-01-01"),
        through: day("2026-12-31"),
        family: false,
    }
}

#[test]
fn answers() {
    use LineState::{Allowed, Denied, Pended, Unjudged};
    let mut sibling = past("97110", "2026-05-01", 8, Allowed);
    sibling.member = "M2".into();
    let mut elsewhere = past("97110", "2026-04-01", 4, Allowed);
    elsewhere.rendering = "1245319599".into();
    let history = vec![
        past("97110", "2026-02-01", 2, Allowed),
        past("97140", "2026-03-01", 1, Allowed),
        elsewhere,
        sibling,
        past("97110", "2026-06-01", 16, Denied),
        past("97110", "2026-06-01", 32, Pended),
        past("97110", "2026-06-01", 256, Unjudged),
        past("97110", "2025-12-31", 64, Allowed),
        past("97110", "2027-01-01", 128, Allowed),
    ];
    type Ask = fn(&mut Question);
    let rows: [(Ask, i64, i64, &str); 8] = [
        (|_| {}, 7, 3, "2026-04-01"),
        (|q| q.code = Code::of("97110"), 6, 2, "2026-04-01"),
        (|q| q.code = Code::of("97999"), 0, 0, ""),
        (|q| q.family = true, 15, 4, "2026-05-01"),
        (|q| q.provider = Code::of("1245319599"), 4, 1, "2026-04-01"),
        (|q| q.from = day("2026-02-02"), 5, 2, "2026-04-01"),
        (|q| q.through = day("2026-02-01"), 2, 1, "2026-02-01"),
        (|q| q.through = day("2025-12-31"), 0, 0, ""),
    ];
    for (row, (ask, units, lines, last)) in rows.into_iter().enumerate() {
        let of = |what| {
            let mut question = question(what);
            ask(&mut question);
            answer(&question, "M1", &history)
        };
        assert_eq!(of(Measure::Units), units * 10_000, "row {row}");
        assert_eq!(of(Measure::Lines), lines, "row {row}");
        let last = match last {
            "" => i64::MIN,
            date => day(date).days().into(),
        };
        assert_eq!(of(Measure::LastDate), last, "row {row}");
    }
}

/// Asked about who rendered a line, which is the billing provider where nobody
/// else is named, or where what is named is no code.
#[test]
fn a_provider_is_who_rendered_the_line() {
    let mut given = line(1, "97110", 1_000, "2026-02-01");
    for (rendering, known) in [
        (None, "1234567893"),
        (Some("1245319599"), "1245319599"),
        (Some("a name of more than 18"), "1234567893"),
    ] {
        given.rendering = rendering.map(Provider::new);
        let claim = claim(vec![given.clone()]);
        let past = PastLine::of(&claim, &given, LineState::Allowed);
        assert_eq!(past.rendering, rendering.unwrap_or("1234567893"));
        for provider in ["1234567893", "1245319599"] {
            let mut asked = question(Measure::Lines);
            asked.provider = Code::of(provider);
            let found = answer(&asked, "M1", std::slice::from_ref(&past));
            assert_eq!(found, i64::from(provider == known), "{rendering:?}");
        }
    }
}

fn authorization(procedure: &str, from: &str, through: &str, units: i64) -> Authorization {
    Authorization {
        kind: crate::claim::AuthorizationKind::Authorization,
        number: "AUTH".into(),
        procedure: Code::of(procedure),
        provider: Code::NONE,
        from: day(from),
        through: day(through),
        units: Quantity::whole(units).unwrap(),
    }
}

/// Earlier lines take their units from the first authorisation that is good
/// for them, then from the next; none goes below zero.
#[test]
fn authorizations_are_used_up() {
    use LineState::{Allowed, Denied, Pended};
    let on_file = [
        authorization("97110", "2026-01-01", "2026-06-30", 10),
        authorization("97110", "2026-03-01", "2026-12-31", 5),
        authorization("97140", "2026-01-01", "2026-12-31", 3),
    ];
    let left = |history: &[PastLine]| -> Vec<i64> {
        remaining(&on_file, "M1", history)
            .iter()
            .map(|auth| auth.remaining.scaled() / 10_000)
            .collect()
    };
    assert_eq!(left(&[]), [10, 5, 3]);
    let mut history = vec![past("97110", "2026-02-01", 4, Allowed)];
    assert_eq!(left(&history), [6, 5, 3]);
    history.push(past("97110", "2026-04-01", 8, Allowed));
    assert_eq!(
        left(&history),
        [0, 3, 3],
        "six of the first, two of the second"
    );
    history.push(past("97110", "2026-08-01", 9, Allowed));
    assert_eq!(left(&history), [0, 0, 3], "more than there was");
    history.push(past("97140", "2026-08-01", 1, Denied));
    history.push(past("97140", "2026-08-01", 1, Pended));
    let mut sibling = past("97140", "2026-08-01", 1, Allowed);
    sibling.member = "M2".into();
    history.push(sibling);
    history.push(past("97140", "2027-01-01", 1, Allowed));
    assert_eq!(
        left(&history),
        [0, 0, 3],
        "denied, waiting, another's, too late"
    );
}

/// A stay is authorised, and asked about, by its revenue code.
#[test]
fn a_line_without_a_procedure_is_known_by_its_revenue_code() {
    let on_file = [authorization("0120", "2026-01-01", "2026-12-31", 5)];
    let mut stay = past("0120", "2026-02-01", 3, LineState::Allowed);
    stay.procedure = Code::NONE;
    stay.revenue = ShortCode::of("0120");
    let left = remaining(&on_file, "M1", &[stay.clone()]);
    assert_eq!(left[0].remaining, Quantity::whole(2).unwrap());
    let asked = Question {
        what: Measure::Units,
        code: Code::of("0120"),
        provider: Code::NONE,
        from: day("2026-01-01"),
        through: day("2026-12-31"),
        family: false,
    };
    assert_eq!(answer(&asked, "M1", &[stay]), 30_000);
}

/// The policy is given what is left, of its own member.
#[test]
fn a_context_has_what_is_left() {
    let mut world = World::new(vec![line(1, "97110", 1_000, "2026-05-01")]);
    world.contract.members[0].authorizations =
        vec![authorization("97110", "2026-01-01", "2026-12-31", 10)];
    world.history = vec![past("97110", "2026-02-01", 4, LineState::Allowed)];
    let auth = &world.run().context.authorizations[0];
    assert_eq!(auth.remaining, Quantity::whole(6).unwrap());
    assert_eq!(auth.through, day("2026-12-31"));
}
