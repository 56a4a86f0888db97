//! `global` and `scrape_configs` of a `prometheus.yml`: read as written, then resolved into [`crate::Job`]s.
//!
//! Every setting that Prometheus knows is known here by name. What this program cannot do is refused with its place,
//! never passed over; only settings without effect on a text exposition are accepted and said aloud.

mod alertmanager;
mod global;
mod http;
mod job;
mod protocol;
mod resolve;

pub use alertmanager::{AlertingConfig, AlertmanagerSet, Alertmanagers};
pub use global::{GlobalConfig, expand_env};
pub use http::{Auth, AuthorizationConfig, BasicAuthConfig, HttpHeaderConfig};
pub use job::{FileSdConfig, HttpSdConfig, ScrapeConfig, StaticConfig};
pub(crate) use protocol::format_of;
pub use resolve::{Job, Limits, resolve};
