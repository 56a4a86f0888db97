//! `/api/v1/query_exemplars`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use columns::TimeRange;
use model::float::write_float;
use model::{Matcher, TimestampMs};
use storage::{Exemplar, SeriesExemplars};

use crate::encode;
use crate::error::ApiError;
use crate::json::{labels, list, timestamp};
use crate::params::Params;
use crate::run;
use crate::state::ApiState;

/// Exemplars of all series that a selector of the query names, whatever the query makes of them; its offsets and `@` do
/// not count.
pub(crate) async fn exemplars(
    State(state): State<Arc<ApiState>>,
    params: Params,
) -> Result<Response, ApiError> {
    let from = params.time_or("start", TimestampMs(i64::MIN))?;
    let to = params.time_or("end", TimestampMs(i64::MAX))?;
    if to < from {
        return Err(ApiError::bad_data("end timestamp must not be before start timestamp"));
    }
    let parsed = run::parse(&state, params.get("query").unwrap_or_default()).await?;
    let query = parsed.map_err(|error| ApiError::bad_data(error.to_string()))?;
    let mut selectors: Vec<Vec<Matcher>> = Vec::new();
    query.for_each_selector(&mut |selector| selectors.push(selector.matchers.clone()));
    if selectors.is_empty() {
        return Ok(encode::success_without_data());
    }
    let range = TimeRange { from, to };
    let found = run::blocking(&state, move |state, _| state.exemplars.exemplars(&selectors, range)).await??;
    Ok(encode::success_list(found, None, |out, series| one_series(out, &series)))
}

fn one_series(out: &mut Vec<u8>, found: &SeriesExemplars) {
    out.extend_from_slice(br#"{"seriesLabels":"#);
    labels(out, &found.series);
    out.extend_from_slice(br#","exemplars":"#);
    list(out, found.exemplars.iter(), one);
    out.push(b'}');
}

fn one(out: &mut Vec<u8>, exemplar: &Exemplar) {
    out.extend_from_slice(br#"{"labels":"#);
    labels(out, &exemplar.labels);
    out.extend_from_slice(br#","value":""#);
    write_float(out, exemplar.value);
    out.extend_from_slice(br#"","timestamp":"#);
    timestamp(out, exemplar.at.0);
    out.push(b'}');
}
