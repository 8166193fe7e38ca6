//! The description of the API (OpenAPI 3.1): made from the handlers, so that
//! there is no route without it, with the problems of each.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse as _;
use utoipa::OpenApi as _;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Content, ObjectBuilder, OpenApi, PathItem, Ref, RefOr, Required, Response, ResponseBuilder,
    Schema, ServerBuilder, Type,
};

use super::problem::{Code, ProblemBody};
use super::submit::{AcknowledgementBody, RefusalBody};
use super::{Answered, ROOT, Shared};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Tallystick",
        description = "Claims in, outcomes out, with receipts that can be verified offline. \
                       Every error is a problem (RFC 9457) with a stable code; `docs/api.md` explains them.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(ProblemBody, RefusalBody, AcknowledgementBody)),
    tags(
        (name = "claims", description = "Submitting claims and reading what they came to"),
        (name = "eligibility", description = "Who is covered, and what is left of their benefits"),
        (name = "authorizations", description = "What is to be authorised before it is done"),
        (name = "flags", description = "What is flagged, for those who investigate"),
        (name = "ledger", description = "Public bytes of the ledger"),
        (name = "description", description = "This document"),
    ),
)]
struct Described;

/// The description without any route.
pub(super) fn base() -> OpenApi {
    let mut api = Described::openapi();
    api.servers = Some(vec![ServerBuilder::new().url(ROOT).build()]);
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some(
            "A JWT (`alg` EdDSA, `typ` JWT) signed with the organisation's ed25519 key: `iss` its id, \
             `aud` the payer, `iat`, `exp` at most an hour later, `jti`",
        ))
        .build();
    if let Some(components) = &mut api.components {
        components.add_security_scheme("organisation", SecurityScheme::Http(scheme));
    }
    api
}

/// Adds to each operation the problems it may end in, and answers the whole
/// as JSON.
pub(super) fn finish(mut api: OpenApi) -> String {
    for item in api.paths.paths.values_mut() {
        for operation in operations(item) {
            if is_disclosed(operation) {
                say_why(operation);
            }
            let mut by_status: BTreeMap<String, Vec<Code>> = BTreeMap::new();
            for code in problems(operation) {
                let status = code.status().as_u16().to_string();
                by_status.entry(status).or_default().push(code);
            }
            for (status, codes) in by_status {
                let responses = &mut operation.responses.responses;
                responses.insert(status, problem(&codes).into());
            }
            if is_signed(operation) {
                say_signed(operation);
            }
        }
    }
    list_codes(&mut api);
    api.to_pretty_json().unwrap_or_default()
}

/// Whether an operation reads a claim for who is asked why.
fn is_disclosed(operation: &Operation) -> bool {
    let id = operation.operation_id.as_deref();
    id.is_some_and(|id| DISCLOSED.contains(&id))
}

/// The operations that read a claim for what the caller says.
const DISCLOSED: [&str; 9] = [
    "getClaim",
    "getExplanation",
    "getMemberExplanation",
    "getRemittance",
    "getReceipt",
    "getProof",
    "getDossier",
    "getClaimHistory",
    "voidClaim",
];

/// Adds how a caller says why it reads, and where the reading's receipt is.
fn say_why(operation: &mut Operation) {
    let header = |name: &str, description: &str| {
        let text = ObjectBuilder::new().schema_type(Type::String).build();
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(description))
            .schema(Some(text))
            .build()
    };
    let parameters = operation.parameters.get_or_insert_default();
    parameters.push(RefOr::T(header(
        "Purpose-Of-Use",
        "For what: a code of HL7 v3 PurposeOfUse; `HPAYMT` when it is not said",
    )));
    parameters.push(RefOr::T(header(
        "Break-Glass",
        "Why, in 10 characters to 500 bytes, where a provider reads in an emergency without a right: the patient is told",
    )));
    if let Some(RefOr::T(answer)) = operation.responses.responses.get_mut("200") {
        let receipt = HeaderBuilder::new()
            .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
            .description(Some(
                "Where the receipt of this reading is: once for each claim that is shown; not of the payer's own",
            ))
            .build();
        answer
            .headers
            .insert("Reading-Receipt".into(), RefOr::T(receipt));
    }
}

/// Whether an operation's answers are signed.
fn is_signed(operation: &Operation) -> bool {
    let id = operation.operation_id.as_deref();
    matches!(id, Some("listDecided" | "getDossier" | "tellDispute"))
}

/// Adds where the signature of an answer is, whatever the answer.
fn say_signed(operation: &mut Operation) {
    let signature = HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
        .description(Some(
            "On a node of a shared ledger: a JWT (`typ` answer+jwt) signed with the key that the payer has there, of this answer to this request",
        ))
        .build();
    for answer in operation.responses.responses.values_mut() {
        if let RefOr::T(answer) = answer {
            let header = RefOr::T(signature.clone());
            answer.headers.insert("Tally-Signature".into(), header);
        }
    }
}

/// Lists every code there is, beside the code of a problem.
fn list_codes(api: &mut OpenApi) {
    let schemas = api.components.as_mut().map(|it| &mut it.schemas);
    let Some(RefOr::T(Schema::Object(problem))) =
        schemas.and_then(|schemas| schemas.get_mut("Problem"))
    else {
        return;
    };
    let Some(RefOr::T(Schema::Object(code))) = problem.properties.get_mut("code") else {
        return;
    };
    code.enum_values = Some(Code::ALL.iter().map(|code| code.id().into()).collect());
    code.description = Some(format!("The stable code. {}.", said(&Code::ALL)));
}

/// Codes and what they mean.
fn said(codes: &[Code]) -> String {
    let said: Vec<String> = codes
        .iter()
        .map(|code| format!("{}: {}", code.id(), code.title()))
        .collect();
    said.join("; ")
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    item.get.iter_mut().chain(item.post.iter_mut())
}

fn problem(codes: &[Code]) -> Response {
    let schema = Ref::from_schema_name("Problem");
    ResponseBuilder::new()
        .description(said(codes))
        .content("application/problem+json", Content::new(Some(schema)))
        .build()
}

/// The problems an operation may end in. That there is nothing at an address,
/// or not by that method, belongs to none.
fn problems(operation: &Operation) -> Vec<Code> {
    let mut codes = vec![Code::Timeout, Code::Internal];
    if operation.security.is_some() {
        codes.extend([Code::NoToken, Code::BadToken]);
    }
    codes.extend(match operation.operation_id.as_deref() {
        Some("submitClaims") => &[
            Code::NotAcceptable,
            Code::BodyTimeout,
            Code::TooLarge,
            Code::MediaType,
            Code::Key,
            Code::KeyReused,
            Code::Refused,
            Code::Body,
            Code::Busy,
        ][..],
        Some("tellDispute") => &[
            Code::NotFound,
            Code::BodyTimeout,
            Code::NotYet,
            Code::Erased,
            Code::TooLarge,
            Code::Parameter,
            Code::Body,
            Code::Dispute,
        ],
        Some("askEligibility") => &[
            Code::Forbidden,
            Code::NotAcceptable,
            Code::BodyTimeout,
            Code::TooLarge,
            Code::MediaType,
            Code::Refused,
            Code::Body,
            Code::Busy,
        ],
        Some("estimateClaims") => &[
            Code::NotAcceptable,
            Code::BodyTimeout,
            Code::TooLarge,
            Code::MediaType,
            Code::Refused,
            Code::Body,
            Code::Busy,
        ],
        Some("requestAuthorization") => &[
            Code::NotAcceptable,
            Code::Erased,
            Code::BodyTimeout,
            Code::TooLarge,
            Code::MediaType,
            Code::Refused,
            Code::Body,
            Code::Busy,
        ],
        Some("getAuthorization") => &[Code::NotFound, Code::NotAcceptable, Code::Erased],
        Some("listClaims" | "listFlags" | "listAuthorizations") => {
            &[Code::Parameter, Code::Forbidden]
        }
        Some("listRemittances") => &[
            Code::Parameter,
            Code::Forbidden,
            Code::NotAcceptable,
            Code::Unremitted,
        ],
        Some("listPayments") => &[Code::Parameter],
        Some("getPayment") => &[Code::NotFound, Code::NotAcceptable, Code::Erased],
        Some("appealClaim") => &[
            Code::NotFound,
            Code::Erased,
            Code::BodyTimeout,
            Code::TooLarge,
            Code::MediaType,
            Code::Body,
            Code::Busy,
            Code::Appeal,
        ],
        Some("listAppeals") => &[Code::NotFound, Code::Erased],
        Some("getSubmission") => &[Code::NotFound],
        Some("getClaim" | "getClaimHistory") => &[
            Code::Parameter,
            Code::Forbidden,
            Code::NotFound,
            Code::Erased,
        ],
        Some("getDossier") => &[
            Code::Parameter,
            Code::Forbidden,
            Code::NotFound,
            Code::NotYet,
            Code::Erased,
        ],
        Some("getReadingReceipt") => &[Code::NotFound],
        Some("getExplanation" | "getMemberExplanation") => &[
            Code::Parameter,
            Code::Forbidden,
            Code::NotFound,
            Code::NotAcceptable,
            Code::NotYet,
            Code::Erased,
        ],
        Some("getRemittance") => &[
            Code::Parameter,
            Code::Forbidden,
            Code::NotFound,
            Code::NotAcceptable,
            Code::NotYet,
            Code::Erased,
            Code::Unremitted,
        ],
        Some("getReceipt" | "getProof") => &[
            Code::Parameter,
            Code::Forbidden,
            Code::NotFound,
            Code::NotYet,
            Code::Erased,
        ],
        _ => &[],
    });
    codes.sort_unstable();
    codes
}

/// This document
#[utoipa::path(
    get, path = "/openapi.json", tag = "description", operation_id = "getDescription",
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value)),
)]
pub(super) async fn document(State(service): Shared) -> Answered {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    Ok((kind, service.description.clone()).into_response())
}
