//! Scraping: finds targets, asks them for their metrics at their times, relabels, marks what ends, and hands all of it
//! to the append port.
//!
//! Knows HTTP through `net` and formats through `exposition`. Does not know who stores.

mod addresses;
#[doc(hidden)]
pub mod bench;
pub mod config;
mod discovery;
mod fetch;
mod ingest;
mod manager;
mod metrics;
mod pool;
pub mod relabel;
mod scrape_loop;
mod status;
mod target;
mod timing;

pub use crate::addresses::Addresses;
pub use crate::config::{Job, resolve};
pub use manager::ScrapeManager;
pub use metrics::Metrics;
pub use status::{DroppedTarget, Health, TargetMetadata, TargetStatus, TargetsStatus};
