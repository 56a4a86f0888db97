//! Log shipping: tails files as a Promtail configuration says, runs their lines through its pipeline stages, and pushes
//! them to Loki's push API, at least once.
//!
//! A line's way: [`tail`] reads it, [`stages`] change, hold or drop it, [`batch`] collects it, [`buffer`] keeps the batch
//! on disk together with the positions that come after it, [`send`] delivers it. A position moves only with a batch that
//! lies in the buffer, so that no kill loses a line; a batch that is sent again holds the same times, so that the store
//! recognises its lines. When the buffer is full reading stops, until there is room again: files wait where they are.
//!
//! Knows HTTP as a client. Does not know who receives, and writes nothing but its positions and its buffer.

mod batch;
mod buffer;
mod config;
mod dry_run;
mod entry;
#[doc(hidden)]
pub mod fuzz;
mod metrics;
mod pages;
mod positions;
mod run;
mod send;
mod stages;
mod tail;

pub use config::{ReadOptions, Settings};
pub use dry_run::dry_run;
pub use run::{BufferOptions, Running, Shipper, StartError};
