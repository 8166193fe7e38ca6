//! What is said when a request cannot be answered: RFC 9457 problems with
//! stable codes. No text of a problem holds anything that identifies a person.

use std::borrow::Cow;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tally_core::ledger::access::Denied;
use tally_store::port::StoreError;
use utoipa::ToSchema;

use super::context;
use super::submit::{AcknowledgementBody, RefusalBody};
use crate::node::OnItsWay;

/// What went wrong. Ordered; a number is never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u16)]
pub enum Code {
    /// There is no token.
    NoToken = 101,
    /// The token does not count.
    BadToken = 102,
    /// The organisation may not do that.
    Forbidden = 103,
    /// There is no such thing, or it is not the organisation's.
    NotFound = 104,
    /// The address knows no such method.
    Method = 105,
    /// There is no answer of a kind that is accepted.
    NotAcceptable = 106,
    /// The body did not come in time.
    BodyTimeout = 107,
    /// There is not yet what was asked for.
    NotYet = 108,
    /// The claim was erased.
    Erased = 109,
    /// The body is too large.
    TooLarge = 110,
    /// The body is of a kind that is not read.
    MediaType = 111,
    /// The idempotency key is missing or malformed.
    Key = 112,
    /// The idempotency key was used for another body.
    KeyReused = 113,
    /// Every claim of the body was refused.
    Refused = 114,
    /// A parameter has no meaning.
    Parameter = 115,
    /// The body ended before its end.
    Body = 116,
    /// There is too much to do at the moment.
    Busy = 117,
    /// The request took too long.
    Timeout = 118,
    /// The node failed.
    Internal = 119,
    /// The claim cannot be remitted by what is known.
    Unremitted = 120,
    /// The appeal is not taken in.
    Appeal = 121,
    /// The dispute that is told does not hold.
    Dispute = 122,
}

impl Code {
    /// Every code, in order.
    pub const ALL: [Self; 22] = [
        Self::NoToken,
        Self::BadToken,
        Self::Forbidden,
        Self::NotFound,
        Self::Method,
        Self::NotAcceptable,
        Self::BodyTimeout,
        Self::NotYet,
        Self::Erased,
        Self::TooLarge,
        Self::MediaType,
        Self::Key,
        Self::KeyReused,
        Self::Refused,
        Self::Parameter,
        Self::Body,
        Self::Busy,
        Self::Timeout,
        Self::Internal,
        Self::Unremitted,
        Self::Appeal,
        Self::Dispute,
    ];

    /// The id: `A` and the number.
    #[must_use]
    pub fn id(self) -> String {
        format!("A{}", self as u16)
    }

    /// The status it is answered with.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::Key | Self::Parameter | Self::Body => StatusCode::BAD_REQUEST,
            Self::NoToken | Self::BadToken => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::NotYet | Self::Unremitted => StatusCode::CONFLICT,
            Self::Erased => StatusCode::GONE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::KeyReused | Self::Refused | Self::Appeal | Self::Dispute => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::Busy | Self::Timeout => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What it is, in general; a problem's detail is specific.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::NoToken => "There is no token",
            Self::BadToken => "The token is not accepted",
            Self::Forbidden => "The organisation may not do this",
            Self::NotFound => "There is no such thing",
            Self::Method => "The address knows no such method",
            Self::NotAcceptable => "There is no answer of an accepted kind",
            Self::BodyTimeout => "The body did not come in time",
            Self::NotYet => "Not yet",
            Self::Erased => "The claim was erased",
            Self::TooLarge => "The body is too large",
            Self::MediaType => "The body is of a kind that is not read",
            Self::Key => "The idempotency key cannot be used",
            Self::KeyReused => "The idempotency key was used for another body",
            Self::Refused => "Every claim was refused",
            Self::Parameter => "A parameter has no meaning",
            Self::Body => "The body is not whole",
            Self::Busy => "There is too much to do",
            Self::Timeout => "The request took too long",
            Self::Internal => "The node could not answer",
            Self::Unremitted => "The claim cannot be remitted",
            Self::Appeal => "The appeal is not taken in",
            Self::Dispute => "The dispute does not hold",
        }
    }

    fn headers(self) -> Option<(HeaderName, &'static str)> {
        match self {
            Self::NoToken => Some((header::WWW_AUTHENTICATE, "Bearer")),
            Self::BadToken => Some((header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")),
            Self::NotYet | Self::Busy => Some((header::RETRY_AFTER, "1")),
            Self::Timeout => Some((header::RETRY_AFTER, "5")),
            _ => None,
        }
    }
}

/// A problem as it is sent.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemBody {
    /// Names the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "https://tallystick.example/problems/A104")]
    kind: String,
    /// What it is, in general.
    title: &'static str,
    /// The status of the answer.
    status: u16,
    /// The stable code.
    #[schema(example = "A104")]
    code: String,
    /// What it is in particular, and what to do next.
    detail: Cow<'static, str>,
    /// The id of the request, as `X-Request-Id`.
    instance: String,
    /// What was refused, with place and reason; with A114 alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refusals: Vec<RefusalBody>,
    /// What a body in X12 is acknowledged with, but for the 277CA, which names patients;
    /// with A114 alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledgements: Option<AcknowledgementBody>,
}

/// Why a request cannot be answered.
pub(super) struct Problem {
    code: Code,
    detail: Cow<'static, str>,
    refusals: Vec<RefusalBody>,
    acknowledgements: Option<AcknowledgementBody>,
}

impl Problem {
    /// A problem; nothing identifying may be in its detail.
    pub(super) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            refusals: Vec::new(),
            acknowledgements: None,
        }
    }

    /// Nothing of a body was taken in.
    pub(super) fn refused(
        refusals: Vec<RefusalBody>,
        acknowledgements: Option<AcknowledgementBody>,
    ) -> Self {
        Self {
            refusals,
            acknowledgements,
            ..Self::new(
                Code::Refused,
                "Nothing was taken in. Correct the claims and send them with a new idempotency key.",
            )
        }
    }

    /// A body in X12 holds nothing that can be answered.
    pub(super) fn no_inquiry(acknowledgements: AcknowledgementBody) -> Self {
        Self {
            acknowledgements: Some(acknowledgements),
            ..Self::new(
                Code::Refused,
                "The body holds no eligibility inquiry (270 005010X279A1) that fits its guide: the 999 says why.",
            )
        }
    }

    /// There is none, or none that the caller is a party to.
    pub(super) fn no_claim() -> Self {
        Self::new(Code::NotFound, format!("{}.", Denied::NoPath.told()))
    }

    /// The key of the claim's record was destroyed.
    pub(super) fn erased() -> Self {
        Self::new(
            Code::Erased,
            "The key of its record was destroyed. Its entry on the ledger stands, and nobody can open it.",
        )
    }

    /// A parameter of the query has no meaning.
    pub(super) fn parameter(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Parameter, detail)
    }

    fn broken(error: &anyhow::Error) -> Self {
        // By house rule no error text identifies a person.
        tracing::error!("a request could not be answered: {error:#}");
        let passes = error
            .downcast_ref::<StoreError>()
            .is_some_and(StoreError::is_transient);
        if passes {
            return Self::new(
                Code::Busy,
                "The node's database does not answer. Ask again later; what is sent again with the same idempotency key is taken in once.",
            );
        }
        Self::new(
            Code::Internal,
            "Ask again later; what is sent again with the same idempotency key is taken in once.",
        )
    }
}

impl<E: Into<anyhow::Error> + Send> From<E> for Problem {
    fn from(error: E) -> Self {
        let error = error.into();
        match error.is::<OnItsWay>() {
            true => Self::new(Code::NotYet, format!("{error:#}.")),
            false => Self::broken(&error),
        }
    }
}

// What `?` turns into a problem.
const _: fn(StoreError) -> Problem = Problem::from;

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let id = self.code.id();
        let body = ProblemBody {
            kind: format!("https://tallystick.example/problems/{id}"),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            code: id,
            detail: self.detail,
            instance: context::current().map_or_else(String::new, |context| context.request),
            refusals: self.refusals,
            acknowledgements: self.acknowledgements,
        };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.code.status(), kind, body).into_response();
        if let Some((name, value)) = self.code.headers() {
            let headers = response.headers_mut();
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_each_has_a_status_and_a_title() {
        assert!(
            Code::ALL
                .windows(2)
                .all(|two| two[0] < two[1] && two[0].title() != two[1].title())
        );
        for code in Code::ALL {
            let status = code.status();
            assert!(status.is_client_error() || status.is_server_error());
        }
    }
}
