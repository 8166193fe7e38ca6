//! An outcome made again by who lawfully holds the claim and was not there when it was
//! decided: from the claim, the context and what the outcome says of lines that no
//! policy was given. What the engine's rules say of the claim alone is checked; what
//! they say of enrolment and of earlier claims is taken as it is said.

use super::context::Context;
use super::decide::{Denied, PolicyInForce, Run, denied_line, key_of, pended_by_engine};
use super::history::{LineState, PastLine};
use super::outcome::{Outcome, Settlement};
use super::rules::EngineRule;
use crate::claim::{Claim, ServiceLine};

/// What cannot be made again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAgain {
    /// A line that no policy was given, and that no rule of the engine denies.
    #[error("line {line}: no policy was given it, and `{clause}` is no rule that denies a line")]
    NoRule {
        /// The line.
        line: u16,
        /// What it says instead.
        clause: String,
    },
    /// A rule that the claim itself contradicts.
    #[error("line {line}: the claim contradicts rule {rule}")]
    Contradicted {
        /// The line.
        line: u16,
        /// The rule.
        rule: String,
    },
    /// A balance of an accumulator that the policy does not have.
    #[error("the policy has no accumulator {0}")]
    Accumulator(u16),
    /// No outcome follows.
    #[error("no outcome follows")]
    Outcome,
}

/// Whether the claim itself can bear out a rule; of the others it cannot say.
fn contradicts(claim: &Claim, line: &ServiceLine, rule: EngineRule) -> bool {
    match rule {
        EngineRule::DeclaredNotCovered => {
            line.detail.non_covered.is_zero() || line.detail.non_covered != line.charge
        }
        EngineRule::DuplicateOfLine => {
            let this = PastLine::of(claim, line, LineState::Allowed);
            let mut before = claim.lines.iter().take_while(|of| of.number != line.number);
            !before.any(|of| PastLine::of(claim, of, LineState::Allowed).is_repeated_by(&this))
        }
        _ => false,
    }
}

/// The rules by which an outcome denies lines that no policy was given.
fn denied<'a>(
    claim: &Claim,
    lines: impl Iterator<Item = &'a ServiceLine>,
    expected: &Outcome,
) -> Result<Vec<Denied>, NotAgain> {
    lines
        .map(|line| {
            let number = line.number;
            let mut said = expected.lines().iter().filter(|of| of.number() == number);
            let clause = said.next().map_or("", |of| of.clause());
            let rule = EngineRule::of_id(clause).filter(|rule| rule.number() < 200);
            let rule = rule.ok_or_else(|| NotAgain::NoRule {
                line: number,
                clause: clause.to_owned(),
            })?;
            if contradicts(claim, line, rule) {
                return Err(NotAgain::Contradicted {
                    line: number,
                    rule: rule.id(),
                });
            }
            Ok(Denied { number, rule })
        })
        .collect()
}

/// A claim ready for its policy once more. Of an outcome that waits nobody can say why
/// lines were kept from the policy: they are left out.
///
/// # Errors
/// When something that the outcome says does not hold.
pub fn run_again(
    claim: &Claim,
    policy: PolicyInForce,
    context: Context,
    expected: &Outcome,
) -> Result<Run, NotAgain> {
    let given = |number: u16| context.lines.iter().any(|line| line.number == number);
    let kept = claim.lines.iter().filter(|line| !given(line.number));
    let denied = match expected.settlement() {
        Settlement::Settled(_) => denied(claim, kept, expected)?,
        Settlement::Pended { .. } => Vec::new(),
    };
    let description = &policy.description;
    let keys = context
        .balances
        .iter()
        .map(|balance| {
            let accumulator = description
                .accumulators
                .get(usize::from(balance.accumulator))
                .ok_or(NotAgain::Accumulator(balance.accumulator))?;
            let member = &claim.member.identifier;
            let key = key_of(accumulator, &description.product, member, balance.period);
            Ok(key)
        })
        .collect::<Result<_, _>>()?;
    Ok(Run {
        policy,
        context,
        denied,
        keys,
    })
}

/// The outcome once more of a claim that no policy was given.
///
/// # Errors
/// When something that the outcome says does not hold.
pub fn alone_again(claim: &Claim, expected: &Outcome) -> Result<Outcome, NotAgain> {
    let settlement = match expected.settlement() {
        Settlement::Settled(_) => {
            let denied = denied(claim, claim.lines.iter(), expected)?;
            let lines = denied.iter().map(|line| denied_line(claim, line));
            let lines = lines.collect::<Result<_, _>>();
            Settlement::Settled(lines.map_err(|_| NotAgain::Outcome)?)
        }
        Settlement::Pended { clause, line, .. } => {
            let rule = EngineRule::of_id(clause).filter(|rule| (200..300).contains(&rule.number()));
            let rule = rule.ok_or_else(|| NotAgain::NoRule {
                line: *line,
                clause: clause.clone(),
            })?;
            pended_by_engine(claim, rule, *line, "")
        }
    };
    Outcome::new(claim.id, None, settlement, Vec::new()).map_err(|_| NotAgain::Outcome)
}
