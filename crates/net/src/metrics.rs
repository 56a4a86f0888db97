//! Serving what a role counts about itself: as OpenMetrics to who asks for it, as Prometheus' older text to all others.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

/// The media type of OpenMetrics text.
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The media type of the text that every scraper reads.
pub const PLAIN_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics of `registry`, in the format that the request's `headers` ask for.
pub fn response(headers: &HeaderMap, registry: &Registry) -> Response {
    let mut text = String::new();
    if encode(&mut text, registry).is_err() {
        return (StatusCode::INTERNAL_SERVER_ERROR, "metrics could not be written").into_response();
    }
    let (kind, text) =
        if wants_openmetrics(headers) { (OPENMETRICS, text) } else { (PLAIN_TEXT, plain_text(&text)) };
    // A cache in between must not give one reader the other's format.
    let vary = HeaderValue::from_static("accept");
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind)), (header::VARY, vary)], text).into_response()
}

/// `GET /metrics` over a registry that is complete.
pub fn route(registry: Arc<Registry>) -> Router {
    Router::new()
        .route("/metrics", get(move |headers: HeaderMap| std::future::ready(response(&headers, &registry))))
}

/// Who does not name OpenMetrics may not know it: `curl`, `promtool check metrics`, older agents.
fn wants_openmetrics(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/openmetrics-text"))
            && !parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

/// OpenMetrics as the registry writes it, said in the older format: a counter's family bears its sample's name, there
/// are fewer types, and no units and no end mark. Our registries have no exemplars and no timestamps.
fn plain_text(openmetrics: &str) -> String {
    let mut plain = String::with_capacity(openmetrics.len());
    let mut help = None;
    for line in openmetrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            // Its name depends on the type, which comes next.
            help = rest.split_once(' ').map(|(_, text)| text);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "gauge" | "histogram" | "summary" => ("", kind),
                _ => ("", "untyped"),
            };
            if let Some(text) = help.take() {
                plain.push_str(&format!("# HELP {name}{suffix} {text}\n"));
            }
            plain.push_str(&format!("# TYPE {name}{suffix} {kind}\n"));
        } else if !line.starts_with('#') {
            plain.push_str(line);
            plain.push('\n');
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::gauge::Gauge;
    use prometheus_client::metrics::info::Info;

    use super::*;

    fn text() -> String {
        let mut registry = Registry::default();
        let counter: Counter = Counter::default();
        registry.register("things", "Things seen", counter.clone());
        registry.register("level", "Level # TYPE of water", Gauge::<i64>::default());
        registry.register("build", "Build", Info::new([("version", "1")]));
        counter.inc();
        let mut text = String::new();
        encode(&mut text, &registry).expect("writes to a string");
        text
    }

    #[test]
    fn text_ends_as_openmetrics_must() {
        let text = text();
        assert!(text.contains("things_total 1\n") && text.ends_with("# EOF\n"), "{text}");
    }

    #[test]
    fn the_older_text_names_families_as_their_samples() {
        assert_eq!(
            plain_text(&text()),
            "# HELP things_total Things seen.\n# TYPE things_total counter\nthings_total 1\n\
             # HELP level Level # TYPE of water.\n# TYPE level gauge\nlevel 0\n\
             # HELP build_info Build.\n# TYPE build_info gauge\nbuild_info{version=\"1\"} 1\n"
        );
    }

    #[test]
    fn openmetrics_goes_to_who_asks_for_it() {
        for (accept, expected) in [
            (None, PLAIN_TEXT),
            (Some("*/*"), PLAIN_TEXT),
            (Some("text/plain;version=0.0.4"), PLAIN_TEXT),
            (Some("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3"), OPENMETRICS),
            (Some("text/plain, Application/OpenMetrics-Text"), OPENMETRICS),
            (Some("application/openmetrics-text;q=0, text/plain"), PLAIN_TEXT),
        ] {
            let headers = accept.map(|a| (header::ACCEPT, HeaderValue::from_static(a))).into_iter().collect();
            let kind = response(&headers, &Registry::default()).headers()[header::CONTENT_TYPE].clone();
            assert_eq!(kind, expected, "{accept:?}");
        }
    }
}
