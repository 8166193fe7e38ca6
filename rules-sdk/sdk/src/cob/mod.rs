//! Coordination of benefits: what earlier payers did, and how much a later one
//! pays after them.
//!
//! A policy works a line out as if no other payer were there and then calls
//! [`crate::LineWork::coordinate`]. The line shows what earlier payers did, their
//! payments and their adjustments, as one adjustment OA 23 (X12 RFI 1696, 2143,
//! 2194), and of its own adjustments what is left of them: charge − Σ
//! adjustments = paid, and what it leaves to the patient is what really remains.
//!
//! [`order`] decides who comes first; [`standing`] tells where the plan stands by what
//! the claim says of other payers; [`prior`] reads what earlier payers did from their
//! remittances.
//!
//! ```
//! use tally_sdk::cob::{Coordination, Method, Pocket, PriorPayer, Unpaid};
//! use tally_sdk::{mock, prelude::*};
//!
//! # const CLAUSE: ClauseId = ClauseId(0);
//! # const PLAN: Plan = Plan { product: "p", title: "P", version: "1", clauses: &[],
//! #     accumulators: &[], tables: &[], pend_reasons: &[], patterns: &[], cost_share: &[], rounding: Rounding::HalfUp };
//! # let money = |text| Money::parse(text).unwrap();
//! let line = mock::line(Code::of("99213"), money("500.00"), date(2025, 5, 2));
//! let claim = mock::claim(vec![line]);
//! let mut balances = Balances::of(&claim, &PLAN);
//!
//! // As if there were no other payer: a fee of 365.00, paid in full.
//! let mut work = LineWork::begin(&claim.lines[0], CLAUSE);
//! work.limit_to(money("365.00"), Group::Co, Carc::ABOVE_FEE_SCHEDULE, CLAUSE);
//!
//! // One came before: it allowed 375.00, paid 300.00 and left 75.00.
//! let primary = PriorPayer {
//!     allowed: money("375.00"),
//!     paid: money("300.00"),
//!     left: money("75.00"),
//!     accepted: Some(money("375.00")),
//!     presumed: Money::ZERO,
//!     adjustments: Vec::new(),
//! };
//! let how = Coordination {
//!     method: Method::Standard,
//!     unpaid: Unpaid::OwnAllowed,
//!     pocket: Pocket::AsIfPrimary,
//!     clause: CLAUSE,
//! };
//! let done = work.coordinate(&mut balances, &[primary], &how);
//!
//! // X12 RFI 1696: OA 23 425.00, CO 45 10.00, paid 65.00, the patient owes nothing.
//! assert_eq!(done.paid, money("65.00"));
//! assert_eq!(done.prior, money("425.00"));
//! assert_eq!(done.patient, Money::ZERO);
//! ```

pub mod order;
pub mod prior;
pub mod standing;

use tally_types::Money;

use crate::plan::ClauseId;

pub use crate::claim::PriorAdjustment;
pub use prior::PriorPayer;
pub use standing::Standing;

/// How a later payer's payment is found. With `benefit` as its own benefit in
/// the absence of other cover, and `prior` what all earlier payers paid:
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// The lesser of its benefit and what is unpaid of the allowable expense
    /// (NAIC Model 120 §7).
    Standard,
    /// What its benefit exceeds `prior` by: earlier payers' payments are taken
    /// off its benefit.
    NonDuplication,
    /// The same, and what another cover *would have* paid is taken off too
    /// ([`PriorPayer::presumed`]): for retired members who could have enrolled
    /// in Medicare Part B, the only such cover that NAIC Model 120 §5 lets a
    /// plan count. The patient bears that part (PR 22).
    CarveOut,
    /// `prior` is taken off the allowed amount, and the cost sharing applies to
    /// the rest: call [`crate::LineWork::set_aside`] before cost sharing.
    Maintenance,
    /// Medicare after another payer, services on a fee schedule: 42 CFR 411.33
    /// (a). The lowest of: the charge less `prior`; its benefit; the higher of
    /// its own and the earlier payer's allowed amount, less `prior`. For the
    /// charge stands what the provider must accept ([`PriorPayer::accepted`]),
    /// where that is less.
    MedicareLowestOfThree,
    /// Medicare after another payer, other services: 42 CFR 411.33 (e). The
    /// lowest of: the gross amount less cost sharing; the gross amount less
    /// `prior`; the charge less `prior`; the charge less cost sharing. The gross
    /// amount is the allowed one, which may be above the charge
    /// ([`crate::LineWork::allow`]).
    MedicareLowestOfFour,
}

/// What is unpaid of the allowable expense: which amount is meant. Medicare's
/// methods have their own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unpaid {
    /// The highest of all payers' allowed amounts, less what earlier payers paid
    /// (NAIC Model 120 §3 A: nothing above the highest fee is allowable).
    HighestAllowed,
    /// Its own allowed amount, less what earlier payers paid: for a plan whose
    /// provider accepts its fee in full.
    OwnAllowed,
    /// What the last earlier payer left to the patient: what earlier contracts
    /// wrote off stays written off.
    Liability,
}

/// What is credited to the out-of-pocket limit of a later payer. Its deductible
/// is always credited as if it were the only payer (NAIC Model 120 §7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pocket {
    /// As if it were the only payer.
    AsIfPrimary,
    /// Only what is left to the patient of its own cost sharing.
    AsBorne,
}

/// How a policy coordinates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Coordination {
    /// How the payment is found.
    pub method: Method,
    /// What is unpaid.
    pub unpaid: Unpaid,
    /// What the out-of-pocket limit is credited.
    pub pocket: Pocket,
    /// The clause of OA 23.
    pub clause: ClauseId,
}

/// What earlier payers did of a line, added up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Impact {
    /// What all of them paid, less what they took back; never below zero.
    pub paid: Money,
    /// What the last of them left to the patient, never more than the charge, or
    /// what the provider accepts, less their payments.
    pub left: Money,
    /// The highest allowed amount of any.
    pub allowed: Money,
    /// What the provider must accept in full; the charge where nothing is said.
    pub accepted: Money,
    /// What others would have paid.
    pub presumed: Money,
}

impl Impact {
    /// Adds earlier payers up, in their order. A payment below zero, of a payer
    /// that took back what one before it paid, is summed too; together they are
    /// never below zero. Any other amount below zero counts as none.
    #[must_use]
    pub fn of(charge: Money, prior: &[PriorPayer]) -> Self {
        let mut sum = Self {
            paid: Money::ZERO,
            left: charge,
            allowed: Money::ZERO,
            accepted: charge,
            presumed: Money::ZERO,
        };
        let whole = |amount: Money| amount.greater(Money::ZERO);
        let add = |sum: Money, amount| sum.checked_add(amount).unwrap_or(sum);
        for payer in prior {
            sum.paid = add(sum.paid, payer.paid);
            sum.presumed = add(sum.presumed, whole(payer.presumed));
            sum.left = whole(payer.left);
            sum.allowed = sum.allowed.greater(payer.allowed);
            if let Some(accepted) = payer.accepted {
                sum.accepted = sum.accepted.lesser(whole(accepted));
            }
        }
        sum.paid = whole(sum.paid);
        let most = charge.lesser(sum.accepted).less(sum.paid);
        sum.left = sum.left.lesser(most);
        sum
    }
}

/// What a payment is found from.
#[derive(Clone, Copy)]
pub(crate) struct Terms {
    /// Its own benefit.
    pub benefit: Money,
    /// Its own allowed amount.
    pub allowed: Money,
    /// Its own cost sharing: deductible, coinsurance, copayment.
    pub shares: Money,
    /// The charge.
    pub charge: Money,
}

impl Coordination {
    /// What it pays: never more than its own benefit, nor than what is unpaid
    /// of the highest allowed amount.
    pub(crate) fn payment(&self, terms: &Terms, prior: &Impact) -> Money {
        let Terms {
            benefit,
            allowed,
            shares,
            charge,
        } = *terms;
        let highest = allowed.greater(prior.allowed).less(prior.paid);
        let accepted = charge.lesser(prior.accepted);
        let unpaid = match self.unpaid {
            Unpaid::HighestAllowed => highest,
            Unpaid::OwnAllowed => allowed.less(prior.paid),
            Unpaid::Liability => prior.left,
        };
        let found = match self.method {
            Method::Standard | Method::Maintenance => unpaid,
            Method::NonDuplication => benefit.less(prior.paid).lesser(unpaid),
            Method::CarveOut => benefit.less(prior.paid).less(prior.presumed).lesser(unpaid),
            Method::MedicareLowestOfThree => accepted.less(prior.paid),
            Method::MedicareLowestOfFour => allowed
                .less(prior.paid)
                .lesser(accepted.less(prior.paid))
                .lesser(accepted.less(shares)),
        };
        found.lesser(benefit).lesser(highest)
    }
}
