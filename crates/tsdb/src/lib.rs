//! Metrics storage: a write-ahead log and a head in memory, behind the ports of `storage`.
//!
//! A commit is encoded (`record`), appended to the log (`wal`), applied to the chunks of its series (`series`, `xor`) and
//! acknowledged, in this order (`appender`). Queries find series through postings (`index`) and decode copies of their
//! chunks (`query`). A replay of the log builds the head again (`replay`); a checkpoint lets old segments go
//! (`checkpoint`); what is too old or too much leaves (`retention`). Formats: docs/formats/records.md and wal.md.
//!
//! There are no blocks yet: memory holds all that the retention keeps, by age and by size ([`Limits`]).

mod appender;
mod background;
mod bits;
mod block;
mod cardinality;
mod checkpoint;
mod db;
mod error;
mod filenames;
mod head;
mod index;
mod metrics;
mod options;
mod order;
mod query;
mod record;
mod replay;
mod retention;
mod series;
mod status;
mod symbols;
mod xor;

pub use appender::FUTURE_MAX;
pub use db::Db;
pub use disk::{Disk, RealDisk};
pub use error::TsdbError;
pub use metrics::Metrics;
pub use options::{Limits, Maintenance, Options};
pub use status::{Cardinality, HeadStatus, RecoveryReport};
pub use wal::{Damage, DamagePolicy, SyncPolicy};
