//! Requests for prior authorisation and referral, and what happens to them.

use std::future::Future;

use tally_types::ServiceDate;

use super::{Answer, Sealed, Token};

/// A request to be stored.
#[derive(Debug, Clone)]
pub struct NewRequest {
    /// Of whoever asks, and their number for it: a request is stored once.
    pub token: Token,
    /// Of what is asked for: another under the same token is another's.
    pub content: Token,
    /// Our number for it.
    pub number: String,
    /// Who submitted it.
    pub submitter: String,
    /// The member.
    pub member: Token,
    /// Who asks.
    pub provider: Token,
    /// The day it was received.
    pub received: ServiceDate,
    /// The request.
    pub sealed: Sealed,
}

/// What happened to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestEventKind {
    /// Its lines that waited were decided.
    Decided,
    /// It was taken back.
    Cancelled,
    /// A revision took its place.
    Superseded,
}

impl RequestEventKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Decided, Self::Cancelled, Self::Superseded];
}

/// An event to be stored.
#[derive(Debug, Clone)]
pub struct NewRequestEvent {
    /// The request, by our number.
    pub request: String,
    /// The how-manieth event of the request, from 1.
    pub number: u32,
    /// What happened.
    pub kind: RequestEventKind,
    /// The day.
    pub day: ServiceDate,
    /// The event, under the request's key.
    pub sealed: Sealed,
}

/// What happens to a member's requests at once, and what is on file from then on.
#[derive(Debug, Clone)]
pub struct Following {
    /// The member.
    pub member: Token,
    /// The unit that the member is enrolled under.
    pub unit: Token,
    /// The version of its contract that was known.
    pub version: u32,
    /// The events.
    pub events: Vec<NewRequestEvent>,
    /// The next version of the contract, where what is on file changes.
    pub contract: Option<Sealed>,
}

/// An event as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestEventRow {
    /// The how-manieth event of the request, from 1.
    pub number: u32,
    /// What happened.
    pub kind: RequestEventKind,
    /// The day.
    pub day: ServiceDate,
    /// The version of the contract that it made.
    pub contract: Option<u32>,
    /// The event.
    pub sealed: Sealed,
}

/// A request as stored, with all that happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// Our number for it.
    pub number: String,
    /// Of what is asked for.
    pub content: Token,
    /// Who submitted it.
    pub submitter: String,
    /// The member.
    pub member: Token,
    /// Who asks.
    pub provider: Token,
    /// The day it was received.
    pub received: ServiceDate,
    /// The request.
    pub sealed: Sealed,
    /// What happened, in order.
    pub events: Vec<RequestEventRow>,
}

/// Which requests.
#[derive(Debug, Clone, Default)]
pub struct RequestFilter {
    /// Of this member.
    pub member: Option<Token>,
    /// Submitted by this organisation.
    pub submitter: Option<String>,
    /// Stored before this one, by our number.
    pub before: Option<String>,
    /// At most so many.
    pub limit: u32,
}

/// Requests and what happens to them.
pub trait Authorizations {
    /// Stores a request; one of the same token is answered as it is stored.
    fn put_request(&self, request: &NewRequest) -> impl Future<Output = Answer<RequestRow>> + Send;
    /// The request of a number.
    fn request(&self, number: &str) -> impl Future<Output = Answer<Option<RequestRow>>> + Send;
    /// All requests of members, in order of arrival.
    fn requests_of(
        &self,
        members: &[Token],
    ) -> impl Future<Output = Answer<Vec<RequestRow>>> + Send;
    /// Requests, the latest first.
    fn requests(
        &self,
        filter: &RequestFilter,
    ) -> impl Future<Output = Answer<Vec<RequestRow>>> + Send;
    /// Stores what happened, and the contract's next version with it, whose number
    /// is answered. Fenced when the member moved, the contract has a later version,
    /// or something else happened to the request meanwhile.
    fn follow(&self, following: &Following) -> impl Future<Output = Answer<Option<u32>>> + Send;
}
