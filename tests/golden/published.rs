//! Published worked examples, as small plans written with the toolkit that the
//! products are written with. The examples are in `published.toml`, each
//! with its source.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use tally_core::adjudication::{LineOutcome, OutcomeAdjustment};
use tally_sdk::cob::PriorPayer;
use tally_sdk::cob::prior::{Reported, of_claim};
use tally_sdk::interest::{DatedRate, PromptPay, RateOn};
use tally_sdk::prelude::*;
use tally_sdk::{Balance, LineDetermination, PriorAdjustment};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    example: Vec<Example>,
    identity: Vec<Identity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    id: String,
    title: String,
    source: String,
    plan: Terms,
    line: Vec<ExampleLine>,
}

/// The terms an example states.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Terms {
    member_deductible: Option<String>,
    family_deductible: Option<String>,
    member_limit: Option<String>,
    coinsurance: Option<String>,
    multiple: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExampleLine {
    charge: String,
    fee: Option<String>,
    allowed: Option<String>,
    copay: Option<String>,
    deductible: Option<String>,
    coinsurance: Option<String>,
    paid: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    id: String,
    title: String,
    source: String,
    line: Vec<IdentityLine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentityLine {
    charge: String,
    adjustments: Vec<String>,
    paid: String,
}

/// The examples that are no plan of some lines: each has a test of its own here.
const OWN: [&str; 2] = ["x12-837p-cob-3", "interest-clean-claim"];

fn file() -> File {
    toml::from_str(include_str!("published.toml")).unwrap()
}

fn money(text: &str) -> Money {
    Money::parse(text).unwrap()
}

fn optional(text: Option<&String>) -> Money {
    text.map_or(Money::ZERO, |text| money(text))
}

const DAY: ServiceDate = date(2026, 6, 1);
const YEAR: ServiceDate = date(2026, 1, 1);

/// The example's accumulators, in the order of [`Position`].
fn accumulators(terms: &Terms) -> Vec<Accumulator> {
    let limits = [
        (Scope::Member, &terms.member_deductible),
        (Scope::Family, &terms.family_deductible),
        (Scope::Member, &terms.member_limit),
    ];
    limits
        .into_iter()
        .map(|(scope, limit)| Accumulator {
            name: "accumulator",
            scope,
            unit: Unit::Money,
            period: Period::CalendarYear,
            limits: match limit {
                Some(limit) => vec![(YEAR, money(limit).scaled())].leak(),
                None => &[],
            },
            pool: "",
            carried: false,
        })
        .collect()
}

/// What shares count toward: the member's and the family's where both are
/// stated, the family's alone where only that is (an aggregate deductible).
fn toward(terms: &Terms) -> CostShare {
    const MEMBER: AccumulatorId = AccumulatorId(0);
    const FAMILY: AccumulatorId = AccumulatorId(1);
    const LIMIT: AccumulatorId = AccumulatorId(2);
    let embedded = |member, family| Some(Embedded { member, family });
    CostShare {
        deductible: match (&terms.member_deductible, &terms.family_deductible) {
            (None, None) => None,
            (Some(_), None) => embedded(MEMBER, None),
            (Some(_), Some(_)) => embedded(MEMBER, Some(FAMILY)),
            (None, Some(_)) => embedded(FAMILY, None),
        },
        out_of_pocket: terms.member_limit.as_ref().and(embedded(LIMIT, None)),
    }
}

fn claim(example: &Example) -> Claim {
    let provider = Code::of("2000001372");
    let lines = (1u16..).zip(&example.line).map(|(number, line)| Line {
        number,
        system: CodeSystem::Hcpcs,
        procedure: Code::parse(&format!("X{number:04}")).unwrap(),
        modifiers: [ShortCode::NONE; 4],
        revenue: ShortCode::NONE,
        place: ShortCode::of("11"),
        diagnoses: 0,
        quantity: Quantity::ONE,
        charge: money(&line.charge),
        from: DAY,
        through: DAY,
        rendering: provider,
        emergency: false,
        unit: ShortCode::NONE,
        drug: None,
        cavities: Vec::new(),
        teeth: Vec::new(),
        prior: Vec::new(),
    });
    let balance = |accumulator| Balance {
        accumulator: AccumulatorId(accumulator),
        period: YEAR,
        used: 0,
    };
    Claim {
        kind: ClaimKind::Professional,
        received: DAY,
        billing: provider,
        diagnoses: Vec::new(),
        lines: lines.collect(),
        member: Member {
            birth: date(1980, 1, 1),
            sex: Sex::Unknown,
            relationship: Relationship::Subscriber,
        },
        covered_since: YEAR,
        covered_members: 1,
        authorizations: Vec::new(),
        balances: (0..3).map(balance).collect(),
        sequence: 1,
        payers: Vec::new(),
        patient_paid: Money::ZERO,
        referral: false,
        referring: Code::NONE,
        facility: Code::NONE,
        accident: None,
        institutional: None,
    }
}

/// The plan of every example: fee, reduction, copayment, deductible,
/// coinsurance, each where it is stated.
fn decide(example: &Example) -> Vec<LineDetermination> {
    const CLAUSE: ClauseId = ClauseId(0);
    let terms = &example.plan;
    let plan = Plan {
        product: "published",
        title: "",
        version: "",
        clauses: &[],
        accumulators: accumulators(terms).leak(),
        tables: &[],
        pend_reasons: &[],
        patterns: &[],
        cost_share: &[],
        rounding: Rounding::HalfUp,
    };
    let claim = claim(example);
    let fees: Vec<Option<Money>> = example
        .line
        .iter()
        .map(|line| line.fee.as_ref().map(|fee| money(fee)))
        .collect();
    let reduced = match &terms.multiple {
        Some(rate) => {
            let rate = Rate::parse(rate).unwrap();
            edits::multiple_procedures(&claim, &fees, rate, Rounding::HalfUp)
        }
        None => fees.clone(),
    };
    let rate = terms.coinsurance.as_ref();
    let rate = rate.map_or(Rate::ZERO, |rate| Rate::parse(rate).unwrap());
    let toward = toward(terms);
    let only_limit = CostShare {
        deductible: None,
        ..toward
    };
    let mut balances = Balances::of(&claim, &plan);
    let mut lines = Vec::new();
    for (i, (line, stated)) in claim.lines.iter().zip(&example.line).enumerate() {
        let mut work = LineWork::begin(line, CLAUSE);
        if let Some(fee) = fees[i] {
            work.limit_to(fee, Group::Co, Carc::ABOVE_FEE_SCHEDULE, CLAUSE);
        }
        if let Some(reduced) = reduced[i] {
            work.limit_to(reduced, Group::Co, Carc::MULTIPLE_PROCEDURE, CLAUSE);
        }
        let copay = optional(stated.copay.as_ref());
        work.copay(&mut balances, copay, only_limit, CLAUSE);
        work.deductible(&mut balances, toward, CLAUSE);
        work.coinsurance(&mut balances, rate, Rounding::HalfUp, only_limit, CLAUSE);
        lines.push(work.finish());
    }
    lines
}

#[test]
fn published_examples_come_out_as_published() {
    for example in file().example {
        let place = format!("{} ({}), {}", example.id, example.title, example.source);
        let decided = decide(&example);
        for (line, stated) in decided.iter().zip(&example.line) {
            let place = format!("{place}, line {}", line.line);
            let bears = |carc: Carc| {
                let by_patient = |adjustment: &&tally_sdk::Adjustment| {
                    adjustment.group == Group::Pr && adjustment.carc == carc
                };
                let amounts = line.adjustments.iter().filter(by_patient);
                Money::checked_sum(amounts.map(|adjustment| adjustment.amount)).unwrap()
            };
            let copay = optional(stated.copay.as_ref());
            let deductible = optional(stated.deductible.as_ref());
            let coinsurance = optional(stated.coinsurance.as_ref());
            assert_eq!(bears(Carc::COPAY), copay, "{place}");
            assert_eq!(bears(Carc::DEDUCTIBLE), deductible, "{place}");
            assert_eq!(bears(Carc::COINSURANCE), coinsurance, "{place}");
            assert_eq!(line.paid, money(&stated.paid), "{place}");
            if let Some(allowed) = &stated.allowed {
                assert_eq!(line.allowed, money(allowed), "{place}");
            }
        }
    }
}

#[test]
fn published_identities_can_be_made_and_balance() {
    for identity in file().identity {
        for (number, line) in (1u16..).zip(&identity.line) {
            let place = format!("{}, {}, {}", identity.id, identity.title, identity.source);
            let adjustments = line.adjustments.iter().map(|text| adjustment(text));
            let paid = money(&line.paid);
            let made = LineOutcome::settle(
                number,
                money(&line.charge),
                paid,
                false,
                "1".to_owned(),
                adjustments.collect(),
                Vec::new(),
            );
            assert_eq!(made.unwrap().paid(), paid, "{place}");
        }
    }
}

/// `group carc amount`.
fn adjustment(text: &str) -> OutcomeAdjustment {
    let [group, carc, amount] = text.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{text}");
    };
    OutcomeAdjustment {
        group: match group {
            "CO" => Group::Co,
            "PR" => Group::Pr,
            "OA" => Group::Oa,
            _ => panic!("{text}"),
        },
        carc: Carc(carc.parse().unwrap()),
        rarc: ShortCode::NONE,
        amount: money(amount),
        clause: "1".to_owned(),
    }
}

/// `x12-837p-cob-3`, of X12's guide to the 837 (TR3, example 3): what payer A did
/// of a claim and its lines, as payer B gets it. 79.04 = 39.15 + 21.89 + 15.00 + 3.00.
#[test]
fn a_second_payer_gets_what_the_first_did() {
    let by = |group, reason: &str, amount: &str| PriorAdjustment {
        group,
        reason: ShortCode::of(reason),
        amount: money(amount),
    };
    let line = |charge: &str, paid: &str, adjustments| Reported {
        charge: money(charge),
        paid: Some(money(paid)),
        allowed: None,
        adjustments,
    };
    let lines = [
        line("43.00", "40.00", vec![by(Group::Co, "42", "3.00")]),
        line("15.00", "15.00", vec![]),
        line("21.04", "21.04", vec![]),
    ];
    let of_the_claim = [by(Group::Pr, "1", "21.89"), by(Group::Pr, "2", "15.00")];
    let prior = of_claim(&lines, &of_the_claim, Some(money("39.15")), &[]).unwrap();
    let sum = |of: fn(&PriorPayer) -> Money| Money::checked_sum(prior.iter().map(of)).unwrap();
    assert_eq!(sum(|payer| payer.paid), money("39.15"));
    assert_eq!(sum(|payer| payer.left), money("36.89"));
    assert_eq!(sum(|payer| payer.allowed), money("76.04"));
    for (line, payer) in lines.iter().zip(&prior) {
        let adjusted = Money::checked_sum(payer.adjustments.iter().map(|a| a.amount));
        assert_eq!(line.charge.checked_sub(adjusted.unwrap()), Some(payer.paid));
    }
}

/// `interest-clean-claim`, CMS 100-04 ch. 1 §80.2.2: received on 1 March 2009, to be
/// paid by the 31st; the first day of interest is the next. The amounts of 2009 are
/// those of its rate, 5.625 %.
#[test]
fn interest_begins_the_day_after_the_ceiling() {
    let rates = [DatedRate {
        from: date(2009, 1, 1),
        rate: Rate::parse("0.05625").unwrap(),
    }];
    let rule = PromptPay {
        ceiling_days: 30,
        rates: &rates,
        rate_on: RateOn::PaymentDay,
        rounding: Rounding::HalfUp,
    };
    let received = date(2009, 3, 1);
    assert_eq!(rule.due(received), Ok(date(2009, 3, 31)));
    let on = |day| rule.interest(money("1000.00"), received, day).unwrap();
    assert_eq!(on(date(2009, 3, 31)), None);
    let first = on(date(2009, 4, 1)).unwrap();
    assert_eq!((first.first_day, first.days), (date(2009, 4, 1), 1));
    // 1000.00 × 0.05625 / 365 is 0.154.
    assert_eq!(first.amount, money("0.15"));
}

/// Where the shared cases are, every example of theirs is one of ours.
#[test]
fn every_published_example_is_accounted_for() {
    let cases = std::env::var_os("TALLY_CASES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/cases"),
        PathBuf::from,
    );
    let path = cases.join("claims/published-worked-examples/worked_examples.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: no shared cases at {}", path.display());
        return;
    };
    let published: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let file = file();
    let examples = file.example.iter().map(|example| example.id.as_str());
    let identities = file.identity.iter().map(|identity| identity.id.as_str());
    let known: Vec<&str> = examples.chain(identities).chain(OWN).collect();
    for example in published {
        let id = example["id"].as_str().unwrap();
        assert!(known.contains(&id), "{id} is in none of our lists");
    }
}
