//! `/federate`: the newest samples of chosen series as text, for another server to scrape.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use columns::{Steps, is_absent};
use model::float::write_float;
use model::{Labels, METRIC_NAME, TimestampMs};
use promql::Cancel;
use storage::query::covering;
use storage::{Selection, StepValues};

use crate::error::ApiError;
use crate::params::Params;
use crate::run;
use crate::state::ApiState;

/// The text format: every scraper takes it.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A scraped target and a metric without one are told apart by it.
const INSTANCE: &str = "instance";

pub(crate) async fn federate(State(state): State<Arc<ApiState>>, params: Params) -> Response {
    let text = run::blocking(&state, move |state, cancel| text(state, &params, cancel));
    match text.await.and_then(|text| text) {
        Ok(text) => ([(header::CONTENT_TYPE, TEXT)], text).into_response(),
        // Scrapers show a plain text; upstream names no parameter in it.
        Err(error) if error.is_bad_data() => {
            let cause = error.message.strip_prefix("invalid parameter \"match[]\": ");
            (StatusCode::BAD_REQUEST, format!("{}\n", cause.unwrap_or(&error.message))).into_response()
        }
        Err(error) => error.into_response(),
    }
}

/// A series' newest sample.
struct Newest {
    labels: Labels,
    at_ms: i64,
    value: f64,
}

fn text(state: &ApiState, params: &Params, cancel: &Cancel) -> Result<Vec<u8>, ApiError> {
    let external = state.runtime.external_labels();
    let mut out = Vec::with_capacity(4096);
    let mut family = String::new();
    for newest in newest_samples(state, params, cancel)? {
        let Some(name) = newest.labels.get(METRIC_NAME) else { continue };
        if family != name {
            name.clone_into(&mut family);
            out.extend_from_slice(format!("# TYPE {} untyped\n", bare_or_quoted(name)).as_bytes());
        }
        line(&mut out, name, &newest, &external);
    }
    Ok(out)
}

/// Sorted by name, then by labels.
fn newest_samples(state: &ApiState, params: &Params, cancel: &Cancel) -> Result<Vec<Newest>, ApiError> {
    let options = state.engine.options();
    let now = Steps::instant(TimestampMs(state.clock.now_ms()));
    let range = covering(&now, options.lookback.0);
    let (mut seen, mut all, mut found) = (BTreeSet::new(), Vec::new(), StepValues::default());
    for matchers in &params.selectors()? {
        let set = state.store.select(&Selection { matchers, range, series_max: options.series_max })?;
        for i in 0..set.len() {
            if cancel.is_cancelled() {
                return Err(promql::EvalError::Canceled.into());
            }
            let labels = set.labels(i);
            if !seen.insert(labels.clone()) {
                continue;
            }
            set.values_at(i, &now, options.lookback.0, &mut found)?;
            if let (Some(value), Some(at_ms)) = (found.values.first(), found.times_ms.first())
                && !is_absent(*value)
            {
                all.push(Newest { labels, at_ms: *at_ms, value: *value });
            }
        }
    }
    all.sort_by(|a, b| (a.labels.get(METRIC_NAME), &a.labels).cmp(&(b.labels.get(METRIC_NAME), &b.labels)));
    Ok(all)
}

fn line(out: &mut Vec<u8>, name: &str, newest: &Newest, external: &Labels) {
    let own = newest.labels.iter().filter(|(label, _)| *label != METRIC_NAME);
    let missing = external.iter().filter(|(label, _)| newest.labels.get(label).is_none());
    let mut labels: Vec<(&str, &str)> = own.chain(missing).collect();
    // Whoever scrapes with honor_labels must not put its own instance here.
    if !labels.iter().any(|(label, _)| *label == INSTANCE) {
        labels.push((INSTANCE, ""));
    }
    let bare = is_legacy_name(name);
    if bare {
        out.extend_from_slice(name.as_bytes());
    }
    out.push(b'{');
    if !bare {
        out.extend_from_slice(bare_or_quoted(name).as_bytes());
        out.push(b',');
    }
    for (i, (label, value)) in labels.iter().enumerate() {
        let comma = if i > 0 { "," } else { "" };
        let text = format!("{comma}{}=\"{}\"", bare_or_quoted(label), escaped(value));
        out.extend_from_slice(text.as_bytes());
    }
    out.extend_from_slice(b"} ");
    write_float(out, newest.value);
    out.extend_from_slice(format!(" {}\n", newest.at_ms).as_bytes());
}

fn bare_or_quoted(name: &str) -> String {
    if is_legacy_name(name) { name.to_owned() } else { format!("\"{}\"", escaped(name)) }
}

fn is_legacy_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    name.chars().all(plain) && name.chars().next().is_some_and(|c| !c.is_ascii_digit())
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"")
}
