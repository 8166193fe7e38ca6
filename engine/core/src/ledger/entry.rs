//! What stands on the ledger: nothing that identifies a person or can be
//! guessed back. What concerns a claim is a salted commitment. The same bytes
//! stand in a node's own log and, behind the header of the envelope that
//! brought them, on the ledger that organisations share.

use super::commitment::Commitment;
use super::publication::Published;
use super::shared::{Charter, EnvelopeHeader, Motion, Proposal};
use crate::canon::{Canon, DecodeError, Reader};
use crate::fraud::schedule::Batch;

/// The version of the encoding, an entry's first byte.
const VERSION: u8 = 1;
/// The most bytes an entry may have: what a bundle of tiles can hold.
pub const MAX_ENTRY: usize = 65_535;

/// That a claim was adjudicated. Whoever reads the ledger can check that the
/// policy was published within the prefix and active before this entry, and
/// learns nothing of the claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adjudication {
    /// A commitment to the receipt's body.
    pub commitment: Commitment,
    /// SHA-256 of the policy's component; `None` when the engine decided alone.
    pub policy: Option<[u8; 32]>,
    /// How many entries of the node's own log said which policy is in force.
    pub prefix: u64,
}

crate::canon_record!(Adjudication {
    commitment,
    policy,
    prefix
});

/// What becomes of a policy after it was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Claims may be adjudicated under it.
    Activated,
    /// A later publication of its product takes over from its effective date:
    /// only services before that are still adjudicated under this one.
    Superseded {
        /// SHA-256 of that one's component.
        by: [u8; 32],
    },
}

impl Canon for Standing {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Activated => out.push(1),
            Self::Superseded { by } => {
                out.push(2);
                by.put(out);
            }
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            1 => Ok(Self::Activated),
            2 => Ok(Self::Superseded {
                by: Canon::take(from)?,
            }),
            n => Err(from.invalid("standing", n.into())),
        }
    }
}

/// Why what a commitment was of is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// The person asked for it.
    Request,
    /// It was kept as long as it had to be.
    Retention,
    /// An order of a court or an authority.
    Order,
}

impl Ground {
    /// The ground's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Retention => "retention",
            Self::Order => "order",
        }
    }
}

crate::canon_enum!(Ground {
    Request = 1,
    Retention = 2,
    Order = 3,
});

/// An entry of the ledger. Numbers of kinds are stable and never used again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// The first entry of a node's own log: which log this is.
    Genesis {
        /// The log's name.
        origin: String,
        /// Its public key.
        key: [u8; 32],
    },
    /// A policy was published.
    Policy(Box<Published>),
    /// A claim was adjudicated.
    Adjudicated(Adjudication),
    /// A batch of flags, padded, on schedule.
    Flags(Box<Batch>),
    /// An adjudication was taken back: a commitment to a [`Reversal`](super::Reversal).
    /// It comes before whatever takes its place.
    Reversed(Commitment),
    /// A claim was received.
    Received(Commitment),
    /// A counterparty ran the policy again, with the same outcome.
    Agreed(Commitment),
    /// A counterparty ran the policy again, with another outcome.
    Disputed(Commitment),
    /// Access was granted; the grant is known by this commitment.
    Granted(Commitment),
    /// A grant was taken back.
    Revoked {
        /// The grant's commitment.
        grant: Commitment,
    },
    /// Somebody read what a person has the right to know was read.
    Read(Commitment),
    /// The same, without a right but with a reason: breaking the glass.
    ReadUnderEmergency(Commitment),
    /// A payment was advised.
    PaymentAdvised(Commitment),
    /// The key and salt of what an earlier entry of this log commits to were
    /// destroyed. The entry stays, and can be shown to nobody any more.
    Erased {
        /// The earlier entry's index in the node's own log.
        index: u64,
        /// Why.
        ground: Ground,
    },
    /// What becomes of a policy that was published.
    Standing {
        /// SHA-256 of its component.
        policy: [u8; 32],
        /// What.
        standing: Standing,
    },
    /// The first entry of a shared ledger: who founds it.
    Charter(Box<Charter>),
    /// The header of an envelope: the entries that follow are so many of an
    /// organisation's own log.
    Envelope(Box<EnvelopeHeader>),
    /// A change among the organisations is proposed.
    Proposed(Box<Proposal>),
    /// An authority votes on a proposal.
    Voted(Motion),
}

/// Numbers of kinds, where bytes are looked at without being read.
pub mod kind {
    /// Of [`super::Entry::Policy`].
    pub const POLICY: u8 = 2;
    /// Of [`super::Entry::Received`].
    pub const RECEIVED: u8 = 6;
    /// Of [`super::Entry::Agreed`].
    pub const AGREED: u8 = 7;
    /// Of [`super::Entry::Disputed`].
    pub const DISPUTED: u8 = 8;
    /// Of [`super::Entry::Granted`].
    pub const GRANTED: u8 = 9;
    /// Of [`super::Entry::Revoked`].
    pub const REVOKED: u8 = 10;
    /// Of [`super::Entry::Read`].
    pub const READ: u8 = 11;
    /// Of [`super::Entry::ReadUnderEmergency`].
    pub const READ_UNDER_EMERGENCY: u8 = 12;
    /// Of [`super::Entry::PaymentAdvised`].
    pub const PAYMENT_ADVISED: u8 = 13;
    /// Of [`super::Entry::Envelope`].
    pub const ENVELOPE: u8 = 17;
    /// Of [`super::Entry::Erased`].
    pub const ERASED: u8 = 14;
    /// Of [`super::Entry::Standing`].
    pub const STANDING: u8 = 15;
}

impl Entry {
    /// The kind that an entry's bytes say it is of; they may still be no entry.
    #[must_use]
    pub fn kind_of(bytes: &[u8]) -> Option<u8> {
        bytes.get(1).copied()
    }

    /// The number of its kind.
    #[must_use]
    pub fn kind(&self) -> u8 {
        match self {
            Self::Genesis { .. } => 1,
            Self::Policy(_) => kind::POLICY,
            Self::Adjudicated(_) => 3,
            Self::Flags(_) => 4,
            Self::Reversed(_) => 5,
            Self::Received(_) => kind::RECEIVED,
            Self::Agreed(_) => kind::AGREED,
            Self::Disputed(_) => kind::DISPUTED,
            Self::Granted(_) => kind::GRANTED,
            Self::Revoked { .. } => kind::REVOKED,
            Self::Read(_) => kind::READ,
            Self::ReadUnderEmergency(_) => kind::READ_UNDER_EMERGENCY,
            Self::PaymentAdvised(_) => kind::PAYMENT_ADVISED,
            Self::Erased { .. } => kind::ERASED,
            Self::Standing { .. } => kind::STANDING,
            Self::Charter(_) => 16,
            Self::Envelope(_) => kind::ENVELOPE,
            Self::Proposed(_) => 18,
            Self::Voted(_) => 19,
        }
    }
}

impl Canon for Entry {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.push(self.kind());
        match self {
            Self::Genesis { origin, key } => {
                origin.put(out);
                key.put(out);
            }
            Self::Policy(published) => published.put(out),
            Self::Adjudicated(adjudication) => adjudication.put(out),
            Self::Flags(batch) => batch.put(out),
            Self::Reversed(commitment)
            | Self::Received(commitment)
            | Self::Agreed(commitment)
            | Self::Disputed(commitment)
            | Self::Granted(commitment)
            | Self::Revoked { grant: commitment }
            | Self::Read(commitment)
            | Self::ReadUnderEmergency(commitment)
            | Self::PaymentAdvised(commitment) => commitment.put(out),
            Self::Erased { index, ground } => {
                index.put(out);
                ground.put(out);
            }
            Self::Standing { policy, standing } => {
                policy.put(out);
                standing.put(out);
            }
            Self::Charter(charter) => charter.put(out),
            Self::Envelope(header) => header.put(out),
            Self::Proposed(proposal) => proposal.put(out),
            Self::Voted(motion) => motion.put(out),
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            VERSION => {}
            n => return Err(from.invalid("entry version", n.into())),
        }
        Ok(match u8::take(from)? {
            1 => Self::Genesis {
                origin: Canon::take(from)?,
                key: Canon::take(from)?,
            },
            2 => Self::Policy(Box::new(Canon::take(from)?)),
            3 => Self::Adjudicated(Canon::take(from)?),
            4 => Self::Flags(Box::new(Canon::take(from)?)),
            5 => Self::Reversed(Canon::take(from)?),
            6 => Self::Received(Canon::take(from)?),
            7 => Self::Agreed(Canon::take(from)?),
            8 => Self::Disputed(Canon::take(from)?),
            9 => Self::Granted(Canon::take(from)?),
            10 => Self::Revoked {
                grant: Canon::take(from)?,
            },
            11 => Self::Read(Canon::take(from)?),
            12 => Self::ReadUnderEmergency(Canon::take(from)?),
            13 => Self::PaymentAdvised(Canon::take(from)?),
            14 => Self::Erased {
                index: Canon::take(from)?,
                ground: Canon::take(from)?,
            },
            15 => Self::Standing {
                policy: Canon::take(from)?,
                standing: Canon::take(from)?,
            },
            16 => Self::Charter(Box::new(Canon::take(from)?)),
            17 => Self::Envelope(Box::new(Canon::take(from)?)),
            18 => Self::Proposed(Box::new(Canon::take(from)?)),
            19 => Self::Voted(Canon::take(from)?),
            n => return Err(from.invalid("entry", n.into())),
        })
    }
}
