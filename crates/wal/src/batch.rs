//! Records on their way to the log: what is appended together is one write.

use crate::WalError;
use crate::frame::{FRAME_HEAD_BYTES, FileId, RECORD_BYTES_MAX};

/// Records that are appended by one write. Reuse it: it keeps its memory.
#[derive(Debug, Default)]
pub struct Batch {
    /// Records, each behind room for its frame head.
    bytes: Vec<u8>,
    /// Where each frame begins.
    starts: Vec<usize>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes all records out.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.starts.clear();
    }

    /// Adds the record that `write` appends to the buffer it is given; what the buffer holds already is not to be
    /// touched. A record that comes out empty is left out.
    pub fn record(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        self.bytes.resize(start + FRAME_HEAD_BYTES, 0);
        write(&mut self.bytes);
        if self.bytes.len() > start + FRAME_HEAD_BYTES {
            self.starts.push(start);
        } else {
            self.bytes.truncate(start);
        }
    }

    /// Whether there is nothing to append.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Bytes that will be written.
    pub fn len_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// How many records there are.
    pub fn records(&self) -> usize {
        self.starts.len()
    }

    /// Fills in the frame heads for a batch that will lie at `offset` of the file, and gives all bytes.
    pub(crate) fn seal(&mut self, id: FileId, offset: u64) -> Result<&[u8], WalError> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        for (i, &start) in self.starts.iter().enumerate() {
            let end = self.starts.get(i + 1).copied().unwrap_or(self.bytes.len());
            let frame = &mut self.bytes[start..end];
            let (head, record) = frame.split_at_mut(FRAME_HEAD_BYTES);
            if record.len() > RECORD_BYTES_MAX {
                return Err(WalError::RecordSize { len_bytes: record.len() });
            }
            head.copy_from_slice(&id.frame_head(offset + start, record));
        }
        Ok(&self.bytes)
    }
}
