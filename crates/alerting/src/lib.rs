//! Who is told of alerts, and when: routing, grouping, notification, by Alertmanager's file and with its texts.
//!
//! Alerts, groups and the notification log live in memory. After a restart the rules report their firing alerts anew and
//! receivers are told of them once more; an alert that ended while the program was down is not reported as resolved.
//!
//! Knows nothing of rules or of the storage behind them: alerts come in as [`model::Alert`].

pub mod config;

pub mod dispatcher;
mod fingerprint;
mod grouping;
mod log;
mod matchers;
pub mod metrics;
mod notify;
pub mod route;
pub mod silence;
mod state;
pub mod status;
mod store;

pub use config::Config;
pub use dispatcher::{Dispatcher, Options};
pub use metrics::Metrics;
pub use silence::{Silence, SilenceDraft, SilenceError, SilenceState};
pub use state::State;
pub use status::{AlertStatus, GroupStatus, NotificationRecord, Status};
