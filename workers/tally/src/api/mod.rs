//! The HTTP API: claims in, outcomes, receipts and flags out, for organisations
//! that authenticate with their own keys. `docs/api.md` describes it.
//!
//! A party sees its own claims and nothing of others'; each read of protected
//! health information is noted under the organisation's name before it is
//! answered. No log, metric or problem holds anything that identifies a person:
//! not even an address is logged, since a query may name a member.

mod access;
mod acts;
mod answer;
mod appeals;
mod authorizations;
mod caller;
mod claims;
pub mod context;
mod eligibility;
mod estimates;
mod flags;
mod frame;
mod known;
mod ledger;
mod negotiate;
mod openapi;
mod payments;
mod problem;
mod query;
mod receipts;
mod remittances;
mod shared;
mod signed;
mod submit;
pub mod token;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use serde::Serialize;
use tokio::sync::{Notify, Semaphore};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::problem::Problem;
use crate::config::Config;
use crate::node::Node;
use crate::node::consent::Rules;

pub use self::flags::FlagBody;
pub use self::known::see_to;
pub use self::problem::Code;
pub(crate) use self::shared::{CheckpointBody, StatusBody};
pub use self::shared::{CutOffBody, DisputeBody, DisputedBody, Heard};
pub use self::submit::RefusalBody;

/// Where the API is.
pub const ROOT: &str = "/api/v1";

/// What the API works with.
#[derive(Clone)]
pub struct Api {
    /// The node.
    pub node: Arc<Node>,
    /// Who may do what, and how much is taken in.
    pub config: Arc<Config>,
    /// Told when claims were queued, so that whoever drains wakes.
    pub nudge: Arc<Notify>,
    /// The ledger that the organisation shares with others.
    pub ledger: Option<crate::shared::Member>,
}

/// What one process does at once, and how long it takes for it.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Submissions in flight: each holds a body in memory.
    pub submissions: usize,
    /// How long a body may take to come.
    pub body: Duration,
    /// How long everything else may take, beside the node's patience.
    pub work: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            submissions: 64,
            body: Duration::from_secs(30),
            work: Duration::from_secs(30),
        }
    }
}

/// What the handlers share.
struct Service {
    api: Api,
    bounds: Bounds,
    submissions: Semaphore,
    handed: shared::Handed,
    seen: shared::Seen,
    rules: Rules,
    description: String,
}

impl Service {
    /// How long a request may take in all.
    fn whole(&self) -> Duration {
        let patience = Duration::from_millis(self.api.config.intake.patience);
        let Bounds { body, work, .. } = self.bounds;
        body.saturating_add(work).saturating_add(patience)
    }
}

type Shared = State<Arc<Service>>;
type Answered = Result<Response, Problem>;

/// The API of a node, below [`ROOT`].
pub fn router(api: Api) -> Router {
    bounded(api, Bounds::default())
}

/// The same, with bounds of one's own.
pub fn bounded(api: Api, bounds: Bounds) -> Router {
    let ([open, closed, signed], description) = described();
    let limit = api.config.intake.limit;
    let service = Arc::new(Service {
        submissions: Semaphore::new(bounds.submissions),
        handed: shared::Handed::default(),
        seen: shared::Seen::default(),
        rules: Rules::of(&api.config),
        api,
        bounds,
        description,
    });
    let authenticate = from_fn_with_state(Arc::clone(&service), caller::authenticate);
    let sign = from_fn_with_state(Arc::clone(&service), signed::sign);
    let framed = from_fn_with_state(Arc::clone(&service), frame::frame);
    // A nested fallback does not answer for the root with a slash behind it.
    let root = Router::new()
        .route(&format!("{ROOT}/"), any(frame::nothing))
        .layer(framed.clone());
    let routes = open
        .merge(closed.route_layer(authenticate.clone()))
        .merge(signed.route_layer(authenticate).route_layer(sign))
        .fallback(frame::nothing)
        .method_not_allowed_fallback(frame::no_method)
        .layer(DefaultBodyLimit::max(limit))
        .layer(framed)
        .with_state(service);
    Router::new().nest(ROOT, routes).merge(root)
}

/// The description of the API: OpenAPI 3.1, as JSON.
#[must_use]
pub fn description() -> String {
    described().1
}

/// The routes that are open to everyone, those that need a token, those that sign what they
/// answer as well, and their description.
fn described() -> ([Router<Arc<Service>>; 3], String) {
    let (open, with_open) = OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(ledger::checkpoint))
        .routes(routes!(ledger::trust))
        .routes(routes!(shared::checkpoint))
        .routes(routes!(shared::handovers))
        .routes(routes!(shared::blocks))
        .routes(routes!(shared::envelope))
        .routes(routes!(shared::tile))
        .routes(routes!(shared::status))
        .routes(routes!(shared::policy))
        .routes(routes!(openapi::document))
        .split_for_parts();
    let (signed, with_signed) = OpenApiRouter::with_openapi(with_open)
        .routes(routes!(claims::decided))
        .routes(routes!(claims::dossier))
        .routes(routes!(shared::told::tell))
        .split_for_parts();
    let (closed, whole) = OpenApiRouter::with_openapi(with_signed)
        .routes(routes!(submit::submit, claims::list))
        .routes(routes!(submit::submission))
        .routes(routes!(estimates::estimate))
        .routes(routes!(eligibility::ask))
        .routes(routes!(authorizations::request, authorizations::list))
        .routes(routes!(authorizations::one))
        .routes(routes!(claims::one))
        .routes(routes!(claims::explanation))
        .routes(routes!(claims::member_explanation))
        .routes(routes!(remittances::one))
        .routes(routes!(remittances::all))
        .routes(routes!(payments::list))
        .routes(routes!(payments::one))
        .routes(routes!(acts::void))
        .routes(routes!(acts::history))
        .routes(routes!(appeals::file, appeals::list))
        .routes(routes!(claims::receipt))
        .routes(routes!(receipts::received))
        .routes(routes!(claims::proof))
        .routes(routes!(shared::disputes))
        .routes(routes!(shared::told::list))
        .routes(routes!(shared::erased))
        .routes(routes!(access::receipt))
        .routes(routes!(flags::list))
        .split_for_parts();
    ([open, closed, signed], openapi::finish(whole))
}

/// A page of a list as JSON, with the next one's address in a `Link` (RFC 8288).
fn paged(body: &impl Serialize, next: Option<&str>) -> Answered {
    let mut response = json(body)?;
    if let Some(next) = next {
        let link = HeaderValue::from_str(&format!("<{next}>; rel=\"next\""))?;
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// An answer as plain text.
fn text(body: String) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (kind, body).into_response()
}

/// An answer as JSON.
fn json(body: &impl Serialize) -> Answered {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    Ok((kind, serde_json::to_vec(body)?).into_response())
}
