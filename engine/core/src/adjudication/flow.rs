//! Adjudication of one claim, in two steps around the sandbox: [`decide`]
//! applies the engine's own rules and makes the policy's context, [`settle`]
//! checks the policy's determination and makes an outcome that balances.
//!
//! Both are functions of their arguments: the same claim, enrolment, policies,
//! history and balances give the same outcome bytes anywhere.

use std::sync::Arc;

use tally_types::{Carc, Group, Money, ServiceDate, ShortCode};

use super::contract::{
    Accumulator, AccumulatorPeriod, AccumulatorScope, Balance, Context, ContextLine, ContextMember,
    Description, Determination, Finding, LineDetermination, Pend, Verdict,
};
use super::fault::ContractFault;
use super::history::{LineState, PastLine, remaining};
use super::outcome::{
    Flagged, LineOutcome, Outcome, OutcomeAdjustment, OutcomeError, OutcomePosting, Settlement,
};
use super::rules::EngineRule;
use crate::claim::{Claim, Contract, Member, ServiceLine, Span};

/// Bounds on a determination, with their reasons.
#[derive(Debug, Clone, Copy)]
pub struct DeterminationLimits;

impl DeterminationLimits {
    /// Adjustments of a line: an 835 CAS loop holds 99 groups of six; nobody
    /// can read more than this many.
    pub const ADJUSTMENTS: usize = 32;
    /// Postings of a line: a line touches few accumulators.
    pub const POSTINGS: usize = 16;
    /// Findings of a claim.
    pub const FINDINGS: usize = 64;
    /// The highest score.
    pub const SCORE: u16 = 1000;
}

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
    /// The product.
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
struct Denied {
    number: u16,
    rule: EngineRule,
}

/// A claim ready for its policy.
pub struct Run {
    /// The policy to run.
    pub policy: PolicyInForce,
    /// What it is given.
    pub context: Context,
    denied: Vec<Denied>,
    keys: Vec<AccumulatorKey>,
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

    let description = Arc::clone(&policy.description);
    let mut balances = Vec::new();
    let mut keys = Vec::new();
    for (position, accumulator) in (0u16..).zip(&description.accumulators) {
        let mut periods: Vec<ServiceDate> = open
            .iter()
            .map(|(line, _)| period_start(accumulator.period, contract.inception, line.from))
            .collect();
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
    let context = Context {
        kind: claim.kind,
        received: claim.received,
        billing: claim.billing.code(),
        diagnoses: claim.diagnoses.clone(),
        lines: open.iter().map(|(line, _)| context_line(line)).collect(),
        member: ContextMember {
            birth: member.birth,
            sex: member.sex,
            relationship: member.relationship,
        },
        covered_since: span.from,
        authorizations: remaining(&member.authorizations, &member.id, inputs.history),
        balances,
    };
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

fn key_of(
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
        product: product.to_owned(),
        name: accumulator.name.clone(),
        period,
    }
}

fn cover<'a>(member: &'a Member, line: &ServiceLine) -> Result<&'a Span, EngineRule> {
    let Some(span) = member.span_on(line.from) else {
        let begins_later = member.spans.iter().any(|span| span.from > line.from);
        let ended = member.spans.iter().any(|span| span.from <= line.from);
        return Err(if begins_later && !ended {
            EngineRule::BeforeCover
        } else {
            EngineRule::AfterCover
        });
    };
    match member.span_on(line.through) {
        Some(last) if last.product == span.product => Ok(span),
        _ => Err(EngineRule::CoverChanges),
    }
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

fn context_line(line: &ServiceLine) -> ContextLine {
    ContextLine {
        number: line.number,
        system: line.system,
        procedure: line.procedure,
        modifiers: line.modifiers,
        revenue: line.revenue,
        place: line.place,
        diagnoses: line.diagnoses,
        quantity: line.quantity,
        charge: line.charge,
        from: line.from,
        through: line.through,
        rendering: line
            .rendering
            .as_ref()
            .map_or(tally_types::Code::NONE, crate::claim::Provider::code),
        emergency: line.emergency,
    }
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

fn denied_line(claim: &Claim, denied: &Denied) -> Result<LineOutcome, OutcomeError> {
    let charge = claim
        .lines
        .iter()
        .find(|line| line.number == denied.number)
        .map_or(Money::ZERO, |line| line.charge);
    let (group, carc) = match denied.rule {
        EngineRule::BeforeCover => (Group::Pr, Carc::BEFORE_COVERAGE),
        EngineRule::AfterCover => (Group::Pr, Carc::AFTER_COVERAGE),
        EngineRule::DuplicateOfClaim | EngineRule::DuplicateOfLine => {
            (Group::Oa, Carc::EXACT_DUPLICATE)
        }
        _ => (Group::Co, Carc::MEMBER_UNKNOWN),
    };
    // A line without a charge is denied without an amount to adjust.
    let adjustments = if charge.is_zero() {
        Vec::new()
    } else {
        vec![OutcomeAdjustment {
            group,
            carc,
            rarc: ShortCode::NONE,
            amount: charge,
            clause: denied.rule.id(),
        }]
    };
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

fn pended(
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

fn pended_by_engine(claim: &Claim, rule: EngineRule, line: u16, detail: &str) -> Settlement {
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
        lines: past_lines(claim, &outcome),
        outcome,
        movements: Vec::new(),
        fault: None,
    })))
}

fn past_lines(claim: &Claim, outcome: &Outcome) -> Vec<PastLine> {
    let state = |number: u16| match outcome.settlement() {
        Settlement::Pended { .. } => LineState::Pended,
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

/// Checks a policy's determination against its contract and makes the outcome.
/// A determination that breaks the contract, and a fault of the sandbox, pend
/// the claim with a numbered reason and move nothing.
///
/// # Errors
/// When not even a pended outcome can be made, which a claim that passed
/// intake never brings about.
pub fn settle(
    claim: &Claim,
    run: &Run,
    determined: Result<Determination, ContractFault>,
) -> Result<Settled, OutcomeError> {
    let checked = determined.and_then(|determination| apply(claim, run, &determination));
    let (outcome, movements, fault) = match checked {
        Ok((outcome, movements)) => (outcome, movements, None),
        Err(fault) => {
            let settlement = pended_by_engine(claim, fault.rule(), 0, &fault.to_string());
            let outcome = Outcome::new(claim.id, Some(run.policy.hash), settlement, Vec::new())?;
            (outcome, Vec::new(), Some(fault))
        }
    };
    Ok(Settled {
        lines: past_lines(claim, &outcome),
        outcome,
        movements,
        fault,
    })
}

fn apply(
    claim: &Claim,
    run: &Run,
    determination: &Determination,
) -> Result<(Outcome, Vec<Movement>), ContractFault> {
    let description = &run.policy.description;
    let findings = check_findings(run, &determination.findings)?;
    let (settlement, movements) = match &determination.verdict {
        Verdict::Pended(pend) => (apply_pend(claim, run, pend)?, Vec::new()),
        Verdict::Settled(lines) => {
            check_order(&run.context.lines, lines)?;
            let mut ledger = Running::new(run);
            let mut settled = Vec::with_capacity(claim.lines.len());
            for (given, line) in run.context.lines.iter().zip(lines) {
                settled.push(apply_line(description, given, line, &mut ledger)?);
            }
            for line in &run.denied {
                settled.push(denied_line(claim, line)?);
            }
            settled.sort_by_key(LineOutcome::number);
            (Settlement::Settled(settled), ledger.movements())
        }
    };
    let outcome = Outcome::new(claim.id, Some(run.policy.hash), settlement, findings)?;
    Ok((outcome, movements))
}

fn check_order(given: &[ContextLine], lines: &[LineDetermination]) -> Result<(), ContractFault> {
    let expected = given.iter().map(|line| line.number);
    let found = lines.iter().map(|line| line.line);
    let mut both = expected.zip(found);
    if let Some((expected, found)) = both.find(|(expected, found)| expected != found) {
        return Err(ContractFault::WrongLines { expected, found });
    }
    match (given.get(lines.len()), lines.get(given.len())) {
        (None, None) => Ok(()),
        (missing, extra) => Err(ContractFault::WrongLines {
            expected: missing.map_or(0, |line| line.number),
            found: extra.map_or(0, |line| line.line),
        }),
    }
}

fn clause_id(description: &Description, line: u16, index: u16) -> Result<String, ContractFault> {
    description
        .clauses
        .get(usize::from(index))
        .map(|clause| clause.id.clone())
        .ok_or(ContractFault::BadIndex {
            line,
            what: "clause",
            index,
        })
}

fn too_many(
    line: u16,
    what: &'static str,
    found: usize,
    limit: usize,
) -> Result<(), ContractFault> {
    if found > limit {
        return Err(ContractFault::TooMany {
            line,
            what,
            found,
            limit,
        });
    }
    Ok(())
}

fn check_findings(run: &Run, findings: &[Finding]) -> Result<Vec<Flagged>, ContractFault> {
    let description = &run.policy.description;
    too_many(0, "findings", findings.len(), DeterminationLimits::FINDINGS)?;
    findings
        .iter()
        .map(|finding| {
            let bad = |what, index| ContractFault::BadIndex {
                line: finding.line,
                what,
                index,
            };
            let known = finding.line == 0
                || run
                    .context
                    .lines
                    .iter()
                    .any(|line| line.number == finding.line);
            if !known {
                return Err(bad("line", finding.line));
            }
            if finding.score > DeterminationLimits::SCORE {
                return Err(bad("score", finding.score));
            }
            let pattern = description
                .patterns
                .get(usize::from(finding.pattern))
                .ok_or(bad("pattern", finding.pattern))?;
            Ok(Flagged {
                pattern: pattern.id.clone(),
                line: finding.line,
                score: finding.score,
                clause: clause_id(description, finding.line, finding.clause)?,
            })
        })
        .collect()
}

fn apply_pend(claim: &Claim, run: &Run, pend: &Pend) -> Result<Settlement, ContractFault> {
    let description = &run.policy.description;
    let reason = description
        .pend_reasons
        .get(usize::from(pend.reason))
        .ok_or(ContractFault::BadIndex {
            line: pend.line,
            what: "pend reason",
            index: pend.reason,
        })?;
    let known = pend.line == 0
        || run
            .context
            .lines
            .iter()
            .any(|line| line.number == pend.line);
    if !known {
        return Err(ContractFault::BadIndex {
            line: pend.line,
            what: "line",
            index: pend.line,
        });
    }
    Ok(pended(
        claim,
        reason.id.clone(),
        reason.text.clone(),
        reason.resolution.clone(),
        pend.line,
        clause_id(description, pend.line, pend.clause)?,
    ))
}

fn apply_line(
    description: &Description,
    given: &ContextLine,
    line: &LineDetermination,
    running: &mut Running<'_>,
) -> Result<LineOutcome, ContractFault> {
    let number = given.number;
    too_many(
        number,
        "adjustments",
        line.adjustments.len(),
        DeterminationLimits::ADJUSTMENTS,
    )?;
    too_many(
        number,
        "postings",
        line.postings.len(),
        DeterminationLimits::POSTINGS,
    )?;
    let adjustments = line
        .adjustments
        .iter()
        .map(|adjustment| {
            Ok(OutcomeAdjustment {
                group: adjustment.group,
                carc: adjustment.carc,
                rarc: adjustment.rarc,
                amount: adjustment.amount,
                clause: clause_id(description, number, adjustment.clause)?,
            })
        })
        .collect::<Result<_, ContractFault>>()?;
    let postings = line
        .postings
        .iter()
        .map(|posting| running.post(given, posting.accumulator, posting.amount))
        .collect::<Result<_, _>>()?;
    Ok(LineOutcome::settle_stated(
        number,
        given.charge,
        line.allowed,
        line.paid,
        line.denied,
        clause_id(description, number, line.clause)?,
        adjustments,
        postings,
    )?)
}

/// Balances as the lines of one claim move them.
struct Running<'a> {
    run: &'a Run,
    used: Vec<i64>,
}

impl<'a> Running<'a> {
    fn new(run: &'a Run) -> Self {
        Self {
            run,
            used: run.context.balances.iter().map(|b| b.used).collect(),
        }
    }

    fn post(
        &mut self,
        line: &ContextLine,
        accumulator: u16,
        amount: i64,
    ) -> Result<OutcomePosting, ContractFault> {
        let unknown = ContractFault::BadIndex {
            line: line.number,
            what: "accumulator",
            index: accumulator,
        };
        let declared = self
            .run
            .policy
            .description
            .accumulators
            .get(usize::from(accumulator))
            .ok_or(unknown.clone())?;
        // The latest period that has begun on the line's first day is its own:
        // the context has the balances of exactly the periods of its lines.
        let (slot, balance) = self
            .run
            .context
            .balances
            .iter()
            .enumerate()
            .filter(|(_, b)| b.accumulator == accumulator && b.period <= line.from)
            .max_by_key(|(_, b)| b.period)
            .ok_or(unknown)?;
        let used = self.used.get(slot).copied().unwrap_or(0);
        let over = ContractFault::OverLimit {
            line: line.number,
            accumulator,
            used,
            amount,
        };
        let after = used.checked_add(amount).ok_or(over.clone())?;
        let within = declared
            .limit_in(balance.period)
            .is_none_or(|limit| after <= limit);
        if amount <= 0 || !within {
            return Err(over);
        }
        if let Some(slot) = self.used.get_mut(slot) {
            *slot = after;
        }
        Ok(OutcomePosting {
            accumulator: declared.name.clone(),
            period: balance.period,
            family: declared.scope == AccumulatorScope::Family,
            before: used,
            amount,
        })
    }

    fn movements(self) -> Vec<Movement> {
        let mut movements: Vec<Movement> = self
            .run
            .context
            .balances
            .iter()
            .zip(&self.run.keys)
            .zip(self.used)
            .filter(|((balance, _), after)| balance.used != *after)
            .map(|((balance, key), after)| Movement {
                key: key.clone(),
                before: balance.used,
                after,
            })
            .collect();
        movements.sort_by(|a, b| a.key.cmp(&b.key));
        movements
    }
}
