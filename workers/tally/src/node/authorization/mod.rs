//! Prior authorisation and referral: requests taken in, decided, taken back and read.
//! What is certified is on file in the next version of the member's contract, so that
//! a claim is decided by what was on file when it came, and can be decided so again.

mod check;
mod decide;
mod intake;
mod on_file;
mod used;

use anyhow::{Context as _, Result};
use tally_core::authorization::{Dated, Record, Stage, State, TransitionError};
use tally_core::canon::{Canon, DecodeError, Reader};
use tally_store::port::{Authorizations as _, RequestEventKind, RequestFilter, RequestRow};
use tally_types::ServiceDate;
use thiserror::Error;

use super::Node;

pub use intake::Requested;
pub use used::{LineUse, UsedBy};

/// What a payload is, so that none opens as another.
const REQUEST: &str = "authorization-request";
const EVENT: &str = "authorization-event";

/// The version of the encoding of an event, its first byte.
const VERSION: u8 = 1;

/// Requests that are read from the store at once.
const AT_ONCE: usize = 256;

/// How often what happens is prepared again when something else happens meanwhile.
const TRIES: u32 = 8;

/// Why a request cannot be taken in, or not be followed by what was asked for.
#[derive(Debug, Error)]
pub enum AuthorizationError {
    /// There is none of that number, or none that may be seen.
    #[error(
        "there is no request or authorisation of that number: `tally authorization list` lists them"
    )]
    Unknown,
    /// Its key was destroyed.
    #[error("the key of its record was destroyed: nobody can open it")]
    Erased,
    /// The member is not enrolled.
    #[error("the member is not enrolled: `tally member import` enrols")]
    NotEnrolled,
    /// The sender's number was another request's.
    #[error(
        "the sender's number of the request (its identifier) was used for another one before: \
         one that asks for something else needs a number of its own"
    )]
    Reused,
    /// What it names as earlier is not known.
    #[error(
        "what it is of is not known of this member and sender: name the authorisation by the \
         number of its answer (preAuthRef), or the request by its identifier"
    )]
    NoEarlier,
    /// What it names as earlier is of the other kind.
    #[error("what it is of is of the other kind: a referral is not revised to an authorisation")]
    OtherKind,
    /// What it revises has no decision yet.
    #[error("what it revises waits for its decision: take that back, and ask anew")]
    EarlierWaits,
    /// What it revises has ended.
    #[error("what it revises is {0}: ask for it as an initial request, or deny the revision")]
    EarlierEnded(Stage),
    /// It cannot follow.
    #[error(transparent)]
    Transition(#[from] TransitionError),
}

/// A request as read, with what it has come to. It holds protected health
/// information: no `Debug`, no `Display`.
pub struct AuthorizationRead {
    /// Our number for it: what providers quote.
    pub number: String,
    /// Who submitted it.
    pub submitter: String,
    /// The request and what happened.
    pub record: Record,
    /// What it has come to.
    pub state: State,
    /// The version of the contract that each event made, where it made one.
    pub contracts: Vec<Option<u32>>,
}

/// Which requests are listed.
pub struct Listing<'a> {
    /// Of this member, by the id on the card.
    pub member: Option<&'a str>,
    /// Submitted by this organisation.
    pub submitter: Option<&'a str>,
    /// That stand so today, claims apart.
    pub stage: Option<Stage>,
    /// Taken in before the one of this number.
    pub before: Option<&'a str>,
    /// At most so many, at least one.
    pub limit: usize,
    /// At most so many are looked at: where one stands is known when it is opened.
    pub most: usize,
}

/// A page of requests.
pub struct AuthorizationPage {
    /// The latest first.
    pub reads: Vec<AuthorizationRead>,
    /// Where the next page goes on, as [`Listing::before`]; none when all were looked at.
    /// After a page that ended at [`Listing::most`] the next may have none.
    pub next: Option<String>,
}

/// An event, as it is sealed.
struct SealedEvent(Dated);

impl Canon for SealedEvent {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        self.0.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            VERSION => Ok(Self(Canon::take(from)?)),
            n => Err(from.invalid("version of an event of an authorisation", n.into())),
        }
    }
}

/// A number as it is stored, of one that a person typed.
fn typed(number: &str) -> String {
    number.trim().to_ascii_uppercase()
}

/// Whether a request may stand so, by what is known of it unopened.
fn may_be(row: &RequestRow, stage: Stage) -> bool {
    let last = row.events.last().map(|event| event.kind);
    last == match stage {
        Stage::Requested => None,
        Stage::Cancelled => Some(RequestEventKind::Cancelled),
        Stage::Superseded => Some(RequestEventKind::Superseded),
        _ => Some(RequestEventKind::Decided),
    }
}

impl Node {
    /// A request by our number, for a purpose, with an audit entry.
    ///
    /// # Errors
    /// [`AuthorizationError`] where there is none, or none of `submitter` where one is
    /// said; when the store fails.
    pub async fn read_authorization(
        &self,
        number: &str,
        submitter: Option<&str>,
        purpose: &str,
    ) -> Result<AuthorizationRead> {
        let row = self.request_row(number, submitter).await?;
        self.audit(purpose, std::slice::from_ref(&row.number))
            .await?;
        let mut reads = self.open_requests(&[row]).await?;
        reads.pop().ok_or(AuthorizationError::Erased.into())
    }

    /// Requests, each with an audit entry, a page of them. Erased ones are left out.
    ///
    /// # Errors
    /// [`AuthorizationError::Unknown`] where there is none to list those before; when the
    /// store fails or a payload is damaged.
    pub async fn authorizations(
        &self,
        listing: &Listing<'_>,
        purpose: &str,
    ) -> Result<AuthorizationPage> {
        let today = self.clock.today();
        let (stage, limit) = (listing.stage, listing.limit);
        let before = match listing.before {
            None => None,
            Some(number) => Some(self.request_row(number, listing.submitter).await?.number),
        };
        let mut filter = RequestFilter {
            member: listing.member.map(|id| self.member_token(id)),
            submitter: listing.submitter.map(str::to_owned),
            before,
            limit: 0,
        };
        let mut left = listing.most;
        let mut found = Vec::new();
        let mut next = None;
        // One more than a page tells whether there is a next.
        while found.len() <= limit {
            let wanted = match stage {
                None => limit.saturating_add(1) - found.len(),
                Some(_) => AT_ONCE,
            };
            let wanted = wanted.min(AT_ONCE).min(left);
            filter.limit = u32::try_from(wanted)?;
            let rows = self.store.requests(&filter).await?;
            let whole = rows.len() == wanted;
            left -= rows.len().min(left);
            let Some(last) = rows.last() else { break };
            filter.before = Some(last.number.clone());
            let rows: Vec<RequestRow> = rows
                .into_iter()
                .filter(|row| stage.is_none_or(|stage| may_be(row, stage)))
                .collect();
            let reads = self.open_requests(&rows).await?.into_iter();
            found.extend(
                reads.filter(|read| stage.is_none_or(|stage| read.state.stage(today) == stage)),
            );
            if !whole {
                break;
            }
            if left == 0 {
                next = filter.before;
                break;
            }
        }
        if found.len() > limit {
            found.truncate(limit);
            next = found
                .last()
                .map(|read: &AuthorizationRead| read.number.clone());
        }
        let subjects: Vec<String> = found.iter().map(|read| read.number.clone()).collect();
        if !subjects.is_empty() {
            self.audit(purpose, &subjects).await?;
        }
        Ok(AuthorizationPage { reads: found, next })
    }

    async fn request_row(&self, number: &str, submitter: Option<&str>) -> Result<RequestRow> {
        let row = self.store.request(&typed(number)).await?;
        let row = row.filter(|row| submitter.is_none_or(|of| row.submitter == of));
        row.ok_or(AuthorizationError::Unknown.into())
    }

    /// Opens requests, without an audit entry. Erased ones are left out.
    pub(super) async fn open_requests(
        &self,
        rows: &[RequestRow],
    ) -> Result<Vec<AuthorizationRead>> {
        let records: Vec<_> = rows.iter().map(|row| row.sealed.record).collect();
        let keys = self.vault.keys(&records).await?;
        let mut reads = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(key) = keys.get(&row.sealed.record) else {
                continue;
            };
            let mut record = Record::from_canon(&key.open(REQUEST, &row.sealed)?)
                .context("a stored request is damaged")?;
            for event in &row.events {
                let SealedEvent(dated) = SealedEvent::from_canon(&key.open(EVENT, &event.sealed)?)
                    .context("what happened to a request is damaged")?;
                record.events.push(dated);
            }
            let state = record.state(ServiceDate::MAX);
            reads.push(AuthorizationRead {
                number: row.number.clone(),
                submitter: row.submitter.clone(),
                state: state.context("a stored request cannot have come to what it has")?,
                record,
                contracts: row.events.iter().map(|event| event.contract).collect(),
            });
        }
        Ok(reads)
    }
}
