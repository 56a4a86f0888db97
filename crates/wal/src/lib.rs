//! A framed, checksummed, segmented log. It knows bytes, not what they mean.
//!
//! [`Wal::open`] replays what is there and reports what it kept, cut and set aside; [`Wal::append`] takes a [`Batch`] by
//! one write and syncs by [`SyncPolicy`]; [`Wal::begin_checkpoint`] lets old segments go. The format is drawn in
//! docs/formats/wal.md. Files come from `disk` alone.

mod batch;
mod checkpoint;
mod error;
mod filenames;
mod frame;
mod log;
mod metrics;
mod policy;
mod replay;
mod report;

pub use batch::Batch;
pub use checkpoint::Checkpoint;
pub use error::WalError;
pub use frame::RECORD_BYTES_MAX;
pub use log::{Options, Refusal, SEGMENT_BYTES, Wal};
pub use metrics::Metrics;
pub use policy::{DamagePolicy, ParseSyncPolicyError, SYNC_INTERVAL_MAX, SyncPolicy};
pub use replay::{Source, Visit};
pub use report::{Damage, Replay};
