//! The remittance, X12 835 (005010X221A1): what was paid for which claims, and
//! why it is not more.
//!
//! It balances by construction. A line's adjustments are those of its outcome,
//! which balances; a claim's payment is the sum of its lines; the payment is the
//! sum of the claims less the provider's adjustments, and where that is negative
//! it is carried forward (`FB`), so that it is zero. A reversal is the outcome it
//! reverses, every sign turned round.

mod balance;
mod write;

use tally_types::{Code, CodeSystem, Money, Quantity, ServiceDate, ShortCode};
use thiserror::Error;

use super::reply::{Address, InsuredName, PatientName, Payer, Stamp, unfit};
use crate::adjudication::Outcome;
use crate::claim::{Claim, Modifiers};

/// Who is paid.
#[derive(Clone, Copy)]
pub struct Payee<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is called in interchanges.
    pub id: &'a str,
    /// Its NPI; empty where it has none.
    pub npi: &'a str,
    /// Its tax number, where it is known. Without an NPI it is known by this.
    pub tax: &'a str,
    /// Where it is; not told where the street is empty.
    pub address: Address<'a>,
}

/// An account at a bank.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Account<'a> {
    /// The bank's routing number, nine digits.
    pub routing: &'a str,
    /// The account's number.
    pub number: &'a str,
}

/// How the money goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Method<'a> {
    /// By cheque.
    Cheque,
    /// Through the clearing house.
    Ach {
        /// The payer's account.
        from: Account<'a>,
        /// The payee's.
        to: Account<'a>,
    },
}

/// What a claim of a remittance is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is paid, or denied.
    Payment,
    /// It is paid anew. An earlier remittance reversed it without taking the money
    /// back; that is taken now (`WO`).
    Correction {
        /// What the earlier remittance left with the payee.
        withheld: Money,
    },
    /// What was paid for it is taken back. Where a correction is in the same
    /// remittance, it comes after.
    Reversal,
    /// It is taken back, and the correction comes in another remittance: until then
    /// the money stays with the payee (`WO`, RFI 227).
    ReversalAhead,
}

impl Standing {
    /// Whether signs are turned round.
    #[must_use]
    pub fn is_reversal(self) -> bool {
        matches!(self, Self::Reversal | Self::ReversalAhead)
    }
}

/// A line that was paid as something other than what was billed: another procedure,
/// or fewer units.
#[derive(Clone, Copy)]
pub struct PaidAs {
    /// The line's number.
    pub line: u16,
    /// Of which list the procedure is.
    pub system: CodeSystem,
    /// The procedure it was paid as.
    pub procedure: Code,
    /// With which modifiers.
    pub modifiers: Modifiers,
    /// The units that were paid for.
    pub units: Quantity,
}

/// Another payer by name.
#[derive(Clone, Copy)]
pub struct OtherPayerName<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is called in interchanges.
    pub id: &'a str,
}

/// A claim that is settled, and what it came to.
#[derive(Clone, Copy)]
pub struct RemittedClaim<'a> {
    /// The claim.
    pub claim: &'a Claim,
    /// What it came to; of a reversal, what it had come to.
    pub outcome: &'a Outcome,
    /// Paid, corrected or reversed.
    pub standing: Standing,
    /// Whose it is.
    pub patient: PatientName<'a>,
    /// Whose contract it is, where the patient is another.
    pub insured: Option<InsuredName<'a>>,
    /// The last day of the patient's cover before a service that was denied for that (CARC
    /// 27), where one was.
    pub cover_ended: Option<ServiceDate>,
    /// The kind of cover (CLP06): `12` a PPO, `MB` Medicare part B, `HM` an HMO.
    pub filing: &'a str,
    /// Lines that were paid as something else.
    pub paid_as: &'a [PaidAs],
    /// Interest for late payment; of a reversal, what is taken back.
    pub interest: Money,
    /// Who should have been billed first, where that is known.
    pub priority: Option<OtherPayerName<'a>>,
    /// To whom the claim was sent on.
    pub crossover: Option<OtherPayerName<'a>>,
    /// Remarks on the claim as a whole, at most five.
    pub remarks: &'a [ShortCode],
}

impl<'a> RemittedClaim<'a> {
    /// A claim that is paid as it was billed, of a PPO.
    #[must_use]
    pub fn new(claim: &'a Claim, outcome: &'a Outcome, patient: PatientName<'a>) -> Self {
        Self {
            claim,
            outcome,
            standing: Standing::Payment,
            patient,
            insured: None,
            cover_ended: None,
            filing: "12",
            paid_as: &[],
            interest: Money::ZERO,
            priority: None,
            crossover: None,
            remarks: &[],
        }
    }

    /// As what a line was paid, where that is not what was billed.
    fn paid_as(&self, line: u16) -> Option<&'a PaidAs> {
        self.paid_as.iter().find(|of| of.line == line)
    }
}

/// Something between payer and provider that is of no claim: positive amounts lower
/// the payment. What follows from claims (`L6`, `WO`) and from earlier remittances
/// (`FB`) is not to be given here.
#[derive(Clone, Copy)]
pub struct ProviderAdjustment<'a> {
    /// Why (PLB03-1): `CS` an adjustment, `72` a refund, `L6` interest.
    pub reason: &'a str,
    /// What it refers to.
    pub reference: &'a str,
    /// How much.
    pub amount: Money,
}

/// What a payee owes after a remittance that would have been negative: to be given
/// to the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarded {
    /// The trace number of the remittance it is of.
    pub reference: String,
    /// How much, above zero.
    pub amount: Money,
}

/// A payment and all that it is for.
pub struct Remittance<'a> {
    /// Who pays.
    pub payer: Payer<'a>,
    /// Who is paid. All claims are of one billing provider: [`by_payee`].
    pub payee: Payee<'a>,
    /// How.
    pub method: Method<'a>,
    /// When, and its numbers.
    pub stamp: Stamp<'a>,
    /// What for.
    pub claims: &'a [RemittedClaim<'a>],
    /// What else.
    pub adjustments: &'a [ProviderAdjustment<'a>],
    /// What earlier remittances carried forward.
    pub brought: &'a [Forwarded],
    /// What earlier remittances left with the payee of claims that they reversed
    /// ([`Standing::ReversalAhead`]) and is taken now, by claim: the correction is
    /// here, or none comes. Not for what a [`Standing::Correction`] says of itself.
    pub recovered: &'a [Forwarded],
}

/// A remittance that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remitted {
    /// The interchange.
    pub text: String,
    /// What is paid, never below zero.
    pub payment: Money,
    /// What is left for the next remittance to take.
    pub forwarded: Option<Forwarded>,
}

/// Why there is no remittance. Claims are named by their position, from zero.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RemittanceError {
    /// A claim waits: nothing is said of it yet.
    #[error("claim {0} of the remittance waits; only settled claims are remitted")]
    Pended(usize),
    /// An outcome that is not of the claim beside it.
    #[error("claim {0} of the remittance has another claim's outcome")]
    AnotherClaim(usize),
    /// An outcome whose charge is not the one that was billed (RFI 2143).
    #[error("claim {claim}, line {line}: the outcome is of {found}, {billed} was billed")]
    Charge {
        /// The claim.
        claim: usize,
        /// The line's number.
        line: u16,
        /// The outcome's charge.
        found: Money,
        /// The claim's.
        billed: Money,
    },
    /// A claim of another billing provider than the first one.
    #[error("claim {0} of the remittance is of another payee; write one remittance for each")]
    AnotherPayee(usize),
    /// A correction, or anything else of the claim, before its reversal (RFI 2442).
    #[error("claim {0} is reversed after it is corrected; the reversal comes first")]
    CorrectionFirst(usize),
    /// A claim that is paid, or reversed, twice.
    #[error("claim {0} stands in the remittance already")]
    Twice(usize),
    /// A line paid as something else that the claim does not have, or named twice.
    #[error("claim {claim}: line {line}, which is paid as another, is not one line of it")]
    PaidAs {
        /// The claim.
        claim: usize,
        /// The line named.
        line: u16,
    },
    /// Lines bundled into one (CO 97) whose charges that one does not take over
    /// (OA 94 below zero; RFI 2278, 2320).
    #[error("claim {claim}: {bundled} bundled into line {line}, which takes over {taken}")]
    Bundle {
        /// The claim.
        claim: usize,
        /// The first of the lines that are paid as that procedure.
        line: u16,
        /// The charges of the lines that are included in it.
        bundled: Money,
        /// What is processed in excess of its charge.
        taken: Money,
    },
    /// Interest, or an amount withheld or brought forward, below zero.
    #[error("{what} {at} is below zero")]
    Negative {
        /// What.
        what: &'static str,
        /// Its position, from zero.
        at: usize,
    },
    /// A reason for a provider's adjustment that is none, or that is made here.
    #[error("provider adjustment {0} has a reason that cannot be given")]
    Reason(usize),
    /// A provider's adjustment of nothing.
    #[error("provider adjustment {0} is of 0.00")]
    NoAmount(usize),
    /// An amount is beyond what the format holds: eighteen digits.
    #[error("an amount of the remittance is beyond what can be held")]
    Overflow,
    /// What was written does not fit the guide: a name, number or address given is
    /// not one.
    #[error("the remittance does not fit its guide: {0}")]
    Unfit(String),
}

/// The claims of each billing provider, in order of its first claim: a remittance
/// each.
#[must_use]
pub fn by_payee<'a>(claims: &[RemittedClaim<'a>]) -> Vec<Vec<RemittedClaim<'a>>> {
    let mut payees: Vec<Vec<RemittedClaim<'a>>> = Vec::new();
    for of in claims {
        let same = |others: &&mut Vec<RemittedClaim<'a>>| {
            others
                .first()
                .is_some_and(|other| other.claim.billing == of.claim.billing)
        };
        match payees.iter_mut().find(same) {
            Some(others) => others.push(*of),
            None => payees.push(vec![*of]),
        }
    }
    payees
}

/// A remittance as an interchange of its own.
///
/// # Errors
/// When a claim waits or is not its outcome's, when the order of reversals and
/// corrections or the lines of a bundle are wrong, when an amount is out of range,
/// or when what is given of payer and payee does not fit the guide.
pub fn remittance(remittance: &Remittance<'_>) -> Result<Remitted, RemittanceError> {
    let balance = balance::balance(remittance)?;
    let text = write::write(remittance, &balance);
    match unfit(&text) {
        Some(fault) => Err(RemittanceError::Unfit(fault)),
        None => Ok(Remitted {
            text,
            payment: balance.payment,
            forwarded: balance.forwarded(remittance),
        }),
    }
}
