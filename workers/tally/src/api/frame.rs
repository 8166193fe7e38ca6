//! What holds for every request: its id, its trace, its time, what is counted
//! and said of it, and what a client may do with the answer.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tracing::Instrument as _;
use tracing::field::Empty;

use super::Service;
use super::context::{Context, REQUEST_ID};
use super::problem::{Code, Problem};

const HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    // An answer holds protected health information: no copy is kept of it.
    (header::CACHE_CONTROL, "no-store"),
    // The same address answers each organisation and each kind in its own way.
    (header::VARY, "accept, authorization, purpose-of-use"),
];

/// What a request is counted under where no route is of its address.
const UNMATCHED: &str = "unmatched";

/// Answers a request within its time, under its id and in a span of its own.
pub(super) async fn frame(
    State(service): State<Arc<Service>>,
    request: Request,
    next: Next,
) -> Response {
    let context = Context::of(request.headers());
    // Neither address nor query: they may name a member.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| UNMATCHED.to_owned(), |path| path.as_str().to_owned());
    let method = crate::metrics::method(request.method());
    let span = tracing::info_span!(
        "request",
        id = context.request,
        trace = crate::node::keys::hex(&context.trace.id),
        method,
        route,
        organisation = Empty,
    );
    let began = Instant::now();
    let id = HeaderValue::from_str(&context.request);
    let answering = async {
        let answered = tokio::time::timeout(service.whole(), next.run(request)).await;
        let response = answered.unwrap_or_else(|_| {
            Problem::new(
                Code::Timeout,
                "Ask again later; what is sent again with the same idempotency key is taken in once.",
            )
            .into_response()
        });
        let took = began.elapsed();
        crate::metrics::answered(method, &route, response.status().as_u16(), took);
        tracing::info!(
            status = response.status().as_u16(),
            ms = took.as_millis(),
            "answered"
        );
        response
    };
    let mut response = context.scope(answering.instrument(span)).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(id) = id {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// Nothing at that address.
pub(super) async fn nothing() -> Problem {
    Problem::new(
        Code::NotFound,
        "There is nothing at this address: /api/v1/openapi.json lists what there is.",
    )
}

/// Something at that address, for another method.
pub(super) async fn no_method() -> Problem {
    Problem::new(
        Code::Method,
        "The address answers other methods: /api/v1/openapi.json lists them.",
    )
}
