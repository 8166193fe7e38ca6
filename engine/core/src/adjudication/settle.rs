//! The second step, after the sandbox: a determination is checked against its
//! contract and becomes an outcome, or a contract fault pends the claim.

use super::context::ContextLine;
use super::contract::{
    AccumulatorScope, AccumulatorUnit, Description, Determination, Finding, LineDetermination,
    Pend, Verdict,
};
use super::decide::{Movement, Run, Settled, denied_line, past_lines, pended, pended_by_engine};
use super::fault::ContractFault;
use super::history::LineState;
use super::line::{LineOutcome, OutcomeAdjustment, OutcomeError, OutcomePosting};
use super::outcome::{Flagged, Outcome, Settlement};
use crate::claim::Claim;

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
    let checked =
        determined.and_then(|determination| apply(claim, run, &determination, Limits::Bind));
    settled(claim, run, checked)
}

/// Settles a claim by what a person determined, through the same checks but one: what
/// they say holds, also where the balances that stand by now leave no room for it. What
/// that takes past a limit is named by [`over_limits`].
///
/// # Errors
/// As [`settle`].
pub fn settle_by_hand(
    claim: &Claim,
    run: &Run,
    lines: Vec<LineDetermination>,
) -> Result<Settled, OutcomeError> {
    let determination = Determination {
        verdict: Verdict::Settled(lines),
        findings: Vec::new(),
    };
    settled(claim, run, apply(claim, run, &determination, Limits::Hold))
}

/// A posting that leaves an accumulator over its limit: only a review's does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverLimit {
    /// The line.
    pub line: u16,
    /// What was posted, to which accumulator, on what.
    pub posting: OutcomePosting,
    /// The accumulator's limit in that period.
    pub limit: i64,
    /// What it counts.
    pub unit: AccumulatorUnit,
}

/// The postings of an outcome that leave an accumulator over its limit, in the terms of
/// the policy that it was settled by.
#[must_use]
pub fn over_limits(outcome: &Outcome, description: &Description) -> Vec<OverLimit> {
    let mut over = Vec::new();
    for line in outcome.lines() {
        for posting in line.postings() {
            let declared = description.accumulator(&posting.accumulator);
            let limit = declared.and_then(|of| Some((of.limit_in(posting.period)?, of.unit)));
            if let Some((limit, unit)) = limit.filter(|(limit, _)| posting.after() > *limit) {
                over.push(OverLimit {
                    line: line.number(),
                    posting: posting.clone(),
                    limit,
                    unit,
                });
            }
        }
    }
    over
}

/// Whether a limit can be passed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Limits {
    /// It cannot.
    Bind,
    /// What is said holds.
    Hold,
}

fn settled(
    claim: &Claim,
    run: &Run,
    checked: Result<(Outcome, Vec<Movement>), ContractFault>,
) -> Result<Settled, OutcomeError> {
    let (outcome, movements, fault) = match checked {
        Ok((outcome, movements)) => (outcome, movements, None),
        Err(fault) => {
            let settlement = pended_by_engine(claim, fault.rule(), 0, &fault.to_string());
            let outcome = Outcome::new(claim.id, Some(run.policy.hash), settlement, Vec::new())?;
            (outcome, Vec::new(), Some(fault))
        }
    };
    let waiting = match fault {
        Some(_) => LineState::Unjudged,
        None => LineState::Pended,
    };
    Ok(Settled {
        lines: past_lines(claim, &outcome, waiting),
        outcome,
        movements,
        fault,
    })
}

fn apply(
    claim: &Claim,
    run: &Run,
    determination: &Determination,
    limits: Limits,
) -> Result<(Outcome, Vec<Movement>), ContractFault> {
    let description = &run.policy.description;
    let findings = check_findings(run, &determination.findings)?;
    let (settlement, movements) = match &determination.verdict {
        Verdict::Pended(pend) => (apply_pend(claim, run, pend)?, Vec::new()),
        Verdict::Settled(lines) => {
            check_order(&run.context.lines, lines)?;
            let mut ledger = Running::new(run, limits);
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
    limits: Limits,
}

impl<'a> Running<'a> {
    fn new(run: &'a Run, limits: Limits) -> Self {
        Self {
            run,
            used: run.context.balances.iter().map(|b| b.used).collect(),
            limits,
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
        // Only a lifetime can have begun later: it has one period, for all days.
        let (slot, balance) = self
            .run
            .context
            .balances
            .iter()
            .enumerate()
            .filter(|(_, b)| b.accumulator == accumulator)
            .max_by_key(|(_, b)| (b.period <= line.from, b.period))
            .ok_or(unknown)?;
        let used = self.used.get(slot).copied().unwrap_or(0);
        let over = ContractFault::OverLimit {
            line: line.number,
            accumulator,
            used,
            amount,
        };
        let after = used.checked_add(amount).ok_or(over.clone())?;
        let within = self.limits == Limits::Hold
            || declared
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
