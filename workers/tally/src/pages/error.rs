//! What is said when a page cannot be shown: what, and where next.

use askama::Template;
use axum::http::{Method, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use tally_store::port::StoreError;

use super::guard::MISDIRECTED;
use super::show::{Shell, Tab};

/// A page that cannot be shown.
pub(super) struct Failure {
    status: StatusCode,
    title: &'static str,
    what: String,
    next: &'static str,
    links: Vec<(&'static str, &'static str)>,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    shell: Shell,
    status: u16,
    failure: &'a Failure,
}

impl Failure {
    /// There is no such thing.
    pub(super) fn none(
        title: &'static str,
        next: &'static str,
        link: (&'static str, &'static str),
    ) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            title,
            what: String::new(),
            next,
            links: vec![link],
        }
    }

    /// The claim cannot be opened any more.
    pub(super) fn erased() -> Self {
        Self {
            status: StatusCode::GONE,
            title: "This claim was erased",
            what: "The key of its record was destroyed. Its entry on the ledger stands, and nobody can open it.".into(),
            next: "What else there is:",
            links: vec![("/claims", "All claims"), ("/ledger", "The ledger")],
        }
    }

    /// The query string says something that has no meaning.
    pub(super) fn wrong(what: String, link: (&'static str, &'static str)) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            title: "This filter has no meaning",
            what,
            next: "Start again from:",
            links: vec![link],
        }
    }

    /// There is not yet what was asked for.
    pub(super) fn not_yet(what: String) -> Self {
        Self {
            status: StatusCode::CONFLICT,
            title: "Not yet",
            what,
            next: "What there is:",
            links: vec![("/claims", "All claims")],
        }
    }

    /// The request was meant for another name.
    pub(super) fn other_host() -> Self {
        Self {
            status: MISDIRECTED,
            title: "Not under this name",
            what: "These pages are for this machine alone and answer to localhost and 127.0.0.1."
                .into(),
            next: "",
            links: Vec::new(),
        }
    }

    fn broken(error: &anyhow::Error) -> Self {
        // By house rule no error text identifies a person.
        tracing::error!("a page could not be made: {error:#}");
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            title: "The node could not answer",
            what: format!("{error:#}."),
            next: "Nothing was changed. `tally ledger fsck` checks the node; meanwhile:",
            links: vec![("/", "Overview"), ("/health", "Health")],
        }
    }
}

impl<E: Into<anyhow::Error> + Send> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::broken(&error.into())
    }
}

// What `?` turns into a failure.
const _: fn(StoreError) -> Failure = Failure::from;
const _: fn(askama::Error) -> Failure = Failure::from;

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let page = ErrorPage {
            shell: Shell::new(self.title, Tab::None, ""),
            status: self.status.as_u16(),
            failure: &self,
        };
        match page.render() {
            Ok(html) => (self.status, Html(html)).into_response(),
            Err(_) => (self.status, self.title).into_response(),
        }
    }
}

/// No page at that address.
pub(super) async fn no_page() -> Failure {
    Failure {
        status: StatusCode::NOT_FOUND,
        title: "There is no such page",
        what: String::new(),
        next: "The pages there are:",
        links: vec![
            ("/", "Overview"),
            ("/claims", "Claims"),
            ("/appeals", "Appeals"),
            ("/flags", "Flags"),
            ("/ledger", "Ledger"),
            ("/policies", "Policies"),
        ],
    }
}

/// The pages can only be read.
pub(super) async fn no_method(method: Method) -> Failure {
    Failure {
        status: StatusCode::METHOD_NOT_ALLOWED,
        title: "The pages can only be read",
        what: format!("{method} changes nothing here: the command line does."),
        next: "",
        links: vec![("/", "Overview")],
    }
}
