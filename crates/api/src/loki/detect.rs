//! What can be told of lines that nobody has described: their labels, fields and patterns.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use logql::detect::{self, Field};
use logql::patterns::Patterns;
use logql::{EvalError, Expr};
use model::Labels;
use serde_json::{Value, json};
use storage::LogSelection;

use super::asked;
use super::error::LokiError;
use super::params::{LINES_SINCE_NS, LokiParams, METADATA_SINCE_NS};
use super::query::{Lines, parse};
use crate::state::ApiState;

/// Lines that fields are looked for in when nobody says how many.
const LINES_DEFAULT: usize = 1000;
/// Fields of an answer, or values of a field.
const FIELDS_DEFAULT: usize = 1000;
/// Lines that patterns are made of: the newest; more would hardly show other kinds.
const PATTERN_LINES: usize = 5000;
/// Labels that say how bad a line is.
const LEVELS: [&str; 2] = ["detected_level", "level"];

pub(crate) async fn labels(
    State(state): State<Arc<ApiState>>,
    params: LokiParams,
) -> Result<Json<Value>, LokiError> {
    let range = params.range(&state, METADATA_SINCE_NS)?;
    let matchers = params.get("query").map(logql::parse_matchers).transpose()?.unwrap_or_default();
    let found = asked(&state, move |logs, _| {
        let streams_max = logs.engine.options().streams_max;
        let set = logs.query.select(&LogSelection { matchers: &matchers, range, streams_max })?;
        let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, value) in (0..set.len()).flat_map(|stream| set.labels(stream)) {
            values.entry(name.to_owned()).or_default().insert(value.to_owned());
        }
        Ok(values)
    });
    let label =
        |(name, values): (String, BTreeSet<String>)| json!({ "label": name, "cardinality": values.len() });
    let labels: Vec<Value> = found.await?.into_iter().map(label).collect();
    Ok(Json(json!({ "detectedLabels": labels })))
}

/// The fields of the newest lines of a query.
async fn found_fields(state: &Arc<ApiState>, params: &LokiParams) -> Result<Vec<Field>, LokiError> {
    let range = params.range(state, LINES_SINCE_NS)?;
    let limit = params.count("line_limit", LINES_DEFAULT)?;
    let Expr::Log(query) = parse(state, params.query()).await? else {
        return Err(LokiError::bad_request("a query for lines is needed, not for numbers"));
    };
    asked(state, move |logs, cancel| {
        let lines = Lines { range, limit, is_forward: false, is_categorized: true, interval_ns: 0 };
        let answer = lines.find(logs, &query, cancel)?;
        let entries: Vec<_> = answer.streams.into_iter().flat_map(|stream| stream.entries).collect();
        Ok(detect::fields(&entries))
    })
    .await
}

pub(crate) async fn fields(
    State(state): State<Arc<ApiState>>,
    params: LokiParams,
) -> Result<Json<Value>, LokiError> {
    let limit = params.count("limit", FIELDS_DEFAULT)?;
    let fields = found_fields(&state, &params).await?;
    let shown: Vec<Value> = fields
        .iter()
        .take(limit)
        .map(|field| {
            json!({
                "label": field.name,
                "type": field.kind.as_str(),
                "cardinality": field.values.len(),
                "parsers": if field.parsers.is_empty() { Value::Null } else { json!(field.parsers) },
            })
        })
        .collect();
    Ok(Json(json!({ "fields": shown, "limit": limit })))
}

pub(crate) async fn values(
    State(state): State<Arc<ApiState>>,
    Path(name): Path<String>,
    params: LokiParams,
) -> Result<Json<Value>, LokiError> {
    let limit = params.count("limit", FIELDS_DEFAULT)?;
    let fields = found_fields(&state, &params).await?;
    let field = fields.into_iter().find(|field| field.name == name);
    let values: Vec<String> = field.into_iter().flat_map(|field| field.values).take(limit).collect();
    Ok(Json(json!({ "values": values, "limit": limit })))
}

pub(crate) async fn patterns(
    State(state): State<Arc<ApiState>>,
    params: LokiParams,
) -> Result<Json<Value>, LokiError> {
    let range = params.range(&state, LINES_SINCE_NS)?;
    let step_ns = params.step_ms(range)?.saturating_mul(1_000_000);
    let Expr::Log(query) = parse(&state, params.query()).await? else {
        return Err(LokiError::bad_request("a query for lines is needed, not for numbers"));
    };
    let found = asked(&state, move |logs, cancel| {
        let limit = PATTERN_LINES.min(logs.engine.options().entries_max);
        let lines = Lines { range, limit, is_forward: false, is_categorized: true, interval_ns: 0 };
        let mut patterns = Patterns::new(step_ns);
        for stream in lines.find(logs, &query, cancel)?.streams {
            for entry in &stream.entries {
                let of = |labels: &Labels| LEVELS.iter().find_map(|name| labels.get(name).map(str::to_owned));
                let level = of(&entry.metadata).or_else(|| of(&stream.labels));
                patterns.add(entry.at.0, &entry.line, level.as_deref());
            }
        }
        Ok::<_, EvalError>(patterns.finish())
    });
    let shown: Vec<Value> = found
        .await?
        .into_iter()
        .map(|pattern| {
            let samples: Vec<(i64, u64)> =
                pattern.counts.into_iter().map(|(at, count)| (at.div_euclid(1_000_000_000), count)).collect();
            let mut shown = json!({ "pattern": pattern.text, "samples": samples });
            if let Some(level) = pattern.level {
                shown["level"] = json!(level);
            }
            shown
        })
        .collect();
    Ok(Json(json!({ "status": "success", "data": shown })))
}
