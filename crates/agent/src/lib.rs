//! The agent: what a host, its control groups, chosen processes and database servers use, under the names that
//! node_exporter, cAdvisor, process-exporter, mysqld_exporter and postgres_exporter gave to the world.
//!
//! Reads `/proc` and `/sys` and asks databases at each scrape, and keeps nothing but what a counter needs to be monotone.
//! Knows HTTP on its own ports; knows nothing of who scrapes, of storage, or of the lab but the shape of `endpoints.json`.
#![deny(clippy::indexing_slicing, clippy::string_slice)]

mod cgroups;
mod collectors;
mod databases;
mod files;
mod host;
mod own;
mod processes;
mod run;
mod text;
mod write;

pub use databases::{DatabaseUrl, Engine, UrlError};
pub use files::Roots;
pub use run::{Beside, DatabaseOptions, Options, Running, start};
