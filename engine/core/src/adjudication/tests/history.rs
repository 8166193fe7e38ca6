//! What policies' questions are answered from, and what is left of an
//! authorisation.

use tally_types::{Code, Money, Quantity, ServiceDate, ShortCode};

use super::rig::{World, claim, day, line};
use crate::adjudication::*;
use crate::claim::{Authorization, Claim, ClaimKind, Drug, Provider, Tooth};

fn past(procedure: &str, on: &str, units: i64, state: LineState) -> PastLine {
    let mut given = line(1, procedure, 1_000, on);
    given.quantity = Quantity::whole(units).unwrap();
    PastLine::of(&claim(vec![given.clone()]), &given, state)
}

fn question(what: Measure) -> Question {
    Question {
        what,
        code: Code::NONE,
        revenue: ShortCode::NONE,
        provider: Code::NONE,
        billing: Code::NONE,
        kind: None,
        from: day("2026-01-01"),
        through: day("2026-12-31"),
        until: ServiceDate::MAX,
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
    elsewhere.billing = "1003000126".into();
    elsewhere.kind = ClaimKind::Institutional;
    elsewhere.revenue = ShortCode::of("0420");
    elsewhere.through = day("2026-04-03");
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
    let rows: [(Ask, i64, i64, &str); 17] = [
        (|_| {}, 7, 3, "2026-04-01"),
        (|q| q.code = Code::of("97110"), 6, 2, "2026-04-01"),
        (|q| q.code = Code::of("97999"), 0, 0, ""),
        (|q| q.family = true, 15, 4, "2026-05-01"),
        (|q| q.provider = Code::of("1245319599"), 4, 1, "2026-04-01"),
        (|q| q.billing = Code::of("1003000126"), 4, 1, "2026-04-01"),
        (|q| q.billing = Code::of("1234567893"), 3, 2, "2026-03-01"),
        (|q| q.billing = Code::of("1245319599"), 0, 0, ""),
        (
            |q| q.kind = Some(ClaimKind::Institutional),
            4,
            1,
            "2026-04-01",
        ),
        (
            |q| q.kind = Some(ClaimKind::Professional),
            3,
            2,
            "2026-03-01",
        ),
        (|q| q.revenue = ShortCode::of("0420"), 4, 1, "2026-04-01"),
        (|q| q.revenue = ShortCode::of("0421"), 0, 0, ""),
        (|q| q.until = day("2026-04-03"), 7, 3, "2026-04-01"),
        (|q| q.until = day("2026-04-02"), 3, 2, "2026-03-01"),
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

fn tooth(code: &str, surfaces: &str) -> Tooth {
    Tooth {
        code: ShortCode::of(code),
        surfaces: ShortCode::parse(surfaces).unwrap_or(ShortCode::NONE),
    }
}

fn drug(ndc: &str, quantity: i64, unit: &str) -> Option<Drug> {
    Some(Drug {
        ndc: Code::of(ndc),
        quantity: Quantity::whole(quantity).unwrap(),
        unit: ShortCode::of(unit),
    })
}

/// Two fillings of one procedure and charge on different teeth are two services;
/// in what order places are named tells nothing apart. A line that names a tooth is
/// no exact duplicate of one that names none.
#[test]
fn a_duplicate_is_in_the_same_place_and_of_the_same_drug() {
    let codes = |codes: &[&str]| codes.iter().map(|code| ShortCode::of(code)).collect();
    type Change<'a> = &'a dyn Fn(&mut Claim);
    let rows: [(&str, Change<'_>, Change<'_>, bool); 14] = [
        ("no place", &|_| {}, &|_| {}, true),
        (
            "one tooth",
            &|c| c.lines[0].detail.teeth = vec![tooth("3", "")],
            &|c| c.lines[0].detail.teeth = vec![tooth("3", "")],
            true,
        ),
        (
            "two teeth",
            &|c| c.lines[0].detail.teeth = vec![tooth("3", "MO")],
            &|c| c.lines[0].detail.teeth = vec![tooth("14", "MO")],
            false,
        ),
        (
            "other surfaces",
            &|c| c.lines[0].detail.teeth = vec![tooth("3", "MO")],
            &|c| c.lines[0].detail.teeth = vec![tooth("3", "DO")],
            false,
        ),
        (
            "surfaces in another order",
            &|c| c.lines[0].detail.teeth = vec![tooth("3", "MOD")],
            &|c| c.lines[0].detail.teeth = vec![tooth("3", "DOM")],
            true,
        ),
        (
            "teeth in another order",
            &|c| c.lines[0].detail.teeth = vec![tooth("3", ""), tooth("14", "")],
            &|c| c.lines[0].detail.teeth = vec![tooth("14", ""), tooth("3", "")],
            true,
        ),
        (
            "one tooth more",
            &|c| c.lines[0].detail.teeth = vec![tooth("3", "")],
            &|c| c.lines[0].detail.teeth = vec![tooth("3", ""), tooth("14", "")],
            false,
        ),
        (
            "a tooth, and none",
            &|c| c.lines[0].detail.teeth = vec![tooth("3", "")],
            &|_| {},
            false,
        ),
        (
            "quadrants in another order, one twice",
            &|c| c.lines[0].detail.cavities = codes(&["10", "40"]),
            &|c| c.lines[0].detail.cavities = codes(&["40", "10", "40"]),
            true,
        ),
        (
            "another quadrant",
            &|c| c.lines[0].detail.cavities = codes(&["10"]),
            &|c| c.lines[0].detail.cavities = codes(&["40"]),
            false,
        ),
        (
            "another drug",
            &|c| c.lines[0].detail.drug = drug("00409115801", 2, "ML"),
            &|c| c.lines[0].detail.drug = drug("00409115802", 2, "ML"),
            false,
        ),
        (
            "more of the drug",
            &|c| c.lines[0].detail.drug = drug("00409115801", 2, "ML"),
            &|c| c.lines[0].detail.drug = drug("00409115801", 3, "ML"),
            false,
        ),
        (
            "more units of a procedure",
            &|_| {},
            &|c| c.lines[0].quantity = Quantity::whole(2).unwrap(),
            true,
        ),
        (
            "more of what a pharmacy sells",
            &|c| c.kind = ClaimKind::Pharmacy,
            &|c| {
                c.kind = ClaimKind::Pharmacy;
                c.lines[0].quantity = Quantity::whole(2).unwrap();
            },
            false,
        ),
    ];
    for (what, one, other, duplicate) in rows {
        let sent = |change: Change<'_>| {
            let mut claim = claim(vec![line(1, "D2392", 20_000, "2026-02-03")]);
            change(&mut claim);
            claim
        };
        let (one, other) = (sent(one), sent(other));
        let past = PastLine::of(&one, &one.lines[0], LineState::Allowed);
        let this = PastLine::of(&other, &other.lines[0], LineState::Allowed);
        assert_eq!(past.is_repeated_by(&this), duplicate, "{what}");
        let mut world = World::new(other.lines.clone());
        world.claim = other;
        world.history = vec![past];
        let denied = matches!(world.decide(), Decision::Done(_));
        assert_eq!(denied, duplicate, "{what}, decided");
    }
}

/// On one claim too.
#[test]
fn two_teeth_of_one_claim_are_two_services() {
    let filling = |number, tooth: Tooth| {
        let mut line = line(number, "D2392", 20_000, "2026-02-03");
        line.detail.teeth = vec![tooth];
        line
    };
    let world = World::new(vec![
        filling(1, tooth("3", "MO")),
        filling(2, tooth("14", "MO")),
        filling(3, tooth("3", "OM")),
    ]);
    assert_eq!(world.claim.charge, Money::cents(60_000));
    let given: Vec<u16> = world.run().context.lines.iter().map(|l| l.number).collect();
    assert_eq!(given, [1, 2]);
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
    assert_eq!(left(&history), [0, 3, 3], "more than there was: none of it");
    history.push(past("97110", "2026-08-02", 3, Allowed));
    assert_eq!(left(&history), [0, 0, 3], "what is left of it");
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

/// A line that needs an authorisation and a referral takes its units from each, so
/// that neither lasts longer than it is for.
#[test]
fn a_line_uses_an_authorization_and_a_referral() {
    use crate::adjudication::{Use, uses};
    use crate::claim::AuthorizationKind::Referral;
    let mut referral = authorization("97110", "2026-01-01", "2026-12-31", 3);
    referral.kind = Referral;
    referral.procedure = Code::NONE;
    referral.provider = Code::of("1234567893");
    let on_file = [
        authorization("97110", "2026-01-01", "2026-12-31", 4),
        referral,
    ];
    let history = [
        past("97110", "2026-02-01", 2, LineState::Allowed),
        past("99214", "2026-02-02", 1, LineState::Allowed),
    ];
    let left: Vec<_> = remaining(&on_file, "M1", &history)
        .iter()
        .map(|auth| auth.remaining)
        .collect();
    assert_eq!(left, [Quantity::whole(2).unwrap(), Quantity::ZERO]);
    let used = |line, authorization, units| Use {
        line,
        authorization,
        units: Quantity::whole(units).unwrap(),
    };
    assert_eq!(
        uses(&on_file, "M1", &history),
        [used(0, 0, 2), used(0, 1, 2), used(1, 1, 1)]
    );
}

/// An authorisation to a provider is used by what they render or bill on its days,
/// and by nobody else. Of a referral to anybody the engine counts nothing: whose
/// visits need one is the policy's to know.
#[test]
fn an_authorization_is_used_by_whom_it_is_to() {
    let mut one = authorization("97110", "2026-01-01", "2026-06-30", 2);
    one.provider = Code::of("1245319599");
    let used = |auth: &Authorization, line: &PastLine| {
        let left = remaining(
            core::slice::from_ref(auth),
            "M1",
            core::slice::from_ref(line),
        );
        auth.units.checked_sub(left[0].remaining).unwrap() == line.quantity
    };
    let other = past("97110", "2026-02-01", 1, LineState::Allowed);
    assert!(!used(&one, &other));
    let mut theirs = other.clone();
    theirs.rendering = "1245319599".into();
    assert!(used(&one, &theirs), "rendered");
    let mut theirs = other.clone();
    theirs.billing = "1245319599".into();
    assert!(used(&one, &theirs), "billed");
    theirs.from = day("2026-06-30");
    theirs.through = day("2026-06-30");
    assert!(used(&one, &theirs), "on the last day");
    theirs.through = day("2026-07-01");
    assert!(!used(&one, &theirs), "beyond it");
    one.provider = Code::NONE;
    assert!(used(&one, &other), "to anybody");
    one.kind = crate::claim::AuthorizationKind::Referral;
    assert!(!used(&one, &other), "a referral to anybody");
    one.provider = Code::of("1234567893");
    assert!(used(&one, &other), "a referral to them");
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
        revenue: ShortCode::NONE,
        provider: Code::NONE,
        billing: Code::NONE,
        kind: None,
        from: day("2026-01-01"),
        through: day("2026-12-31"),
        until: ServiceDate::MAX,
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
