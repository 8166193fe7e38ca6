//! Who calls: an organisation of the configuration, by a token that its key
//! signed. All it reads is noted under its name.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tally_core::ledger::access::Denied;

use super::known::Both;
use super::problem::{Code, Problem};
use super::token::{Token, TokenError};
use super::{Api, Service};
use crate::config::{May, Organisation};
use crate::node::acting;
use crate::node::clock::Clock;

/// An organisation that calls.
#[derive(Clone)]
pub(super) struct Caller {
    /// Its id: what it submits is its own.
    pub id: String,
    /// Who there: the token's `sub`, or the organisation itself.
    pub person: String,
    /// Whether it may read flags.
    pub reads_flags: bool,
    /// Whether it may read every claim.
    pub reads_claims: bool,
    /// Whether it may ask about members' cover.
    pub asks_eligibility: bool,
    /// Whether it may send anything: the payer configured it. Who is known by the shared
    /// ledger alone reads what it is a party to and what is granted to it, and tells what it
    /// disputes.
    pub sends: bool,
}

impl Caller {
    pub(super) fn of(organisation: &Organisation, person: Option<String>) -> Self {
        Self {
            id: organisation.id.clone(),
            person: person.unwrap_or_else(|| organisation.id.clone()),
            reads_flags: organisation.may.contains(&May::ReadFlags),
            reads_claims: organisation.may.contains(&May::ReadClaims),
            asks_eligibility: organisation.may.contains(&May::AskEligibility),
            sends: true,
        }
    }

    /// Of one that is on the shared ledger, and not in the configuration.
    pub(super) fn of_ledger(id: &str, person: Option<String>) -> Self {
        Self {
            id: id.to_owned(),
            person: person.unwrap_or_else(|| id.to_owned()),
            reads_flags: false,
            reads_claims: false,
            asks_eligibility: false,
            sends: false,
        }
    }

    /// Whether it is a party to what an organisation submitted.
    pub(super) fn is_party_to(&self, submitter: &str) -> bool {
        self.reads_claims || self.id == submitter
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(no_token)
    }
}

fn no_token() -> Problem {
    Problem::new(
        Code::NoToken,
        "Send `Authorization: Bearer` and a JWT signed with the organisation's ed25519 key.",
    )
}

/// Lets a request on when an organisation is behind it; everything that is done
/// for it is done in that organisation's name.
pub(super) async fn authenticate(
    State(service): State<Arc<Service>>,
    mut request: Request,
    next: Next,
) -> Response {
    let now = Clock::now_ms().div_euclid(1000);
    let caller = match identify(request.headers(), &service.api, now) {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    tracing::Span::current().record("organisation", &caller.id);
    if !caller.sends && !request.method().is_safe() && !tells(&request) {
        let why = "The payer has no `[[organisation]]` of that id: ask it to take you in. \
                   Organisations of the shared ledger read what is theirs.";
        return Problem::new(Code::Forbidden, why).into_response();
    }
    let actor = format!("organisation:{}", caller.id);
    request.extensions_mut().insert(caller);
    acting(actor, next.run(request)).await
}

/// Whether it tells of what stands on the shared ledger: who is known by it may.
fn tells(request: &Request) -> bool {
    request.method() == Method::POST && request.uri().path() == "/ledger/shared/disputes"
}

fn bad(error: TokenError) -> Problem {
    Problem::new(Code::BadToken, format!("The token: {error}."))
}

/// The token of a request, as it stands there.
pub(super) fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or_else(no_token)?;
    if values.next().is_some() {
        return Err(bad(TokenError::Form));
    }
    let text = value.to_str().map_err(|_| bad(TokenError::Form))?;
    let (scheme, token) = text.split_once(' ').ok_or_else(|| bad(TokenError::Form))?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(bad(TokenError::Form));
    }
    Ok(token.trim_start_matches(' '))
}

/// Who signed the token: an organisation of the configuration, or one of the ledger that
/// the node is on, by the key it has there.
fn identify(headers: &HeaderMap, api: &Api, now: i64) -> Result<Caller, Problem> {
    let token = Token::parse(bearer(headers)?).map_err(bad)?;
    let person = token.subject().map(str::to_owned);
    // Whether the name or the key is unknown is not said.
    let both = Both::of(api);
    let known = both.known(token.issuer(), person);
    let known = known.ok_or_else(|| bad(TokenError::Signature))?;
    let audience = token.audience();
    token.verify(&known.key, audience, now).map_err(bad)?;
    if !both.is_meant(audience) {
        return Err(bad(TokenError::Audience));
    }
    match known.left {
        true => Err(Problem::new(
            Code::Forbidden,
            format!("{}.", Denied::Left.told()),
        )),
        false => Ok(known.caller),
    }
}
