//! Recording and alerting rules: read from Prometheus' rule files, evaluated on schedule, written back as series, and
//! told to an [`AlertSink`].
//!
//! Holds the storage ports and the metric language, and knows no engine behind them, no HTTP, and nothing of how people
//! are told of alerts.

pub mod backfill;
pub mod backtest;
mod book;
pub mod check;
pub mod error;
pub mod evaluate;
pub mod file;
pub mod files;
mod group;
pub mod manager;
mod memory;
pub mod metrics;
mod order;
pub mod past;
#[cfg(test)]
mod peer;
mod position;
mod restore;
pub mod rule;
mod schedule;
#[cfg(test)]
mod shipped;
#[cfg(test)]
mod simulation;
pub mod slo;
pub mod status;
pub mod template;
#[cfg(test)]
mod testing;
pub mod unittest;
mod write;

pub use error::RulesError;
pub use evaluate::{EngineEvaluator, Evaluate};
pub use file::{Groups, RuleFile};
pub use manager::{AlertSink, Backfill, Manager, ManagerOptions, Ports};
pub use metrics::Metrics;
pub use status::{AlertStatus, AlertingStatus, GroupStatus, Health, RuleStatus};
