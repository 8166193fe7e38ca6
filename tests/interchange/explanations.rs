//! Explanations of benefits: a reader of its own, which shares nothing with what
//! writes them, checks that they say the amounts of the outcome to the cent, line by
//! line and in total, and that they have what their profile requires.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::Value;
use tally_core::adjudication::{LineOutcome, Outcome, Settlement, Status};
use tally_core::claim::{Claim, ClaimKind, Contract, Institutional, ServiceLine};
use tally_core::interchange::{
    Explanation, PaidOn, coverage_lines, explanation_lines, explanation_of_benefit,
    patient_access_bundle, patient_lines,
};
use tally_types::{Group, Money, ShortCode};

use super::answers::pretty;
use super::frozen::{INSURER, sample_claim, sample_contract, sample_outcome, sample_pended};
use super::generate::{Shown, claims, contracts, day, outcomes};

pub fn explain<'a>(
    claim: &'a Claim,
    outcome: &'a Outcome,
    contract: &'a Contract,
) -> Explanation<'a> {
    Explanation {
        claim,
        outcome,
        contract,
        member: &contract.members[0],
        insurer: INSURER,
        decided: day(2026, 6, 2),
        paid: Some(PaidOn {
            day: day(2026, 6, 5),
            interest: Money::ZERO,
        }),
        reversed: false,
        replaced_by: None,
    }
}

/// The claim with a line for every line of the outcome, of the same number and charge.
pub fn aligned(mut claim: Claim, outcome: &Outcome) -> Claim {
    let lines = std::mem::take(&mut claim.lines);
    claim.lines = outcome
        .lines()
        .iter()
        .zip(lines.iter().cycle())
        .map(|(decided, line)| ServiceLine {
            number: decided.number(),
            charge: decided.charge(),
            ..line.clone()
        })
        .collect();
    claim.charge = outcome.charge();
    claim
}

/// The code of a concept, of the one coding that begins so.
pub fn code<'a>(concept: &'a Value, system: &str) -> Option<&'a str> {
    concept["coding"]
        .as_array()
        .unwrap()
        .iter()
        .find(|coding| coding["system"].as_str().unwrap_or("").ends_with(system))
        .map(|coding| coding["code"].as_str().unwrap())
}

pub fn cents(amount: &Value) -> Money {
    assert_eq!(amount["currency"], "USD");
    Money::parse(&amount["value"].to_string()).unwrap()
}

/// The amounts by category of a list, and the adjustments in it.
#[derive(Default)]
struct Read {
    amounts: BTreeMap<String, Money>,
    adjustments: Vec<(String, String, Money)>,
    statuses: BTreeSet<String>,
}

fn read(list: &Value) -> Read {
    let mut read = Read::default();
    for entry in list.as_array().unwrap() {
        let category = &entry["category"];
        if let Some(discriminator) = code(category, "C4BBAdjudicationDiscriminator") {
            if discriminator == "adjustmentreason" {
                read.adjustments.push((
                    code(category, "group-codes").unwrap().to_owned(),
                    code(&entry["reason"], "reason-codes").unwrap().to_owned(),
                    cents(&entry["amount"]),
                ));
            } else {
                assert!(read.statuses.insert(discriminator.to_owned()));
            }
            continue;
        }
        let name = code(category, "CodeSystem/adjudication").or(code(category, "C4BBAdjudication"));
        let before = read
            .amounts
            .insert(name.unwrap().to_owned(), cents(&entry["amount"]));
        assert!(before.is_none(), "a category stands once");
    }
    read
}

const PARTS: [&str; 6] = [
    "deductible",
    "copay",
    "coinsurance",
    "discount",
    "priorpayerpaid",
    "noncovered",
];

fn sum<'a>(amounts: impl Iterator<Item = &'a Money>) -> Money {
    Money::checked_sum(amounts.copied()).unwrap()
}

fn line_agrees(item: &Value, line: &LineOutcome) {
    let found = read(&item["adjudication"]);
    let amount = |name: &str| found.amounts.get(name).copied().unwrap_or(Money::ZERO);
    assert_eq!(amount("submitted"), line.charge());
    assert_eq!(amount("eligible"), line.allowed());
    assert_eq!(amount("benefit"), line.paid());
    assert_eq!(amount("paidtoprovider"), line.paid());
    assert_eq!(amount("memberliability"), line.patient());
    // Every adjustment, as it is.
    let expected: Vec<(String, String, Money)> = line
        .adjustments()
        .iter()
        .map(|a| (a.group.to_string(), a.carc.to_string(), a.amount))
        .collect();
    assert_eq!(found.adjustments, expected);
    let taken = Money::checked_sum(found.adjustments.iter().map(|(_, _, amount)| *amount));
    assert_eq!(line.charge().checked_sub(taken.unwrap()), Some(line.paid()));
    // The categories are the adjustments, in other words.
    let parts = Money::checked_sum(PARTS.iter().map(|part| amount(part))).unwrap();
    assert_eq!(parts.checked_add(amount("benefit")), Some(line.charge()));
    for (part, carc) in [("deductible", "1"), ("coinsurance", "2"), ("copay", "3")] {
        let of = found
            .adjustments
            .iter()
            .filter(|(_, reason, _)| reason == carc);
        assert_eq!(amount(part), sum(of.map(|(_, _, amount)| amount)));
    }
    let owed = line.adjustments().iter().filter(|a| a.group == Group::Pr);
    assert_eq!(amount("memberliability"), sum(owed.map(|a| &a.amount)));
}

pub fn agrees(text: &str, claim: &Claim, outcome: &Outcome) {
    let explanation: Value = serde_json::from_str(text).unwrap();
    let items = explanation["item"].as_array().unwrap();
    assert_eq!(items.len(), outcome.lines().len());
    let mut sums: BTreeMap<String, Money> = BTreeMap::new();
    for (item, line) in items.iter().zip(outcome.lines()) {
        assert_eq!(item["sequence"], line.number());
        line_agrees(item, line);
        for (name, amount) in read(&item["adjudication"]).amounts {
            let sum = sums.entry(name).or_insert(Money::ZERO);
            *sum = sum.checked_add(amount).unwrap();
        }
    }
    let mut totals = read(&explanation["total"]).amounts;
    let paid = totals.remove("paidbypatient").unwrap_or(Money::ZERO);
    assert_eq!(paid, claim.coordination.patient_paid);
    sums.retain(|name, sum| !PARTS.contains(&name.as_str()) || !sum.is_zero());
    assert_eq!(totals, sums);
    assert_eq!(totals["submitted"], outcome.charge());
    assert_eq!(totals["eligible"], outcome.allowed());
    assert_eq!(totals["memberliability"], outcome.patient());
    assert_eq!(totals["benefit"], outcome.paid());
    assert_eq!(cents(&explanation["payment"]["amount"]), outcome.paid());
    let kind = code(
        &explanation["payment"]["type"],
        "C4BBPayerAdjudicationStatus",
    )
    .unwrap();
    let denied = outcome.lines().iter().filter(|line| line.denied()).count();
    let expected = match (outcome.status(), denied) {
        (Status::Denied, _) => "denied",
        (_, 0) => "paid",
        _ => "partiallypaid",
    };
    assert_eq!(kind, expected);
}

/// Nothing of a resource is null or empty, and what points within it finds something.
fn is_whole(value: &Value) {
    match value {
        Value::Null => panic!("a null"),
        Value::Array(items) => {
            assert!(!items.is_empty());
            items.iter().for_each(is_whole);
        }
        Value::Object(map) => {
            assert!(!map.is_empty());
            map.values().for_each(is_whole);
        }
        Value::String(text) => assert!(!text.is_empty()),
        Value::Bool(_) | Value::Number(_) => {}
    }
}

fn sequences(list: &Value) -> BTreeSet<u64> {
    let list = list.as_array().map_or(&[][..], Vec::as_slice);
    let found: BTreeSet<u64> = list
        .iter()
        .map(|entry| entry["sequence"].as_u64().unwrap())
        .collect();
    assert_eq!(found.len(), list.len(), "a sequence stands twice");
    found
}

fn points_to(item: &Value, key: &str, there: &BTreeSet<u64>) {
    for pointer in item[key].as_array().map_or(&[][..], Vec::as_slice) {
        assert!(there.contains(&pointer.as_u64().unwrap()), "{key}");
    }
}

fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("reference").and_then(Value::as_str));
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

/// What the profiles of CARIN Blue Button require.
fn has_its_shape(text: &str, claim: &Claim) {
    let explanation: Value = serde_json::from_str(text).unwrap();
    is_whole(&explanation);
    assert_eq!(explanation["resourceType"], "ExplanationOfBenefit");
    assert_eq!(explanation["use"], "claim");
    assert_eq!(explanation["outcome"], "complete");
    assert_eq!(
        code(&explanation["identifier"][0]["type"], "C4BBIdentifierType"),
        Some("uc")
    );
    for key in ["patient", "insurer", "provider"] {
        assert!(explanation[key]["reference"].is_string(), "{key}");
    }
    assert!(explanation["billablePeriod"]["start"].is_string());
    assert!(explanation["meta"]["lastUpdated"].is_string());
    let focal = explanation["insurance"].as_array().unwrap().iter();
    assert_eq!(focal.filter(|one| one["focal"] == true).count(), 1);

    let contained: BTreeSet<String> = explanation["contained"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("#{}", one["id"].as_str().unwrap()))
        .collect();
    let mut names = Vec::new();
    references(&explanation, &mut names);
    for name in names.iter().filter(|name| name.starts_with('#')) {
        assert!(contained.contains(*name), "{name}");
    }

    // Nothing is contained that nobody refers to (FHIR's dom-3).
    for own in &contained {
        assert!(names.contains(&own.as_str()), "{own}");
    }

    let team = sequences(&explanation["careTeam"]);
    let infos = sequences(&explanation["supportingInfo"]);
    let diagnoses = sequences(&explanation["diagnosis"]);
    sequences(&explanation["procedure"]);
    let notes: BTreeSet<u64> = explanation["processNote"]
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .map(|note| note["number"].as_u64().unwrap())
        .collect();
    let mut slices: BTreeMap<&str, usize> = BTreeMap::new();
    for info in explanation["supportingInfo"].as_array().unwrap() {
        *slices
            .entry(code(&info["category"], "C4BBSupportingInfoType").unwrap())
            .or_default() += 1;
    }
    slices.remove("additionalbodysite");
    assert!(slices.values().all(|count| *count == 1), "{slices:?}");

    let profile = explanation["meta"]["profile"][0].as_str().unwrap();
    let profile = profile.rsplit_once("C4BB-ExplanationOfBenefit-").unwrap().1;
    let statuses = read(&explanation["adjudication"]).statuses;
    assert!(statuses.contains("benefitpaymentstatus"));
    for item in explanation["item"].as_array().unwrap() {
        points_to(item, "careTeamSequence", &team);
        points_to(item, "informationSequence", &infos);
        points_to(item, "diagnosisSequence", &diagnoses);
        points_to(item, "noteNumber", &notes);
        assert!(item["productOrService"].is_object());
        let dated = item["servicedDate"].is_string() != item["servicedPeriod"].is_object();
        assert!(dated);
        let statuses = read(&item["adjudication"]).statuses;
        let wants = profile.starts_with("Professional") || profile.starts_with("Oral");
        assert_eq!(statuses.contains("benefitpaymentstatus"), wants);
        if wants {
            assert!(item["locationCodeableConcept"].is_object());
        }
        if profile.contains("Institutional") {
            assert!(item["revenue"].is_object());
        }
    }
    let expected = match claim.kind {
        ClaimKind::Professional | ClaimKind::Vision => "Professional-NonClinician|2.1.0",
        ClaimKind::Oral => "Oral|2.1.0",
        ClaimKind::Pharmacy => {
            for required in ["dayssupply", "dawcode", "refillnum"] {
                assert!(slices.contains_key(required));
            }
            "Pharmacy|2.1.0"
        }
        ClaimKind::Institutional => {
            let sub_type = code(&explanation["subType"], "C4BBInstitutionalClaimSubType");
            let inpatient = profile == "Inpatient-Institutional|2.1.0";
            assert_eq!(
                sub_type,
                Some(match inpatient {
                    true => "inpatient",
                    false => "outpatient",
                })
            );
            assert!(!inpatient || slices.contains_key("admissionperiod"));
            profile
        }
    };
    assert_eq!(profile, expected);
}

proptest! {
    #[test]
    fn explanations_say_what_the_outcome_says(
        Shown(claim) in claims(),
        outcome in outcomes(),
        Shown(contract) in contracts(),
    ) {
        let claim = aligned(claim, &outcome);
        let text = explanation_of_benefit(&explain(&claim, &outcome, &contract));
        match outcome.settlement() {
            Settlement::Pended { .. } => prop_assert!(text.is_none()),
            Settlement::Settled(_) => {
                let text = text.unwrap();
                prop_assert!(!text.contains('\n'));
                agrees(&text, &claim, &outcome);
                has_its_shape(&text, &claim);
            }
        }
    }

    #[test]
    fn bundles_and_files_have_every_resource_once(
        Shown(claim) in claims(),
        outcome in outcomes(),
        Shown(contract) in contracts(),
    ) {
        let claim = aligned(claim, &outcome);
        let explanation = explain(&claim, &outcome, &contract);
        let member = explanation.member;
        let updated = day(2026, 6, 2);
        let text = patient_access_bundle(&contract, member, INSURER, updated, [&explanation]);
        let bundle: Value = serde_json::from_str(&text).unwrap();
        is_whole(&bundle);
        let kinds: Vec<&str> = bundle["entry"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["resource"]["resourceType"].as_str().unwrap())
            .collect();
        let settled = usize::from(outcome.status() != Status::Pended);
        prop_assert_eq!(kinds.len(), 1 + member.spans.len() + settled);
        let urls: BTreeSet<&str> = bundle["entry"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["fullUrl"].as_str().unwrap())
            .collect();
        prop_assert_eq!(urls.len(), kinds.len());
        // What is referred to outside a resource is in the Bundle.
        for entry in bundle["entry"].as_array().unwrap() {
            let mut names = Vec::new();
            references(&entry["resource"], &mut names);
            for name in names.iter().filter(|name| !name.starts_with('#')) {
                let subscriber = entry["resource"]["subscriber"]["reference"] == **name;
                let there = urls.iter().any(|url| url.ends_with(name));
                prop_assert!(there || subscriber, "{}", name);
            }
        }

        let lines: Vec<String> = patient_lines([&contract], updated)
            .chain(coverage_lines([&contract], INSURER, updated))
            .chain(explanation_lines([explanation]))
            .collect();
        let spans: usize = contract.members.iter().map(|member| member.spans.len()).sum();
        prop_assert_eq!(lines.len(), contract.members.len() + spans + settled);
        for line in lines {
            let Some(resource) = line.strip_suffix('\n') else {
                panic!("a line ends");
            };
            prop_assert!(!resource.contains('\n'));
            is_whole(&serde_json::from_str(resource).unwrap());
        }
    }
}

#[test]
fn a_professional_explanation() {
    let (claim, outcome, contract) = (sample_claim(), sample_outcome(), sample_contract());
    let text = explanation_of_benefit(&explain(&claim, &outcome, &contract)).unwrap();
    insta::assert_snapshot!("explanation_professional", pretty(&text));
    let pended = sample_pended();
    assert!(explanation_of_benefit(&explain(&claim, &pended, &contract)).is_none());
}

#[test]
fn what_is_taken_back_is_cancelled_and_names_what_takes_its_place() {
    let (claim, outcome, contract) = (sample_claim(), sample_outcome(), sample_contract());
    let mut explanation = explain(&claim, &outcome, &contract);
    explanation.reversed = true;
    explanation.replaced_by = Some(claim.id);
    let value: Value =
        serde_json::from_str(&explanation_of_benefit(&explanation).unwrap()).unwrap();
    assert_eq!(value["status"], "cancelled");
    let related = &value["related"][0];
    assert_eq!(
        code(
            &related["relationship"],
            "C4BBRelatedClaimRelationshipCodes"
        ),
        Some("replacedby")
    );
    assert_eq!(related["reference"]["value"], claim.id.to_string());
}

#[test]
fn a_stay_is_told_from_a_visit_by_the_type_of_bill() {
    let outcome = sample_outcome();
    let contract = sample_contract();
    let of = |bill_type: &'static str, admitted: bool| {
        let mut claim = sample_claim();
        claim.kind = ClaimKind::Institutional;
        claim.institutional = Some(Institutional {
            bill_type: match bill_type {
                "" => ShortCode::NONE,
                other => ShortCode::of(other),
            },
            from: day(2026, 1, 5),
            through: day(2026, 1, 6),
            admission: admitted.then(|| day(2026, 1, 5)),
            admission_type: ShortCode::of("4"),
            origin: ShortCode::of("5"),
            discharge: ShortCode::of("01"),
            drg: ShortCode::of("795"),
            attending: Some(claim.billing.clone()),
            procedures: vec![],
            values: vec![],
            occurrences: vec![],
            conditions: vec![],
        });
        let text = explanation_of_benefit(&explain(&claim, &outcome, &contract)).unwrap();
        has_its_shape(&text, &claim);
        // A newborn's point of origin is of a list of its own.
        assert!(text.contains("https://www.nubc.org/CodeSystem/PointOfOriginNewborn"));
        let value: Value = serde_json::from_str(&text).unwrap();
        code(&value["subType"], "SubType").unwrap().to_owned()
    };
    assert_eq!(of("11", false), "inpatient");
    assert_eq!(of("13", true), "outpatient");
    assert_eq!(of("", true), "inpatient");
    assert_eq!(of("", false), "outpatient");
}

#[test]
fn a_member_and_their_cover() {
    let contract = sample_contract();
    let updated = day(2026, 6, 2);
    let mut out = String::new();
    for line in
        patient_lines([&contract], updated).chain(coverage_lines([&contract], INSURER, updated))
    {
        out.push_str(&pretty(line.trim_end()));
        out.push('\n');
    }
    insta::assert_snapshot!("member_and_cover", out);
}
