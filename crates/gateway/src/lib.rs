//! The gateway: routes requests by path to upstreams, balances over their backends, hides a backend's death.
//!
//! Knows HTTP and its own `gateway.yml`; knows nothing of orders, of metrics' storage, or of who starts it.

mod answer;
mod balance;
mod body;
mod config;
mod forward;
mod headers;
mod health;
mod metrics;
mod route;
mod run;

pub use config::{BackendConfig, ConfigProblem, GatewayConfig, HealthConfig, RouteConfig, UpstreamConfig};
pub use metrics::Metrics;
pub use run::{Options, Running, StartError, start};
