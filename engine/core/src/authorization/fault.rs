//! Why a request is not sound, and why an event cannot follow.

use thiserror::Error;

use super::state::Stage;

/// Why a request is not sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RequestError {
    /// It asks for nothing.
    #[error("a request needs at least one line")]
    NoLines,
    /// It asks for too much at once.
    #[error("a request has more lines than a claim may have")]
    TooManyLines,
    /// An initial request names an earlier one, or another request none.
    #[error("a renewal, revision or cancellation names what it is of, an initial request nothing")]
    Earlier,
    /// Numbers are not ascending from 1.
    #[error("line {line}: its number is used twice or out of order")]
    Number {
        /// The line.
        line: u16,
    },
    /// Nothing, or less, is asked for.
    #[error("line {line}: units must be above zero")]
    Units {
        /// The line.
        line: u16,
    },
    /// Days run backwards.
    #[error("line {line}: it ends before it begins")]
    Span {
        /// The line.
        line: u16,
    },
    /// An authorisation of nothing in particular.
    #[error("line {line}: an authorisation is of a procedure")]
    NoProcedure {
        /// The line.
        line: u16,
    },
    /// A provider who cannot be known again on a claim.
    #[error("line {line}: the provider's identifier is too long to be told by on a claim")]
    Provider {
        /// The line.
        line: u16,
    },
}

/// Why an event cannot follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TransitionError {
    /// The request is not sound.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A cancellation is an event of what it cancels.
    #[error("a cancellation is not decided: apply it to the authorisation it names")]
    NothingToDecide,
    /// An event on a day before the last one.
    #[error("the event is dated before the one it follows")]
    OutOfOrder,
    /// Every line has its decision.
    #[error("it is decided: only a revision can change it")]
    AlreadyDecided,
    /// It was taken back or replaced.
    #[error("it is {0}: nothing follows")]
    Ended(Stage),
    /// Nothing was certified yet, or at all.
    #[error("nothing of it is certified")]
    NothingCertified,
    /// A line that waits has no decision.
    #[error("line {line} has no decision")]
    LineLeft {
        /// The line.
        line: u16,
    },
    /// A decision of a line that is not there.
    #[error("there is no line {line}")]
    NoLine {
        /// The line.
        line: u16,
    },
    /// Two decisions of a line.
    #[error("line {line} is decided twice")]
    Twice {
        /// The line.
        line: u16,
    },
    /// More units than asked for.
    #[error("line {line}: more units are certified than were asked for")]
    MoreThanRequested {
        /// The line.
        line: u16,
    },
    /// No units at all: that is not certified.
    #[error("line {line}: units must be above zero")]
    Units {
        /// The line.
        line: u16,
    },
    /// Days run backwards.
    #[error("line {line}: it ends before it begins")]
    Span {
        /// The line.
        line: u16,
    },
    /// A refusal without its reason.
    #[error("line {line}: what is not certified needs a reason and its code")]
    NoReason {
        /// The line.
        line: u16,
    },
    /// A line pended without what would resolve it.
    #[error("line {line}: what is pended says what is needed")]
    NoNeed {
        /// The line.
        line: u16,
    },
    /// Something is certified without a number, or under two.
    #[error("what is certified has one number, the same for all lines")]
    Number,
    /// Use of a line that is not certified.
    #[error("line {line} is not certified")]
    NotCertified {
        /// The line.
        line: u16,
    },
    /// Use on a day it is not good for.
    #[error("line {line} is not good for that day")]
    OutsideDates {
        /// The line.
        line: u16,
    },
    /// Use by a service that has not been yet.
    #[error("line {line}: the service is later than the day it is recorded on")]
    NotYet {
        /// The line.
        line: u16,
    },
    /// Use of more than is left.
    #[error("line {line} has fewer units left")]
    BeyondUnits {
        /// The line.
        line: u16,
    },
    /// A revision of something else, or one that is not decided.
    #[error("it is not a decided revision of this member's request of the same kind")]
    NotItsRevision,
}
