//! The agent: what a host, its control groups and chosen processes use, under the names that node_exporter, cAdvisor
//! and process-exporter gave to the world.
//!
//! Reads `/proc` and `/sys` at each scrape and keeps nothing but what a counter needs to be monotone. Knows HTTP on its
//! own port; knows nothing of who scrapes, of storage, or of the lab but the shape of `endpoints.json`.
#![deny(clippy::indexing_slicing, clippy::string_slice)]

mod cgroups;
mod collectors;
mod files;
mod host;
mod own;
mod processes;
mod run;
mod text;
mod write;

pub use files::Roots;
pub use run::{Options, Running, start};
