//! Log storage: a write-ahead log, lines in memory by stream, and files of packed chunks, behind the ports of `storage`.
//!
//! A push is judged by Loki's limits (`limits`), encoded (`record`), appended to the log (`wal`), put into the buffers of its
//! streams (`stream`, `buffer`) and acknowledged, in this order (`push`). A full buffer is packed into a chunk (`chunk`) with a filter over
//! what its lines contain (`filter`); chunks of many streams become a file (`file`, `flush`). A replay of the log builds
//! the buffers again (`replay`); a checkpoint lets old segments go (`checkpoint`); what is too old or too much leaves
//! (`retention`), and so does what was deleted (`delete`, `erase`). A line that is there already is not taken twice (`repeats`), neither from a sender nor from the log. Queries
//! find streams through postings and read parts of them that don't overlap (`parts`, `query`). Formats: docs/formats/logs.md.

mod background;
mod buffer;
mod checkpoint;
mod chunk;
mod codec;
mod db;
mod delete;
mod erase;
mod error;
mod file;
mod filenames;
mod files;
mod filter;
mod flush;
mod follow;
#[doc(hidden)]
pub mod fuzz;
mod head;
mod limits;
mod metrics;
mod options;
mod parts;
mod push;
mod query;
mod rate;
mod read;
mod record;
mod refused;
mod repeats;
mod replay;
mod retention;
mod status;
mod stream;

pub use db::Db;
pub use delete::{DeleteError, DeleteRequest, DeleteStatus, HeldDelete, LineTest};
pub use error::LogdbError;
pub use metrics::Metrics;
pub use options::{LINE_BYTES_MAX, Limits, Maintenance, Options, Storage, StreamRetention};
pub use refused::RefusedLately;
pub use status::{LogStatus, RecoveryReport};
pub use wal::{Damage, DamagePolicy, SyncPolicy};

pub(crate) const NS_PER_MS: i64 = 1_000_000;
