//! Answers that bear the organisation's signature: what a counterparty acts on, and lays to
//! this organisation.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tally_core::canon::Blob;
use tally_core::ledger::SigningKey;

use super::access::{BREAK_GLASS, PURPOSE};
use super::caller::bearer;
use super::token::Token;
use super::{Answered, Api, Service};
use crate::node::clock::Clock;
use crate::shared::Ledger as _;
use crate::shared::signed::{self, Asked, Range};

/// Signs what is answered to a request with a token, whatever it is: on a node of a shared
/// ledger, with the key that the organisation has there.
pub(super) async fn sign(
    State(service): State<Arc<Service>>,
    request: Request,
    next: Next,
) -> Response {
    let asked = asked(&request);
    let answer = next.run(request).await;
    match asked {
        None => answer,
        Some(asked) => signed(&service.api, &asked, answer)
            .await
            .unwrap_or_else(|problem| problem.into_response()),
    }
}

/// What a request asks for; `None` where it bears no token.
fn asked(request: &Request) -> Option<Asked> {
    let headers = request.headers();
    let values = |name: &HeaderName| {
        let values = headers.get_all(name).iter();
        values
            .map(|value| Blob(value.as_bytes().to_vec()))
            .collect()
    };
    Some(Asked {
        token: bearer(headers).ok()?.to_owned(),
        method: request.method().to_string(),
        target: request.uri().path_and_query()?.to_string(),
        purpose: values(&PURPOSE),
        emergency: values(&BREAK_GLASS),
    })
}

async fn signed(api: &Api, asked: &Asked, answer: Response) -> Answered {
    let (Some(member), Ok(token)) = (&api.ledger, Token::parse(&asked.token)) else {
        return Ok(answer);
    };
    let state = Arc::clone(&member.subscribe().borrow().state);
    let Some(own) = state.members.get(&member.organisation) else {
        return Ok(answer);
    };
    let secret = api.node.signing_secret_on(&own.organisation);
    let key = SigningKey::new("signing", &secret)?;
    let between = (member.organisation.as_str(), token.issuer());
    bearing(answer, |status, body, now| {
        signed::sign(&key, between, asked, (status, body), now)
    })
    .await
}

/// Signs which blocks there are from a height on: on an authority's node, with the authority's
/// key.
pub(super) async fn blocks(api: &Api, from: u64, answer: Response) -> Answered {
    let Some(member) = &api.ledger else {
        return Ok(answer);
    };
    let state = Arc::clone(&member.subscribe().borrow().state);
    let Some(key) = api.node.authority_key(&state.origin)? else {
        return Ok(answer);
    };
    let origin = state.origin.as_str();
    bearing(answer, |_, body, now| {
        let range = Range { origin, from };
        signed::sign_blocks(&key, member.organisation.as_str(), range, body, now)
    })
    .await
}

/// An answer with a signature of its status and body, now.
async fn bearing(answer: Response, sign: impl FnOnce(u16, &[u8], i64) -> String) -> Answered {
    let (mut head, body) = answer.into_parts();
    let body = to_bytes(body, usize::MAX).await?;
    let now = Clock::now_ms().div_euclid(1000);
    let signature = sign(head.status.as_u16(), &body, now);
    let name = HeaderName::from_static(signed::HEADER);
    head.headers
        .insert(name, HeaderValue::from_str(&signature)?);
    Ok(Response::from_parts(head, Body::from(body)))
}
