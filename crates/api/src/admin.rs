//! `/api/v1/admin/tsdb/*`: deleting, cleaning up and copying, where it was allowed at start.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use crate::encode;
use crate::error::{ApiError, ErrorKind};
use crate::params::Params;
use crate::run;
use crate::state::{Admin, ApiState};

pub(crate) async fn delete_series(
    State(state): State<Arc<ApiState>>,
    params: Params,
) -> Result<StatusCode, ApiError> {
    let admin = allowed(&state)?;
    if params.all("match[]").next().is_none() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let range = params.time_range()?;
    let deleted = run::blocking(&state, move |_, _| {
        let selectors = params.selectors()?;
        selectors.iter().try_for_each(|matchers| admin.delete(matchers, range)).map_err(failed)
    });
    deleted.await??;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn clean_tombstones(State(state): State<Arc<ApiState>>) -> Result<StatusCode, ApiError> {
    let admin = allowed(&state)?;
    run::blocking(&state, move |_, _| admin.clean_tombstones()).await?.map_err(failed)?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn snapshot(
    State(state): State<Arc<ApiState>>,
    params: Params,
) -> Result<Response, ApiError> {
    let admin = allowed(&state)?;
    let skip_head = skip_head(&params)?;
    let name = run::blocking(&state, move |_, _| admin.snapshot(skip_head)).await?.map_err(failed)?;
    Ok(encode::success(json!({ "name": name })))
}

fn allowed(state: &ApiState) -> Result<Arc<dyn Admin>, ApiError> {
    let disabled = || ApiError { kind: ErrorKind::Disabled, message: "admin APIs disabled".to_owned() };
    state.admin.clone().ok_or_else(disabled)
}

/// Whoever may do these things may know why they failed.
fn failed(cause: String) -> ApiError {
    tracing::error!(cause, "an admin request failed");
    ApiError { kind: ErrorKind::Internal, message: cause }
}

/// Go's words for true and false, as upstream.
fn skip_head(params: &Params) -> Result<bool, ApiError> {
    match params.get("skip_head") {
        None | Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some(other) => Err(ApiError::parameter(
            "skip_head",
            format!("unable to parse boolean: strconv.ParseBool: parsing {other:?}: invalid syntax"),
        )),
    }
}
