//! What is counted, as Prometheus reads it.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Renders what was counted.
#[derive(Clone)]
pub struct Handle(PrometheusHandle);

/// Counts from now on; the second time, the first handle.
pub fn install() -> Handle {
    static INSTALLED: OnceLock<Handle> = OnceLock::new();
    INSTALLED
        .get_or_init(|| {
            let recorder = PrometheusBuilder::new().build_recorder();
            let handle = Handle(recorder.handle());
            let _ = metrics::set_global_recorder(recorder);
            handle
        })
        .clone()
}

/// The text that Prometheus reads.
pub fn render(handle: &Handle) -> String {
    handle.0.render()
}
