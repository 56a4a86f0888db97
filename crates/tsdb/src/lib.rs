//! Metrics storage: a write-ahead log and a head in memory, behind the ports of `storage`.
//!
//! A commit is encoded (`record`), appended to the log (`wal`), applied to the chunks of its series (`series`, `xor`) and
//! acknowledged, in this order (`appender`). Finished chunks leave memory for files (`spill`). Queries find series through
//! postings (crate `postings`) and decode copies of their chunks (`taken`, `query`). A replay of the log builds the head again (`replay`); a checkpoint lets old segments go
//! (`checkpoint`); what is too old or too much leaves (`retention`). Formats: docs/formats/records.md, spill.md and wal.md.
//!
//! Every two hours a block is cut from the head (`cut`) and written to disk (`block`); blocks are compacted (`compaction`)
//! and leave by age and size (`block_retention`). A query sees blocks and head as one (`merged`, `timeline`). Formats:
//! docs/formats/block.md and chunks.md.

mod appender;
mod background;
#[doc(hidden)]
pub mod bench;
mod bits;
mod block;
mod block_metrics;
mod block_retention;
mod blocks;
mod cardinality;
mod checkpoint;
mod checkpoint_record;
mod compaction;
mod cut;
mod db;
mod delete;
mod error;
mod exemplar_record;
mod exemplars;
mod filenames;
#[doc(hidden)]
pub mod fuzz;
mod head;
mod merged;
mod metrics;
mod newest;
pub mod offline;
mod options;
mod order;
mod query;
mod record;
mod replay;
mod retention;
mod series;
mod snapshot;
mod spill;
mod status;
mod symbols;
mod taken;
mod timeline;
mod xor;

pub use appender::FUTURE_MAX;
pub use db::Db;
pub use disk::{Disk, FileBytes, RealDisk};
pub use error::TsdbError;
pub use exemplars::EXEMPLAR_LABEL_CHARS_MAX;
pub use metrics::Metrics;
pub use options::{Limits, Maintenance, Options};
pub use snapshot::{SnapshotHead, SnapshotReport};
pub use status::{BlockStatus, Cardinality, HeadStatus, RecoveryReport};
pub use wal::{Damage, DamagePolicy, SyncPolicy};
