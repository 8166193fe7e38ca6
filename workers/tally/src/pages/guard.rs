//! What holds for every answer: who may ask, and what a browser may do with it.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::Failure;

/// Nothing may run, and nothing may come from elsewhere or be framed; the page that verifies
/// receipts says for itself what it runs.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    // Another site's page cannot read an answer, nor pull it in as a script.
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];

/// Refuses whoever came by another name than this machine's own, and puts the
/// headers on every answer.
pub(crate) async fn guard(request: Request, next: Next) -> Response {
    let mut response = if is_local(request.headers()) {
        next.run(request).await
    } else {
        Failure::other_host().into_response()
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        let value = HeaderValue::from_static(value);
        headers.entry(name).or_insert(value);
    }
    // Pages show protected health information: no copy is kept of them.
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Whether the request names this machine. A page elsewhere can point a name of
/// its own at 127.0.0.1 (DNS rebinding), but the browser then says that name.
fn is_local(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let Ok(host) = host.to_str() else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    name.eq_ignore_ascii_case("localhost") || name == "127.0.0.1" || name == "[::1]"
}

/// The status of a refused host: this server does not answer for that name.
pub(super) const MISDIRECTED: StatusCode = StatusCode::MISDIRECTED_REQUEST;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_names_are_answered() {
        for (host, local) in [
            ("localhost", true),
            ("LOCALHOST:8420", true),
            ("127.0.0.1:1", true),
            ("[::1]:8420", true),
            ("127.0.0.1", true),
            ("127.0.0.1.example.com", false),
            ("localhost.example.com:8420", false),
            ("example.com", false),
            ("127.0.0.2", false),
            ("localhost:8420:x", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            assert_eq!(is_local(&headers), local, "{host}");
        }
        assert!(!is_local(&HeaderMap::new()));
        let mut two = HeaderMap::new();
        two.append(header::HOST, HeaderValue::from_static("localhost"));
        two.append(header::HOST, HeaderValue::from_static("example.com"));
        assert!(!is_local(&two));
    }
}
