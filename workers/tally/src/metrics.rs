//! What is counted, for Prometheus. No label holds anything that identifies
//! anyone, or that has more than a handful of values: routes are templates,
//! methods are those there are.
//!
//! `docs/api.md` lists the metrics. There is no listener here: whoever serves
//! health asks [`render`].

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::http::Method;
use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

const REQUESTS: &str = "tally_http_requests_total";
const DURATION: &str = "tally_http_request_duration_seconds";
const SUBMITTED: &str = "tally_claims_submitted_total";

/// Upper bounds of durations, in seconds.
const SECONDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// What is counted in this process.
#[derive(Clone)]
pub struct Handle(PrometheusHandle);

/// Counts from now on; what was counted before is lost. Again, it changes
/// nothing.
///
/// # Errors
/// When something else in the process already counts.
pub fn install() -> Result<Handle> {
    static INSTALLED: OnceLock<Handle> = OnceLock::new();
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = ONE.lock();
    if let Some(handle) = INSTALLED.get() {
        return Ok(handle.clone());
    }
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .context("metrics cannot be counted in this process")?;
    describe_counter!(REQUESTS, "Requests answered, by route, method and status.");
    describe_histogram!(
        DURATION,
        Unit::Seconds,
        "How long answers took, by route and method."
    );
    describe_counter!(
        SUBMITTED,
        "Claims submitted over HTTP for the first time, by what became of them at intake."
    );
    Ok(INSTALLED.get_or_init(|| Handle(recorder)).clone())
}

/// All that is counted, in Prometheus' text format.
#[must_use]
pub fn render(handle: &Handle) -> String {
    handle.0.run_upkeep();
    handle.0.render()
}

/// A method as a label: what is no method of HTTP's is `other`.
#[must_use]
pub fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Counts a request that was answered. `route` is a template, never an address.
pub fn answered(method: &'static str, route: &str, status: u16, took: Duration) {
    let labels = [("route", route.to_owned()), ("method", method.to_owned())];
    histogram!(DURATION, &labels).record(took);
    let [route, method] = labels;
    let labels = [route, method, ("status", status.to_string())];
    counter!(REQUESTS, &labels).increment(1);
}

/// Counts claims that were submitted for the first time.
pub fn submitted(taken: usize, refused: usize) {
    for (result, claims) in [("taken", taken), ("refused", refused)] {
        counter!(SUBMITTED, "result" => result).increment(claims as u64);
    }
}
