//! Payments: what payees were told that they are paid, and what for.

use std::future::Future;

use tally_core::claim::ClaimId;
use tally_types::{Money, ServiceDate};

use super::{Answer, NewStatement, Sealed, Token};

/// A mark: what a claim came to may have to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueRow {
    /// The mark; an id is never given twice.
    pub mark: i64,
    /// The claim.
    pub claim: ClaimId,
}

/// What a payment says of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartKind {
    /// It is paid, or denied.
    Payment,
    /// What an earlier payment left with the payee is taken.
    Recovery,
    /// What was paid for it is taken back.
    Reversal,
    /// It is reversed, and the money is left with the payee until the correction.
    ReversalAhead,
}

impl PartKind {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Recovery => "recovery",
            Self::Reversal => "reversal",
            Self::ReversalAhead => "reversal-ahead",
        }
    }
}

/// What a payment says of a claim as it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartRow {
    /// The claim.
    pub claim: ClaimId,
    /// The how-manieth outcome of the claim it is of, from zero.
    pub revision: u32,
    /// What it does.
    pub kind: PartKind,
    /// What the claim was paid; of a reversal, what is taken back.
    pub paid: Money,
    /// The interest beside it.
    pub interest: Money,
    /// What is left with the payee, or what was left and is taken.
    pub withheld: Money,
    /// What the 835 says of it, under the claim's key; none of a recovery.
    pub sealed: Option<Sealed>,
}

impl PartRow {
    /// By how much it raises the payment; `None` when that cannot be held.
    #[must_use]
    pub fn net(&self) -> Option<Money> {
        let whole = self.paid.checked_add(self.interest)?;
        match self.kind {
            PartKind::Payment => Some(whole),
            PartKind::Recovery => Money::ZERO.checked_sub(self.withheld),
            PartKind::Reversal => Money::ZERO.checked_sub(whole),
            PartKind::ReversalAhead => self.withheld.checked_sub(whole),
        }
    }

    /// What parts come to; `None` when that cannot be held.
    #[must_use]
    pub fn sum(parts: &[Self]) -> Option<Money> {
        let mut parts = parts.iter();
        parts.try_fold(Money::ZERO, |sum, part| sum.checked_add(part.net()?))
    }
}

/// A payment to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPayment {
    /// Its number in the 835 (TRN02).
    pub trace: String,
    /// Who is paid.
    pub payee: Token,
    /// The how-manieth payment of the payee it is, from 1.
    pub number: u32,
    /// The day of it.
    pub day: ServiceDate,
    /// What is paid.
    pub amount: Money,
    /// What the payee's payment before carried forward.
    pub brought: Money,
    /// What is carried forward to the next.
    pub forwarded: Money,
    /// Who submitted all that it tells; `None` where several did.
    pub submitter: Option<String>,
    /// SHA-256 of the 835.
    pub hash: [u8; 32],
    /// The 835 without what is of claims, under a key of its own.
    pub sealed: Sealed,
    /// What it tells, in order.
    pub parts: Vec<PartRow>,
    /// The marks that it answers.
    pub marks: Vec<i64>,
    /// The statement that it was advised.
    pub advised: NewStatement,
}

/// A payment that was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRow {
    /// Its place among all payments: they are made in this order.
    pub id: i64,
    /// Its number in the 835 (TRN02).
    pub trace: String,
    /// Who is paid.
    pub payee: Token,
    /// The how-manieth payment of the payee it is, from 1.
    pub number: u32,
    /// The day of it.
    pub day: ServiceDate,
    /// What is paid.
    pub amount: Money,
    /// What the payee's payment before carried forward.
    pub brought: Money,
    /// What is carried forward to the next.
    pub forwarded: Money,
    /// How many parts it has.
    pub parts: u32,
    /// Who submitted all that it tells; `None` where several did.
    pub submitter: Option<String>,
    /// SHA-256 of the 835.
    pub hash: [u8; 32],
    /// The 835 without what is of claims.
    pub sealed: Sealed,
}

/// What was told of a claim, and by which payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldRow {
    /// The payment's trace.
    pub trace: String,
    /// The payment's day.
    pub day: ServiceDate,
    /// What was told.
    pub part: PartRow,
}

/// Which payments to list; every field narrows.
#[derive(Debug, Clone, Default)]
pub struct PaymentFilter {
    /// To this payee.
    pub payee: Option<Token>,
    /// Of which everything was submitted by this organisation.
    pub submitter: Option<String>,
    /// On or after this day.
    pub since: Option<ServiceDate>,
    /// Only those made before the one with this id.
    pub before: Option<i64>,
    /// At most so many; zero is no limit.
    pub limit: u32,
}

/// Payments.
pub trait Payments {
    /// The first payee, in the order of tokens, with a mark, after another.
    fn due_payee(&self, after: Option<Token>)
    -> impl Future<Output = Answer<Option<Token>>> + Send;
    /// The marks of a payee after one, in order.
    fn due(
        &self,
        payee: Token,
        after: i64,
        limit: u32,
    ) -> impl Future<Output = Answer<Vec<DueRow>>> + Send;
    /// Those of claims that have a mark.
    fn marked(&self, claims: &[ClaimId]) -> impl Future<Output = Answer<Vec<ClaimId>>> + Send;
    /// Takes marks off that there is nothing to tell of.
    fn nothing_due(&self, marks: &[i64]) -> impl Future<Output = Answer<()>> + Send;
    /// What was told of claims, in the order in which it was.
    fn told_of(&self, claims: &[ClaimId]) -> impl Future<Output = Answer<Vec<ToldRow>>> + Send;
    /// Records a payment in one transaction, states that it was advised, and takes the
    /// marks off that it answers.
    /// Fenced when the payee has one of that number, or something of it was told
    /// before: read again what is due.
    fn pay(&self, payment: &NewPayment) -> impl Future<Output = Answer<()>> + Send;
    /// The last payment of a payee.
    fn last_payment(&self, payee: Token)
    -> impl Future<Output = Answer<Option<PaymentRow>>> + Send;
    /// One payment.
    fn payment(&self, trace: &str) -> impl Future<Output = Answer<Option<PaymentRow>>> + Send;
    /// What a payment tells, in order.
    fn parts(&self, payment: i64) -> impl Future<Output = Answer<Vec<PartRow>>> + Send;
    /// Payments, the latest first.
    fn payments(
        &self,
        filter: &PaymentFilter,
    ) -> impl Future<Output = Answer<Vec<PaymentRow>>> + Send;
}
