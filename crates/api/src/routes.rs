//! Which path leads where, on which port.

use std::sync::Arc;

use axum::Router;
use axum::extract::RawQuery;
use axum::middleware;
use axum::response::Redirect;
use axum::routing::{MethodRouter, get, post};
use prometheus_client::registry::Registry;
use tower_http::compression::CompressionLayer;

use crate::state::ApiState;
use crate::{
    admin, alerting, alertmanager, datasources, edit, exemplars, federate, grafana, loki, management,
    metrics, query, rules, series, status, targets, ui_files, ui_query,
};

/// What answers on the Prometheus port: the API, health, self-metrics, and its old pages as links to ours.
pub fn prometheus_router(state: Arc<ApiState>, registry: Arc<Registry>, ui_url: &str) -> Router {
    let to_ui = |path: &str| {
        let target = format!("{ui_url}{path}");
        get(move || std::future::ready(Redirect::temporary(&target)))
    };
    let pages = Router::new()
        .route("/", to_ui("/"))
        .route("/graph", to_explore(ui_url))
        .route("/query", to_explore(ui_url))
        .route("/targets", to_ui("/targets"))
        .route("/alerts", to_ui("/alerts"))
        .route("/rules", to_ui("/alerts"))
        .route("/status", to_ui("/status"));
    let all = Router::new().nest("/api/v1", api_v1()).merge(port_own()).merge(pages);
    finish(all.fallback(management::not_found), state, registry)
}

/// What answers on the UI port: the pages, the API under them, Grafana's endpoints, health, self-metrics.
pub fn ui_router(state: Arc<ApiState>, registry: Arc<Registry>) -> Router {
    let grafana = Router::new()
        .route("/api/health", get(grafana::health))
        .route("/api/datasources", get(datasources::list))
        .route("/api/datasources/{id}", get(datasources::by_id))
        .route("/api/datasources/id/{name}", get(datasources::id_of))
        .route("/api/datasources/name/{name}", get(datasources::by_name))
        .route("/api/datasources/uid/{uid}", get(datasources::by_uid))
        .route("/api/datasources/uid/{uid}/health", get(datasources::health))
        .nest("/api/datasources/proxy/uid/prometheus/api/v1", api_v1())
        .nest("/api/datasources/proxy/uid/loki", loki::query_routes())
        .route("/api/search", get(grafana::search))
        .route("/api/dashboards", get(grafana::list))
        .route("/api/dashboards/uid/{uid}", get(grafana::dashboard));
    let own = Router::new()
        .route("/api/ui/query", post(ui_query::query))
        .route("/api/ui/stream", post(ui_query::live::stream))
        .route("/api/ui/parse", get(query::ui_parse).post(query::ui_parse))
        .route("/api/ui/dashboards/{uid}/panels/{id}", post(edit::panel))
        .route("/api/ui/status", get(status::ui))
        .route("/api/ui/notifications", get(alerting::notifications))
        .route("/api/ui/why", get(alerting::why::why))
        .route("/api/ui/alert-history", get(alerting::history))
        .route("/api/ui/routes", get(alerting::routes))
        .route("/api/ui/inbox", get(alerting::inbox))
        .route("/api/ui/acknowledge", post(alerting::actions::acknowledge))
        .route("/api/ui/unacknowledge", post(alerting::actions::unacknowledge))
        .route("/api/ui/test-receiver", post(alerting::actions::test_receiver))
        .route("/ui/{*path}", get(ui_files::file));
    let mut pages = Router::new();
    for path in [
        "/",
        "/dashboards",
        "/explore",
        "/targets",
        "/alerts",
        "/alerts/history",
        "/alerts/routes",
        "/silences",
        "/inbox",
        "/status",
    ] {
        pages = pages.route(path, get(ui_files::index));
    }
    for path in ["/d/{uid}", "/d/{uid}/{slug}"] {
        pages = pages.route(path, get(ui_files::dashboard));
    }
    // Prometheus' links to a graph stand in alerts and in people's notes.
    let pages = pages.route("/graph", to_explore("")).route("/query", to_explore(""));
    let all =
        Router::new().nest("/api/v1", api_v1()).merge(port_own()).merge(grafana).merge(own).merge(pages);
    let all = all.nest("/api/v2", api_v2()).merge(loki::routes()).fallback(ui_files::lost);
    finish(all, state, registry)
}

/// Prometheus' pages of a graph, with their parameters: Explore reads them.
fn to_explore(ui_url: &str) -> MethodRouter<Arc<ApiState>> {
    let target = format!("{}/explore", ui_url.trim_end_matches('/'));
    get(move |RawQuery(query): RawQuery| {
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        std::future::ready(Redirect::temporary(&format!("{target}{query}")))
    })
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
        .route(::alerting::peers::PATH, post(alertmanager::peer))
        .route("/api/v1/{*path}", get(alertmanager::gone).post(alertmanager::gone));
    finish(own.nest("/api/v2", api_v2()).fallback(management::not_found), state, registry)
}

/// What answers on the Loki port: its API, health, self-metrics.
pub fn loki_router(state: Arc<ApiState>, registry: Arc<Registry>, ui_url: &str) -> Router {
    let target = format!("{ui_url}/");
    let own = Router::new()
        .route("/", get(move || std::future::ready(Redirect::temporary(&target))))
        .route("/-/healthy", get(management::healthy))
        .route("/-/reload", post(management::reload).get(management::only_by_post));
    let own = own.merge(loki::port_own()).merge(loki::routes());
    finish(own.fallback(management::not_found), state, registry)
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
