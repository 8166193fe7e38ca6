//! A FHIR R4 writer for tests alone: a claim as a provider's system might send it.

use std::fmt::Write as _;

use tally_core::claim::{Claim, ClaimKind, ServiceLine};
use tally_types::{CodeSystem, ShortCode};

fn quoted(text: &str) -> String {
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

fn concept(of: Option<&str>, code: &str) -> String {
    let system = of.map_or(String::new(), |system| {
        format!("\"system\":{},", quoted(system))
    });
    format!("{{\"coding\":[{{{system}\"code\":{}}}]}}", quoted(code))
}

fn party(identifier: &str) -> String {
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
    let authorizations: Vec<String> = claim.authorizations.iter().map(|a| quoted(a)).collect();
    write!(
        out,
        ",\"type\":{},\"patient\":{},\"created\":\"{}\",\"provider\":{},\
         \"insurance\":[{{\"sequence\":1,\"focal\":true,\"coverage\":{{\"display\":\"x\"}},\
         \"preAuthRef\":[{}]}}]",
        concept(
            Some("http://terminology.hl7.org/CodeSystem/claim-type"),
            kind
        ),
        party(&claim.member.identifier),
        claim.received,
        party(&claim.billing.identifier),
        authorizations.join(",")
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
    let team: Vec<String> = claim
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
        ",\"modifier\":[{}],\"diagnosisSequence\":[{}],\"quantity\":{{\"value\":{}}},\
         \"net\":{{\"value\":{},\"currency\":\"USD\"}}",
        modifiers.join(","),
        pointers.join(","),
        line.quantity,
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
    if line.emergency {
        out.push_str(
            ",\"extension\":[{\"url\":\"https://tallystick.example/fhir/StructureDefinition/emergency\",\
             \"valueBoolean\":true}]",
        );
    }
    out.push('}');
    out
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
