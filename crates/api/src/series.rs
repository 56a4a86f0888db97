//! `/api/v1/series`, `/labels`, `/label/{name}/values`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use columns::TimeRange;
use model::{Labels, Matcher};
use storage::{MetricQuery, QueryError, Selection};

use crate::encode;
use crate::error::ApiError;
use crate::params::Params;
use crate::run;
use crate::state::ApiState;

pub(crate) async fn series(State(state): State<Arc<ApiState>>, params: Params) -> Result<Response, ApiError> {
    let selectors = params.selectors()?;
    if selectors.is_empty() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let (range, limit) = (params.time_range()?, params.limit()?);
    let found = run::blocking(&state, move |state, _| {
        let series_max = state.engine.options().series_max;
        find_series(state.store.as_ref(), &selectors, range, series_max, limit)
    });
    let found = found.await??;
    let mut out = Vec::with_capacity(found.len() * 128);
    out.extend_from_slice(br#"{"status":"success","data":"#);
    encode::list(&mut out, found.iter(), encode::labels);
    out.push(b'}');
    Ok(([(axum::http::header::CONTENT_TYPE, "application/json")], out).into_response())
}

pub(crate) async fn label_names(
    State(state): State<Arc<ApiState>>,
    params: Params,
) -> Result<Response, ApiError> {
    list_strings(&state, &params, |store, selection| store.label_names(selection)).await
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
    list_strings(&state, &params, move |store, selection| store.label_values(&name, selection)).await
}

fn find_series(
    store: &dyn MetricQuery,
    selectors: &[Vec<Matcher>],
    range: TimeRange,
    series_max: usize,
    limit: Option<usize>,
) -> Result<Vec<Labels>, QueryError> {
    let mut found = BTreeSet::new();
    for matchers in selectors {
        let set = store.select(&Selection { matchers, range, series_max })?;
        found.extend((0..set.len()).map(|i| set.labels(i)));
    }
    Ok(found.into_iter().take(limit.unwrap_or(usize::MAX)).collect())
}

async fn list_strings(
    state: &Arc<ApiState>,
    params: &Params,
    list: impl Fn(&dyn MetricQuery, &Selection<'_>) -> Result<Vec<String>, QueryError> + Send + 'static,
) -> Result<Response, ApiError> {
    let (mut selectors, range, limit) = (params.selectors()?, params.time_range()?, params.limit()?);
    if selectors.is_empty() {
        selectors.push(Vec::new());
    }
    let found = run::blocking(state, move |state, _| {
        let series_max = state.engine.options().series_max;
        let mut found = BTreeSet::new();
        for matchers in &selectors {
            found.extend(list(state.store.as_ref(), &Selection { matchers, range, series_max })?);
        }
        Ok::<_, QueryError>(found)
    });
    let found = found.await??;
    Ok(encode::success(found.into_iter().take(limit.unwrap_or(usize::MAX)).collect::<Vec<_>>()))
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
