//! Why an appeal cannot be filed, and why an event cannot follow. Nothing identifying
//! is in any of it.

use tally_types::ServiceDate;
use thiserror::Error;

use super::AppealId;
use super::level::Party;
use super::record::TEXT_BYTES;
use super::state::Stage;
use super::time::Due;

/// Why an appeal is not taken in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The payer has no appeals.
    #[error("no level of appeal is configured: `[[payer.appeal]]` says them (docs/appeals.md)")]
    NoLevels,
    /// The claim has no outcome yet, or an act is about to change it.
    #[error("the claim waits to be decided: there is nothing to appeal yet")]
    Waits,
    /// The claim is pended.
    #[error("the claim is pended: there is no decision to appeal until it is settled")]
    Pended,
    /// The claim was voided or replaced.
    #[error("the claim was taken back or replaced: what it came to stands no more")]
    Gone,
    /// There is no such level.
    #[error("there is no level `{0}`: the levels are {1}")]
    NoSuchLevel(String, String),
    /// One is open.
    #[error(
        "appeal {appeal} is open at the level `{level}`, to be decided by {due}: no other is filed until it is closed"
    )]
    Open {
        /// The appeal.
        appeal: AppealId,
        /// Its level.
        level: String,
        /// By when it is to be decided.
        due: Due,
    },
    /// A level before it was not gone through.
    #[error("the level `{level}` comes after `{first}`: file at that level first")]
    Skipped {
        /// The level that was asked for.
        level: String,
        /// The one that is next.
        first: String,
    },
    /// It was decided at that level.
    #[error("it was decided at the level `{level}`: the next is `{next}`")]
    Past {
        /// The level that was asked for.
        level: String,
        /// The one that is next.
        next: String,
    },
    /// There is no further level.
    #[error("it was decided at the last level, `{last}`: there is no further one")]
    Exhausted {
        /// The last level.
        last: String,
    },
    /// The level is not open to this party.
    #[error("the level `{level}` is not open to a {party}")]
    NotParty {
        /// The level.
        level: String,
        /// Who asks.
        party: Party,
    },
    /// The time is over.
    #[error(
        "too late: the decision became known on {known}, and the last day to file at the level `{level}` was {last}"
    )]
    TooLate {
        /// The level.
        level: String,
        /// When the decision became known.
        known: ServiceDate,
        /// The last day.
        last: ServiceDate,
    },
    /// It was received before there was anything to appeal, or has not been yet.
    #[error("an appeal is received between {known}, when the decision became known, and today")]
    Day {
        /// When the decision became known.
        known: ServiceDate,
    },
    /// The level knows no expedited appeals.
    #[error(
        "the level `{0}` has no expedited appeals: `expedited_hours` says in how many hours they are decided"
    )]
    NotExpedited(String),
    /// No reason is given.
    #[error("an appeal says why")]
    NoReason,
    /// The reason is too long.
    #[error("a reason is at most {} bytes of text", TEXT_BYTES)]
    LongReason,
}

/// Why an event cannot follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum StepError {
    /// There is no such appeal among those of the claim.
    #[error("the claim has no such appeal")]
    NoAppeal,
    /// An appeal that is filed twice, or at an impossible place.
    #[error("an appeal is filed while another is open, or twice")]
    Filing,
    /// An event on a day before the last one.
    #[error("the event is dated before the one it follows")]
    OutOfOrder,
    /// It is closed.
    #[error("the appeal is {0}: nothing follows")]
    Ended(Stage),
    /// It lapsed and another was filed since.
    #[error("the appeal lapsed, and another was filed since: decide that")]
    Overtaken,
    /// No reason is given.
    #[error("say why")]
    NoReason,
    /// A text is too long.
    #[error("what is noted is at most {} bytes of text", TEXT_BYTES)]
    LongText,
    /// More days than its level allows.
    #[error("the deadline can be put off by {left} more days at this level")]
    TooLong {
        /// Days that are left.
        left: i32,
    },
    /// The time is over.
    #[error("the deadline is over: it can no longer be put off")]
    Over,
    /// An answer is waited for.
    #[error("more was asked for already, and the answer is waited for")]
    Asked,
    /// No answer is waited for.
    #[error("no answer is waited for: nothing was asked, or the time for an answer is over")]
    NotAsked,
    /// An answer is wanted before it is asked for.
    #[error("an answer is given time until a later day")]
    Until,
    /// Overturned without an act, or upheld with one.
    #[error("what is overturned is settled by an act, and what is upheld is not")]
    Act,
    /// A day beyond the calendar.
    #[error("a day is beyond the calendar")]
    Calendar,
}
