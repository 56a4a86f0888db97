//! `/api/v1/query`, `/query_range`, `/format_query`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use columns::Steps;
use model::TimestampMs;
use promql::ValueKind;

use crate::encode;
use crate::error::ApiError;
use crate::params::Params;
use crate::run;
use crate::state::ApiState;

/// Points of one series in one answer; Prometheus' own limit.
pub(crate) const POINTS_MAX: i64 = 11_000;

pub(crate) async fn instant(
    State(state): State<Arc<ApiState>>,
    params: Params,
) -> Result<Response, ApiError> {
    let at = params.time_or("time", TimestampMs(state.clock.now_ms()))?;
    let limit = params.limit()?;
    let lookback = params.duration_if("lookback_delta")?;
    let query = promql::parse(params.get("query").unwrap_or_default())?;
    let steps = Steps::instant(at);
    let answer = run::eval_at(&state, query, at, lookback).await?;
    Ok(encode::answer(answer, &steps, false, limit))
}

pub(crate) async fn range(State(state): State<Arc<ApiState>>, params: Params) -> Result<Response, ApiError> {
    let (steps, end) = range_steps(&params)?;
    let limit = params.limit()?;
    let lookback = params.duration_if("lookback_delta")?;
    let query = promql::parse(params.get("query").unwrap_or_default())?;
    require_range_kind(query.kind())?;
    let answer = run::eval_until(&state, query, steps, end, lookback).await?;
    Ok(encode::answer(answer, &steps, true, limit))
}

pub(crate) async fn format(params: Params) -> Result<Response, ApiError> {
    Ok(encode::success(promql::parse(params.get("query").unwrap_or_default())?.to_string()))
}

/// The steps, and the end as asked for, which may lie after the last of them.
fn range_steps(params: &Params) -> Result<(Steps, TimestampMs), ApiError> {
    let (start, end) = (params.time("start")?, params.time("end")?);
    if end < start {
        return Err(ApiError::parameter("end", "end timestamp must not be before start time"));
    }
    let step = params.duration("step")?;
    if step.0 <= 0 {
        let cause = "zero or negative query resolution step widths are not accepted. Try a positive integer";
        return Err(ApiError::parameter("step", cause));
    }
    if end.0.saturating_sub(start.0) / step.0 > POINTS_MAX {
        return Err(ApiError::bad_data(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ));
    }
    Ok((Steps::range(start, end, step.0), end))
}

/// Only what has one value a step can be asked for over a range.
pub(crate) fn require_range_kind(kind: ValueKind) -> Result<(), ApiError> {
    let name = match kind {
        ValueKind::Scalar | ValueKind::Vector => return Ok(()),
        ValueKind::Matrix => "range vector",
        ValueKind::String => "string",
    };
    let cause =
        format!("invalid expression type \"{name}\" for range query, must be Scalar or instant Vector");
    Err(ApiError::parameter("query", cause))
}
