//! The outcome: what a claim came to. One that does not balance cannot be
//! constructed, nor decoded.

use tally_types::Money;

use super::line::{LineOutcome, OutcomeError};
use crate::canon::{Canon, DecodeError, Reader};
use crate::claim::ClaimId;

/// The version of the encoding, its first byte.
const VERSION: u8 = 1;

/// Each posting begins with the balance that the one before it, to the same
/// accumulator, ended with.
fn check_chains(lines: &[LineOutcome]) -> Result<(), OutcomeError> {
    let mut balances = std::collections::BTreeMap::new();
    for line in lines {
        for posting in line.postings() {
            let key = (&posting.accumulator, posting.period, posting.family);
            let ended = balances.insert(key, posting.after());
            if ended.is_some_and(|ended| ended != posting.before) {
                return Err(OutcomeError::Chain {
                    line: line.number(),
                    before: posting.before,
                });
            }
        }
    }
    Ok(())
}

/// Paid, denied or pended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Processed, with at least one line not denied, even at 0.00.
    Paid,
    /// Every line denied.
    Denied,
    /// Waiting.
    Pended,
}

impl Status {
    /// As it is written everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Denied => "denied",
            Self::Pended => "pended",
        }
    }
}

impl core::fmt::Display for Status {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a claim came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// Line by line.
    Settled(Vec<LineOutcome>),
    /// Waiting: nothing is paid, nothing accumulates.
    Pended {
        /// A short stable name: the policy's, or a numbered engine reason.
        reason: String,
        /// Why, for people.
        text: String,
        /// What would resolve it.
        resolution: String,
        /// The line, or zero for the claim.
        line: u16,
        /// The clause or engine rule it rests on.
        clause: String,
        /// The charges of the lines, by number.
        charges: Vec<(u16, Money)>,
    },
}

/// A finding of the policy, spelled out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flagged {
    /// The pattern's name.
    pub pattern: String,
    /// The line, or zero for the claim.
    pub line: u16,
    /// 0 to 1000.
    pub score: u16,
    /// The clause it rests on.
    pub clause: String,
}

/// What a claim came to. Its canonical bytes are what a receipt proves; they
/// hold no fuel, engine version, time, salt or ledger position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    claim: ClaimId,
    policy: Option<[u8; 32]>,
    settlement: Settlement,
    findings: Vec<Flagged>,
}

impl Outcome {
    /// Puts an outcome together.
    ///
    /// # Errors
    /// When there are no lines, their numbers do not rise, their postings do
    /// not follow one from the other, or a total is out of range.
    pub fn new(
        claim: ClaimId,
        policy: Option<[u8; 32]>,
        settlement: Settlement,
        findings: Vec<Flagged>,
    ) -> Result<Self, OutcomeError> {
        let numbers: Vec<u16> = match &settlement {
            Settlement::Settled(lines) => lines.iter().map(LineOutcome::number).collect(),
            Settlement::Pended { charges, .. } => charges.iter().map(|(n, _)| *n).collect(),
        };
        let rising = numbers
            .iter()
            .zip(numbers.iter().skip(1))
            .all(|(a, b)| a < b);
        if numbers.is_empty() || !rising {
            return Err(OutcomeError::Lines);
        }
        match &settlement {
            Settlement::Settled(lines) => check_chains(lines)?,
            Settlement::Pended { charges, .. } => {
                if let Some((line, _)) = charges.iter().find(|(_, charge)| charge.is_negative()) {
                    return Err(OutcomeError::NegativeCharge { line: *line });
                }
            }
        }
        let outcome = Self {
            claim,
            policy,
            settlement,
            findings,
        };
        // Line sums are bounded, so only the totals can overflow.
        let fits = outcome
            .total(LineOutcome::charge)
            .and(outcome.total(LineOutcome::allowed))
            .and(outcome.total(LineOutcome::patient));
        match fits {
            Some(_) => Ok(outcome),
            None => Err(OutcomeError::Overflow { line: 0 }),
        }
    }

    fn total(&self, amount: impl Fn(&LineOutcome) -> Money) -> Option<Money> {
        match &self.settlement {
            Settlement::Settled(lines) => Money::checked_sum(lines.iter().map(amount)),
            Settlement::Pended { charges, .. } => {
                Money::checked_sum(charges.iter().map(|(_, charge)| *charge))
            }
        }
    }

    /// The claim.
    #[must_use]
    pub fn claim(&self) -> ClaimId {
        self.claim
    }
    /// The hash of the policy that was run; `None` when the engine decided alone.
    #[must_use]
    pub fn policy(&self) -> Option<[u8; 32]> {
        self.policy
    }
    /// How it came out.
    #[must_use]
    pub fn settlement(&self) -> &Settlement {
        &self.settlement
    }
    /// The lines, none when pended.
    #[must_use]
    pub fn lines(&self) -> &[LineOutcome] {
        match &self.settlement {
            Settlement::Settled(lines) => lines,
            Settlement::Pended { .. } => &[],
        }
    }
    /// What the policy found.
    #[must_use]
    pub fn findings(&self) -> &[Flagged] {
        &self.findings
    }
    /// Whether a payee is told the same of both: of the same claim the same status,
    /// amounts and reasons, whatever the balances were before.
    #[must_use]
    pub fn is_told_alike(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.lines(), other.lines());
        self.claim() == other.claim()
            && self.status() == other.status()
            && ours.len() == theirs.len()
            && ours
                .iter()
                .zip(theirs)
                .all(|(ours, theirs)| ours.is_told_alike(theirs))
    }

    /// Paid, denied or pended.
    #[must_use]
    pub fn status(&self) -> Status {
        match &self.settlement {
            Settlement::Pended { .. } => Status::Pended,
            Settlement::Settled(lines) if lines.iter().all(LineOutcome::denied) => Status::Denied,
            Settlement::Settled(_) => Status::Paid,
        }
    }
    /// The total charge.
    #[must_use]
    pub fn charge(&self) -> Money {
        self.total(LineOutcome::charge).unwrap_or_default()
    }
    /// The total allowed.
    #[must_use]
    pub fn allowed(&self) -> Money {
        match self.settlement {
            Settlement::Settled(_) => self.total(LineOutcome::allowed).unwrap_or_default(),
            Settlement::Pended { .. } => Money::ZERO,
        }
    }
    /// The total paid.
    #[must_use]
    pub fn paid(&self) -> Money {
        Money::checked_sum(self.lines().iter().map(LineOutcome::paid)).unwrap_or_default()
    }
    /// What the patient owes.
    #[must_use]
    pub fn patient(&self) -> Money {
        Money::checked_sum(self.lines().iter().map(LineOutcome::patient)).unwrap_or_default()
    }
}

crate::canon_record!(Flagged {
    pattern,
    line,
    score,
    clause
});

impl Canon for (u16, Money) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok((u16::take(from)?, Money::take(from)?))
    }
}

impl Canon for Settlement {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Settled(lines) => {
                out.push(1);
                lines.put(out);
            }
            Self::Pended {
                reason,
                text,
                resolution,
                line,
                clause,
                charges,
            } => {
                out.push(2);
                reason.put(out);
                text.put(out);
                resolution.put(out);
                line.put(out);
                clause.put(out);
                charges.put(out);
            }
        }
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            1 => Ok(Self::Settled(Vec::take(from)?)),
            2 => Ok(Self::Pended {
                reason: String::take(from)?,
                text: String::take(from)?,
                resolution: String::take(from)?,
                line: u16::take(from)?,
                clause: String::take(from)?,
                charges: Vec::take(from)?,
            }),
            n => Err(from.invalid("settlement", n.into())),
        }
    }
}

impl Canon for Outcome {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        self.claim.put(out);
        self.policy.put(out);
        self.settlement.put(out);
        self.findings.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            VERSION => {}
            n => return Err(from.invalid("outcome version", n.into())),
        }
        let (claim, policy) = (ClaimId::take(from)?, Canon::take(from)?);
        let (settlement, findings) = (Settlement::take(from)?, Vec::take(from)?);
        Self::new(claim, policy, settlement, findings)
            .map_err(|_| from.invalid("outcome that balances", 0))
    }
}
