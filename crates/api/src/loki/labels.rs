//! Names and values of labels, and streams by their labels.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use logql::EvalError;
use model::{Labels, Matcher};
use storage::{LogSelection, NsRange};

use super::asked;
use super::error::LokiError;
use super::params::{LokiParams, METADATA_SINCE_NS};
use crate::state::ApiState;
use crate::{encode, json, stream};

/// The matchers of `query`, none when it is not given.
fn matchers(params: &LokiParams) -> Result<Vec<Matcher>, LokiError> {
    match params.get("query") {
        None => Ok(Vec::new()),
        Some(query) => Ok(logql::parse_matchers(query)?),
    }
}

pub(crate) async fn names(
    State(state): State<Arc<ApiState>>,
    params: LokiParams,
) -> Result<Response, LokiError> {
    let (range, matchers) = (params.range(&state, METADATA_SINCE_NS)?, matchers(&params)?);
    let names = asked(&state, move |logs, _| {
        let streams_max = logs.engine.options().streams_max;
        Ok(logs.query.label_names(&LogSelection { matchers: &matchers, range, streams_max })?)
    });
    Ok(encode::success(names.await?))
}

pub(crate) async fn values(
    State(state): State<Arc<ApiState>>,
    Path(name): Path<String>,
    params: LokiParams,
) -> Result<Response, LokiError> {
    let (range, matchers) = (params.range(&state, METADATA_SINCE_NS)?, matchers(&params)?);
    let values = asked(&state, move |logs, _| {
        let streams_max = logs.engine.options().streams_max;
        Ok(logs.query.label_values(&name, &LogSelection { matchers: &matchers, range, streams_max })?)
    });
    Ok(encode::success(values.await?))
}

pub(crate) async fn series(
    State(state): State<Arc<ApiState>>,
    params: LokiParams,
) -> Result<Response, LokiError> {
    let range = params.range(&state, METADATA_SINCE_NS)?;
    let given = params.0.all("match[]").chain(params.0.all("match"));
    let selectors: Vec<Vec<Matcher>> = given.map(logql::parse_matchers).collect::<Result<_, _>>()?;
    if selectors.is_empty() {
        return Err(LokiError::bad_request("0 matchers passed, at least one is needed: match[]={app=\"x\"}"));
    }
    let found = asked(&state, move |logs, _| {
        let mut all = BTreeSet::new();
        for matchers in &selectors {
            all.extend(streams(logs, matchers, range)?);
        }
        Ok(all)
    });
    let rows = stream::items(found.await?.into_iter(), |out, labels: Labels| json::labels(out, &labels));
    Ok(stream::json(stream::between(br#"{"status":"success","data":["#.to_vec(), rows, b"]}".to_vec())))
}

/// Labels of the streams that have a line in a span.
fn streams(logs: &super::Logs, matchers: &[Matcher], range: NsRange) -> Result<Vec<Labels>, EvalError> {
    let streams_max = logs.engine.options().streams_max;
    let set = logs.query.select(&LogSelection { matchers, range, streams_max })?;
    let with_lines = (0..set.len()).filter(|stream| !set.parts(*stream).is_empty());
    Ok(with_lines.map(|stream| set.labels(stream).clone()).collect())
}
