//! What the entries of a claim's way commit to, beside the receipt's body: that it was
//! received, and that it was paid.

use tally_types::{Money, ServiceDate};

use super::commitment::{Salt, Subject, commit};
use super::entry::Entry;
use crate::canon::{Canon, DecodeError, Reader};
use crate::claim::ClaimId;

/// The version of these encodings, their first byte.
const VERSION: u8 = 1;

/// That a claim was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedClaim {
    /// The claim.
    pub claim: ClaimId,
    /// The day it was received, as it counts for prompt payment.
    pub received: ServiceDate,
    /// Who submitted it, as authenticated.
    pub submitter: String,
    /// SHA-256 of the submission: the file, or the interchange, as it came.
    pub submission: [u8; 32],
}

/// That a payment was advised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentAdvice {
    /// The payment's trace number (X12 835, TRN02).
    pub trace: String,
    /// What is paid.
    pub amount: Money,
    /// The day it is paid.
    pub date: ServiceDate,
    /// The claims it is for, in ascending order.
    pub claims: Vec<ClaimId>,
    /// SHA-256 of the 835, as it was handed over.
    pub remittance: [u8; 32],
}

impl ReceivedClaim {
    /// Its entry.
    #[must_use]
    pub fn entry(&self, salt: &Salt) -> Entry {
        Entry::Received(commit(Subject::Received, salt, &self.to_canon()))
    }
}

impl PaymentAdvice {
    /// Its entry.
    #[must_use]
    pub fn entry(&self, salt: &Salt) -> Entry {
        Entry::PaymentAdvised(commit(Subject::Payment, salt, &self.to_canon()))
    }
}

fn version(from: &mut Reader<'_>, what: &'static str) -> Result<(), DecodeError> {
    match u8::take(from)? {
        VERSION => Ok(()),
        n => Err(from.invalid(what, n.into())),
    }
}

impl Canon for ReceivedClaim {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        self.claim.put(out);
        self.received.put(out);
        self.submitter.put(out);
        self.submission.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        version(from, "received claim version")?;
        Ok(Self {
            claim: Canon::take(from)?,
            received: Canon::take(from)?,
            submitter: Canon::take(from)?,
            submission: Canon::take(from)?,
        })
    }
}

/// Claims that are not in ascending order have no encoding.
impl Canon for PaymentAdvice {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        self.trace.put(out);
        self.amount.put(out);
        self.date.put(out);
        self.claims.put(out);
        self.remittance.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        version(from, "payment advice version")?;
        let advice = Self {
            trace: Canon::take(from)?,
            amount: Canon::take(from)?,
            date: Canon::take(from)?,
            claims: Canon::take(from)?,
            remittance: Canon::take(from)?,
        };
        let mut pairs = advice.claims.windows(2);
        if pairs.all(|pair| pair.first() < pair.last()) {
            Ok(advice)
        } else {
            Err(from.invalid("order of a payment's claims", 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice() -> PaymentAdvice {
        PaymentAdvice {
            trace: "000000042".into(),
            amount: Money::cents(9_200),
            date: ServiceDate::parse("2026-04-01").unwrap(),
            claims: vec![ClaimId([1; 16]), ClaimId([9; 16])],
            remittance: [3; 32],
        }
    }

    #[test]
    fn claims_of_a_payment_are_in_order_and_once() {
        let mut advice = advice();
        assert_eq!(
            PaymentAdvice::from_canon(&advice.to_canon()),
            Ok(advice.clone())
        );
        for claims in [[9, 1], [1, 1]] {
            advice.claims = claims.map(|n| ClaimId([n; 16])).into();
            assert!(PaymentAdvice::from_canon(&advice.to_canon()).is_err());
        }
    }

    /// To change a hash here is to change what entries commit to.
    #[test]
    fn encodings_are_frozen() {
        use sha2::{Digest, Sha256};
        let received = ReceivedClaim {
            claim: ClaimId([9; 16]),
            received: ServiceDate::parse("2026-03-12").unwrap(),
            submitter: "mercy-clinic".into(),
            submission: [2; 32],
        };
        assert_eq!(
            ReceivedClaim::from_canon(&received.to_canon()),
            Ok(received.clone())
        );
        let frozen = [
            ("received", received.to_canon()),
            ("its entry", received.entry(&[5; 32]).to_canon()),
            ("payment", advice().to_canon()),
            ("its entry", advice().entry(&[5; 32]).to_canon()),
        ];
        let lines = frozen.map(|(of, bytes)| {
            let digest: [u8; 32] = Sha256::digest(&bytes).into();
            let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
            format!("{of}: {hex}")
        });
        insta::assert_snapshot!(lines.join("\n"));
    }
}
