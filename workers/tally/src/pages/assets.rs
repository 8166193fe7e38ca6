//! What pages are drawn with: one style sheet and one icon, in the binary.

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

use super::Asked;
use crate::node::keys::hex;

pub(super) const STYLE: &str = "/style.css";
pub(super) const ICON: &str = "/icon.svg";

const SHEET: &str = include_str!("../../templates/style.css");
const MARK: &str = include_str!("../../templates/icon.svg");

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
