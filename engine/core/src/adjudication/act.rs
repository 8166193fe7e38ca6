//! Acts of a payer that change the past of a unit. A sender's acts, the
//! replacement and the void, are claims that name the claim they are of.

use super::contract::LineDetermination;
use crate::canon::{Canon, DecodeError, Reader};
use crate::claim::ClaimId;

/// The version of the encoding, an act's first byte.
const VERSION: u8 = 1;

/// What a payer does to what a unit has come to. It may hold what a reviewer
/// wrote: no `Debug`, no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Act {
    /// Who does it, as authenticated.
    pub by: String,
    /// Why, in their words.
    pub reason: String,
    /// What is done.
    pub kind: ActKind,
}

/// Kinds of acts.
#[derive(Clone, PartialEq, Eq)]
pub enum ActKind {
    /// All claims of the unit are decided anew: by the contract, the policies and
    /// the tables that are known by now.
    Readjudicate,
    /// A claim is settled by a person instead of its policy.
    Review(Review),
}

/// What a reviewer determines of a claim. It is checked and settled as a policy's
/// determination is.
#[derive(Clone, PartialEq, Eq)]
pub struct Review {
    /// The claim.
    pub claim: ClaimId,
    /// SHA-256 of the policy whose clauses and accumulators the lines name. Should
    /// another come into force for the claim, that one decides it.
    pub policy: [u8; 32],
    /// Every line that the policy would determine, in order.
    pub lines: Vec<LineDetermination>,
}

crate::canon_record!(Review {
    claim,
    policy,
    lines
});

impl Canon for ActKind {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Readjudicate => out.push(1),
            Self::Review(review) => {
                out.push(2);
                review.put(out);
            }
        }
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            1 => Ok(Self::Readjudicate),
            2 => Ok(Self::Review(Canon::take(from)?)),
            n => Err(from.invalid("kind of act", n.into())),
        }
    }
}

impl Canon for Act {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        self.by.put(out);
        self.reason.put(out);
        self.kind.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            VERSION => {}
            n => return Err(from.invalid("act version", n.into())),
        }
        Ok(Self {
            by: Canon::take(from)?,
            reason: Canon::take(from)?,
            kind: Canon::take(from)?,
        })
    }
}
