//! What a FHIR Claim has beside its head and its items: contained coverages and the
//! answers of other payers, supporting information, circumstances.

use std::fmt::Write as _;

use tally_core::claim::{
    AccidentCause, Claim, Frequency, Institutional, OtherPayer, PriorAdjustment,
};
use tally_types::{Money, ShortCode};

use super::writer::{concept, party, quoted};

const ADJUDICATION: &str = "http://terminology.hl7.org/CodeSystem/adjudication";

/// A list that is left out when it is empty, with its key.
pub fn listed(key: &str, items: &[String]) -> String {
    match items {
        [] => String::new(),
        items => format!(",\"{key}\":[{}]", items.join(",")),
    }
}

fn money(amount: Money) -> String {
    format!("{{\"value\":{amount},\"currency\":\"USD\"}}")
}

fn amount(system: &str, category: &str, amount: Money) -> String {
    format!(
        "{{\"category\":{},\"amount\":{}}}",
        concept(Some(system), category),
        money(amount)
    )
}

fn adjustment(of: &PriorAdjustment) -> String {
    let group = concept(
        Some("https://x12.org/codes/claim-adjustment-group-codes"),
        &of.group.to_string(),
    );
    let reason = concept(
        Some("https://x12.org/codes/claim-adjustment-reason-codes"),
        &of.reason.to_string(),
    );
    format!(
        "{{\"category\":{group},\"reason\":{reason},\"amount\":{}}}",
        money(of.amount)
    )
}

/// The coverages of other payers and their answers, contained in the claim.
pub fn contained(claim: &Claim) -> Vec<String> {
    let mut contained = Vec::new();
    for (i, payer) in claim.coordination.others.iter().enumerate() {
        let filing = match payer.filing.is_none() {
            true => String::new(),
            false => format!(
                ",\"type\":{}",
                concept(
                    Some("https://x12.org/codes/claim-filing-indicator-codes"),
                    &payer.filing.to_string()
                )
            ),
        };
        contained.push(format!(
            "{{\"resourceType\":\"Coverage\",\"id\":\"c{i}\",\"payor\":[{}]{filing}}}",
            party(&payer.identifier)
        ));
        contained.push(response(claim, i, payer));
    }
    contained
}

fn response(claim: &Claim, position: usize, payer: &OtherPayer) -> String {
    let created = payer
        .decided
        .map_or(String::new(), |day| format!(",\"created\":\"{day}\""));
    let totals: Vec<String> = payer
        .paid
        .map(|paid| amount(ADJUDICATION, "benefit", paid))
        .into_iter()
        .chain(payer.remaining.map(|left| {
            amount(
                "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBAdjudication",
                "memberliability",
                left,
            )
        }))
        .collect();
    let whole: Vec<String> = payer.adjustments.iter().map(adjustment).collect();
    let mut items = Vec::new();
    for line in &claim.lines {
        let decided = |prior: &&tally_core::claim::PriorLine| usize::from(prior.payer) == position;
        let Some(prior) = line.prior.iter().find(decided) else {
            continue;
        };
        let left = prior.remaining.map(|left| {
            amount(
                "https://x12.org/codes/claim-adjustment-group-codes",
                "PR",
                left,
            )
        });
        let units = format!(
            "{{\"category\":{},\"value\":{}}}",
            concept(None, "allowedunits"),
            prior.units
        );
        let all: Vec<String> = [amount(ADJUDICATION, "benefit", prior.paid), units]
            .into_iter()
            .chain(left)
            .chain(prior.adjustments.iter().map(adjustment))
            .collect();
        items.push(format!(
            "{{\"itemSequence\":{},\"adjudication\":[{}]}}",
            line.number,
            all.join(",")
        ));
    }
    format!(
        "{{\"resourceType\":\"ClaimResponse\",\"id\":\"r{position}\"{created}{}{}{}}}",
        listed("item", &items),
        listed("adjudication", &whole),
        listed("total", &totals)
    )
}

/// The insurances: the one the claim is to be decided under, and the others.
pub fn insurances(claim: &Claim) -> Vec<String> {
    let sequence = |place: u8| match place {
        0 => String::new(),
        place => format!("\"sequence\":{place},"),
    };
    let authorizations: Vec<String> = claim.authorizations.iter().map(|a| quoted(a)).collect();
    let mut all = vec![format!(
        "{{{}\"focal\":true,\"coverage\":{{\"display\":\"x\"}},\"preAuthRef\":[{}]}}",
        sequence(claim.coordination.sequence),
        authorizations.join(",")
    )];
    for (i, payer) in claim.coordination.others.iter().enumerate() {
        all.push(format!(
            "{{{}\"focal\":false,\"coverage\":{{\"reference\":\"#c{i}\"}},\
             \"claimResponse\":{{\"reference\":\"#r{i}\"}}}}",
            sequence(payer.sequence)
        ));
    }
    all
}

/// The members of the care team who are of the whole claim.
pub fn team(claim: &Claim) -> Vec<String> {
    let attending = claim
        .institutional
        .as_ref()
        .and_then(|of| of.attending.as_ref());
    let roles = [
        ("attending", attending),
        ("referring", claim.circumstances.referring.as_ref()),
    ];
    (60_001..)
        .zip(roles)
        .filter_map(|(sequence, (role, provider))| {
            Some(format!(
                "{{\"sequence\":{sequence},\"role\":{},\"provider\":{}}}",
                concept(None, role),
                party(&provider?.identifier)
            ))
        })
        .collect()
}

/// What it replaces, referral, facility, accident, and what the patient has paid.
pub fn circumstances(claim: &Claim) -> String {
    let mut out = String::new();
    let of = &claim.circumstances;
    if let Some(id) = claim.replaces {
        let relationship = match claim.frequency {
            Frequency::Void => "voids",
            _ => "replaces",
        };
        write!(
            out,
            ",\"related\":[{{\"relationship\":{},\"reference\":{{\"value\":\"{id}\"}}}}]",
            concept(None, relationship)
        )
        .unwrap();
    }
    if let Some(referral) = &of.referral {
        write!(out, ",\"referral\":{}", party(referral)).unwrap();
    }
    if let Some(facility) = &of.facility {
        write!(out, ",\"facility\":{}", party(&facility.identifier)).unwrap();
    }
    if let Some(accident) = &of.accident {
        let kind = match accident.cause {
            AccidentCause::Vehicle => "MVA",
            AccidentCause::Employment => "WPA",
            AccidentCause::Other => "SPT",
        };
        let on = accident
            .on
            .map_or(String::new(), |day| format!(",\"date\":\"{day}\""));
        write!(
            out,
            ",\"accident\":{{\"type\":{}{on}}}",
            concept(
                Some("http://terminology.hl7.org/CodeSystem/v3-ActIncidentCode"),
                kind
            )
        )
        .unwrap();
    }
    let paid = claim.coordination.patient_paid;
    if !paid.is_zero() {
        write!(out, ",\"patientPaid\":{}", money(paid)).unwrap();
    }
    out
}

/// The billable period, the procedures and the supporting information of an
/// institutional claim; the latter with that of teeth.
pub fn institutional(claim: &Claim) -> String {
    let mut infos = additional_sites(claim);
    let mut out = String::new();
    if let Some(of) = &claim.institutional {
        write!(
            out,
            ",\"billablePeriod\":{{\"start\":\"{}\",\"end\":\"{}\"}}",
            of.from, of.through
        )
        .unwrap();
        infos.extend(supporting(of));
        let procedures: Vec<String> = (1..)
            .zip(&of.procedures)
            .map(|(sequence, procedure)| {
                let on = procedure
                    .on
                    .map_or(String::new(), |day| format!(",\"date\":\"{day}\""));
                format!(
                    "{{\"sequence\":{sequence}{on},\"procedureCodeableConcept\":{}}}",
                    concept(
                        Some("http://www.cms.gov/Medicare/Coding/ICD10"),
                        &procedure.code.to_string()
                    )
                )
            })
            .collect();
        out.push_str(&listed("procedure", &procedures));
    }
    out.push_str(&listed("supportingInfo", &infos));
    out
}

fn supporting(of: &Institutional) -> Vec<String> {
    let mut infos = Vec::new();
    let mut add = |category: &str, rest: String| {
        let sequence = 1 + infos.len();
        infos.push(format!(
            "{{\"sequence\":{sequence},\"category\":{},{rest}}}",
            concept(None, category)
        ));
    };
    let coded = |system: Option<&str>, code: ShortCode| {
        format!("\"code\":{}", concept(system, &code.to_string()))
    };
    if let Some(day) = of.admission {
        let period = format!("\"timingPeriod\":{{\"start\":\"{day}\"}}");
        add("admissionperiod", period);
    }
    if !of.bill_type.is_none() {
        let bill = ShortCode::parse(&format!("0{}1", of.bill_type)).unwrap();
        add("typeofbill", coded(None, bill));
    }
    for (category, code) in [
        ("admtype", of.admission_type),
        ("pointoforigin", of.origin),
        ("discharge-status", of.discharge),
        ("drg", of.drg),
    ] {
        if !code.is_none() {
            add(category, coded(None, code));
        }
    }
    let nubc = |list: &str| format!("https://www.nubc.org/CodeSystem/{list}");
    for value in &of.values {
        let code = coded(Some(&nubc("ValueCodes")), value.code);
        let value = format!("{code},\"valueQuantity\":{{\"value\":{}}}", value.amount);
        add("info", value);
    }
    for occurrence in &of.occurrences {
        let (list, timing) = match occurrence.through {
            None => (
                "OccurrenceCodes",
                format!("\"timingDate\":\"{}\"", occurrence.from),
            ),
            Some(through) => (
                "OccurrenceSpanCodes",
                format!(
                    "\"timingPeriod\":{{\"start\":\"{}\",\"end\":\"{through}\"}}",
                    occurrence.from
                ),
            ),
        };
        let code = coded(Some(&nubc(list)), occurrence.code);
        add("info", format!("{code},{timing}"));
    }
    for code in &of.conditions {
        add("info", coded(Some(&nubc("ConditionCodes")), *code));
    }
    infos
}

const TEETH: &str = "http://terminology.hl7.org/CodeSystem/ADAUniversalToothDesignationSystem";
const AREAS: &str = "http://terminology.hl7.org/CodeSystem/ADAAreaOralCavitySystem";

fn sites(line: &tally_core::claim::ServiceLine) -> Vec<String> {
    let teeth = line.detail.teeth.iter();
    let areas = line.detail.cavities.iter();
    teeth
        .map(|tooth| concept(Some(TEETH), &tooth.code.to_string()))
        .chain(areas.map(|code| concept(Some(AREAS), &code.to_string())))
        .collect()
}

/// Where supporting information of additional sites begins.
fn first_site(line: u16) -> u32 {
    10_000 + u32::from(line) * 10
}

fn additional_sites(claim: &Claim) -> Vec<String> {
    let mut infos = Vec::new();
    for line in &claim.lines {
        for (at, site) in (first_site(line.number)..).zip(sites(line).iter().skip(1)) {
            infos.push(format!(
                "{{\"sequence\":{at},\"category\":{},\"code\":{site}}}",
                concept(None, "additionalbodysite")
            ));
        }
    }
    infos
}

/// Where in the mouth an item was done.
pub fn mouth(line: &tally_core::claim::ServiceLine) -> String {
    let sites = sites(line);
    let Some(first) = sites.first() else {
        return String::new();
    };
    let mut out = format!(",\"bodySite\":{first}");
    let more: Vec<String> = (first_site(line.number)..)
        .zip(&sites[1..])
        .map(|(at, _)| at.to_string())
        .collect();
    out.push_str(&listed("informationSequence", &more));
    let surfaces = line.detail.teeth.first().map(|tooth| tooth.surfaces);
    if let Some(surfaces) = surfaces.filter(|surfaces| !surfaces.is_none()) {
        let letters: Vec<String> = surfaces
            .to_string()
            .chars()
            .map(|letter| concept(None, &letter.to_string()))
            .collect();
        out.push_str(&listed("subSite", &letters));
    }
    out
}
