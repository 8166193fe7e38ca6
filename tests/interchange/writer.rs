//! A FHIR R4 writer for tests alone: a claim as a provider's system might send it.

use std::fmt::Write as _;

use tally_core::claim::{Claim, ClaimKind, ServiceLine};
use tally_types::{CodeSystem, ShortCode};

use super::writer_parts::{
    circumstances, contained, institutional, insurances, listed, mouth, team as whole_team,
};

pub fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn system(of: CodeSystem) -> Option<&'static str> {
    match of {
        CodeSystem::Unspecified => None,
        CodeSystem::Hcpcs => Some("http://www.ama-assn.org/go/cpt"),
        CodeSystem::Cdt => Some("http://www.ada.org/cdt"),
        CodeSystem::Ndc => Some("http://hl7.org/fhir/sid/ndc"),
        CodeSystem::RxNorm => Some("http://www.nlm.nih.gov/research/umls/rxnorm"),
        CodeSystem::Snomed => Some("http://snomed.info/sct"),
        CodeSystem::Icd10Pcs => Some("http://www.cms.gov/Medicare/Coding/ICD10"),
        CodeSystem::Revenue => Some("https://www.nubc.org/CodeSystem/RevenueCodes"),
        CodeSystem::Other => Some("urn:example:codes"),
    }
}

pub fn concept(of: Option<&str>, code: &str) -> String {
    let system = of.map_or(String::new(), |system| {
        format!("\"system\":{},", quoted(system))
    });
    format!("{{\"coding\":[{{{system}\"code\":{}}}]}}", quoted(code))
}

pub fn party(identifier: &str) -> String {
    format!("{{\"identifier\":{{\"value\":{}}}}}", quoted(identifier))
}

/// A claim as a FHIR R4 Claim, on one line.
pub fn fhir(claim: &Claim) -> String {
    let kind = match claim.kind {
        ClaimKind::Professional => "professional",
        ClaimKind::Institutional => "institutional",
        ClaimKind::Oral => "oral",
        ClaimKind::Vision => "vision",
        ClaimKind::Pharmacy => "pharmacy",
    };
    let mut out =
        String::from("{\"resourceType\":\"Claim\",\"status\":\"active\",\"use\":\"claim\"");
    if !claim.control_number.is_empty() {
        write!(
            out,
            ",\"identifier\":[{{\"value\":{}}}]",
            quoted(&claim.control_number)
        )
        .unwrap();
    }
    write!(
        out,
        "{},\"type\":{},\"patient\":{},\"created\":\"{}\",\"provider\":{}{}{}{}",
        listed("contained", &contained(claim)),
        concept(
            Some("http://terminology.hl7.org/CodeSystem/claim-type"),
            kind
        ),
        party(&claim.member.identifier),
        claim.received,
        party(&claim.billing.identifier),
        listed("insurance", &insurances(claim)),
        circumstances(claim),
        institutional(claim)
    )
    .unwrap();
    let diagnoses: Vec<String> = (1..)
        .zip(&claim.diagnoses)
        .map(|(sequence, code)| {
            format!(
                "{{\"sequence\":{sequence},\"diagnosisCodeableConcept\":{}}}",
                concept(Some("http://hl7.org/fhir/sid/icd-10-cm"), &code.to_string())
            )
        })
        .collect();
    let mut team: Vec<String> = claim
        .lines
        .iter()
        .filter_map(|line| Some((line.number, line.rendering.as_ref()?)))
        .map(|(number, provider)| {
            format!(
                "{{\"sequence\":{number},\"provider\":{}}}",
                party(&provider.identifier)
            )
        })
        .collect();
    team.extend(whole_team(claim));
    let items: Vec<String> = claim.lines.iter().map(item).collect();
    write!(
        out,
        ",\"diagnosis\":[{}],\"careTeam\":[{}],\"item\":[{}],\
         \"total\":{{\"value\":{},\"currency\":\"USD\"}}}}",
        diagnoses.join(","),
        team.join(","),
        items.join(","),
        claim.charge
    )
    .unwrap();
    out
}

fn item(line: &ServiceLine) -> String {
    let mut out = format!(
        "{{\"sequence\":{},\"productOrService\":{}",
        line.number,
        concept(system(line.system), &line.procedure.to_string())
    );
    let modifiers: Vec<String> = line
        .modifiers
        .iter()
        .filter(|code| !code.is_none())
        .map(|code| concept(None, &code.to_string()))
        .collect();
    let pointers: Vec<String> = (0..32u32)
        .filter(|bit| line.diagnoses >> bit & 1 == 1)
        .map(|bit| (bit + 1).to_string())
        .collect();
    write!(
        out,
        ",\"modifier\":[{}],\"diagnosisSequence\":[{}],\"quantity\":{{\"value\":{}{}}},\
         \"net\":{{\"value\":{},\"currency\":\"USD\"}}",
        modifiers.join(","),
        pointers.join(","),
        line.quantity,
        unit(line.detail.unit),
        line.charge
    )
    .unwrap();
    if line.from == line.through {
        write!(out, ",\"servicedDate\":\"{}\"", line.from).unwrap();
    } else {
        write!(
            out,
            ",\"servicedPeriod\":{{\"start\":\"{}\",\"end\":\"{}T23:59:59-05:00\"}}",
            line.from, line.through
        )
        .unwrap();
    }
    let mut code = |key: &str, code: ShortCode| {
        if !code.is_none() {
            write!(out, ",\"{key}\":{}", concept(None, &code.to_string())).unwrap();
        }
    };
    code("revenue", line.revenue);
    code("locationCodeableConcept", line.place);
    if line.rendering.is_some() {
        write!(out, ",\"careTeamSequence\":[{}]", line.number).unwrap();
    }
    let mut extensions = Vec::new();
    if line.emergency {
        extensions.push(String::from(
            "{\"url\":\"https://tallystick.example/fhir/StructureDefinition/emergency\",\
             \"valueBoolean\":true}",
        ));
    }
    if !line.detail.control_number.is_empty() {
        extensions.push(format!(
            "{{\"url\":\"http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-itemTraceNumber\",\
             \"valueIdentifier\":{{\"value\":{}}}}}",
            quoted(&line.detail.control_number)
        ));
    }
    out.push_str(&listed("extension", &extensions));
    if let Some(drug) = line.detail.drug {
        write!(
            out,
            ",\"detail\":[{{\"sequence\":1,\"productOrService\":{},\"quantity\":{{\"value\":{}{}}}}}]",
            concept(system(CodeSystem::Ndc), &drug.ndc.to_string()),
            drug.quantity,
            unit(drug.unit)
        )
        .unwrap();
    }
    out.push_str(&mouth(line));
    out.push('}');
    out
}

fn unit(unit: ShortCode) -> String {
    match unit.is_none() {
        true => String::new(),
        false => format!(",\"unit\":\"{unit}\""),
    }
}

/// Resources as a Bundle.
pub fn bundle(resources: &[String]) -> String {
    let entries: Vec<String> = resources
        .iter()
        .map(|resource| format!("{{\"resource\":{resource}}}"))
        .collect();
    format!(
        "{{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[{}]}}",
        entries.join(",")
    )
}
