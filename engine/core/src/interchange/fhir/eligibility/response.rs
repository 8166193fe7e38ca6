//! Writes a FHIR R4 `CoverageEligibilityResponse`.

use tally_types::{Carc, Rate, ShortCode};

use super::super::super::json::{Json, list, number, object, text};
use super::super::coverage::coverage_id;
use super::super::explanation::insurer_named;
use super::super::patient::patient_id;
use super::super::write::{
    CARC, coding, concept, day, logical, money, period, reference, unless_empty,
};
use super::{Eligibility, Purpose};
use crate::claim::{Contract, Member, Span};
use crate::interchange::benefit::{
    BalanceKind, BalancePeriod, BenefitAmount, BenefitBalance, BenefitNetwork, CopayPer,
    ServiceBenefit,
};

const BENEFIT_TYPE: &str = "http://terminology.hl7.org/CodeSystem/benefit-type";
const OWN_TYPE: &str = "https://tallystick.example/fhir/CodeSystem/benefit-type";
const UNIT: &str = "http://terminology.hl7.org/CodeSystem/benefit-unit";
const TERM: &str = "http://terminology.hl7.org/CodeSystem/benefit-term";
const NETWORK: &str = "http://terminology.hl7.org/CodeSystem/benefit-network";
/// Types of service as the 271 has them (X12 list 1365).
const SERVICE: &str = "https://x12.org/codes/service-type-codes";
const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/ex-benefitcategory";

/// The answer to an eligibility request as a FHIR R4 `CoverageEligibilityResponse`, on
/// one line. A member who is not known is an error with CARC 31. For `discovery` every
/// span of cover is listed, else the one of the first day asked about; each says
/// whether it is in force on that day. With `benefits`, what is in force has the
/// balances: `allowed` is the limit, `used` what is used of it; and the terms of the
/// types of service asked about, or of all where none is. The 271 says the same.
#[must_use]
pub fn eligibility_response(eligibility: &Eligibility<'_>) -> String {
    let request = eligibility.request;
    let found = eligibility.member.and_then(|(contract, position)| {
        contract
            .members
            .get(position)
            .map(|member| (contract, member))
    });
    let covered = found.and_then(|(_, member)| member.span_on(request.from));
    let disposition = match (found, covered) {
        (None, _) => "The member is not known.",
        (_, Some(_)) => "Cover is in force.",
        (_, None) => "Cover is not in force.",
    };
    let one_day = request.from == request.through;
    object([
        ("resourceType", text("CoverageEligibilityResponse")),
        ("status", text("active")),
        ("purpose", list(request.purposes.iter().map(purpose))),
        (
            "patient",
            match found {
                Some((contract, member)) => {
                    reference(format!("Patient/{}", patient_id(contract, member)))
                }
                None => logical(request.member.identifier.clone()),
            },
        ),
        (
            "servicedDate",
            match one_day {
                true => day(request.from),
                false => Json::Null,
            },
        ),
        (
            "servicedPeriod",
            match one_day {
                true => Json::Null,
                false => period(request.from, Some(request.through)),
            },
        ),
        ("created", day(eligibility.created)),
        (
            "requestor",
            match &request.provider {
                Some(provider) => logical(provider.identifier.clone()),
                None => Json::Null,
            },
        ),
        (
            "request",
            match request.control_number.as_str() {
                "" => object([("display", text("The request"))]),
                number => logical(number.to_owned()),
            },
        ),
        (
            "outcome",
            text(match found {
                Some(_) => "complete",
                None => "error",
            }),
        ),
        ("disposition", text(disposition)),
        ("insurer", insurer_named(&eligibility.insurer)),
        (
            "insurance",
            match found {
                Some((contract, member)) => insurances(eligibility, contract, member),
                None => Json::Null,
            },
        ),
        (
            "error",
            match found {
                Some(_) => Json::Null,
                None => list([object([(
                    "code",
                    concept([coding(CARC, Carc::MEMBER_UNKNOWN)]),
                )])]),
            },
        ),
    ])
    .to_string()
}

fn purpose(purpose: &Purpose) -> Json<'static> {
    text(match purpose {
        Purpose::AuthorizationRequirements => "auth-requirements",
        Purpose::Benefits => "benefits",
        Purpose::Discovery => "discovery",
        Purpose::Validation => "validation",
    })
}

fn insurances<'a>(
    eligibility: &Eligibility<'a>,
    contract: &Contract,
    member: &'a Member,
) -> Json<'a> {
    let request = eligibility.request;
    let all = request.purposes.contains(&Purpose::Discovery);
    let covers = |span: &&Span| span.covers(request.from);
    // Where no span covers the day, the last one says what there was.
    let none_covers = !member.spans.iter().any(|span| span.covers(request.from));
    let last = member.spans.last().filter(|_| none_covers);
    let spans = member
        .spans
        .iter()
        .filter(|span| all || covers(span) || last.is_some_and(|last| last == *span));
    unless_empty(spans.map(|span| {
        let in_force = span.covers(request.from);
        let balances = match in_force && request.purposes.contains(&Purpose::Benefits) {
            true => items(eligibility),
            false => Json::Null,
        };
        object([
            (
                "coverage",
                reference(format!("Coverage/{}", coverage_id(contract, member, span))),
            ),
            ("inforce", Json::Bool(in_force)),
            (
                "benefitPeriod",
                match eligibility.benefit_period.filter(|_| in_force) {
                    Some((from, through)) => period(from, Some(through)),
                    None => Json::Null,
                },
            ),
            ("item", balances),
        ])
    }))
}

fn items<'a>(eligibility: &Eligibility<'a>) -> Json<'a> {
    let benefits = eligibility.benefits;
    let asked = &eligibility.request.items;
    let is_asked = |service: ShortCode| {
        let service = service.to_string();
        asked.is_empty() || asked.iter().any(|item| item.category == service)
    };
    // 30: health benefit plan coverage, the plan as a whole.
    let balances = benefits.balances.iter();
    let balances = balances.map(|of| balance(coding(CATEGORY, "30"), of));
    let services = benefits.services.iter().filter(|of| is_asked(of.service));
    let limits = benefits.limits.iter().filter(|of| is_asked(of.service));
    let limits = limits.map(|of| balance(coding(SERVICE, of.service), &of.balance));
    unless_empty(balances.chain(services.map(terms)).chain(limits))
}

fn network(of: BenefitNetwork) -> Json<'static> {
    match of {
        BenefitNetwork::In => concept([coding(NETWORK, "in")]),
        BenefitNetwork::Out => concept([coding(NETWORK, "out")]),
        BenefitNetwork::Any => Json::Null,
    }
}

fn balance<'a>(category: Json<'a>, balance: &'a BenefitBalance) -> Json<'a> {
    let unit = match balance.family {
        true => "family",
        false => "individual",
    };
    let term = match balance.period {
        BalancePeriod::Lifetime => "lifetime",
        BalancePeriod::CalendarYear | BalancePeriod::ContractYear => "annual",
    };
    let kind = match (balance.kind, balance.amount) {
        (BalanceKind::Deductible, _) => coding(BENEFIT_TYPE, "deductible"),
        // HL7 has no code for it.
        (BalanceKind::OutOfPocket, _) => coding(OWN_TYPE, "out-of-pocket"),
        (BalanceKind::Maximum, BenefitAmount::Money { .. }) => coding(BENEFIT_TYPE, "benefit"),
        (BalanceKind::Maximum, BenefitAmount::Count { .. }) => {
            match balance.name.contains("visit") {
                true => coding(BENEFIT_TYPE, "visit"),
                // HL7 has no code for these either.
                false => coding(OWN_TYPE, "units"),
            }
        }
    };
    let count = |units: u32| number(units);
    let (allowed, used) = match balance.amount {
        BenefitAmount::Money { limit, used } => (
            ("allowedMoney", limit.map_or(Json::Null, money)),
            ("usedMoney", money(used)),
        ),
        BenefitAmount::Count { limit, used } => (
            ("allowedUnsignedInt", limit.map_or(Json::Null, count)),
            ("usedUnsignedInt", count(used)),
        ),
    };
    let name = balance.name.as_str();
    let kind = object([("coding", list([kind])), ("text", text(name))]);
    object([
        ("category", concept([category])),
        ("name", text(name)),
        ("network", network(balance.network)),
        ("unit", concept([coding(UNIT, unit)])),
        ("term", concept([coding(TERM, term)])),
        ("benefit", list([object([("type", kind), allowed, used])])),
    ])
}

/// What a visit costs, and what the member bears of the rest.
fn terms(of: &ServiceBenefit) -> Json<'_> {
    let copay = of.copay.filter(|_| of.covered);
    let copay = copay.map(|copay| ("copay", ("allowedMoney", money(copay))));
    let share = of.coinsurance.filter(|_| of.covered);
    let share = share.map(|share| ("copay-percent", ("allowedString", percent(share))));
    let benefit =
        |(kind, allowed)| object([("type", concept([coding(BENEFIT_TYPE, kind)])), allowed]);
    let unit = match of.covered {
        true => concept([coding(UNIT, "individual")]),
        false => Json::Null,
    };
    let per = copay.as_ref().and(match of.per {
        CopayPer::Visit => Some("The copayment is for each visit."),
        CopayPer::Day => Some("The copayment is for each day."),
        CopayPer::Admission => Some("The copayment is for each admission."),
        CopayPer::Service => None,
    });
    object([
        ("category", concept([coding(SERVICE, of.service)])),
        ("excluded", Json::Bool(!of.covered)),
        ("description", per.map_or(Json::Null, text)),
        ("network", network(of.network)),
        ("unit", unit),
        (
            "benefit",
            unless_empty(copay.into_iter().chain(share).map(benefit)),
        ),
        (
            "authorizationRequired",
            of.authorization.map_or(Json::Null, Json::Bool),
        ),
    ])
}

/// A share as people write it: 0.2 is `20%`.
fn percent(share: Rate) -> Json<'static> {
    let hundred = share.scaled().saturating_mul(100);
    let text_of = Rate::from_scaled(hundred).to_string();
    let digits = match text_of.contains('.') {
        true => text_of.trim_end_matches('0').trim_end_matches('.'),
        false => &text_of,
    };
    Json::Text(format!("{digits}%").into())
}
