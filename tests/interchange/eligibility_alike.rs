//! The 271 and the FHIR answer say the same of one member's benefits.

use proptest::prelude::*;
use serde_json::Value;
use tally_core::claim::{Contract, MemberReference};
use tally_core::interchange::x12::{Address, Asked, Enrolment, Payer, Stamp, answer_eligibility};
use tally_core::interchange::{
    BalanceKind, BalancePeriod, BenefitAmount, BenefitBalance, BenefitNetwork, Benefits, CopayPer,
    Eligibility, Insurer, Purpose, ServiceBenefit, ServiceLimit, eligibility_response,
    read_eligibility_request,
};
use tally_types::{Money, Rate, ShortCode};

use super::frozen::sample_contract;
use super::generate::day;

/// The member of the sample contract, with these benefits.
struct One(Contract, Benefits);

impl Enrolment for One {
    fn contract(&self, identifier: &str, _: tally_types::ServiceDate) -> Option<&Contract> {
        (identifier == "M-1001").then_some(&self.0)
    }
    fn benefits(&self, _: &Asked<'_>) -> Benefits {
        self.1.clone()
    }
}

/// One thing said: of what, of whom, where, for how long, in what, and how much:
/// the limit and what is left, or what is used of what has no limit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Said {
    service: String,
    what: String,
    family: bool,
    network: String,
    lifetime: bool,
    visits: bool,
    amounts: Vec<i64>,
}

fn cents(text: &str) -> i64 {
    Money::parse(text).unwrap().scaled()
}

const INQUIRY: &str = "ISA*00*          *00*          *ZZ*CLINIC         *ZZ*HARBOR         \
    *260201*1000*^*00501*000000009*0*P*:~GS*HS*CLINIC*HARBOR*20260201*1000*1*X*005010X279A1~\
    ST*270*0001*005010X279A1~BHT*0022*13*Q-1*20260201*1000~HL*1**20*1~NM1*PR*2*HARBOR HEALTH\
    *****PI*HARBOR~HL*2*1*21*1~NM1*1P*2*CLINIC*****XX*1234567893~HL*3*2*22*0~\
    NM1*IL*1******MI*M-1001~DTP*291*D8*20260201~EQ*69~EQ*35~EQ*30~SE*13*0001~GE*1*1~\
    IEA*1*000000009~";

fn by_x12(benefits: &Benefits) -> (Vec<Said>, Vec<(String, String)>) {
    let one = One(sample_contract(), benefits.clone());
    let payer = Payer {
        name: "HARBOR HEALTH",
        id: "HARBOR",
        tax: "123456789",
        address: Address {
            street: "1 QUAY",
            city: "HARBOR",
            state: "ME",
            zip: "04000",
        },
        telephone: "5550100",
    };
    let stamp = Stamp {
        date: day(2026, 2, 1),
        time: "1000",
        control: 1,
        trace: "E-1",
    };
    let answers = answer_eligibility(INQUIRY, &one, &payer, &stamp).unwrap();
    assert_eq!((answers.asked, answers.unanswered), (1, 0));
    let text = answers.texts[0].replace('\n', "");
    let mut said: Vec<Said> = Vec::new();
    let mut terms = Vec::new();
    for segment in text.split('~') {
        let eb: Vec<&str> = segment.split('*').collect();
        if eb[0] != "EB" {
            continue;
        }
        let at = |n: usize| eb.get(n).copied().unwrap_or("");
        let network = match at(12) {
            "Y" => "in",
            "N" => "out",
            _ => "",
        };
        match at(1) {
            "C" | "G" | "F" => {
                let visits = ["VS", "DY", "P6"].contains(&at(9));
                let amount = match visits {
                    true => at(10).parse().unwrap(),
                    false => cents(at(7)),
                };
                if matches!(at(6), "29" | "33") {
                    said.last_mut().unwrap().amounts.push(amount);
                    continue;
                }
                said.push(Said {
                    service: at(3).into(),
                    what: match at(1) {
                        "C" => "deductible",
                        "G" => "out-of-pocket",
                        _ => "maximum",
                    }
                    .into(),
                    family: at(2) == "FAM",
                    network: network.into(),
                    lifetime: at(6) == "32",
                    visits,
                    amounts: vec![amount],
                });
            }
            "I" => terms.push((at(3).to_owned(), "excluded".to_owned())),
            "B" => terms.push((at(3).to_owned(), format!("copay {}", cents(at(7))))),
            "A" => {
                let share = Rate::parse(at(8)).unwrap().scaled();
                terms.push((at(3).to_owned(), format!("share {share}")));
            }
            _ => {}
        }
    }
    said.sort();
    terms.sort();
    (said, terms)
}

fn by_fhir(benefits: &Benefits) -> (Vec<Said>, Vec<(String, String)>) {
    let contract = sample_contract();
    let asked = r##"{"resourceType":"CoverageEligibilityRequest","status":"active",
        "purpose":["benefits"],"patient":{"reference":"Patient/x"},"created":"2026-02-01",
        "contained":[{"resourceType":"Coverage","id":"c","subscriberId":"M-1001"}],
        "insurance":[{"focal":true,"coverage":{"reference":"#c"}}]}"##;
    let Ok(mut request) = read_eligibility_request(asked.as_bytes()) else {
        panic!("no request");
    };
    assert_eq!(request.purposes, [Purpose::Benefits]);
    request.member = MemberReference::new("M-1001");
    let text = eligibility_response(&Eligibility {
        request: &request,
        member: Some((&contract, 0)),
        benefit_period: None,
        benefits,
        insurer: Insurer {
            name: "Harbor Health",
            identifier: "HARBOR1",
        },
        created: day(2026, 2, 1),
    });
    let found: Value = serde_json::from_str(&text).unwrap();
    let empty = Vec::new();
    let items = found["insurance"][0]["item"].as_array().unwrap_or(&empty);
    let code = |concept: &Value| {
        concept["coding"][0]["code"]
            .as_str()
            .unwrap_or("")
            .to_owned()
    };
    // Below ten thousand: a float holds the cents.
    let money = |value: &Value| cents(&format!("{:.2}", value["value"].as_f64().unwrap()));
    let mut said = Vec::new();
    let mut terms = Vec::new();
    for item in items {
        if let Some(excluded) = item["excluded"].as_bool() {
            let service = code(&item["category"]);
            if excluded {
                terms.push((service.clone(), "excluded".to_owned()));
            }
            for benefit in item["benefit"].as_array().unwrap_or(&empty) {
                terms.push((
                    service.clone(),
                    match code(&benefit["type"]).as_str() {
                        "copay" => format!("copay {}", money(&benefit["allowedMoney"])),
                        _ => {
                            let text = benefit["allowedString"].as_str().unwrap();
                            let hundred = Rate::parse(text.trim_end_matches('%')).unwrap();
                            format!("share {}", hundred.scaled() / 100)
                        }
                    },
                ));
            }
            continue;
        }
        let benefit = &item["benefit"][0];
        let kind = code(&benefit["type"]);
        let visits = benefit["usedUnsignedInt"].is_number();
        let (limit, used) = match visits {
            true => (
                benefit["allowedUnsignedInt"].as_i64(),
                benefit["usedUnsignedInt"].as_i64().unwrap(),
            ),
            false => (
                benefit["allowedMoney"]
                    .is_object()
                    .then(|| money(&benefit["allowedMoney"])),
                money(&benefit["usedMoney"]),
            ),
        };
        let lifetime = code(&item["term"]) == "lifetime";
        if lifetime && limit.is_none() {
            // X12 has no word for it.
            continue;
        }
        said.push(Said {
            service: code(&item["category"]),
            what: match kind.as_str() {
                "benefit" | "visit" | "units" => "maximum".to_owned(),
                _ => kind,
            },
            family: code(&item["unit"]) == "family",
            network: code(&item["network"]),
            lifetime,
            visits,
            amounts: match limit {
                Some(limit) => vec![limit, (limit - used).max(0)],
                None => vec![used],
            },
        });
    }
    said.sort();
    terms.sort();
    (said, terms)
}

fn balance() -> impl Strategy<Value = BenefitBalance> {
    let kind = prop::sample::select(vec![
        BalanceKind::Deductible,
        BalanceKind::OutOfPocket,
        BalanceKind::Maximum,
    ]);
    let network = prop::sample::select(vec![
        BenefitNetwork::In,
        BenefitNetwork::Out,
        BenefitNetwork::Any,
    ]);
    let period = prop::sample::select(vec![
        BalancePeriod::CalendarYear,
        BalancePeriod::ContractYear,
        BalancePeriod::Lifetime,
    ]);
    let money = (
        prop::option::weighted(0.8, 0i64..1_000_000),
        0i64..1_000_000,
    )
        .prop_map(|(limit, used)| BenefitAmount::Money {
            limit: limit.map(Money::cents),
            used: Money::cents(used),
        });
    let count = (prop::option::weighted(0.8, 0u32..100), 0u32..100)
        .prop_map(|(limit, used)| BenefitAmount::Count { limit, used });
    let amount = prop_oneof![money, count];
    (kind, any::<bool>(), network, period, amount).prop_map(
        |(kind, family, network, period, amount)| BenefitBalance {
            name: "a-balance".into(),
            kind,
            family,
            network,
            period,
            // Visits are of a maximum alone.
            amount: match (kind, amount) {
                (BalanceKind::Maximum, amount) | (_, amount @ BenefitAmount::Money { .. }) => {
                    amount
                }
                (_, BenefitAmount::Count { limit, used }) => BenefitAmount::Money {
                    limit: limit.map(|limit| Money::cents(limit.into())),
                    used: Money::cents(used.into()),
                },
            },
        },
    )
}

/// A limit of one of the types of service that are asked about.
fn limit() -> impl Strategy<Value = ServiceLimit> {
    let service = prop::sample::select(vec!["69", "35"]);
    let per = prop::sample::select(vec![
        CopayPer::Visit,
        CopayPer::Day,
        CopayPer::Admission,
        CopayPer::Service,
    ]);
    (service, per, balance()).prop_map(|(service, per, balance)| ServiceLimit {
        service: ShortCode::of(service),
        per,
        balance,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn both_answers_say_the_same(
        balances in prop::collection::vec(balance(), 0..6),
        copay in prop::option::of(0i64..100_000),
        share in prop::option::of(0i64..=1_000),
        covered in any::<bool>(),
        limits in prop::collection::vec(limit(), 0..4),
    ) {
        let terms = |service, covered| ServiceBenefit {
            service: ShortCode::of(service),
            covered,
            network: BenefitNetwork::In,
            copay: copay.map(Money::cents),
            per: CopayPer::Visit,
            coinsurance: share.map(|tenths| Rate::parse(&format!("{}.{:03}", tenths / 1000, tenths % 1000)).unwrap()),
            authorization: Some(true),
        };
        let benefits = Benefits {
            plan: "Harbor PPO".into(),
            balances,
            services: vec![terms("69", true), terms("35", covered)],
            limits,
        };
        let (x12, fhir) = (by_x12(&benefits), by_fhir(&benefits));
        prop_assert_eq!(x12, fhir);
    }
}
