//! What Loki's routes stand on.

use std::sync::Arc;

use axum::http::StatusCode;
use model::{Matcher, TimestampMs};
use storage::{LogAppend, LogQuery, LogRefusal, NsRange};

use super::error::LokiError;
use crate::state::{ApiState, StoreRefusal};

/// The store of logs, and what is done to pushes before they reach it.
pub struct Logs {
    /// Takes lines.
    pub append: Arc<dyn LogAppend>,
    /// Is asked for them.
    pub query: Arc<dyn LogQuery>,
    /// Evaluates queries.
    pub engine: Arc<logql::Engine>,
    /// Keeps house.
    pub admin: Arc<dyn LogAdmin>,
    /// What is found out for senders that do not say it.
    pub discovery: LogDiscovery,
    /// Bytes of a push, compressed and decompressed; beyond it 413.
    pub body_bytes_max: usize,
}

impl ApiState {
    /// The store of logs.
    pub(crate) fn logs(&self) -> Result<Arc<Logs>, LokiError> {
        let none = || LokiError::new(StatusCode::NOT_FOUND, "this monitor keeps no logs");
        self.logs.clone().ok_or_else(none)
    }
}

/// What is found out for senders that do not say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDiscovery {
    /// Labels that name a stream's service, the best first; empty to add no `service_name`.
    pub service_labels: Vec<String>,
    /// Fields that hold a line's level; `None` to add no `detected_level`.
    pub level_fields: Option<Vec<String>>,
}

/// Lines that were left out lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinesRefused {
    /// How many.
    pub lines: u64,
    /// When the first was.
    pub since: TimestampMs,
    /// Why the last was.
    pub last: LogRefusal,
}

/// Numbers about the store of logs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogStoreStatus {
    /// Streams that have any line.
    pub streams: usize,
    /// Bytes of lines that wait in memory.
    pub open_bytes: u64,
    /// Files of packed lines.
    pub files: usize,
    /// Their bytes.
    pub file_bytes: u64,
    /// Bytes of the write-ahead log.
    pub wal_bytes: u64,
    /// The newest line.
    pub newest: Option<TimestampMs>,
}

/// A request to delete that holds.
#[derive(Debug, Clone)]
pub struct LogDeletion {
    /// Its id.
    pub id: String,
    /// Its query, as it was given.
    pub query: String,
    /// Its span.
    pub range: NsRange,
    /// When it came.
    pub created_at: TimestampMs,
    /// It can no longer be taken back: the bytes of its lines leave, or have left.
    pub is_final: bool,
}

/// What became of the wish to take a deletion back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cancelled {
    /// It no longer holds.
    Done,
    /// There is none of this id.
    Unknown,
    /// It holds, for this reason.
    Refused(String),
}

/// Who may change what the store of logs holds. Calls may take long: make them off the async threads. Errors are for people.
pub trait LogAdmin: Send + Sync {
    /// Why no lines are taken at present; `None` when all is well. Waits for nothing.
    fn refusal(&self) -> Option<StoreRefusal>;
    /// What of pushes was left out lately, for limits or because it was wrong; `None` when nothing was.
    fn refused_lately(&self) -> Option<LinesRefused>;
    /// The store now.
    fn status(&self) -> LogStoreStatus;
    /// Counts lines that never came to the store.
    fn discarded(&self, refusal: &LogRefusal);
    /// Writes all lines to files.
    ///
    /// # Errors
    /// Why.
    fn flush(&self) -> Result<(), String>;
    /// Deletes lines in `range` of streams that satisfy all matchers, and that satisfy all tests: an operator of a matcher, and
    /// a text that the line contains or matches. `query` is what the caller wrote.
    ///
    /// # Errors
    /// Why.
    fn delete(
        &self,
        query: &str,
        matchers: Vec<Matcher>,
        tests: Vec<(model::MatchOp, String)>,
        range: NsRange,
    ) -> Result<(), String>;
    /// All deletions that hold.
    fn deletions(&self) -> Vec<LogDeletion>;
    /// Takes a deletion back.
    ///
    /// # Errors
    /// What failed.
    fn cancel_deletion(&self, id: &str) -> Result<Cancelled, String>;
}
