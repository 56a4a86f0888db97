//! `/api/v1/series`, `/labels`, `/label/{name}/values`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use columns::TimeRange;
use model::Labels;
use promql::{Cancel, EvalError};
use storage::{MetricQuery, QueryError, Selection};

use crate::error::ApiError;
use crate::params::Params;
use crate::run;
use crate::state::ApiState;
use crate::{encode, json};

pub(crate) async fn series(State(state): State<Arc<ApiState>>, params: Params) -> Result<Response, ApiError> {
    let limit = params.limit()?;
    let range = params.time_range()?;
    if params.all("match[]").next().is_none() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let found = run::blocking(&state, move |state, cancel| find_series(state, &params, range, limit, cancel));
    Ok(encode::success_list(found.await??, limit, |out, labels| json::labels(out, &labels)))
}

pub(crate) async fn label_names(
    State(state): State<Arc<ApiState>>,
    params: Params,
) -> Result<Response, ApiError> {
    list_strings(&state, params, |store, selection| store.label_names(selection)).await
}

pub(crate) async fn label_values(
    State(state): State<Arc<ApiState>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    let name = unescape(&name);
    if name.is_empty() {
        return Err(ApiError::bad_data(format!("invalid label name: {name:?}")));
    }
    list_strings(&state, params, move |store, selection| store.label_values(&name, selection)).await
}

fn find_series(
    state: &ApiState,
    params: &Params,
    range: TimeRange,
    limit: Option<usize>,
    cancel: &Cancel,
) -> Result<Vec<Labels>, ApiError> {
    let series_max = state.engine.options().series_max;
    let mut found = BTreeSet::new();
    for matchers in &params.selectors()? {
        if cancel.is_cancelled() {
            return Err(EvalError::Canceled.into());
        }
        let set = state.store.select(&Selection { matchers, range, series_max })?;
        // Sets are sorted: of each only the first can be among the first of all. One more tells that some were cut.
        let wanted = set.len().min(limit.map_or(usize::MAX, |limit| limit.saturating_add(1)));
        found.extend((0..wanted).map(|i| set.labels(i)));
    }
    Ok(found.into_iter().collect())
}

async fn list_strings(
    state: &Arc<ApiState>,
    params: Params,
    list: impl Fn(&dyn MetricQuery, &Selection<'_>) -> Result<Vec<String>, QueryError> + Send + 'static,
) -> Result<Response, ApiError> {
    let (range, limit) = (params.time_range()?, params.limit()?);
    let found = run::blocking(state, move |state, cancel| {
        let mut selectors = params.selectors()?;
        if selectors.is_empty() {
            selectors.push(Vec::new());
        }
        let series_max = state.engine.options().series_max;
        let mut found = BTreeSet::new();
        for matchers in &selectors {
            if cancel.is_cancelled() {
                return Err(EvalError::Canceled.into());
            }
            found.extend(list(state.store.as_ref(), &Selection { matchers, range, series_max })?);
        }
        Ok::<_, ApiError>(found.into_iter().collect())
    });
    Ok(encode::success_list(found.await??, limit, |out, text: String| json::string(out, &text)))
}

/// Undoes the "values" escaping by which clients put UTF-8 names into a path: `U__http_2e_status` is `http.status`.
fn unescape(name: &str) -> String {
    let Some(mut rest) = name.strip_prefix("U__") else { return name.to_owned() };
    let mut out = String::new();
    while let Some(at) = rest.find('_') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(tail) = rest.strip_prefix('_') {
            out.push('_');
            rest = tail;
            continue;
        }
        let code = rest
            .split_once('_')
            .and_then(|(hex, tail)| Some((char::from_u32(u32::from_str_radix(hex, 16).ok()?)?, tail)));
        // Not an escape after all: the name is meant as it stands.
        let Some((character, tail)) = code else { return name.to_owned() };
        out.push(character);
        rest = tail;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_names_are_read() {
        for (escaped, name) in [
            ("job", "job"),
            ("U__http_2e_status__code", "http.status_code"),
            ("U__a_zz_", "U__a_zz_"),
            ("U__plain", "plain"),
            ("U__ends_", "U__ends_"),
        ] {
            assert_eq!(unescape(escaped), name);
        }
    }
}
