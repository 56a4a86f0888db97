//! The monitor as a whole: configuration, and the order in which its parts start, reload and stop.
//!
//! Knows everything of the product, and no flag and no exit code.

mod admin;
mod builtin;
mod config;
mod config_loki;
mod config_storage;
mod core;
mod handover;
mod logs;
mod monitor;
mod past;
mod queries;
pub mod tools;

pub use config::{ConfigPaths, LoadError, check};
pub use monitor::{Monitor, Options, StartError};
pub use past::{RemotePast, StoredPast};
pub use queries::{Feature, QueryOptions};
pub use tsdb::SyncPolicy;
