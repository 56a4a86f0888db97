//! Names in the folder of the store (docs/formats/records.md); those inside the log's folder are the log's.

/// The folder of the log.
pub(crate) const WAL_DIR: &str = "wal";
/// The folder for copies of damaged bytes.
pub(crate) const QUARANTINE_DIR: &str = "quarantine";
