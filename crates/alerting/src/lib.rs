//! Who is told of alerts, and when: routing, grouping, notification, by Alertmanager's file and with its texts.
//!
//! Alerts, groups and timers live in memory; what must survive a restart is kept by [`state`]: nobody is told twice of
//! one incident, and who was told of its beginning is told of its end.
//!
//! Knows nothing of rules or of the storage behind them: alerts come in as [`model::Alert`].

pub mod alertmanagers;
pub mod config;

pub mod dispatcher;
mod fingerprint;
mod grouping;
mod inhibit;
mod intervals;
pub mod ledger;
mod log;
mod matchers;
pub mod metrics;
mod notify;
pub mod peers;
pub mod route;
pub mod silence;
pub mod state;
pub mod status;
mod store;
pub mod template;
pub mod why;

use std::sync::Arc;

pub use config::Config;
pub use dispatcher::{Dispatcher, History, Options, PeerError, TestError, Tested};
pub use matchers::parse as parse_matchers;
pub use metrics::Metrics;
pub use silence::{Silence, SilenceDraft, SilenceError, SilenceState};
pub use state::State;
pub use status::{Ack, AlertStatus, GroupStatus, NotificationRecord, Status};

/// Counts of the log that the ledger is written to, for [`State::open`].
pub fn ledger_metrics(registry: &mut prometheus_client::registry::Registry) -> Arc<wal::Metrics> {
    Arc::new(wal::Metrics::new(registry.sub_registry_with_prefix("watchfire_alerting_ledger")))
}
