//! `/api/v1/status/*`: what runs, since when, with what.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use model::TimestampMs;
use serde_json::{Value, json};

use crate::encode;
use crate::error::ApiError;
use crate::loki::{LinesRefused, LogStoreStatus};
use crate::params::Params;
use crate::state::{ApiState, Ranking, StoreBlock, StoreRefusal};

/// The version of Prometheus whose API and language this is. Clients switch features by it: Grafana asks for label
/// values with matchers from 2.24 on, for UTF-8 names from 3.0 on.
const PROMETHEUS_VERSION: &str = "3.5.0";

/// Entries of each list of `/status/tsdb`, unless asked for otherwise, and at the most. Prometheus' own.
const RANKING_DEFAULT: usize = 10;
const RANKING_MAX: usize = 10_000;

/// Bytes of a refusal's words that are told: with many labels they are long.
const REFUSAL_BYTES_MAX: usize = 400;

/// Prometheus' text form of a moment: RFC 3339 in UTC, and year 1 for "never".
pub(crate) fn rfc3339(at: Option<TimestampMs>) -> String {
    let moment = at.and_then(|at| Timestamp::from_millisecond(at.0).ok());
    moment.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |moment| moment.to_string())
}

pub(crate) async fn buildinfo() -> Response {
    encode::success(json!({
        "version": PROMETHEUS_VERSION,
        "revision": format!("watchfire-{}", env!("CARGO_PKG_VERSION")),
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    }))
}

pub(crate) async fn runtimeinfo(State(state): State<Arc<ApiState>>) -> Response {
    let facts = state.runtime.facts();
    let (last_reload, succeeded) = state.runtime.last_reload();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    encode::success(json!({
        "startTime": rfc3339(Some(facts.started_at)),
        "CWD": facts.working_dir,
        "hostname": facts.hostname,
        "serverTime": rfc3339(Some(TimestampMs(state.clock.now_ms()))),
        "reloadConfigSuccess": succeeded,
        "lastConfigTime": rfc3339(Some(last_reload)),
        "corruptionCount": facts.recovery.quarantined.len(),
        "goroutineCount": 0,
        "GOMAXPROCS": threads,
        "GOMEMLIMIT": 0,
        "GOGC": "",
        "GODEBUG": "",
        "storageRetention": facts.retention,
    }))
}

pub(crate) async fn config(State(state): State<Arc<ApiState>>) -> Response {
    encode::success(json!({ "yaml": state.runtime.config_yaml() }))
}

pub(crate) async fn flags(State(state): State<Arc<ApiState>>) -> Response {
    encode::success(state.runtime.flags().into_iter().collect::<BTreeMap<_, _>>())
}

pub(crate) async fn tsdb(State(state): State<Arc<ApiState>>, params: Params) -> Result<Response, ApiError> {
    let limit = match params.get("limit").map(str::parse::<usize>) {
        None => RANKING_DEFAULT,
        Some(Ok(limit @ 1..=RANKING_MAX)) => limit,
        Some(Ok(limit)) if limit > RANKING_MAX => {
            return Err(ApiError::bad_data(format!("limit must not exceed {RANKING_MAX}")));
        }
        Some(_) => return Err(ApiError::bad_data("limit must be a positive number")),
    };
    let (status, rankings) = crate::run::blocking(&state, move |state, _| {
        (state.runtime.store_status(), state.runtime.store_rankings(limit))
    })
    .await?;
    let refusal = state.runtime.store_refusal();
    Ok(encode::success(json!({
        // Not in Prometheus, whose clients pass over it.
        "storage": {
            "writable": refusal.is_none(),
            "refusal": refusal.as_ref().map(|refusal| refusal.reason.as_str()),
            "refusingSince": refusal.as_ref().map(|refusal| rfc3339(Some(refusal.since))),
            "quarantined": state.runtime.facts().recovery.quarantined,
        },
        "headStats": {
            "numSeries": status.series,
            "numLabelPairs": status.label_pairs,
            "chunkCount": status.chunks,
            // Prometheus' values for an empty head: the largest and the smallest there are.
            "minTime": status.min_time.map_or(i64::MAX, |t| t.0),
            "maxTime": status.max_time.map_or(i64::MIN, |t| t.0),
        },
        "seriesCountByMetricName": ranking(rankings.series_by_metric),
        "labelValueCountByLabelName": ranking(rankings.values_by_label),
        "memoryInBytesByLabelName": ranking(rankings.bytes_by_label),
        "seriesCountByLabelValuePair": ranking(rankings.series_by_pair),
    })))
}

pub(crate) async fn walreplay() -> Response {
    encode::success(json!({ "min": 0, "max": 0, "current": 0, "state": "done" }))
}

/// Prometheus names blocks by 26 letters and digits that sort as they were made; of ours the number does.
fn ulid(number: u64) -> String {
    format!("{number:026}")
}

pub(crate) async fn blocks(State(state): State<Arc<ApiState>>) -> Result<Response, ApiError> {
    let blocks = crate::run::blocking(&state, |state, _| state.runtime.store_blocks()).await?;
    let shown = |block: &StoreBlock| {
        json!({
            "ulid": ulid(block.number),
            "minTime": block.from_ms,
            "maxTime": block.end_ms,
            "stats": { "numSamples": block.samples, "numSeries": block.series, "numChunks": block.chunks },
            "compaction": {
                "level": block.level,
                "sources": block.sources.iter().map(|source| ulid(*source)).collect::<Vec<_>>(),
            },
            "version": 1,
        })
    };
    Ok(encode::success(json!({ "blocks": blocks.iter().map(shown).collect::<Vec<_>>() })))
}

/// What somebody has to look after, in the form of Prometheus 3: for its user interface and for the red strip of ours.
pub(crate) async fn notifications(State(state): State<Arc<ApiState>>) -> Response {
    let (facts, (reloaded_at, succeeded)) = (state.runtime.facts(), state.runtime.last_reload());
    let refused = state.runtime.store_refusal().map(|refusal| {
        (format!("Samples are refused, queries are answered: {}.", refusal.reason), refusal.since)
    });
    let places = facts.recovery.quarantined.len();
    let damaged = (places > 0).then(|| {
        let places = if places == 1 { "1 place".to_owned() } else { format!("{places} places") };
        (format!("Damaged data was set aside at start in {places}."), facts.started_at)
    });
    let stale = (!succeeded).then(|| ("Configuration reload has failed.".to_owned(), reloaded_at));
    let all = refused.into_iter().chain(lines_refused(&state)).chain(damaged).chain(stale);
    let all = all.map(|(text, at)| json!({ "text": text, "date": rfc3339(Some(at)), "active": true }));
    encode::success(all.collect::<Vec<Value>>())
}

/// What keeps lines of logs out, or has kept some out lately.
fn lines_refused(state: &ApiState) -> Vec<(String, TimestampMs)> {
    let Some(logs) = &state.logs else { return Vec::new() };
    let all = logs.admin.refusal().map(|refusal| {
        (format!("Lines of logs are refused, queries are answered: {}.", refusal.reason), refusal.since)
    });
    let some = logs.admin.refused_lately().map(|LinesRefused { lines, since, last }| {
        let lines =
            if lines == 1 { "1 line of logs was".to_owned() } else { format!("{lines} lines of logs were") };
        let message = last.message.get(..last.message.floor_char_boundary(REFUSAL_BYTES_MAX));
        (
            format!("{lines} refused lately, the last for {}: {}", last.reason, message.unwrap_or_default()),
            since,
        )
    });
    all.into_iter().chain(some).collect()
}

fn ranking(all: Ranking) -> Vec<Value> {
    all.into_iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

fn log_store(status: &LogStoreStatus, refusal: Option<StoreRefusal>) -> Value {
    json!({
        "streams": status.streams,
        "open_bytes": status.open_bytes,
        "files": status.files,
        "file_bytes": status.file_bytes,
        "wal_bytes": status.wal_bytes,
        "newest_ms": status.newest.map(|at| at.0),
        "unavailable": refusal.map(|refusal| refusal.reason),
    })
}

/// `/api/ui/status`: the same and more, for our own status page.
pub(crate) async fn ui(State(state): State<Arc<ApiState>>) -> Result<Response, ApiError> {
    let status = crate::run::blocking(&state, |state, _| state.runtime.store_status()).await?;
    let facts = state.runtime.facts();
    Ok(axum::response::IntoResponse::into_response(axum::Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "start_time_ms": facts.started_at.0,
        "data_dir": facts.data_dir,
        "retention": facts.retention,
        "scrape_interval_ms": facts.scrape_interval_ms,
        "head": {
            "series": status.series,
            "samples_appended": status.samples_appended,
            "chunks": status.chunks,
            "chunk_bytes": status.chunk_bytes,
            "wal_bytes": status.wal_bytes,
            "min_time_ms": status.min_time.map(|t| t.0),
            "max_time_ms": status.max_time.map(|t| t.0),
            "unavailable": state.runtime.store_refusal().map(|refusal| refusal.reason),
        },
        "logs": state.logs.as_ref().map(|logs| log_store(&logs.admin.status(), logs.admin.refusal())),
        "recovery": facts.recovery,
    }))))
}
