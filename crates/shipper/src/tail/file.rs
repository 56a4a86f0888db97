//! One open file, read line by line.
//!
//! Nothing is kept between two reads but the place where the first unread line begins: a last line without its break is read
//! again when the file has grown. Before each read the last bytes that were read are compared with what stands there now, so that
//! a file that was cut and has grown again beyond the old place is noticed.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::{Instant, SystemTime};

use crate::entry::{FileId, Origin};
use crate::positions::Mark;

/// Read at a stretch, so that files take turns.
const CHUNK_BYTES: usize = 256 << 10;

/// No line is longer: what follows is passed over up to the next break, and the line counts as cut. Four times what Loki takes.
pub(crate) const LINE_BYTES_MAX: usize = 1 << 20;

/// Bytes before a place by which a file is recognised.
const PRINT_BYTES: u64 = 64;

/// A line as it was read, without its break.
#[derive(Debug)]
pub(crate) struct Line<'b> {
    pub bytes: &'b [u8],
    pub origin: Origin,
    /// It was longer than [`LINE_BYTES_MAX`].
    pub is_cut: bool,
}

/// A file that is read, whatever its name is by now.
#[derive(Debug)]
pub(crate) struct TailFile {
    file: File,
    pub id: FileId,
    /// Where the first unread line begins.
    pub offset: u64,
    /// The bytes before it.
    print: Vec<u8>,
    /// Within a line that was too long.
    skipping: bool,
    /// How long it was when it was read to its end; nothing has to be done until that changes.
    seen_bytes: Option<u64>,
    /// Since when there is nothing more to read.
    pub at_end_since: Option<Instant>,
}

/// What one read has done.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Progress {
    pub lines: u64,
    /// More can be read at once.
    pub more: bool,
    /// The file was cut and is read from its beginning.
    pub truncated: bool,
}

pub(crate) fn id_of(metadata: &std::fs::Metadata) -> FileId {
    FileId { device: metadata.dev(), inode: metadata.ino() }
}

impl TailFile {
    /// Opens `path` at its beginning.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let id = id_of(&file.metadata()?);
        let (offset, print) = (0, Vec::new());
        Ok(Self { file, id, offset, print, skipping: false, seen_bytes: None, at_end_since: None })
    }

    /// Goes to the place of `mark`. False, and at its beginning, when this is not the file that was read up to there.
    pub(crate) fn seek(&mut self, mark: &Mark) -> io::Result<bool> {
        if mark.file.is_some_and(|file| file != self.id) || self.file.metadata()?.len() < mark.offset {
            return Ok(false);
        }
        let print = self.bytes_before(mark.offset)?;
        if mark.file.is_some() && crc32c::crc32c(&print) != mark.print {
            return Ok(false);
        }
        self.offset = mark.offset;
        self.print = print;
        Ok(true)
    }

    fn bytes_before(&self, offset: u64) -> io::Result<Vec<u8>> {
        let length = offset.min(PRINT_BYTES);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        self.file.read_exact_at(&mut bytes, offset - length)?;
        Ok(bytes)
    }

    /// How far it is read.
    pub(crate) fn mark(&self) -> Mark {
        Mark { file: Some(self.id), offset: self.offset, print: crc32c::crc32c(&self.print) }
    }

    /// The mark of an earlier place, where a line begins that is held.
    pub(crate) fn mark_at(&self, offset: u64) -> Mark {
        let print = self.bytes_before(offset).unwrap_or_default();
        Mark { file: Some(self.id), offset, print: crc32c::crc32c(&print) }
    }

    /// When it was written last.
    pub(crate) fn modified(&self) -> Option<SystemTime> {
        self.file.metadata().and_then(|metadata| metadata.modified()).ok()
    }

    /// Bytes of the file.
    pub(crate) fn bytes(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Reads on. `take` gets each line, and says whether the next may come; a line that it has taken is done.
    pub(crate) fn read(
        &mut self,
        buffer: &mut Vec<u8>,
        now: Instant,
        mut take: impl FnMut(&Line<'_>) -> bool,
    ) -> io::Result<Progress> {
        let bytes = self.bytes()?;
        if self.seen_bytes == Some(bytes) {
            self.at_end_since.get_or_insert(now);
            return Ok(Progress::default());
        }
        let mut progress = Progress::default();
        if bytes < self.offset || self.bytes_before(self.offset)? != self.print {
            self.restart();
            progress.truncated = true;
        }
        self.at_end_since = None;
        let read = self.fill(buffer, CHUNK_BYTES)?;
        let has_break = memchr::memchr(b'\n', buffer.get(..read).unwrap_or_default()).is_some();
        let read = if has_break || read < CHUNK_BYTES { read } else { self.fill(buffer, LINE_BYTES_MAX)? };
        let chunk = buffer.get(..read).unwrap_or_default();
        let (done, stopped) = self.lines(chunk, &mut progress, &mut take);
        self.advance(chunk.get(..done).unwrap_or_default());
        let is_end = self.offset + (read - done) as u64 >= bytes;
        progress.more = !stopped && !is_end;
        if is_end && !stopped {
            self.seen_bytes = Some(bytes);
            self.at_end_since.get_or_insert(now);
        } else {
            self.seen_bytes = None;
        }
        Ok(progress)
    }

    fn restart(&mut self) {
        self.offset = 0;
        self.print.clear();
        self.skipping = false;
    }

    fn fill(&self, buffer: &mut Vec<u8>, bytes: usize) -> io::Result<usize> {
        buffer.resize(buffer.len().max(bytes), 0);
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..bytes).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, self.offset + filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// Gives out the lines of `chunk`; says how many bytes are done, and whether `take` wanted no more.
    fn lines(
        &mut self,
        chunk: &[u8],
        progress: &mut Progress,
        take: &mut impl FnMut(&Line<'_>) -> bool,
    ) -> (usize, bool) {
        let mut done = 0;
        while let Some(rest) = chunk.get(done..).filter(|rest| !rest.is_empty()) {
            let end = memchr::memchr(b'\n', rest);
            let is_cut = end.is_none() && rest.len() >= LINE_BYTES_MAX;
            let origin = Origin { file: self.id, offset: self.offset + done as u64 };
            let (bytes, length) = match end {
                Some(end) => (rest.get(..end).unwrap_or_default(), end + 1),
                None if is_cut || self.skipping => (rest, rest.len()),
                None => break,
            };
            done += length;
            let was_skipping = std::mem::replace(&mut self.skipping, end.is_none());
            if was_skipping {
                continue;
            }
            progress.lines += 1;
            if !take(&Line { bytes, origin, is_cut }) {
                return (done, true);
            }
        }
        (done, false)
    }

    fn advance(&mut self, done: &[u8]) {
        self.offset += done.len() as u64;
        self.print
            .extend_from_slice(done.get(done.len().saturating_sub(PRINT_BYTES as usize)..).unwrap_or(done));
        let too_many = self.print.len().saturating_sub(PRINT_BYTES as usize);
        self.print.drain(..too_many);
    }

    /// The last line, when the file ends without a break and nothing more will come.
    pub(crate) fn last_line(
        &mut self,
        buffer: &mut Vec<u8>,
        mut take: impl FnMut(&Line<'_>),
    ) -> io::Result<()> {
        let read = self.fill(buffer, LINE_BYTES_MAX)?;
        let rest = buffer.get(..read).unwrap_or_default();
        if !rest.is_empty() && !self.skipping && memchr::memchr(b'\n', rest).is_none() {
            take(&Line { bytes: rest, origin: Origin { file: self.id, offset: self.offset }, is_cut: false });
        }
        self.advance(rest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    struct Case {
        _folder: tempfile::TempDir,
        path: std::path::PathBuf,
        tail: TailFile,
        buffer: Vec<u8>,
    }

    impl Case {
        fn new(text: &[u8]) -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("x.log");
            std::fs::write(&path, text).expect("written");
            let tail = TailFile::open(&path).expect("opened");
            Self { _folder: folder, path, tail, buffer: Vec::new() }
        }

        fn append(&self, text: &[u8]) {
            let mut file = File::options().append(true).open(&self.path).expect("opened");
            file.write_all(text).expect("written");
        }

        fn read(&mut self, lines_max: usize) -> (Vec<String>, Progress) {
            let mut lines = Vec::new();
            let take = |line: &Line<'_>| {
                lines.push(String::from_utf8_lossy(line.bytes).into_owned());
                lines.len() < lines_max
            };
            let progress = self.tail.read(&mut self.buffer, Instant::now(), take).expect("read");
            (lines, progress)
        }
    }

    #[test]
    fn lines_keep_their_carriage_return_and_the_last_waits() {
        let mut case = Case::new(b"one\ntwo\r\n\nthr");
        assert_eq!(case.read(9).0, ["one", "two\r", ""]);
        assert_eq!(case.read(9).0, Vec::<String>::new());
        case.append(b"ee\nfo");
        assert_eq!(case.read(9).0, ["three"]);
        case.append(b"ur");
        assert_eq!(case.read(9).0, Vec::<String>::new());
        assert_eq!((case.tail.offset, case.tail.mark().offset), (16, 16));
        let mut last = Vec::new();
        case.tail.last_line(&mut case.buffer, |line| last.extend_from_slice(line.bytes)).expect("read");
        assert_eq!(last, b"four");
    }

    #[test]
    fn who_takes_may_stop_and_nothing_is_lost() {
        let mut case = Case::new(b"1\n2\n3\n");
        assert_eq!(case.read(2).0, ["1", "2"]);
        assert_eq!(
            case.read(2),
            (vec!["3".to_owned()], Progress { lines: 1, more: false, truncated: false })
        );
    }

    #[test]
    fn a_file_that_was_cut_is_read_from_its_beginning() {
        let mut case = Case::new(b"old line\n");
        assert_eq!(case.read(9).0, ["old line"]);
        std::fs::write(&case.path, b"new\n").expect("written");
        let (lines, progress) = case.read(9);
        assert_eq!((lines, progress.truncated), (vec!["new".to_owned()], true));
        // Cut, and longer than before when it is looked at.
        std::fs::write(&case.path, b"other, and much longer\nsecond\n").expect("written");
        let (lines, progress) = case.read(9);
        assert_eq!((lines.len(), progress.truncated), (2, true));
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let mut text = vec![b'x'; LINE_BYTES_MAX + CHUNK_BYTES + 5];
        text.extend_from_slice(b"\nnext\n");
        let mut case = Case::new(&text);
        let (mut all, mut more) = (Vec::new(), true);
        while more {
            let (lines, progress) = case.read(9);
            all.extend(lines);
            more = progress.more;
        }
        assert_eq!(all.iter().map(String::len).collect::<Vec<_>>(), [LINE_BYTES_MAX, 4]);
        assert_eq!(case.tail.offset, text.len() as u64);
    }

    #[test]
    fn a_mark_is_only_good_for_its_own_file() {
        let mut case = Case::new(b"one\ntwo\n");
        case.read(1);
        let mark = case.tail.mark();
        let mut again = TailFile::open(&case.path).expect("opened");
        assert_eq!((again.seek(&mark).expect("read"), again.offset), (true, 4));
        // The same number given to another file.
        std::fs::write(&case.path, b"0ne\ntwo\n").expect("written");
        let mut other = TailFile::open(&case.path).expect("opened");
        assert_eq!((other.seek(&mark).expect("read"), other.offset), (false, 0));
        // Promtail knows no file, only a place.
        let unknown = Mark { file: None, offset: 4, print: 0 };
        assert!(other.seek(&unknown).expect("read"));
        assert!(!other.seek(&Mark { offset: 9, ..unknown }).expect("read"));
    }
}
