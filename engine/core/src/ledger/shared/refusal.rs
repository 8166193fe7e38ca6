//! Why something may not stand on the ledger. Numbers are never used again.

use thiserror::Error;

use super::bounds::MAX_PUBLICATIONS;
use super::organisation::OrganisationId;
use crate::adjudication::DescriptionLimits;
use crate::canon::DecodeError;
use crate::ledger::note::NoteError;

/// Why an envelope, an entry or a block is refused, for ever: an authority that
/// only lacks something does not answer with one of these.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum Refusal {
    #[error("L101: no organisation is called `{0}`")]
    UnknownOrganisation(OrganisationId),
    #[error("L102: `{0}` has left")]
    Left(OrganisationId),
    #[error("L103: the signature of `{organisation}` does not hold: {source}")]
    Signature {
        organisation: OrganisationId,
        source: NoteError,
    },
    #[error("L104: entry {found} of `{organisation}`, where {expected} is next")]
    Order {
        organisation: OrganisationId,
        expected: u64,
        found: u64,
    },
    #[error("L105: {0} entries in one envelope")]
    Count(usize),
    #[error("L106: the entries are not those that were signed")]
    Digest,
    #[error("L107: entry {index} cannot be read: {source}")]
    Unreadable { index: u64, source: DecodeError },
    #[error("L108: entry {index} has {bytes} bytes")]
    Oversize { index: u64, bytes: usize },
    #[error("L109: entry {index}: `{organisation}` may not enter what is of kind {kind}")]
    Role {
        organisation: OrganisationId,
        index: u64,
        kind: u8,
    },
    #[error("L110: entry {index} of kind {kind} does not belong there")]
    Place { index: u64, kind: u8 },
    #[error("L111: the log `{0}` is not the one that joined")]
    Log(String),
    #[error("L112: the publication's signature does not hold: {0}")]
    Publication(NoteError),
    #[error("L113: the publisher's key is not that of `{0}`")]
    Publisher(OrganisationId),
    #[error("L114: the policy was published before")]
    Republished,
    #[error("L115: entry {0} names a policy that its organisation had not published by then")]
    Unpublished(u64),
    #[error("L116: entry {0} names a policy that is not active")]
    Inactive(u64),
    #[error("L117: entry {index} refers to {prefix} entries of its log")]
    Prefix { index: u64, prefix: u64 },
    #[error(
        "L118: the policy has that standing already, or what should supersede it is of another product or not active"
    )]
    Standing,
    #[error(
        "L119: entry {index} says that entry {of} is erased, which is its log's first, itself or yet to come"
    )]
    Reference { index: u64, of: u64 },
    #[error("L120: `{0}` is no authority")]
    NoAuthority(OrganisationId),
    #[error("L121: no such proposal is open")]
    Motion,
    #[error("L122: `{0}` has voted on that proposal")]
    Voted(OrganisationId),
    #[error("L123: that proposal is open already, is of another epoch, or too many are open")]
    Proposal,
    #[error("L124: the change cannot be made: {0}")]
    Change(&'static str),
    #[error("L125: it was not shown that the keys are held: {0}")]
    Possession(NoteError),
    #[error("L126: the block has {entries} entries of {bytes} bytes")]
    BlockSize { entries: usize, bytes: usize },
    #[error("L127: the block's {0} is not what follows from the block before it")]
    Header(&'static str),
    #[error("L128: the block cannot be read: {0}")]
    Block(DecodeError),
    #[error("L129: the charter does not hold: {0}")]
    Charter(&'static str),
    #[error("L130: leaf {0} does not belong there")]
    Leaf(u64),
    #[error("L131: an envelope of {0} bytes")]
    Weight(usize),
    #[error("L132: envelope {0} of the block follows the one that ended the epoch")]
    AfterEpoch(usize),
    #[error(
        "L133: entry {0} publishes a policy of a product whose name is not 1 to {name} lower-case letters, digits, \
         `-` and `.`",
        name = DescriptionLimits::NAME
    )]
    Product(u64),
    #[error(
        "L134: entry {0} publishes once more than the {MAX_PUBLICATIONS} times that an organisation may"
    )]
    Publications(u64),
}

impl Refusal {
    /// Its number.
    #[must_use]
    pub fn code(&self) -> String {
        self.to_string().chars().take(4).collect()
    }
}
