//! The items of an explanation: a line of the claim, and what it came to.

use std::collections::BTreeMap;

use tally_types::{Carc, CodeSystem, ShortCode};

use super::super::super::json::{Json, list, number, object, text};
use super::super::category::{Category, PARTS, grouped, reason};
use super::super::response::Notes;
use super::super::write::{
    DATA_ABSENT, absent, carin, coded, coding, concept, day, money, period, system_of,
    trace_number, unless_empty,
};
use super::network::{Network, status};
use super::parties::Parties;
use super::supporting::{pointers, sites};
use super::{Explanation, Shape};
use crate::adjudication::{LineOutcome, OutcomeAdjustment};
use crate::claim::ServiceLine;

const PLACE: &str =
    "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set";
const REVENUE: &str = "https://www.nubc.org/CodeSystem/RevenueCodes";
const SURFACE: &str = "http://terminology.hl7.org/CodeSystem/ADAToothSurfaceCodes";

/// Every line that the claim and the outcome have, which is every one.
pub(super) fn all<'a>(
    explanation: &'a Explanation<'a>,
    shape: Shape,
    parties: &Parties,
    sites: &BTreeMap<u16, Vec<u32>>,
    notes: &Notes,
) -> Json<'a> {
    let lines = &explanation.claim.lines;
    unless_empty(explanation.outcome.lines().iter().map(|outcome| {
        let line = lines.iter().find(|line| line.number == outcome.number());
        let mut item = match line {
            Some(line) => service(line, shape, parties, sites),
            None => object([("sequence", number(outcome.number()))]),
        };
        let decided = object([
            ("noteNumber", notes.of_line(outcome)),
            ("adjudication", list(adjudication(outcome, line, shape))),
        ]);
        if let (Json::Object(entries), Json::Object(more)) = (&mut item, decided) {
            entries.extend(more);
        }
        item
    }))
}

/// What was done, as the sender has it.
fn service<'a>(
    line: &'a ServiceLine,
    shape: Shape,
    parties: &Parties,
    additional: &BTreeMap<u16, Vec<u32>>,
) -> Json<'a> {
    let diagnoses = (1u32..=32)
        .zip(0u32..)
        .filter(|(_, bit)| {
            line.diagnoses
                .checked_shr(*bit)
                .is_some_and(|bits| bits & 1 == 1)
        })
        .map(|(position, _)| number(position));
    let rendering = line.rendering.as_ref();
    let rendering = rendering.and_then(|provider| parties.rendering(provider));
    let modifiers = line.modifiers.iter().filter(|code| !code.is_none());
    let modifiers = modifiers.map(|code| {
        concept([coding(
            "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
            *code,
        )])
    });
    let one_day = line.from == line.through;
    object([
        ("extension", trace_number(&line.detail.control_number)),
        ("sequence", number(line.number)),
        (
            "careTeamSequence",
            rendering.map_or(Json::Null, |sequence| list([number(sequence)])),
        ),
        ("diagnosisSequence", unless_empty(diagnoses)),
        ("informationSequence", pointers(additional, line.number)),
        ("revenue", revenue(line, shape)),
        ("productOrService", product(line)),
        ("modifier", unless_empty(modifiers)),
        (
            "servicedDate",
            match one_day {
                true => day(line.from),
                false => Json::Null,
            },
        ),
        (
            "servicedPeriod",
            match one_day {
                true => Json::Null,
                false => period(line.from, Some(line.through)),
            },
        ),
        ("locationCodeableConcept", place(line, shape)),
        ("quantity", quantity(line.quantity, line.detail.unit)),
        ("net", money(line.charge)),
        (
            "bodySite",
            match shape {
                Shape::Oral => sites(line).into_iter().next().unwrap_or(Json::Null),
                _ => Json::Null,
            },
        ),
        ("subSite", surfaces(line, shape)),
        ("detail", drug(line)),
    ])
}

/// The revenue code; institutional profiles require one.
fn revenue(line: &ServiceLine, shape: Shape) -> Json<'static> {
    let billed_by_it = line.system == CodeSystem::Revenue && !line.procedure.is_none();
    match (line.revenue.is_none(), shape.is_institutional()) {
        (false, _) => coded(REVENUE, line.revenue),
        (true, true) if billed_by_it => concept([coding(REVENUE, line.procedure)]),
        (true, true) => concept([coding(DATA_ABSENT, "unknown")]),
        (true, false) => Json::Null,
    }
}

/// The procedure, drug or service; of what is billed by its revenue code alone there
/// is none.
fn product(line: &ServiceLine) -> Json<'static> {
    if line.procedure.is_none() || line.system == CodeSystem::Revenue {
        return concept([coding(DATA_ABSENT, "not-applicable")]);
    }
    let code = text(line.procedure.to_string());
    let system = system_of(line.system).map_or(Json::Null, text);
    concept([object([("system", system), ("code", code)])])
}

/// The place of service, which the professional and oral profiles require.
fn place(line: &ServiceLine, shape: Shape) -> Json<'static> {
    match (line.place.is_none(), shape) {
        (false, _) => coded(PLACE, line.place),
        (true, Shape::Professional | Shape::Oral) => object([("extension", absent())]),
        _ => Json::Null,
    }
}

fn quantity(value: tally_types::Quantity, unit: ShortCode) -> Json<'static> {
    let unit = match unit.is_none() {
        true => Json::Null,
        false => text(unit.to_string()),
    };
    object([("value", number(value)), ("unit", unit)])
}

/// The surfaces of all teeth of a line, a concept each.
fn surfaces(line: &ServiceLine, shape: Shape) -> Json<'static> {
    if shape != Shape::Oral {
        return Json::Null;
    }
    let mut letters: Vec<char> = Vec::new();
    for tooth in &line.detail.teeth {
        for letter in tooth.surfaces.chars() {
            if !letters.contains(&letter) {
                letters.push(letter);
            }
        }
    }
    unless_empty(
        letters
            .into_iter()
            .map(|letter| concept([coding(SURFACE, letter)])),
    )
}

fn drug(line: &ServiceLine) -> Json<'static> {
    line.detail.drug.map_or(Json::Null, |drug| {
        list([object([
            ("sequence", number(1)),
            (
                "productOrService",
                concept([coding("http://hl7.org/fhir/sid/ndc", drug.ndc)]),
            ),
            ("quantity", quantity(drug.quantity, drug.unit)),
        ])])
    })
}

fn adjudication<'a>(
    outcome: &'a LineOutcome,
    line: Option<&ServiceLine>,
    shape: Shape,
) -> Vec<Json<'a>> {
    let mut all = vec![
        Category::Submitted.amount(outcome.charge()),
        Category::Eligible.amount(outcome.allowed()),
    ];
    for part in PARTS {
        let sum = part.sum(outcome);
        if !sum.is_zero() {
            all.push(part.amount(sum));
        }
    }
    all.push(Category::Member.amount(outcome.patient()));
    all.push(Category::Benefit.amount(outcome.paid()));
    all.push(Category::ToProvider.amount(outcome.paid()));
    all.extend(outcome.adjustments().iter().map(adjustment));
    if matches!(shape, Shape::Professional | Shape::Oral) {
        all.push(status("benefitpaymentstatus", Network::of_line(outcome)));
    }
    if let Some(units) = line.and_then(|line| allowed_units(outcome, line)) {
        all.push(object([
            (
                "category",
                concept([carin("C4BBAdjudicationDiscriminator", "allowedunits")]),
            ),
            ("value", number(units)),
        ]));
    }
    all
}

fn adjustment(adjustment: &OutcomeAdjustment) -> Json<'_> {
    let category = carin("C4BBAdjudicationDiscriminator", "adjustmentreason");
    object([
        ("category", grouped(category, adjustment)),
        ("reason", reason(adjustment)),
        ("amount", money(adjustment.amount)),
    ])
}

/// The units allowed: none of a denied line, all of one that is paid; not said where a
/// limit took some of them.
fn allowed_units(outcome: &LineOutcome, line: &ServiceLine) -> Option<tally_types::Quantity> {
    let limits = [Carc::BENEFIT_MAXIMUM, Carc::FREQUENCY, Carc::OVER_UNITS];
    let limited = |a: &OutcomeAdjustment| limits.contains(&a.carc);
    match (outcome.denied(), outcome.adjustments().iter().any(limited)) {
        (true, _) => Some(tally_types::Quantity::ZERO),
        (false, false) => Some(line.quantity),
        (false, true) => None,
    }
}
