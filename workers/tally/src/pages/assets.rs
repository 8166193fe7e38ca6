//! What pages are drawn with: one style sheet and one icon, in the binary; and the page that
//! verifies receipts in the browser, as `verifiers/` has it.

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

use super::Asked;
use crate::node::keys::hex;

pub(super) const STYLE: &str = "/style.css";
pub(super) const ICON: &str = "/icon.svg";

const SHEET: &str = include_str!("../../templates/style.css");
const MARK: &str = include_str!("../../templates/icon.svg");

const VERIFY: &str = include_str!("../../../../verifiers/verify.html");
const VERIFY_STYLE: &str = include_str!("../../../../verifiers/verify.css");
const VERIFY_SCRIPT: &str = include_str!("../../../../verifiers/verify.js");
/// The one page with a script, which is this node's own and asks for nothing.
const VERIFY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                             base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The first digits of the sheet's hash: another sheet has another address.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut digits = hex(&Sha256::digest(SHEET));
    digits.truncate(16);
    digits
});

/// The sheet's address, which changes with its content.
pub(crate) fn style_href() -> String {
    format!("{STYLE}?v={}", *VERSION)
}

pub(crate) async fn style(asked: Asked) -> Response {
    let known = asked.iter().any(|(name, v)| name == "v" && *v == *VERSION);
    let cache = if known {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let head = [
        (CONTENT_TYPE, "text/css; charset=utf-8"),
        (CACHE_CONTROL, cache),
    ];
    (head, SHEET).into_response()
}

pub(crate) async fn icon() -> Response {
    let head = [
        (CONTENT_TYPE, "image/svg+xml"),
        (CACHE_CONTROL, "public, max-age=86400"),
    ];
    (head, MARK).into_response()
}

/// The page that verifies receipts where it is: no byte of a file comes here.
pub(super) async fn verify() -> Response {
    let head = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, VERIFY_POLICY),
    ];
    (head, VERIFY).into_response()
}

pub(super) async fn verify_style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], VERIFY_STYLE).into_response()
}

pub(super) async fn verify_script() -> Response {
    let head = [(CONTENT_TYPE, "text/javascript; charset=utf-8")];
    (head, VERIFY_SCRIPT).into_response()
}
