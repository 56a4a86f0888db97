//! Which path leads where, on which port.

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::response::Redirect;
use axum::routing::{get, post};
use prometheus_client::registry::Registry;
use tower_http::compression::CompressionLayer;

use crate::state::ApiState;
use crate::{
    admin, alerting, alertmanager, exemplars, federate, grafana, loki, management, metrics, query, rules,
    series, status, targets, ui_files, ui_query,
};

/// What answers on the Prometheus port: the API, health, self-metrics, and its old pages as links to ours.
pub fn prometheus_router(state: Arc<ApiState>, registry: Arc<Registry>, ui_url: &str) -> Router {
    let to_ui = |path: &str| {
        let target = format!("{ui_url}{path}");
        get(move || std::future::ready(Redirect::temporary(&target)))
    };
    let pages = Router::new()
        .route("/", to_ui("/"))
        .route("/graph", to_ui("/"))
        .route("/query", to_ui("/"))
        .route("/targets", to_ui("/targets"))
        .route("/alerts", to_ui("/alerts"))
        .route("/rules", to_ui("/alerts"))
        .route("/status", to_ui("/status"));
    finish(Router::new().nest("/api/v1", api_v1()).merge(port_own()).merge(pages), state, registry)
}

/// What answers on the UI port: the pages, the API under them, Grafana's endpoints, health, self-metrics.
pub fn ui_router(state: Arc<ApiState>, registry: Arc<Registry>) -> Router {
    let grafana = Router::new()
        .route("/api/health", get(grafana::health))
        .route("/api/datasources", get(grafana::datasources))
        .route("/api/search", get(grafana::search))
        .route("/api/dashboards", get(grafana::list))
        .route("/api/dashboards/uid/{uid}", get(grafana::dashboard));
    let own = Router::new()
        .route("/api/ui/query", post(ui_query::query))
        .route("/api/ui/status", get(status::ui))
        .route("/api/ui/notifications", get(alerting::notifications))
        .route("/ui/{*path}", get(ui_files::file));
    let mut pages = Router::new();
    for path in ["/", "/dashboards", "/d/{uid}", "/d/{uid}/{slug}", "/targets", "/alerts", "/status"] {
        pages = pages.route(path, get(ui_files::index));
    }
    let all =
        Router::new().nest("/api/v1", api_v1()).merge(port_own()).merge(grafana).merge(own).merge(pages);
    let all = all.nest("/api/v2", api_v2()).merge(loki::routes());
    finish(all, state, registry)
}

/// What answers on the Alertmanager port: its API, health, reload, and its old pages as links to ours.
pub fn alertmanager_router(state: Arc<ApiState>, registry: Arc<Registry>, ui_url: &str) -> Router {
    let to_ui = |path: &str| {
        let target = format!("{ui_url}{path}");
        get(move || std::future::ready(Redirect::temporary(&target)))
    };
    let own = Router::new()
        .route("/", to_ui("/alerts"))
        .route("/-/healthy", get(|| std::future::ready("OK")))
        .route("/-/ready", get(|| std::future::ready("OK")))
        .route("/-/reload", post(management::reload).get(management::only_by_post))
        .route("/api/v1/{*path}", get(alertmanager::gone).post(alertmanager::gone));
    finish(own.nest("/api/v2", api_v2()), state, registry)
}

/// What answers on the Loki port: its API, health, self-metrics.
pub fn loki_router(state: Arc<ApiState>, registry: Arc<Registry>, ui_url: &str) -> Router {
    let target = format!("{ui_url}/");
    let own = Router::new()
        .route("/", get(move || std::future::ready(Redirect::temporary(&target))))
        .route("/-/healthy", get(management::healthy))
        .route("/-/reload", post(management::reload).get(management::only_by_post));
    finish(own.merge(loki::port_own()).merge(loki::routes()), state, registry)
}

fn api_v2() -> Router<Arc<ApiState>> {
    Router::new()
        .route("/status", get(alertmanager::status))
        .route("/receivers", get(alertmanager::receivers))
        .route("/alerts", get(alertmanager::alerts).post(alertmanager::post_alerts))
        .route("/alerts/groups", get(alertmanager::groups))
        .route("/silences", get(alertmanager::silences).post(alertmanager::post_silence))
        .route("/silence/{id}", get(alertmanager::silence).delete(alertmanager::expire_silence))
}

fn finish(router: Router<Arc<ApiState>>, state: Arc<ApiState>, registry: Arc<Registry>) -> Router {
    let counted = middleware::from_fn_with_state(state.metrics.clone(), metrics::count);
    router
        .route_layer(counted)
        .fallback(management::not_found)
        .with_state(state)
        .merge(net::metrics::route(registry))
        .layer(middleware::from_fn(crate::cors::allow))
        .layer(CompressionLayer::new())
}

/// What belongs to each port.
fn port_own() -> Router<Arc<ApiState>> {
    Router::new()
        .route("/-/healthy", get(management::healthy))
        .route("/-/ready", get(management::ready))
        .route("/health", get(management::healthy))
        .route("/-/reload", post(management::reload).put(management::reload).get(management::only_by_post))
        .route("/-/quit", post(management::quit).put(management::quit).get(management::only_by_post))
        .route("/federate", get(federate::federate))
}

fn api_v1() -> Router<Arc<ApiState>> {
    Router::new()
        .route("/query", get(query::instant).post(query::instant))
        .route("/query_range", get(query::range).post(query::range))
        .route("/query_exemplars", get(exemplars::exemplars).post(exemplars::exemplars))
        .route("/parse_query", get(query::parse).post(query::parse))
        .route("/format_query", get(query::format).post(query::format))
        .route("/series", get(series::series).post(series::series))
        .route("/labels", get(series::label_names).post(series::label_names))
        .route("/label/{name}/values", get(series::label_values))
        .route("/targets", get(targets::targets))
        .route("/targets/metadata", get(targets::target_metadata))
        .route("/scrape_pools", get(targets::scrape_pools))
        .route("/metadata", get(targets::metadata))
        .route("/rules", get(rules::rules))
        .route("/alerts", get(rules::alerts))
        .route("/alertmanagers", get(rules::alertmanagers))
        .route("/status/buildinfo", get(status::buildinfo))
        .route("/status/runtimeinfo", get(status::runtimeinfo))
        .route("/status/config", get(status::config))
        .route("/status/flags", get(status::flags))
        .route("/status/tsdb", get(status::tsdb))
        .route("/status/tsdb/blocks", get(status::blocks))
        .route("/status/walreplay", get(status::walreplay))
        .route("/notifications", get(status::notifications))
        .route("/admin/tsdb/delete_series", post(admin::delete_series).put(admin::delete_series))
        .route("/admin/tsdb/clean_tombstones", post(admin::clean_tombstones).put(admin::clean_tombstones))
        .route("/admin/tsdb/snapshot", post(admin::snapshot).put(admin::snapshot))
}
