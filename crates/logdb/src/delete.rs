//! Deleting lines by selector, span and what they contain.
//!
//! A request holds from the moment it is taken, for lines that are there and for such as come later, and it survives a restart.
//! Lines that it covers are passed over when they are read. For some time it can be taken back; then their bytes leave (`erase`).

use std::path::Path;
use std::sync::{Arc, PoisonError};

use disk::{Disk, DiskError};
use model::{Labels, MatchOp, Matcher, MatcherError, TimestampNs};
use regex::Regex;
use stdx::varint::{put_i64, put_u64, take_i64, take_u64};
use storage::{LineBatch, NsRange};

use crate::codec::{put_text, take_len, take_text};
use crate::filenames::DELETES_FILE;
use crate::{Db, LogdbError};

const MAGIC: [u8; 4] = *b"WFLD";
const VERSION: u16 = 1;
/// Requests that are held at one time: each costs every query over its streams.
const REQUESTS_MAX: usize = 1000;

/// What a line must be for a request to cover it.
#[derive(Debug, Clone)]
pub struct LineTest {
    op: MatchOp,
    text: String,
    regex: Option<Regex>,
}

impl LineTest {
    /// A test of a line: that it contains a text or a match (`Equal`, `Regex`), or does not.
    ///
    /// # Errors
    /// When the text of a regular expression is none.
    pub fn new(op: MatchOp, text: impl Into<String>) -> Result<Self, MatcherError> {
        let text = text.into();
        let error = |cause: regex::Error| MatcherError { pattern: text.clone(), cause: cause.to_string() };
        let regex = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Regex | MatchOp::NotRegex => Some(Regex::new(&text).map_err(error)?),
        };
        Ok(Self { op, text, regex })
    }

    fn covers(&self, line: &str) -> bool {
        let hit = match &self.regex {
            Some(regex) => regex.is_match(line),
            None => memchr::memmem::find(line.as_bytes(), self.text.as_bytes()).is_some(),
        };
        hit != matches!(self.op, MatchOp::NotEqual | MatchOp::NotRegex)
    }
}

/// What is to be deleted.
#[derive(Debug, Clone)]
pub struct DeleteRequest {
    /// As it was written, for people.
    pub query: String,
    /// Which streams: all must hold.
    pub matchers: Vec<Matcher>,
    /// Which of their lines: all must hold.
    pub tests: Vec<LineTest>,
    /// Of which span.
    pub range: NsRange,
}

/// A request that holds.
#[derive(Debug, Clone)]
pub struct DeleteStatus {
    /// Its name.
    pub id: u64,
    /// What it deletes.
    pub request: DeleteRequest,
    /// When it came, milliseconds since 1970.
    pub created_ms: i64,
}

/// A request that holds, and whether it can be taken back.
#[derive(Debug, Clone)]
pub struct HeldDelete {
    /// The request.
    pub status: DeleteStatus,
    /// The bytes of its lines leave, or have left.
    pub is_final: bool,
}

/// Why a request was not taken or not taken back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeleteError {
    /// Too many hold already.
    #[error(
        "{REQUESTS_MAX} delete requests are held already; wait until their lines have left, or cancel some"
    )]
    TooMany,
    /// No request has this name.
    #[error("no delete request has the id {0}")]
    Unknown(u64),
    /// It has been held for so long that its lines are leaving the disk. Loki's words.
    #[error("deletion of request which is in process or already processed is not allowed")]
    TooLate,
    /// It could not be written.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Requests that hold; a copy is cheap.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deletes(Arc<Vec<DeleteStatus>>);

impl Deletes {
    pub(crate) fn new(all: Vec<DeleteStatus>) -> Self {
        Self(Arc::new(all))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &DeleteStatus> {
        self.0.iter()
    }

    /// Those that may cover lines of a stream in a span.
    pub(crate) fn of(&self, labels: &Labels, range: NsRange) -> Self {
        let concerns = |status: &&DeleteStatus| {
            let DeleteRequest { matchers, range: deleted, .. } = &status.request;
            deleted.from < range.until
                && range.from < deleted.until
                && matchers.iter().all(|matcher| matcher.matches_labels(labels))
        };
        if !self.0.iter().any(|status| concerns(&status)) {
            return Self::default();
        }
        Self(Arc::new(self.0.iter().filter(concerns).cloned().collect()))
    }

    /// Takes deleted lines out.
    pub(crate) fn apply(&self, lines: &mut LineBatch) {
        if self.0.is_empty() || (0..lines.len()).all(|i| !self.covers(lines, i)) {
            return;
        }
        let (all, none) = (std::mem::take(lines), Labels::empty());
        for i in (0..all.len()).filter(|i| !self.covers(&all, *i)) {
            lines.push(TimestampNs(all.times_ns[i]), all.line(i), all.metadata(i).unwrap_or(&none));
        }
    }

    fn covers(&self, lines: &LineBatch, i: usize) -> bool {
        self.0.iter().any(|status| {
            let request = &status.request;
            request.range.contains(lines.times_ns[i])
                && request.tests.iter().all(|test| test.covers(lines.line(i)))
        })
    }

    /// Reads the file of requests; none when there is no file.
    pub(crate) fn open(disk: &dyn Disk, dir: &Path) -> Result<Result<Self, &'static str>, LogdbError> {
        match disk.read(&dir.join(DELETES_FILE)) {
            Ok(bytes) => Ok(read(&bytes).map(|all| Self(Arc::new(all))).ok_or("the file does not add up")),
            Err(error) if error.is_not_found() => Ok(Ok(Self::default())),
            Err(error) => Err(error.into()),
        }
    }
}

impl Db {
    /// Deletes lines from now on, also across a restart; the request's id.
    ///
    /// # Errors
    /// [`DeleteError::TooMany`]; [`DeleteError::Disk`], then nothing is deleted.
    pub fn delete(&self, request: DeleteRequest) -> Result<u64, DeleteError> {
        let created_ms = self.clock.now_ms();
        self.change_deletes(|all| {
            if all.len() >= REQUESTS_MAX {
                return Err(DeleteError::TooMany);
            }
            let id = all.iter().map(|status| status.id).max().unwrap_or(0) + 1;
            all.push(DeleteStatus { id, request, created_ms });
            Ok(id)
        })
    }

    /// Takes a request back: what it covered and has not left is there again.
    ///
    /// # Errors
    /// [`DeleteError::Unknown`], [`DeleteError::TooLate`]; [`DeleteError::Disk`], then it holds.
    pub fn cancel_delete(&self, id: u64) -> Result<(), DeleteError> {
        self.change_deletes(|all| {
            let place = all.iter().position(|status| status.id == id).ok_or(DeleteError::Unknown(id))?;
            if self.is_due(&all[place]) {
                return Err(DeleteError::TooLate);
            }
            all.remove(place);
            Ok(())
        })
    }

    /// All requests that hold, in order of their coming.
    pub fn delete_requests(&self) -> Vec<HeldDelete> {
        let held =
            |status: &DeleteStatus| HeldDelete { status: status.clone(), is_final: self.is_due(status) };
        self.deletes().iter().map(held).collect()
    }

    pub(crate) fn deletes(&self) -> Deletes {
        self.deletes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets requests of which all lines have left.
    pub(crate) fn forget_deletes(&self) -> Result<(), LogdbError> {
        let cutoff_ns = self.first_cutoff_ns();
        if self.deletes().0.iter().all(|status| status.request.range.until.0 > cutoff_ns) {
            return Ok(());
        }
        let forgotten = self.change_deletes(|all| {
            all.retain(|status| status.request.range.until.0 > cutoff_ns);
            Ok(())
        });
        match forgotten {
            Err(DeleteError::Disk(error)) => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn change_deletes<T>(
        &self,
        change: impl FnOnce(&mut Vec<DeleteStatus>) -> Result<T, DeleteError>,
    ) -> Result<T, DeleteError> {
        let _alone = self.changing_deletes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = self.deletes().0.to_vec();
        let done = change(&mut all)?;
        let bytes = written(&all);
        disk::replace(&*self.files.disk, &self.dir.join(DELETES_FILE), &bytes)?;
        *self.deletes.write().unwrap_or_else(PoisonError::into_inner) = Deletes(Arc::new(all));
        Ok(done)
    }
}

fn op_code(op: MatchOp) -> u8 {
    match op {
        MatchOp::Equal => 0,
        MatchOp::NotEqual => 1,
        MatchOp::Regex => 2,
        MatchOp::NotRegex => 3,
    }
}

fn take_op(input: &mut &[u8]) -> Option<MatchOp> {
    let (code, rest) = input.split_first()?;
    *input = rest;
    [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex].get(usize::from(*code)).copied()
}

fn written(all: &[DeleteStatus]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    put_u64(&mut bytes, all.len() as u64);
    for DeleteStatus { id, request, created_ms } in all {
        put_u64(&mut bytes, *id);
        put_i64(&mut bytes, *created_ms);
        put_i64(&mut bytes, request.range.from.0);
        put_i64(&mut bytes, request.range.until.0);
        put_text(&mut bytes, &request.query);
        put_u64(&mut bytes, request.matchers.len() as u64);
        for matcher in &request.matchers {
            bytes.push(op_code(matcher.op));
            put_text(&mut bytes, &matcher.name);
            put_text(&mut bytes, &matcher.value);
        }
        put_u64(&mut bytes, request.tests.len() as u64);
        for test in &request.tests {
            bytes.push(op_code(test.op));
            put_text(&mut bytes, &test.text);
        }
    }
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    bytes
}

/// Reads what [`written`] wrote; `None` when it does not add up.
pub(crate) fn read(bytes: &[u8]) -> Option<Vec<DeleteStatus>> {
    let (fields, sum) = bytes.split_last_chunk::<4>()?;
    (crc32c::crc32c(fields).to_le_bytes() == *sum).then_some(())?;
    let mut rest = fields.strip_prefix(&MAGIC)?.strip_prefix(&VERSION.to_le_bytes())?;
    let input = &mut rest;
    let count = take_len(input)?;
    let all = (0..count).map(|_| take_status(input)).collect::<Option<_>>()?;
    input.is_empty().then_some(all)
}

fn take_status(input: &mut &[u8]) -> Option<DeleteStatus> {
    let (id, created_ms) = (take_u64(input)?, take_i64(input)?);
    let range = NsRange { from: TimestampNs(take_i64(input)?), until: TimestampNs(take_i64(input)?) };
    let query = take_text(input)?.to_owned();
    let matcher = |input: &mut &[u8]| {
        let op = take_op(input)?;
        Matcher::new(take_text(input)?, op, take_text(input)?).ok()
    };
    let matchers = (0..take_len(input)?).map(|_| matcher(input)).collect::<Option<_>>()?;
    let test = |input: &mut &[u8]| LineTest::new(take_op(input)?, take_text(input)?).ok();
    let tests = (0..take_len(input)?).map(|_| test(input)).collect::<Option<_>>()?;
    Some(DeleteStatus { id, request: DeleteRequest { query, matchers, tests, range }, created_ms })
}

/// A list with one request, for fuzz targets and tests.
pub(crate) fn example() -> Vec<u8> {
    let matcher = Matcher::new("c", MatchOp::NotRegex, "d+").expect("a regular expression");
    let test = LineTest::new(MatchOp::Regex, "x").expect("a regular expression");
    let request = DeleteRequest {
        query: "{a=\"b\"} |= `x`".to_owned(),
        matchers: vec![Matcher::equal("a", "b"), matcher],
        tests: vec![test],
        range: NsRange { from: TimestampNs(-1), until: TimestampNs(i64::MAX) },
    };
    written(&[DeleteStatus { id: 7, request, created_ms: 5 }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_read_back() {
        let bytes = example();
        let again = read(&bytes).unwrap();
        assert_eq!(written(&again), bytes);
        for at in 0..bytes.len() {
            let mut spoilt = bytes.clone();
            spoilt[at] ^= 1;
            assert!(read(&spoilt).is_none() && read(&bytes[..at]).is_none());
        }
    }
}
