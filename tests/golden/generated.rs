//! Invariants of the two products over generated families: a few hundred
//! claims through each real component, the same ones every time.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tally_core::adjudication::{AccumulatorKey, AccumulatorScope, LineOutcome, Settlement, Status};
use tally_core::canon::Canon;
use tally_core::claim::{
    Authorization, Claim, ClaimId, ClaimKind, Contract, Frequency, Member, MemberReference,
    Provider, Relationship, ServiceLine, Sex, Span,
};
use tally_sandbox::Backend;
use tally_testing::{Adjudicated, Family, PolicyUnderTest};
use tally_types::{Carc, Code, CodeSystem, Group, Money, Quantity, ServiceDate, ShortCode};

use crate::products::{self, Product, rows};

/// Families a property is tried on; each has up to [`CLAIMS`] claims.
const FAMILIES: u32 = 80;
const CLAIMS: usize = 8;
const LINES: usize = 4;
const MEMBERS: [&str; 3] = ["A", "B", "C"];
const MODIFIERS: [&str; 8] = ["25", "59", "50", "26", "LT", "RT", "33", "76"];
const PLACES: [&str; 4] = ["11", "22", "23", "41"];
const DIAGNOSES: [&str; 4] = ["M54.50", "Z00.00", "Z13220", "R73.03"];

/// What a line is made from: numbers, so that shrinking is meaningful.
#[derive(Debug, Clone)]
struct LineSpec {
    code: prop::sample::Index,
    cents: i64,
    quarters: i64,
    /// Days after 1 January 2025.
    day: i32,
    modifier: Option<usize>,
    place: usize,
    emergency: bool,
}

#[derive(Debug, Clone)]
struct ClaimSpec {
    member: usize,
    provider: prop::sample::Index,
    diagnosis: usize,
    /// Days from the last service to receipt.
    delay: i32,
    lines: Vec<LineSpec>,
}

#[derive(Debug, Clone)]
struct FamilySpec {
    /// How much of every limit is used before, in percent.
    used: i64,
    claims: Vec<ClaimSpec>,
}

prop_compose! {
    fn line()(
        code in any::<prop::sample::Index>(),
        cents in prop_oneof![0i64..500, 500i64..40_000, 40_000i64..900_000],
        quarters in prop_oneof![4 => Just(4i64), 1 => 0i64..24],
        day in 0i32..730,
        modifier in prop::option::weighted(0.3, 0..MODIFIERS.len()),
        place in 0..PLACES.len(),
        emergency in prop::bool::weighted(0.1),
    ) -> LineSpec {
        LineSpec { code, cents, quarters, day, modifier, place, emergency }
    }
}

prop_compose! {
    fn claim()(
        member in 0..MEMBERS.len(),
        provider in any::<prop::sample::Index>(),
        diagnosis in 0..DIAGNOSES.len(),
        delay in prop_oneof![9 => 0i32..90, 1 => 90i32..500],
        lines in prop::collection::vec(line(), 1..=LINES),
        same_day in prop::bool::weighted(0.7),
    ) -> ClaimSpec {
        let mut lines = lines;
        let first = lines[0].day;
        for line in &mut lines {
            line.day = if same_day { first } else { first + line.day % 60 };
        }
        ClaimSpec { member, provider, diagnosis, delay, lines }
    }
}

prop_compose! {
    fn family()(
        used in prop::sample::select(vec![0i64, 50, 97, 100]),
        claims in prop::collection::vec(claim(), 1..=CLAIMS),
    ) -> FamilySpec {
        FamilySpec { used, claims }
    }
}

/// The same families every time.
fn check(property: impl Fn(FamilySpec) -> Result<(), TestCaseError>) {
    let config = Config {
        cases: FAMILIES,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    runner
        .run(&family(), property)
        .unwrap_or_else(|error| panic!("{error}"));
}

fn day(days: i32) -> ServiceDate {
    let start = ServiceDate::new(2025, 1, 1).unwrap();
    start.plus_days(days).unwrap()
}

/// What claims of a product are made of.
struct Market {
    product: &'static Product,
    codes: Vec<String>,
    providers: Vec<String>,
}

impl Market {
    fn of(product: &'static Product, codes: Vec<String>) -> Self {
        Self {
            providers: product.codes("network"),
            codes,
            product,
        }
    }

    fn harbor() -> Self {
        let product = products::harbor();
        Self::of(product, product.codes("services"))
    }

    /// With the paired codes several times over, so that pairs come about.
    fn meridian() -> Self {
        let product = products::meridian();
        let mut codes = product.codes("fees");
        let pairs = product.table("pairs");
        codes.extend(rows(&pairs).flat_map(|row| [row[0].clone(), row[1].clone()]));
        Self::of(product, codes)
    }

    /// Without some codes.
    fn without(mut self, codes: &[String]) -> Self {
        self.codes.retain(|code| !codes.contains(code));
        self
    }

    /// A family of three, with every limit used by so many percent.
    fn family(&self, used: i64) -> Family {
        let member = |(i, id): (usize, &&str)| Member {
            id: (*id).to_owned(),
            name: String::new(),
            birth: ServiceDate::new(1980, 1, 1).unwrap(),
            death: None,
            sex: Sex::Unknown,
            relationship: if i == 0 {
                Relationship::Subscriber
            } else {
                Relationship::Child
            },
            spans: vec![Span {
                product: self.product.policy.description().product.clone(),
                from: ServiceDate::new(2020, 1, 1).unwrap(),
                through: None,
            }],
            // A has two units of everything authorised, the others nothing.
            authorizations: self
                .codes
                .iter()
                .filter(|_| i == 0)
                .map(|code| Authorization {
                    kind: tally_core::claim::AuthorizationKind::Authorization,
                    number: code.clone(),
                    procedure: Code::parse(code).unwrap(),
                    provider: Code::NONE,
                    from: day(0),
                    through: day(730),
                    units: Quantity::whole(2).unwrap(),
                })
                .collect(),
        };
        let mut family = Family::new(Contract {
            id: "generated".to_owned(),
            inception: day(0),
            members: MEMBERS.iter().enumerate().map(member).collect(),
        });
        let description = self.product.policy.description();
        for accumulator in &description.accumulators {
            for period in [day(0), day(365)] {
                // What has no limit begins at nothing.
                let Some(limit) = accumulator.limit_in(period) else {
                    continue;
                };
                let whose = match accumulator.scope {
                    AccumulatorScope::Member => MEMBERS.map(|id| Some(id.to_owned())).to_vec(),
                    AccumulatorScope::Family => vec![None],
                };
                for member in whose {
                    let key = AccumulatorKey {
                        member,
                        product: description.product.clone(),
                        name: accumulator.name.clone(),
                        period,
                    };
                    family.balances.insert(key, limit * used / 100);
                }
            }
        }
        family
    }

    fn claim(&self, number: usize, spec: &ClaimSpec) -> Claim {
        let lines: Vec<ServiceLine> = (1u16..)
            .zip(&spec.lines)
            .map(|(number, line)| self.line(number, line))
            .collect();
        let last = lines.iter().map(|line| line.through).max().unwrap();
        let provider: &String = spec.provider.get(&self.providers);
        let mut id = [0; 16];
        id[..8].copy_from_slice(&u64::try_from(number).unwrap().to_be_bytes());
        Claim {
            id: ClaimId(id),
            kind: ClaimKind::Professional,
            frequency: Frequency::Original,
            replaces: None,
            control_number: number.to_string(),
            member: MemberReference::new(MEMBERS[spec.member]),
            billing: Provider::new(provider),
            diagnoses: vec![Code::of(DIAGNOSES[spec.diagnosis])],
            authorizations: Vec::new(),
            charge: Money::checked_sum(lines.iter().map(|line| line.charge)).unwrap(),
            received: last.plus_days(spec.delay).unwrap(),
            coordination: Default::default(),
            circumstances: Default::default(),
            institutional: None,
            lines,
        }
    }

    fn line(&self, number: u16, spec: &LineSpec) -> ServiceLine {
        let code = spec.code.get(&self.codes);
        // Four digits are a revenue code.
        let revenue = code.len() == 4;
        let mut modifiers = [ShortCode::NONE; 4];
        if let Some(modifier) = spec.modifier {
            modifiers[0] = ShortCode::of(MODIFIERS[modifier]);
        }
        ServiceLine {
            number,
            system: CodeSystem::Hcpcs,
            procedure: if revenue {
                Code::NONE
            } else {
                Code::parse(code).unwrap()
            },
            modifiers,
            revenue: if revenue {
                ShortCode::parse(code).unwrap()
            } else {
                ShortCode::NONE
            },
            place: ShortCode::of(PLACES[spec.place]),
            diagnoses: 0,
            quantity: Quantity::from_scaled(spec.quarters * 2_500),
            charge: Money::cents(spec.cents),
            from: day(spec.day),
            through: day(spec.day),
            rendering: None,
            emergency: spec.emergency,
            detail: Default::default(),
            prior: vec![],
        }
    }
}

fn adjudicate(policy: &PolicyUnderTest, family: &mut Family, claim: &Claim) -> Adjudicated {
    let done = policy.adjudicate(Backend::Cranelift, family, claim);
    let done = done.unwrap_or_else(|error| panic!("{error}"));
    // A sample on a compiler that shares no optimiser: the same bytes.
    if claim.id.0[15].is_multiple_of(8) && done.fuel.is_some() {
        let winch = policy.adjudicate(Backend::Winch, family, claim);
        let winch = winch.unwrap_or_else(|error| panic!("{error}"));
        let bytes = |done: &Adjudicated| done.settled.outcome.to_canon();
        assert_eq!(bytes(&winch), bytes(&done));
    }
    family.commit(&done.settled);
    done
}

/// Deductible, coinsurance and copayment: what counts toward the limits.
fn shared(line: &LineOutcome) -> Money {
    const SHARES: [Carc; 3] = [Carc::DEDUCTIBLE, Carc::COINSURANCE, Carc::COPAY];
    let amounts = line
        .adjustments()
        .iter()
        .filter(|a| a.group == Group::Pr && SHARES.contains(&a.carc))
        .map(|a| a.amount);
    Money::checked_sum(amounts).unwrap()
}

/// Every claim of a family is decided without a contract fault, balances, and
/// leaves every accumulator within its limit.
fn sound(market: &Market, spec: &FamilySpec) -> Result<(), TestCaseError> {
    let policy = &market.product.policy;
    let mut family = market.family(spec.used);
    for (number, spec) in spec.claims.iter().enumerate() {
        let claim = market.claim(number, spec);
        let done = adjudicate(policy, &mut family, &claim);
        let outcome = &done.settled.outcome;
        if let Some(fault) = &done.settled.fault {
            return Err(TestCaseError::fail(format!("claim {number}: {fault}")));
        }
        prop_assert_eq!(outcome.charge(), claim.charge);
        for line in outcome.lines() {
            let adjusted = Money::checked_sum(line.adjustments().iter().map(|a| a.amount));
            let paid = line.charge().checked_sub(adjusted.unwrap()).unwrap();
            prop_assert_eq!(paid, line.paid());
            prop_assert!(!line.denied() || line.paid().is_zero());
            prop_assert!(line.adjustments().iter().all(|a| !a.clause.is_empty()));
        }
        if outcome.status() == Status::Pended {
            prop_assert!(done.settled.movements.is_empty());
        }
        within_limits(policy, &family)?;
    }
    Ok(())
}

fn within_limits(policy: &PolicyUnderTest, family: &Family) -> Result<(), TestCaseError> {
    for (key, used) in &family.balances {
        let AccumulatorKey { name, period, .. } = key;
        let described = &policy.description().accumulators;
        let accumulator = described.iter().find(|a| a.name == *name).unwrap();
        let limit = accumulator.limit_in(*period);
        prop_assert!(
            *used >= 0 && limit.is_none_or(|limit| *used <= limit),
            "{} is {} of {:?}",
            name,
            used,
            limit
        );
        let family_wide = accumulator.scope == AccumulatorScope::Family;
        prop_assert_eq!(family_wide, key.member.is_none());
    }
    Ok(())
}

#[test]
fn harbor_is_sound() {
    let market = Market::harbor();
    check(|spec| sound(&market, &spec));
}

#[test]
fn meridian_is_sound() {
    let market = Market::meridian();
    check(|spec| sound(&market, &spec));
}

/// Limits that a review has left passed: every claim is decided without a fault, and
/// nothing more goes to them.
fn takes_no_more(market: &Market, spec: &FamilySpec) -> Result<(), TestCaseError> {
    let mut family = market.family(120);
    let before = family.balances.clone();
    for (number, spec) in spec.claims.iter().enumerate() {
        let claim = market.claim(number, spec);
        let done = adjudicate(&market.product.policy, &mut family, &claim);
        if let Some(fault) = &done.settled.fault {
            return Err(TestCaseError::fail(format!("claim {number}: {fault}")));
        }
        for (key, used) in &before {
            prop_assert_eq!(family.balances.get(key), Some(used), "{}", key.name);
        }
    }
    Ok(())
}

#[test]
fn a_limit_that_is_passed_takes_no_more() {
    for market in [Market::harbor(), Market::meridian()] {
        check(|spec| takes_no_more(&market, &spec));
    }
}

/// What a member bears counts toward an out-of-pocket limit, to the cent, so
/// that the limit, which no posting passes, bounds it; for the family too.
#[test]
fn what_harbor_members_bear_is_bounded() {
    let market = Market::harbor();
    check(|spec| {
        let mut family = market.family(spec.used);
        for (number, spec) in spec.claims.iter().enumerate() {
            let claim = market.claim(number, spec);
            let done = adjudicate(&market.product.policy, &mut family, &claim);
            for line in done.settled.outcome.lines() {
                let toward = |names: [&str; 2]| -> i64 {
                    let postings = line.postings().iter();
                    postings
                        .filter(|posting| names.contains(&posting.accumulator.as_str()))
                        .map(|posting| posting.amount)
                        .sum()
                };
                let members = toward(["in-out-of-pocket", "out-out-of-pocket"]);
                let families = toward(["in-out-of-pocket-family", "out-out-of-pocket-family"]);
                prop_assert_eq!(shared(line).scaled(), members);
                prop_assert_eq!(members, families);
            }
        }
        Ok(())
    });
}

/// Member and plan together, over a family's claims.
fn member_plus_plan(policy: &PolicyUnderTest, market: &Market, spec: &FamilySpec) -> Money {
    let mut family = market.family(spec.used);
    let mut total = Money::ZERO;
    for (number, spec) in spec.claims.iter().enumerate() {
        let claim = market.claim(number, spec);
        let done = adjudicate(policy, &mut family, &claim);
        for line in done.settled.outcome.lines() {
            let both = line.paid().checked_add(shared(line)).unwrap();
            total = total.checked_add(both).unwrap();
        }
    }
    total
}

/// A fee schedule with higher fees: each column of prices, by an amount that
/// differs from row to row, so that some rise more than others and some not.
pub fn raised(csv: &str, columns: &[usize]) -> String {
    let header = csv.lines().find(|line| line.starts_with("code")).unwrap();
    let mut out = format!("{header}\n");
    for (i, mut row) in rows(csv).enumerate() {
        for column in columns {
            let price = tally_types::UnitPrice::parse(&row[*column]).unwrap();
            let percent = i64::try_from(i % 4).unwrap() * 7;
            let higher = price.scaled() + price.scaled() * percent / 100;
            row[*column] = tally_types::UnitPrice::from_scaled(higher).to_string();
        }
        out.push_str(&row.join(","));
        out.push('\n');
    }
    out
}

#[test]
fn raising_harbor_fees_never_lowers_member_plus_plan() {
    let market = Market::harbor();
    let fees = market.product.table("fees");
    let dearer = market.product.with_table("fees", &raised(&fees, &[3, 4]));
    check(|spec| {
        let before = member_plus_plan(&market.product.policy, &market, &spec);
        let after = member_plus_plan(&dearer, &market, &spec);
        prop_assert!(after >= before, "{} before, {} after", before, after);
        Ok(())
    });
}

/// Procedures of clause 4.3 are left out: when another becomes the highest, it
/// is paid at most its charge, and the one that was the highest only half.
#[test]
fn raising_meridian_fees_never_lowers_member_plus_plan() {
    let market = Market::meridian();
    let fees = market.product.table("fees");
    let multiple: Vec<String> = rows(&fees)
        .filter(|row| row[4] == "2")
        .map(|row| row[0].clone())
        .collect();
    let market = market.without(&multiple);
    let dearer = market.product.with_table("fees", &raised(&fees, &[3]));
    check(|spec| {
        let before = member_plus_plan(&market.product.policy, &market, &spec);
        let after = member_plus_plan(&dearer, &market, &spec);
        prop_assert!(after >= before, "{} before, {} after", before, after);
        Ok(())
    });
}

/// What a line came to, apart from its number.
fn came_to(line: &LineOutcome) -> impl PartialEq + core::fmt::Debug + use<> {
    (
        line.denied(),
        line.allowed(),
        line.paid(),
        line.clause().to_owned(),
        line.adjustments().to_vec(),
        line.postings().to_vec(),
    )
}

/// A claim's lines on one claim, or on two: each line comes to the same, and
/// so do the balances.
fn splits(market: &Market, spec: &FamilySpec) -> Result<(), TestCaseError> {
    let policy = &market.product.policy;
    let mut whole = market.family(spec.used);
    let mut parts = market.family(spec.used);
    for (number, spec) in spec.claims.iter().enumerate() {
        let mut spec = spec.clone();
        let mut seen: Vec<&String> = Vec::new();
        spec.lines.retain(|line| {
            let code = line.code.get(&market.codes);
            let new = !seen.contains(&code);
            seen.push(code);
            new
        });
        let claim = market.claim(number, &spec);
        let done = adjudicate(policy, &mut whole, &claim);
        let Settlement::Settled(expected) = done.settled.outcome.settlement() else {
            return Err(TestCaseError::fail("no line of these waits"));
        };
        let mut found = Vec::new();
        let middle = claim.lines.len() / 2;
        for half in [&claim.lines[..middle], &claim.lines[middle..]] {
            if half.is_empty() {
                continue;
            }
            let part = Claim {
                lines: half.to_vec(),
                charge: Money::checked_sum(half.iter().map(|line| line.charge)).unwrap(),
                ..claim.clone()
            };
            let done = adjudicate(policy, &mut parts, &part);
            found.extend(done.settled.outcome.lines().iter().map(came_to));
        }
        let expected: Vec<_> = expected.iter().map(came_to).collect();
        prop_assert_eq!(expected, found);
        prop_assert!(whole.balances == parts.balances);
    }
    Ok(())
}

/// Harbor has no rule across the lines of a claim, apart from what makes the
/// whole claim wait: those codes are left out.
#[test]
fn splitting_a_harbor_claim_changes_nothing() {
    let market = Market::harbor();
    let waiting: Vec<String> = rows(&market.product.table("services"))
        .filter(|row| row[4] == "2" || row[3] == "20")
        .map(|row| row[0].clone())
        .collect();
    let market = market.without(&waiting);
    check(|spec| splits(&market, &spec));
}

/// Of Meridian's, the codes that no rule of clauses 3.1 to 3.6 or 4.3 concerns,
/// nor 2.6, by which a claim waits.
#[test]
fn splitting_a_meridian_claim_changes_nothing() {
    let market = Market::meridian();
    let product = market.product;
    let mut concerned: Vec<String> = rows(&product.table("fees"))
        .filter(|row| row[4] == "2" || row[5] == "4")
        .map(|row| row[0].clone())
        .collect();
    for table in ["units", "pairs", "frequency"] {
        concerned.extend(product.codes(table));
    }
    concerned.extend(rows(&product.table("pairs")).map(|row| row[1].clone()));
    let market = market.without(&concerned);
    check(|spec| splits(&market, &spec));
}

/// The families are worth something: every status comes about often, and so do
/// shares, limits and findings.
#[test]
fn generated_claims_are_of_every_kind() {
    for market in [Market::harbor(), Market::meridian()] {
        let seen = std::cell::RefCell::new(std::collections::BTreeMap::new());
        let count = |what: String| *seen.borrow_mut().entry(what).or_insert(0) += 1;
        check(|spec| {
            let mut family = market.family(spec.used);
            for (number, spec) in spec.claims.iter().enumerate() {
                let claim = market.claim(number, spec);
                let done = adjudicate(&market.product.policy, &mut family, &claim);
                let outcome = &done.settled.outcome;
                count(outcome.status().to_string());
                for adjustment in outcome.lines().iter().flat_map(LineOutcome::adjustments) {
                    count(format!("{} {}", adjustment.group, adjustment.carc));
                }
                for finding in outcome.findings() {
                    count(finding.pattern.clone());
                }
            }
            Ok(())
        });
        let seen = seen.into_inner();
        println!("{}: {seen:?}", market.product.policy.description().product);
        let claims: i32 = ["paid", "denied", "pended"].iter().map(|s| seen[*s]).sum();
        assert!(claims >= 300, "{claims} claims");
        for status in ["paid", "denied", "pended"] {
            assert!(seen[status] >= claims / 20, "{status}: {}", seen[status]);
        }
    }
}
