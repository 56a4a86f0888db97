//! `/api/v1/query`, `/query_range`, `/format_query`, `/parse_query`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use columns::Steps;
use model::TimestampMs;
use promql::ValueKind;
use serde_json::{Value, json};

use crate::encode::{self, Form};
use crate::error::ApiError;
use crate::measured::Wanted;
use crate::params::Params;
use crate::run::{self, Question};
use crate::state::ApiState;
use crate::{syntax, ui_query};

/// Points of one series in one answer; Prometheus' own limit.
pub(crate) const POINTS_MAX: i64 = 11_000;

pub(crate) async fn instant(
    State(state): State<Arc<ApiState>>,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = params.limit()?;
    let at = params.time_or("time", TimestampMs(state.clock.now_ms()))?;
    answer(&state, &params, Steps::instant(at), None, Form { limit, ..Form::default() }).await
}

pub(crate) async fn range(State(state): State<Arc<ApiState>>, params: Params) -> Result<Response, ApiError> {
    let limit = params.limit()?;
    let (steps, end) = range_steps(&params)?;
    answer(&state, &params, steps, Some(end), Form { range: true, limit, ..Form::default() }).await
}

async fn answer(
    state: &Arc<ApiState>,
    params: &Params,
    steps: Steps,
    end: Option<TimestampMs>,
    mut form: Form,
) -> Result<Response, ApiError> {
    let timeout = params.duration_if("timeout")?;
    let lookback = params.lookback()?;
    let stats = stats(params, &mut form.warnings);
    let query = run::parse(state, params.get("query").unwrap_or_default()).await??;
    if form.range {
        require_range_kind(query.kind())?;
    }
    let question = Question { query, steps, end, lookback, timeout, stats };
    let (answer, stats) = run::eval(state, question).await?;
    form.stats = stats;
    Ok(encode::answer(answer, steps, form))
}

/// Which statistics are asked for; a word that is none of Prometheus' counts as `true`, and is warned of.
fn stats(params: &Params, warnings: &mut Vec<String>) -> Wanted {
    match params.get("stats") {
        None => Wanted::Nothing,
        Some("all") => Wanted::PerStep,
        Some("true") => Wanted::Totals,
        Some(other) => {
            warnings.push(format!("unknown value {other:?} of parameter \"stats\": taken as \"true\""));
            Wanted::Totals
        }
    }
}

pub(crate) async fn format(State(state): State<Arc<ApiState>>, params: Params) -> Result<Response, ApiError> {
    let query = run::parse(&state, params.get("query").unwrap_or_default()).await??;
    Ok(encode::success(promql::pretty(&query)))
}

pub(crate) async fn parse(State(state): State<Arc<ApiState>>, params: Params) -> Result<Response, ApiError> {
    let query = run::parse(&state, params.get("query").unwrap_or_default()).await??;
    let tree: Value = syntax::tree(&query);
    Ok(encode::success(tree))
}

/// `/api/ui/parse`: what an editor wants to know of a query while it is typed: what it evaluates to, or what is wrong and where.
pub(crate) async fn ui_parse(
    State(state): State<Arc<ApiState>>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let query = params.get("query").unwrap_or_default();
    match params.get("language") {
        None | Some("promql") => {}
        Some("logql") => return ui_query::lines::explained(&state, query).await.map(Json),
        Some(other) => {
            return Err(ApiError::parameter("language", format!("{other:?} is neither promql nor logql")));
        }
    }
    Ok(Json(match run::parse(&state, query).await? {
        Ok(query) => json!({ "kind": query.kind().as_str() }),
        Err(error) => json!({ "error": ui_query::parse_error(&error) }),
    }))
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
    if matches!(kind, ValueKind::Scalar | ValueKind::Vector) {
        return Ok(());
    }
    let name = kind.documented();
    let cause =
        format!("invalid expression type \"{name}\" for range query, must be Scalar or instant Vector");
    Err(ApiError::parameter("query", cause))
}
