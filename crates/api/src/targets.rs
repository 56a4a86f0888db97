//! `/api/v1/targets`, `/scrape_pools`, `/metadata`, `/targets/metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use model::{Labels, Metadata};
use scrape::{DroppedTarget, TargetStatus};
use serde_json::{Value, json};

use crate::encode;
use crate::error::ApiError;
use crate::params::Params;
use crate::run;
use crate::state::ApiState;
use crate::status::rfc3339;

pub(crate) async fn targets(State(state): State<Arc<ApiState>>, params: Params) -> Response {
    let wanted = params.get("state").unwrap_or("any");
    let pool = params.get("scrapePool");
    let all = state.scrape.targets();
    let in_pool = |name: &str| pool.is_none_or(|pool| pool == name);
    let host = external_host(&state.runtime.facts().external_url);
    let active = all.active.iter().filter(|t| wanted != "dropped" && in_pool(&t.scrape_pool));
    let active = active.map(|target| active_target(target, host.as_deref()));
    let dropped = all.dropped.iter().filter(|t| wanted != "active" && in_pool(&t.scrape_pool));
    let mut counts = BTreeMap::<&str, usize>::new();
    dropped.clone().for_each(|t| *counts.entry(&t.scrape_pool).or_default() += 1);
    encode::success(json!({
        "activeTargets": active.collect::<Vec<_>>(),
        "droppedTargets": dropped.map(dropped_target).collect::<Vec<_>>(),
        "droppedTargetCounts": (wanted != "active").then_some(counts),
    }))
}

fn external_host(url: &str) -> Option<String> {
    url.parse::<Uri>().ok()?.host().map(str::to_owned)
}

/// A target's address for whoever looks from outside: our own host in place of a name that means "this machine".
fn global_url(scrape_url: &str, host: Option<&str>) -> String {
    let replaced = || {
        let url: Uri = scrape_url.parse().ok()?;
        let is_here = matches!(url.host()?, "localhost" | "127.0.0.1" | "[::1]");
        let port = url.port_u16().map_or_else(String::new, |port| format!(":{port}"));
        let rest = url.path_and_query().map_or("", |rest| rest.as_str());
        is_here.then(|| Some(format!("{}://{}{port}{rest}", url.scheme_str()?, host?))).flatten()
    };
    replaced().unwrap_or_else(|| scrape_url.to_owned())
}

fn active_target(target: &TargetStatus, host: Option<&str>) -> Value {
    json!({
        "discoveredLabels": object(&target.discovered_labels),
        "labels": object(&target.labels),
        "scrapePool": target.scrape_pool,
        "scrapeUrl": target.scrape_url,
        "globalUrl": global_url(&target.scrape_url, host),
        "lastError": target.last_error,
        "lastScrape": rfc3339(target.last_scrape),
        "lastScrapeDuration": target.last_duration_s,
        "health": target.health.as_str(),
        "scrapeInterval": target.interval.to_string(),
        "scrapeTimeout": target.timeout.to_string(),
    })
}

fn dropped_target(target: &DroppedTarget) -> Value {
    json!({ "discoveredLabels": object(&target.discovered_labels), "scrapePool": target.scrape_pool })
}

pub(crate) async fn scrape_pools(State(state): State<Arc<ApiState>>) -> Response {
    encode::success(json!({ "scrapePools": state.scrape.pools() }))
}

/// What targets say of their metrics, by metric.
pub(crate) async fn metadata(
    State(state): State<Arc<ApiState>>,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = params.metadata_limit("limit")?.unwrap_or(usize::MAX);
    let per_metric = params.metadata_limit("limit_per_metric")?.filter(|n| *n > 0).unwrap_or(usize::MAX);
    let wanted = params.get("metric");
    let mut by_metric = BTreeMap::<String, BTreeSet<Metadata>>::new();
    for (_, metric, metadata) in state.scrape.metadata() {
        if wanted.is_none_or(|wanted| wanted == metric) {
            by_metric.entry(metric).or_default().insert(metadata);
        }
    }
    let shown = by_metric
        .into_iter()
        .take(limit)
        .map(|(metric, all)| (metric, all.iter().take(per_metric).map(shown).collect::<Vec<_>>()));
    Ok(encode::success(shown.collect::<BTreeMap<_, _>>()))
}

/// What targets say of their metrics, by target.
pub(crate) async fn target_metadata(
    State(state): State<Arc<ApiState>>,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = params.metadata_limit("limit")?.unwrap_or(usize::MAX);
    let wanted = params.get("metric");
    let text = params.get("match_target").map(str::to_owned);
    let parsed =
        run::blocking(&state, move |_, _| text.map(|t| promql::parse_metric_selector(&t)).transpose());
    let parsed = parsed.await?.map_err(|e| ApiError::parameter("match_target", e))?;
    let selector = parsed.unwrap_or_default();
    let all = state.scrape.metadata().into_iter();
    let found = all.filter(|(target, metric, _)| {
        wanted.is_none_or(|wanted| wanted == *metric) && selector.iter().all(|m| m.matches_labels(target))
    });
    let shown = found.take(limit).map(|(target, metric, metadata)| {
        let mut row = shown(&metadata);
        row["target"] = object(&target);
        if wanted.is_none() {
            row["metric"] = json!(metric);
        }
        row
    });
    Ok(encode::success(shown.collect::<Vec<_>>()))
}

fn shown(metadata: &Metadata) -> Value {
    json!({ "type": metadata.kind.as_str(), "help": metadata.help, "unit": metadata.unit })
}

/// A label set as a JSON object.
pub(crate) fn object(labels: &Labels) -> Value {
    labels
        .iter()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
