//! What holds of every family: section by section what an ideal engine has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use tally_core::adjudication::{
    AccumulatorKey, Change, LineOutcome, Now, Outcome, Place, Readjudication, Settled, Settlement,
    Status, readjudicate,
};
use tally_core::canon::Canon;
use tally_core::claim::Claim;
use tally_sandbox::Backend;
use tally_testing::{Family, PolicyUnderTest, TestError};
use tally_types::{Carc, Group, Money};

use super::market::{Market, Mix, totalled};
use super::spec::FamilySpec;

type Checked = Result<(), TestCaseError>;
type Balances = BTreeMap<AccumulatorKey, i64>;

/// How often what was tried.
#[derive(Default)]
pub struct Tried {
    /// Claims generated and decided.
    pub claims: AtomicU64,
    /// Decisions of all properties together.
    pub decisions: AtomicU64,
    pub paid: AtomicU64,
    pub denied: AtomicU64,
    pub pended: AtomicU64,
    /// Claims of units that were re-adjudicated.
    pub retroactive: AtomicU64,
    /// Claims decided again at dearer prices, and in two parts.
    pub dearer: AtomicU64,
    pub split: AtomicU64,
    /// Decisions made on Winch too.
    pub winch: AtomicU64,
}

/// One decision of so many is made on Winch too.
const WINCH: u64 = 64;

pub fn add(to: &AtomicU64, by: usize) {
    to.fetch_add(by.try_into().unwrap(), Ordering::Relaxed);
}

fn decide(tried: &Tried, policy: &PolicyUnderTest, family: &mut Family, claim: &Claim) -> Settled {
    add(&tried.decisions, 1);
    let done = policy.adjudicate(Backend::Cranelift, family, claim);
    let done = done.unwrap_or_else(|error| panic!("{error}"));
    // A sample on a compiler that shares no optimiser: the same bytes.
    if tried
        .decisions
        .load(Ordering::Relaxed)
        .is_multiple_of(WINCH)
        && done.fuel.is_some()
    {
        add(&tried.winch, 1);
        let winch = policy.adjudicate(Backend::Winch, family, claim);
        let winch = winch.unwrap_or_else(|error| panic!("{error}")).settled;
        assert_eq!(winch.outcome.to_canon(), done.settled.outcome.to_canon());
    }
    let done = done.settled;
    family.commit(&done);
    done
}

/// A unit as its claims have made it, one after the other.
struct Unit {
    family: Family,
    outcomes: Vec<Outcome>,
    /// The balances before each claim, and how many lines there were.
    before: Vec<(Balances, usize)>,
}

impl Unit {
    fn new(family: Family) -> Self {
        Self {
            family,
            outcomes: Vec::new(),
            before: Vec::new(),
        }
    }

    /// As it was before one of its claims.
    fn until(&self, at: usize) -> Self {
        let (balances, lines) = &self.before[at];
        let mut family = Family::new(self.family.contract.clone());
        family.balances.clone_from(balances);
        family.history = self.family.history[..*lines].to_vec();
        Self {
            family,
            outcomes: self.outcomes[..at].to_vec(),
            before: self.before[..at].to_vec(),
        }
    }

    fn take(&mut self, tried: &Tried, policy: &PolicyUnderTest, claim: &Claim) -> Settled {
        let lines = self.family.history.len();
        self.before.push((self.family.balances.clone(), lines));
        let done = decide(tried, policy, &mut self.family, claim);
        self.outcomes.push(done.outcome.clone());
        done
    }
}

/// Everything that is to hold of a family of a mix.
pub fn family(market: &Market, mix: Mix, spec: &FamilySpec, tried: &Tried) -> Checked {
    let policy = &market.product.policy;
    let claims: Vec<Claim> = spec
        .claims
        .iter()
        .enumerate()
        .map(|(number, spec)| market.claim(number, spec, mix))
        .collect();
    let mut unit = Unit::new(market.family(spec));
    let first = unit.family.balances.clone();
    let mut posted = first.clone();
    for (number, claim) in claims.iter().enumerate() {
        let done = unit.take(tried, policy, claim);
        if let Some(fault) = &done.fault {
            return Err(TestCaseError::fail(format!("claim {number}: {fault}")));
        }
        balances(claim, &done.outcome)?;
        pocket(claim, &done.outcome)?;
        post(&mut posted, &done)?;
        within_limits(policy, &unit.family.balances)?;
        // Sums of postings, not what the books say of themselves.
        prop_assert!(posted == unit.family.balances, "claim {}", number);
        let of_status = match done.outcome.status() {
            Status::Paid => &tried.paid,
            Status::Denied => &tried.denied,
            Status::Pended => &tried.pended,
        };
        add(of_status, 1);
        add(&tried.claims, 1);
    }
    let at = spec.changed.index(claims.len());
    voided(tried, policy, &unit, &claims, at)?;
    if at + 1 != claims.len() {
        voided(tried, policy, &unit, &claims, claims.len() - 1)?;
    }
    let new = market.claim(claims.len(), &spec.replacement, mix);
    replaced(tried, policy, &unit, &claims, at, new)?;
    add(&tried.retroactive, claims.len());
    match mix {
        Mix::Any => Ok(()),
        Mix::Priced => raised(market, spec, &claims, &unit, tried),
        Mix::Apart => parted(market, spec, &claims, tried),
    }
}

/// Every amount of an outcome follows from the others, and its bytes are its own.
fn balances(claim: &Claim, outcome: &Outcome) -> Checked {
    prop_assert_eq!(outcome.charge(), claim.charge);
    let sum = |amounts: &mut dyn Iterator<Item = i64>| -> i64 { amounts.sum() };
    let lines = outcome.lines();
    for line in lines {
        let adjusted = sum(&mut line.adjustments().iter().map(|a| a.amount.scaled()));
        let patients = line.adjustments().iter().filter(|a| a.group == Group::Pr);
        prop_assert_eq!(line.charge().scaled() - adjusted, line.paid().scaled());
        prop_assert_eq!(
            sum(&mut patients.map(|a| a.amount.scaled())),
            line.patient().scaled()
        );
        prop_assert!(!line.paid().is_negative() && line.paid() <= line.allowed());
        prop_assert!(!line.denied() || (line.paid().is_zero() && line.postings().is_empty()));
        let explained = |clause: &str| !clause.is_empty();
        prop_assert!(line.adjustments().iter().all(|a| explained(&a.clause)));
        prop_assert!(line.adjustments().iter().all(|a| !a.amount.is_zero()));
    }
    let total = |of: fn(&LineOutcome) -> Money| sum(&mut lines.iter().map(|l| of(l).scaled()));
    prop_assert_eq!(total(LineOutcome::paid), outcome.paid().scaled());
    prop_assert_eq!(total(LineOutcome::patient), outcome.patient().scaled());
    if outcome.status() != Status::Pended {
        prop_assert_eq!(lines.len(), claim.lines.len());
        prop_assert_eq!(total(LineOutcome::charge), claim.charge.scaled());
    }
    let bytes = outcome.to_canon();
    let again = Outcome::from_canon(&bytes).map_err(|e| TestCaseError::fail(e.to_string()))?;
    prop_assert_eq!(&again, outcome);
    Ok(())
}

/// Adds what each line posted to what there was; the movements lead there.
fn post(posted: &mut Balances, done: &Settled) -> Checked {
    prop_assert!(done.outcome.status() != Status::Pended || done.movements.is_empty());
    for movement in &done.movements {
        let key = &movement.key;
        let lines = done.outcome.lines().iter();
        let of_key = lines.flat_map(LineOutcome::postings).filter(|posting| {
            posting.accumulator == key.name
                && posting.period == key.period
                && posting.family == key.member.is_none()
        });
        let amount: i64 = of_key.map(|posting| posting.amount).sum();
        let used = posted.entry(key.clone()).or_insert(0);
        prop_assert_eq!(*used, movement.before);
        *used += amount;
        prop_assert_eq!(*used, movement.after);
    }
    // Nothing is posted that moves nothing.
    let lines = done.outcome.lines().iter();
    let postings = lines.flat_map(LineOutcome::postings);
    let moved: BTreeSet<_> = postings
        .map(|posting| (&posting.accumulator, posting.period, posting.family))
        .collect();
    prop_assert_eq!(moved.len(), done.movements.len());
    Ok(())
}

/// What counts toward an out-of-pocket limit is what the member bears by deductible,
/// coinsurance and copayment, and nothing else. After another payer it is as the
/// plan says: as if there were none.
fn pocket(claim: &Claim, outcome: &Outcome) -> Checked {
    const SHARES: [Carc; 3] = [Carc::DEDUCTIBLE, Carc::COINSURANCE, Carc::COPAY];
    for (line, sent) in outcome.lines().iter().zip(&claim.lines) {
        if !sent.prior.is_empty() {
            continue;
        }
        let shares = line.adjustments().iter();
        let shares = shares.filter(|a| a.group == Group::Pr && SHARES.contains(&a.carc));
        let borne: i64 = shares.map(|a| a.amount.scaled()).sum();
        // A share in one network may count in both: each limit is looked at alone.
        let mut counted: BTreeMap<&str, i64> = BTreeMap::new();
        let limits = line.postings().iter();
        for posting in limits.filter(|of| of.accumulator.contains("out-of-pocket")) {
            *counted.entry(&posting.accumulator).or_insert(0) += posting.amount;
        }
        let most = counted.values().max().copied().unwrap_or(0);
        prop_assert!(most <= borne, "{} of {} counted", most, borne);
    }
    Ok(())
}

/// No accumulator is below zero, or above its limit: those that bound what members
/// bear among them.
fn within_limits(policy: &PolicyUnderTest, balances: &Balances) -> Checked {
    for (key, used) in balances {
        let mut described = policy.description().accumulators.iter();
        let accumulator = described.find(|of| of.name == key.name).unwrap();
        let limit = accumulator.limit_in(key.period);
        prop_assert!(
            *used >= 0 && limit.is_none_or(|limit| *used <= limit),
            "{} is {} of {:?}",
            key.name,
            used,
            limit
        );
    }
    Ok(())
}

fn held(balances: &Balances) -> Vec<(Vec<u8>, i64)> {
    let held = balances.iter().filter(|(_, used)| **used != 0);
    held.map(|(key, used)| (key.to_canon(), *used)).collect()
}

/// Balances in a map, where a unit began.
struct Opening<'a>(&'a Balances);

impl tally_core::adjudication::Balances for Opening<'_> {
    fn used(&self, key: &AccumulatorKey) -> i64 {
        self.0.get(key).copied().unwrap_or(0)
    }
}

/// A unit decided anew with these claims in its places.
fn anew<'a>(
    tried: &Tried,
    policy: &'a PolicyUnderTest,
    unit: &'a Unit,
    now: &[Option<&'a Claim>],
) -> Readjudication<'a> {
    let contract = &unit.family.contract;
    let places: Vec<Place<'a>> = now
        .iter()
        .zip(&unit.outcomes)
        .map(|(claim, standing)| Place {
            standing: Some(standing),
            now: claim.map(|claim| Now {
                claim,
                enrolled: contract.find(&claim.member).map(|at| (contract, at)),
                policies: policy,
            }),
        })
        .collect();
    let opening = Opening(&unit.before[0].0);
    let done = readjudicate(&places, vec![], &opening, |_, inputs| {
        add(&tried.decisions, 1);
        let done = policy.decided(Backend::Cranelift, inputs)?;
        Ok::<_, TestError>(done.settled)
    });
    done.unwrap_or_else(|error| panic!("{error}"))
}

/// The books of a unit after what came of its claims anew.
fn books(unit: &Unit, done: &Readjudication<'_>) -> Balances {
    let mut books = unit.before[0].0.clone();
    books.extend(done.balances.iter().map(|(key, used)| (key.clone(), *used)));
    books
}

/// What stands after changes, place by place.
fn standing(unit: &Unit, changes: &[Change<'_>]) -> Vec<Option<Vec<u8>>> {
    let outcomes = unit.outcomes.iter().map(|outcome| Some(outcome.to_canon()));
    let mut standing: Vec<Option<Vec<u8>>> = outcomes.collect();
    for change in changes {
        let now = change.settled.as_ref();
        standing[change.place] = now.map(|settled| settled.outcome.to_canon());
    }
    standing
}

/// A claim that is voided was never there: of the last one, nothing else changes.
fn voided(
    tried: &Tried,
    policy: &PolicyUnderTest,
    unit: &Unit,
    claims: &[Claim],
    at: usize,
) -> Checked {
    let places = claims.iter().enumerate();
    let now: Vec<Option<&Claim>> = places.map(|(i, c)| (i != at).then_some(c)).collect();
    let done = anew(tried, policy, unit, &now);
    let mut never = unit.until(at);
    for claim in &claims[at + 1..] {
        never.take(tried, policy, claim);
    }
    let outcomes = never
        .outcomes
        .iter()
        .map(|outcome| Some(outcome.to_canon()));
    let mut expected: Vec<Option<Vec<u8>>> = outcomes.collect();
    expected.insert(at, None);
    prop_assert!(
        standing(unit, &done.changes) == expected,
        "claim {} voided",
        at
    );
    prop_assert_eq!(held(&books(unit, &done)), held(&never.family.balances));
    prop_assert!(done.lines == never.family.history, "claim {} voided", at);
    prop_assert!(done.changes.iter().all(|change| change.place >= at));
    if at + 1 == claims.len() {
        prop_assert_eq!(done.changes.len(), 1);
        prop_assert_eq!(held(&books(unit, &done)), held(&unit.before[at].0));
    }
    // The entries: a reversal of what stood before anything stands in its place.
    prop_assert!(done.changes.iter().all(|change| change.reversed.is_some()));
    within_limits(policy, &books(unit, &done))
}

/// A claim that is replaced was always its replacement.
fn replaced(
    tried: &Tried,
    policy: &PolicyUnderTest,
    unit: &Unit,
    claims: &[Claim],
    at: usize,
    new: Claim,
) -> Checked {
    let mut claims = claims.to_vec();
    claims[at] = new;
    let now: Vec<Option<&Claim>> = claims.iter().map(Some).collect();
    let done = anew(tried, policy, unit, &now);
    let mut always = unit.until(at);
    for claim in &claims[at..] {
        always.take(tried, policy, claim);
    }
    let outcomes = always
        .outcomes
        .iter()
        .map(|outcome| Some(outcome.to_canon()));
    let expected: Vec<Option<Vec<u8>>> = outcomes.collect();
    prop_assert!(
        standing(unit, &done.changes) == expected,
        "claim {} replaced",
        at
    );
    prop_assert_eq!(held(&books(unit, &done)), held(&always.family.balances));
    prop_assert!(done.lines == always.family.history, "claim {} replaced", at);
    within_limits(policy, &books(unit, &done))
}

/// What member and plan pay together; what is taken off the payment itself
/// (sequestration, withholds) is the plan's.
fn both(outcome: &Outcome) -> i64 {
    let lines = outcome.lines().iter();
    let reductions = lines.flat_map(LineOutcome::adjustments);
    let reductions = reductions.filter(|a| matches!(a.carc, Carc::SEQUESTRATION | Carc::WITHHOLD));
    let taken: i64 = reductions.map(|a| a.amount.scaled()).sum();
    outcome.paid().scaled() + outcome.patient().scaled() + taken
}

/// Higher prices never lower what member and plan pay together.
fn raised(
    market: &Market,
    spec: &FamilySpec,
    claims: &[Claim],
    unit: &Unit,
    tried: &Tried,
) -> Checked {
    let mut family = market.family(spec);
    let (mut before, mut after) = (0, 0);
    for (claim, outcome) in claims.iter().zip(&unit.outcomes) {
        let done = decide(tried, &market.dearer, &mut family, claim);
        before += both(outcome);
        after += both(&done.outcome);
    }
    add(&tried.dearer, claims.len());
    prop_assert!(after >= before, "{} before, {} after", before, after);
    Ok(())
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

/// Why a claim waits, where it does.
fn waits_for(outcome: &Outcome) -> Option<&str> {
    match outcome.settlement() {
        Settlement::Pended { reason, .. } => Some(reason),
        Settlement::Settled(_) => None,
    }
}

/// A claim's lines on one claim, or on two: each comes to the same, and so do the
/// balances.
fn parted(market: &Market, spec: &FamilySpec, claims: &[Claim], tried: &Tried) -> Checked {
    let policy = &market.product.policy;
    let mut whole = market.family(spec);
    let mut parts = market.family(spec);
    for claim in claims {
        let done = decide(tried, policy, &mut whole, claim);
        // Of these codes no line waits. Who rendered one may have to be asked about.
        let Settlement::Settled(expected) = done.outcome.settlement() else {
            prop_assert_eq!(waits_for(&done.outcome), Some("exclusion"));
            continue;
        };
        let mut found = Vec::new();
        let middle = claim.lines.len() / 2;
        for half in [&claim.lines[..middle], &claim.lines[middle..]] {
            if half.is_empty() {
                continue;
            }
            let part = totalled(Claim {
                lines: half.to_vec(),
                ..claim.clone()
            });
            let part = decide(tried, policy, &mut parts, &part);
            found.extend(part.outcome.lines().iter().map(came_to));
        }
        let expected: Vec<_> = expected.iter().map(came_to).collect();
        prop_assert_eq!(expected, found);
        prop_assert!(whole.balances == parts.balances);
    }
    add(&tried.split, claims.len());
    Ok(())
}
