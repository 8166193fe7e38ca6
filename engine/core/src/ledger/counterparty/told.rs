//! What a counterparty tells the payer of its dispute.

use thiserror::Error;

use super::compare::Reexecuted;
use crate::canon::{Canon, DecodeError, Reader};
use crate::claim::ClaimId;
use crate::ledger::commitment::Salt;
use crate::ledger::tree::leaf_hash;

/// The version of its encoding, its first byte.
const VERSION: u8 = 1;

/// A dispute as the one that entered it tells the payer of it: which claim it is about, and
/// what opens the commitment that stands on the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldDispute {
    /// The claim, as the payer numbers it.
    pub claim: ClaimId,
    /// The index of the adjudication in the payer's own log.
    pub index: u64,
    /// The index of the dispute in the own log of the one that tells.
    pub entry: u64,
    /// The salt of the commitment.
    pub salt: Salt,
    /// What was found.
    pub found: Reexecuted,
}

impl Canon for ToldDispute {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        self.claim.put(out);
        self.index.put(out);
        self.entry.put(out);
        self.salt.put(out);
        self.found.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            VERSION => {}
            n => return Err(from.invalid("version of a told dispute", n.into())),
        }
        Ok(Self {
            claim: Canon::take(from)?,
            index: Canon::take(from)?,
            entry: Canon::take(from)?,
            salt: Canon::take(from)?,
            found: Canon::take(from)?,
        })
    }
}

/// Why what is told of a dispute does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ToldError {
    /// Nothing differs.
    #[error("it says of nothing that it differs: that is no dispute")]
    Agreed,
    /// Another adjudication was run again.
    #[error("what was run again is not what stands at that index of the payer's log")]
    Adjudication,
    /// The ledger has something else there.
    #[error("it does not open what stands on the ledger at that index of the log of who tells it")]
    Entry,
}

impl ToldDispute {
    /// Holds it against the ledger: the bytes of the entry that it names in the payer's log, and
    /// those of the one that it names in the log of who tells it.
    ///
    /// # Errors
    /// What does not hold.
    pub fn check(&self, adjudication: &[u8], disputed: &[u8]) -> Result<(), ToldError> {
        if self.found.difference.is_none() {
            return Err(ToldError::Agreed);
        }
        if leaf_hash(adjudication) != self.found.adjudication {
            return Err(ToldError::Adjudication);
        }
        if self.found.entry(&self.salt).to_canon() != disputed {
            return Err(ToldError::Entry);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(difference: bool) -> ToldDispute {
        let mut found = Reexecuted::unproven(leaf_hash(b"adjudicated"), "tally 0.1.0", "D104");
        if !difference {
            found.difference = None;
        }
        ToldDispute {
            claim: ClaimId([7; 16]),
            index: 12,
            entry: 3,
            salt: [9; 32],
            found,
        }
    }

    #[test]
    fn a_told_dispute_opens_what_stands_on_the_ledger() {
        let of = told(true);
        let entry = of.found.entry(&of.salt).to_canon();
        assert_eq!(of.check(b"adjudicated", &entry), Ok(()));
        assert_eq!(of.check(b"another", &entry), Err(ToldError::Adjudication));
        assert_eq!(of.check(b"adjudicated", b"another"), Err(ToldError::Entry));
        let salted = ToldDispute {
            salt: [8; 32],
            ..of.clone()
        };
        assert_eq!(salted.check(b"adjudicated", &entry), Err(ToldError::Entry));
        // An agreement tells of no dispute, though the ledger has it.
        let agreed = told(false);
        let entry = agreed.found.entry(&agreed.salt).to_canon();
        assert_eq!(agreed.check(b"adjudicated", &entry), Err(ToldError::Agreed));
    }

    #[test]
    fn a_told_dispute_reads_back() {
        let of = told(true);
        let bytes = of.to_canon();
        assert_eq!(ToldDispute::from_canon(&bytes), Ok(of));
        for cut in 0..bytes.len() {
            assert!(ToldDispute::from_canon(&bytes[..cut]).is_err(), "{cut}");
        }
        let mut other = bytes;
        other[0] = 2;
        assert!(ToldDispute::from_canon(&other).is_err());
    }
}
