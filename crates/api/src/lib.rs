//! The HTTP face of the monitor: Prometheus' API, Grafana's few endpoints, our own for the user interface.
//!
//! Routes, wire shapes and the map from errors to status live here and nowhere else. Knows ports and services, never
//! the engine behind them.

mod admin;
mod alerting;
mod alertmanager;
mod cors;
mod datasources;
mod edit;
mod encode;
mod error;
mod exemplars;
mod federate;
mod grafana;
mod json;
mod loki;
mod management;
mod measured;
mod metrics;
mod params;
mod query;
mod routes;
mod rules;
mod run;
mod series;
mod state;
mod status;
mod stream;
mod syntax;
mod targets;
mod ui_files;
mod ui_page;
mod ui_query;
mod ui_slim;

pub use loki::{Cancelled, LinesRefused, LogAdmin, LogDeletion, LogDiscovery, LogStoreStatus, Logs};
pub use metrics::ApiMetrics;
pub use routes::{alertmanager_router, loki_router, prometheus_router, ui_router};
pub use state::{
    Admin, ApiState, EditRule, Facts, Ranking, Recovery, RuleGroups, Runtime, Services, StoreBlock,
    StoreRankings, StoreRefusal, StoreStatus, Targets,
};
