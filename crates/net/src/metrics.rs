//! Serving what a role counts about itself.

use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

/// The media type of the text that [`response`] gives.
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of `registry` as OpenMetrics text.
pub fn response(registry: &Registry) -> Response {
    let mut text = String::new();
    match encode(&mut text, registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "metrics could not be written").into_response(),
    }
}

/// `GET /metrics` over a registry that is complete.
pub fn route(registry: Arc<Registry>) -> Router {
    Router::new().route("/metrics", get(move || std::future::ready(response(&registry))))
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    #[test]
    fn text_ends_as_openmetrics_must() {
        let mut registry = Registry::default();
        let counter: Counter = Counter::default();
        registry.register("things", "Things seen", counter.clone());
        counter.inc();
        let mut text = String::new();
        encode(&mut text, &registry).expect("writes to a string");
        assert!(text.contains("things_total 1\n") && text.ends_with("# EOF\n"), "{text}");
    }
}
