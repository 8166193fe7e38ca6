//! Eligibility: requests as they are sent, answers from a contract and its balances.

use serde_json::Value;
use tally_core::claim::{Contract, MemberReference};
use tally_core::interchange::{
    BalanceKind, BalancePeriod, BenefitAmount, BenefitBalance, BenefitNetwork, Benefits, CopayPer,
    Eligibility, EligibilityRequest, Insurer, IntakeRule, Purpose, ServiceBenefit, ServiceLimit,
    eligibility_response, read_eligibility_request,
};
use tally_types::{Code, Money, Rate, ShortCode};

use super::answers::pretty;
use super::cases::{cases, files};
use super::frozen::sample_contract;
use super::generate::day;

const REQUEST: &str = r##"{
  "resourceType": "CoverageEligibilityRequest", "status": "active",
  "identifier": [ { "value": "CANARY-E-1" } ],
  "purpose": [ "validation", "benefits" ],
  "contained": [ { "resourceType": "Coverage", "id": "c", "subscriberId": "CANARY-M-1001" } ],
  "patient": { "reference": "Patient/CANARY" },
  "servicedDate": "2026-02-01", "created": "2026-01-20",
  "provider": { "identifier": { "value": "1234567893" } },
  "insurance": [ { "focal": true, "coverage": { "reference": "#c" } } ],
  "item": [ { "category": { "coding": [ { "code": "69" } ] } },
            { "productOrService": { "coding": [ { "system": "http://www.ama-assn.org/go/cpt", "code": "99213" } ] } } ]
}"##;

fn read(text: &str) -> EligibilityRequest {
    match read_eligibility_request(text.as_bytes()) {
        Ok(request) => request,
        Err(refusal) => panic!("{refusal:?}"),
    }
}

#[test]
fn a_request_is_read() {
    let request = read(REQUEST);
    assert_eq!(request.control_number, "CANARY-E-1");
    assert_eq!(request.purposes, [Purpose::Validation, Purpose::Benefits]);
    assert_eq!(request.member.identifier, "CANARY-M-1001");
    assert_eq!(request.from, day(2026, 2, 1));
    assert_eq!(request.through, day(2026, 2, 1));
    assert!(request.provider.is_some_and(|provider| provider.is_npi));
    assert_eq!(request.items[0].category, "69");
    assert_eq!(request.items[1].procedure, Code::of("99213"));
    // Without days asked about, the day it was made; without insurance, the patient.
    let text = REQUEST.replace("\"servicedDate\": \"2026-02-01\",", "");
    assert_eq!(read(&text).from, day(2026, 1, 20));
    let text = REQUEST.replace("\"insurance\"", "\"was\"");
    assert_eq!(read(&text).member.identifier, "CANARY");
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    use IntakeRule as R;
    for (from, to, rule, place) in [
        ("\"active\"", "\"draft\"", R::NotActive, "status"),
        ("\"validation\"", "\"CANARY\"", R::BadCode, "purpose[0]"),
        (
            "[ \"validation\", \"benefits\" ]",
            "[]",
            R::Missing,
            "purpose",
        ),
        ("2026-02-01", "2026-02-30", R::BadDate, "servicedDate"),
        (
            "\"insurance\": [",
            "\"insurance\": [ { \"focal\": true, \"coverage\": {} },",
            R::Coverage,
            "insurance",
        ),
        (
            "\"99213\"",
            "\"CANARY\"",
            R::BadCode,
            "item[1].productOrService.coding[0].code",
        ),
        ("\"patient\"", "\"was\"", R::Missing, "patient"),
        (
            "\"status\"",
            "\"status\": 1, \"status\"",
            R::DuplicateKey,
            "status",
        ),
    ] {
        let text = REQUEST.replacen(from, to, 1);
        let Err(refusal) = read_eligibility_request(text.as_bytes()) else {
            panic!("{from} → {to}");
        };
        assert_eq!(refusal.rule, rule, "{from} → {to}");
        assert_eq!(refusal.place, format!("CoverageEligibilityRequest.{place}"));
        assert!(!refusal.reason.contains("CANARY"));
    }
    for bytes in [
        &b""[..],
        b"{}",
        b"[]",
        b"7",
        b"{\"resourceType\":\"Claim\"}",
    ] {
        assert!(read_eligibility_request(bytes).is_err());
    }
}

fn benefits() -> Benefits {
    let balance = |name: &str, kind, family, network, amount| BenefitBalance {
        name: name.into(),
        kind,
        family,
        network,
        period: BalancePeriod::CalendarYear,
        amount,
    };
    Benefits {
        plan: "Harbor PPO".into(),
        balances: vec![
            balance(
                "deductible",
                BalanceKind::Deductible,
                true,
                BenefitNetwork::In,
                BenefitAmount::Money {
                    limit: Some(Money::cents(50_000)),
                    used: Money::cents(47_505),
                },
            ),
            balance(
                "therapy-visits",
                BalanceKind::Maximum,
                false,
                BenefitNetwork::Any,
                BenefitAmount::Count {
                    limit: Some(20),
                    used: 3,
                },
            ),
        ],
        services: vec![
            ServiceBenefit {
                service: ShortCode::of("69"),
                covered: true,
                network: BenefitNetwork::In,
                copay: Some(Money::cents(2_500)),
                per: CopayPer::Visit,
                coinsurance: Some(Rate::parse("0.125").unwrap()),
                authorization: Some(true),
            },
            ServiceBenefit {
                service: ShortCode::of("35"),
                covered: false,
                network: BenefitNetwork::Any,
                copay: None,
                per: CopayPer::Visit,
                coinsurance: None,
                authorization: None,
            },
        ],
        limits: vec![ServiceLimit {
            service: ShortCode::of("69"),
            per: CopayPer::Visit,
            balance: balance(
                "maternity-visits",
                BalanceKind::Maximum,
                false,
                BenefitNetwork::Any,
                BenefitAmount::Count {
                    limit: Some(12),
                    used: 3,
                },
            ),
        }],
    }
}

fn answer(request: &EligibilityRequest, contract: Option<&Contract>) -> Value {
    answer_of(request, contract, &benefits())
}

fn answer_of(
    request: &EligibilityRequest,
    contract: Option<&Contract>,
    benefits: &Benefits,
) -> Value {
    let text = eligibility_response(&Eligibility {
        request,
        member: contract.map(|contract| (contract, 0)),
        benefit_period: Some((day(2026, 1, 1), day(2026, 12, 31))),
        benefits,
        insurer: Insurer {
            name: "Harbor Health",
            identifier: "HARBOR1",
        },
        created: day(2026, 1, 20),
    });
    assert!(!text.contains('\n'));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn an_answer_has_the_cover_and_what_is_left() {
    let contract = sample_contract();
    let mut request = read(REQUEST);
    request.member = MemberReference::new("M-1001");
    let found = answer(&request, Some(&contract));
    insta::assert_snapshot!("eligibility", pretty(&found.to_string()));

    // The year before, under another product; and a day before all cover.
    let cover = |found: &Value| {
        let insurance = found["insurance"].as_array().unwrap();
        insurance
            .iter()
            .map(|one| one["inforce"].as_bool().unwrap())
            .collect::<Vec<_>>()
    };
    request.from = day(2025, 6, 1);
    assert_eq!(cover(&answer(&request, Some(&contract))), [true]);
    request.from = day(2024, 6, 1);
    let found = answer(&request, Some(&contract));
    assert_eq!(cover(&found), [false]);
    assert!(found["insurance"][0]["item"].is_null());
    request.from = day(2026, 2, 1);
    request.purposes = vec![Purpose::Discovery];
    let found = answer(&request, Some(&contract));
    assert_eq!(cover(&found), [false, true]);
    assert!(found["insurance"][1]["item"].is_null());
}

#[test]
fn a_member_who_is_not_known_is_an_error() {
    let found = answer(&read(REQUEST), None);
    assert_eq!(found["outcome"], "error");
    assert_eq!(found["error"][0]["code"]["coding"][0]["code"], "31");
    assert!(found["insurance"].is_null());
}

#[test]
fn the_requests_of_the_cases_are_read() {
    let Some(root) = cases() else { return };
    let mut read = Vec::new();
    for folder in ["fhir-r4-spec-examples", "hcx"] {
        let mut paths = Vec::new();
        files(&root.join(folder), &mut paths);
        for path in paths {
            let bytes = std::fs::read(&path).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            if !text.contains("\"CoverageEligibilityRequest\"") {
                continue;
            }
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            match read_eligibility_request(&bytes) {
                Ok(request) => read.push((name, request.purposes.len())),
                Err(refusal) => panic!("{name}: {refusal:?}"),
            }
        }
    }
    assert_eq!(read.len(), 4, "{read:?}");
}
