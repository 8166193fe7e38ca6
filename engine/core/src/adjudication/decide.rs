//! The first step, before the sandbox: the engine's own rules, and the context
//! of the policy that is in force.

use std::sync::Arc;

use tally_types::{Carc, Group, Money, ServiceDate, ShortCode};

use super::context::{Balance, Context, ContextMember};
use super::contract::{Accumulator, AccumulatorPeriod, AccumulatorScope, Description};
use super::fault::ContractFault;
use super::history::{LineState, PastLine, remaining};
use super::line::{LineOutcome, OutcomeAdjustment, OutcomeError};
use super::others::impact;
use super::outcome::{Outcome, Settlement};
use super::rules::EngineRule;
use crate::claim::{Claim, Contract, Member, ServiceLine, Span};

/// A policy as it applies to a date of service.
#[derive(Debug, Clone)]
pub struct PolicyInForce {
    /// The hash of its component.
    pub hash: [u8; 32],
    /// What it says of itself.
    pub description: Arc<Description>,
}

/// Which policy is in force: a pure function of product, date and a prefix of
/// the ledger.
pub trait Policies {
    /// The policy of a product on a date of service.
    fn in_force(&self, product: &str, on: ServiceDate) -> Option<PolicyInForce>;
}

/// Names an accumulator of a unit in one period.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccumulatorKey {
    /// The member it is of; `None` for the family's.
    pub member: Option<String>,
    /// The product, or the pool it shares with others.
    pub product: String,
    /// The accumulator's name: balances carry over versions by it.
    pub name: String,
    /// The first day of the period.
    pub period: ServiceDate,
}

crate::canon_record!(AccumulatorKey {
    member,
    product,
    name,
    period
});

/// The unit's balances before this claim.
pub trait Balances {
    /// What has accumulated; zero when nothing has.
    fn used(&self, key: &AccumulatorKey) -> i64;
}

/// All that adjudicating a claim depends on, beside what the policy asks.
pub struct Inputs<'a> {
    /// The claim.
    pub claim: &'a Claim,
    /// The contract and the position of the member in it; `None` when the
    /// member is unknown.
    pub enrolled: Option<(&'a Contract, usize)>,
    /// The policies in force.
    pub policies: &'a dyn Policies,
    /// The unit's earlier lines, in order.
    pub history: &'a [PastLine],
    /// The unit's balances.
    pub balances: &'a dyn Balances,
}

/// A line the engine denies by itself.
pub(super) struct Denied {
    pub(super) number: u16,
    pub(super) rule: EngineRule,
}

/// A claim ready for its policy.
pub struct Run {
    /// The policy to run.
    pub policy: PolicyInForce,
    /// What it is given.
    pub context: Context,
    pub(super) denied: Vec<Denied>,
    pub(super) keys: Vec<AccumulatorKey>,
}

/// What [`decide`] came to.
pub enum Decision {
    /// Decided without a policy.
    Done(Box<Settled>),
    /// The policy decides.
    Run(Box<Run>),
}

/// A movement of an accumulator.
#[derive(Clone, PartialEq, Eq)]
pub struct Movement {
    /// The accumulator.
    pub key: AccumulatorKey,
    /// The balance before this claim.
    pub before: i64,
    /// The balance after it.
    pub after: i64,
}

/// An outcome and all that follows from it for the unit.
pub struct Settled {
    /// The outcome.
    pub outcome: Outcome,
    /// The accumulators it moved, each once, in order of their keys.
    pub movements: Vec<Movement>,
    /// Its lines, as later claims of the unit see them.
    pub lines: Vec<PastLine>,
    /// What the policy did wrong, when it did.
    pub fault: Option<ContractFault>,
}

impl AsRef<Self> for Settled {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// Applies the engine's rules; what they leave is for the policy.
///
/// # Errors
/// When even an outcome of the engine's own cannot be made, which a claim that
/// passed intake never brings about.
pub fn decide(inputs: &Inputs<'_>) -> Result<Decision, OutcomeError> {
    let claim = inputs.claim;
    let Some((contract, member)) = inputs.enrolled.and_then(|(contract, position)| {
        contract
            .members
            .get(position)
            .map(|member| (contract, member))
    }) else {
        let denied = deny_all(claim, EngineRule::MemberUnknown);
        return done(claim, denied, None);
    };

    let mut denied: Vec<Denied> = Vec::new();
    let mut open: Vec<(&ServiceLine, &Span)> = Vec::new();
    for line in &claim.lines {
        match cover(member, line) {
            Err(rule @ EngineRule::CoverChanges) => {
                return done(claim, Vec::new(), Some((rule, line.number)));
            }
            Err(rule) => denied.push(Denied {
                number: line.number,
                rule,
            }),
            Ok(span) => open.push((line, span)),
        }
    }
    deny_duplicates(claim, inputs.history, &mut open, &mut denied);
    for (line, _) in open.extract_if(.., |(line, _)| !line.detail.non_covered.is_zero()) {
        if line.detail.non_covered != line.charge {
            let rule = EngineRule::PartNotCovered;
            return done(claim, Vec::new(), Some((rule, line.number)));
        }
        denied.push(Denied {
            number: line.number,
            rule: EngineRule::DeclaredNotCovered,
        });
    }
    denied.sort_by_key(|line| line.number);

    let Some((first, span)) = open.first().copied() else {
        return done(claim, denied, None);
    };
    if let Some((line, _)) = open.iter().find(|(_, other)| other.product != span.product) {
        return done(claim, denied, Some((EngineRule::TwoProducts, line.number)));
    }
    let Some(policy) = inputs.policies.in_force(&span.product, first.from) else {
        return done(claim, denied, Some((EngineRule::NoPolicy, first.number)));
    };
    for (line, _) in &open {
        match inputs.policies.in_force(&span.product, line.from) {
            None => return done(claim, denied, Some((EngineRule::NoPolicy, line.number))),
            Some(other) if other.hash != policy.hash => {
                return done(claim, denied, Some((EngineRule::TwoPolicies, line.number)));
            }
            Some(_) => {}
        }
    }

    // As of the first day, whichever line it stands in.
    let first_day = open.iter().map(|(line, _)| line.from).min();
    let first_day = first_day.unwrap_or(first.from);
    let since = unbroken_since(member, span);
    let another = |(_, span): &&(&ServiceLine, &Span)| unbroken_since(member, span) != since;
    if let Some((line, _)) = open.iter().find(another) {
        return done(claim, denied, Some((EngineRule::TwoCovers, line.number)));
    }

    let description = Arc::clone(&policy.description);
    let mut balances = Vec::new();
    let mut keys = Vec::new();
    for (position, accumulator) in (0u16..).zip(&description.accumulators) {
        let mut periods: Vec<ServiceDate> = open
            .iter()
            .map(|(line, _)| period_start(accumulator.period, contract.inception, line.from))
            .collect();
        if accumulator.carried {
            let before: Vec<ServiceDate> = periods
                .iter()
                .filter_map(|period| period.plus_days(-1))
                .map(|day| period_start(accumulator.period, contract.inception, day))
                .collect();
            periods.extend(before);
        }
        periods.sort_unstable();
        periods.dedup();
        for period in periods {
            let key = key_of(accumulator, &description.product, &member.id, period);
            balances.push(Balance {
                accumulator: position,
                period,
                used: inputs.balances.used(&key),
            });
            keys.push(key);
        }
    }
    let context = Context::of(
        claim,
        open.iter().map(|(line, _)| *line),
        ContextMember {
            birth: member.birth,
            sex: member.sex,
            relationship: member.relationship,
        },
        (since, covered(contract, &span.product, first_day)),
        remaining(&member.authorizations, &member.id, inputs.history),
        balances,
    );
    Ok(Decision::Run(Box::new(Run {
        policy,
        context,
        denied,
        keys,
    })))
}

/// The first day of the period of an accumulator that `day` falls in.
/// A lifetime begins on 1970-01-01, a contract year on the contract's
/// anniversary (of 29 February: on the 28th where there is none).
#[must_use]
pub fn period_start(
    period: AccumulatorPeriod,
    inception: ServiceDate,
    day: ServiceDate,
) -> ServiceDate {
    match period {
        AccumulatorPeriod::CalendarYear => day.year_start(),
        AccumulatorPeriod::Lifetime => ServiceDate::from_days(0).unwrap_or(ServiceDate::MIN),
        AccumulatorPeriod::ContractYear => {
            let (_, month, dom) = inception.ymd();
            let in_year = |year: i32| {
                ServiceDate::new(year, month, dom)
                    .or_else(|| ServiceDate::new(year, month, 28))
                    .unwrap_or(ServiceDate::MIN)
            };
            let this = in_year(day.year());
            if this <= day {
                this
            } else {
                in_year(day.year().saturating_sub(1))
            }
        }
    }
}

/// The key of an accumulator, of a pool or of the product alone.
#[must_use]
pub fn key_of(
    accumulator: &Accumulator,
    product: &str,
    member: &str,
    period: ServiceDate,
) -> AccumulatorKey {
    AccumulatorKey {
        member: match accumulator.scope {
            AccumulatorScope::Member => Some(member.to_owned()),
            AccumulatorScope::Family => None,
        },
        product: match accumulator.pool.as_str() {
            "" => product.to_owned(),
            pool => pool_name(pool),
        },
        name: accumulator.name.clone(),
        period,
    }
}

/// How many members are covered under a product on a day.
fn covered(contract: &Contract, product: &str, on: ServiceDate) -> u16 {
    let members = contract.members.iter();
    let covered = members.filter(|member| {
        let span = member.span_on(on);
        let lives = member.death.is_none_or(|death| on <= death);
        lives && span.is_some_and(|span| span.product == product)
    });
    u16::try_from(covered.count()).unwrap_or(u16::MAX)
}

/// The first day from which a member is covered under a span's product without a gap:
/// spans that follow one another are one cover, as a renewal is.
fn unbroken_since(member: &Member, span: &Span) -> ServiceDate {
    let mut since = span.from;
    while let Some(before) = since
        .plus_days(-1)
        .and_then(|day| member.span_on(day))
        .filter(|before| before.product == span.product && before.from < since)
    {
        since = before.from;
    }
    since
}

/// Stands where a product's name does: no product has an equals sign in its name.
fn pool_name(pool: &str) -> String {
    format!("pool={pool}")
}

/// The span a line falls under. Every day of the line must be covered, under
/// one product; a line no day of which is covered is denied, and so is one that begins
/// after the member's death, covered or not.
fn cover<'a>(member: &'a Member, line: &ServiceLine) -> Result<&'a Span, EngineRule> {
    if member.death.is_some_and(|death| line.from > death) {
        return Err(EngineRule::AfterDeath);
    }
    let Some(span) = member.span_on(line.from) else {
        let within = |span: &Span| span.from > line.from && span.from <= line.through;
        if member.spans.iter().any(within) {
            return Err(EngineRule::CoverChanges);
        }
        let ended = member.spans.iter().any(|span| span.from <= line.from);
        return Err(if ended || member.spans.is_empty() {
            EngineRule::AfterCover
        } else {
            EngineRule::BeforeCover
        });
    };
    let mut last = span;
    while let Some(end) = last.through.filter(|end| *end < line.through) {
        // A span that begins the day after goes on from there.
        last = end
            .plus_days(1)
            .and_then(|next| member.span_on(next))
            .filter(|next| next.product == span.product && next.from > last.from)
            .ok_or(EngineRule::CoverChanges)?;
    }
    Ok(span)
}

fn deny_duplicates<'a>(
    claim: &'a Claim,
    history: &[PastLine],
    open: &mut Vec<(&'a ServiceLine, &'a Span)>,
    denied: &mut Vec<Denied>,
) {
    let mut seen: Vec<PastLine> = Vec::new();
    open.retain(|(line, _)| {
        let this = PastLine::of(claim, line, LineState::Allowed);
        let rule = if history.iter().any(|past| past.is_repeated_by(&this)) {
            Some(EngineRule::DuplicateOfClaim)
        } else if seen.iter().any(|past| past.is_repeated_by(&this)) {
            Some(EngineRule::DuplicateOfLine)
        } else {
            None
        };
        seen.push(this);
        match rule {
            Some(rule) => {
                denied.push(Denied {
                    number: line.number,
                    rule,
                });
                false
            }
            None => true,
        }
    });
}

fn deny_all(claim: &Claim, rule: EngineRule) -> Vec<Denied> {
    claim
        .lines
        .iter()
        .map(|line| Denied {
            number: line.number,
            rule,
        })
        .collect()
}

pub(super) fn denied_line(claim: &Claim, denied: &Denied) -> Result<LineOutcome, OutcomeError> {
    let charge = claim
        .lines
        .iter()
        .find(|line| line.number == denied.number)
        .map_or(Money::ZERO, |line| line.charge);
    let (group, carc) = match denied.rule {
        EngineRule::DeclaredNotCovered => (Group::Pr, Carc::NOT_COVERED),
        EngineRule::BeforeCover => (Group::Pr, Carc::BEFORE_COVERAGE),
        EngineRule::AfterCover => (Group::Pr, Carc::AFTER_COVERAGE),
        EngineRule::AfterDeath => (Group::Co, Carc::AFTER_DEATH),
        EngineRule::DuplicateOfClaim | EngineRule::DuplicateOfLine => {
            (Group::Oa, Carc::EXACT_DUPLICATE)
        }
        _ => (Group::Co, Carc::MEMBER_UNKNOWN),
    };
    // Another payer's part stands apart: the patient owes only what was left to them.
    let before = match denied.rule {
        EngineRule::BeforeCover
        | EngineRule::AfterCover
        | EngineRule::AfterDeath
        | EngineRule::DeclaredNotCovered => impact(claim, denied.number),
        _ => Money::ZERO,
    };
    // A line without a charge is denied without an amount to adjust.
    let rest = charge.checked_sub(before).unwrap_or(charge);
    let adjustments = [(Group::Oa, Carc::PRIOR_PAYERS, before), (group, carc, rest)]
        .into_iter()
        .filter(|(_, _, amount)| !amount.is_zero())
        .map(|(group, carc, amount)| OutcomeAdjustment {
            group,
            carc,
            rarc: match carc {
                // Why it is not covered: see the plan's own documents.
                Carc::NOT_COVERED => ShortCode::of("N130"),
                _ => ShortCode::NONE,
            },
            amount,
            clause: denied.rule.id(),
        })
        .collect();
    LineOutcome::settle(
        denied.number,
        charge,
        Money::ZERO,
        true,
        denied.rule.id(),
        adjustments,
        Vec::new(),
    )
}

pub(super) fn pended(
    claim: &Claim,
    reason: String,
    text: String,
    resolution: String,
    line: u16,
    clause: String,
) -> Settlement {
    Settlement::Pended {
        reason,
        text,
        resolution,
        line,
        clause,
        charges: claim
            .lines
            .iter()
            .map(|line| (line.number, line.charge))
            .collect(),
    }
}

pub(super) fn pended_by_engine(
    claim: &Claim,
    rule: EngineRule,
    line: u16,
    detail: &str,
) -> Settlement {
    let text = if detail.is_empty() {
        rule.text().to_owned()
    } else {
        format!("{} ({detail})", rule.text())
    };
    pended(
        claim,
        rule.id(),
        text,
        rule.resolution().to_owned(),
        line,
        rule.id(),
    )
}

/// An outcome of the engine's own: lines denied, or the claim waiting.
fn done(
    claim: &Claim,
    denied: Vec<Denied>,
    waits: Option<(EngineRule, u16)>,
) -> Result<Decision, OutcomeError> {
    let settlement = match waits {
        Some((rule, line)) => pended_by_engine(claim, rule, line, ""),
        None => Settlement::Settled(
            denied
                .iter()
                .map(|line| denied_line(claim, line))
                .collect::<Result<_, _>>()?,
        ),
    };
    let outcome = Outcome::new(claim.id, None, settlement, Vec::new())?;
    Ok(Decision::Done(Box::new(Settled {
        lines: past_lines(claim, &outcome, LineState::Unjudged),
        outcome,
        movements: Vec::new(),
        fault: None,
    })))
}

/// The lines as later claims see them; `waiting` is what they are when the
/// claim is pended: it depends on who pended it.
#[must_use]
pub fn past_lines(claim: &Claim, outcome: &Outcome, waiting: LineState) -> Vec<PastLine> {
    let state = |number: u16| match outcome.settlement() {
        Settlement::Pended { .. } => waiting,
        Settlement::Settled(lines) => match lines.iter().find(|line| line.number() == number) {
            Some(line) if !line.denied() => LineState::Allowed,
            _ => LineState::Denied,
        },
    };
    claim
        .lines
        .iter()
        .map(|line| PastLine::of(claim, line, state(line.number)))
        .collect()
}
