//! A compressed file, unpacked and read once. Its offset counts lines, as Promtail's does.

use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::time::SystemTime;

use flate2::bufread::MultiGzDecoder;

use super::file::{LINE_BYTES_MAX, Line, Progress, id_of};
use crate::entry::{FileId, Origin};
use crate::positions::Mark;

/// Lines read at a stretch, so that files take turns.
const LINES_MAX: u64 = 2000;

type Unpacked = BufReader<MultiGzDecoder<BufReader<File>>>;

/// A compressed file. When it changes it is unpacked again, and lines that are done are passed over.
pub(crate) struct GzipFile {
    pub id: FileId,
    /// Lines that are done.
    pub lines: u64,
    /// When it was changed and how long it was, when it was opened.
    stamp: (SystemTime, u64),
    /// What is being unpacked; nothing when it is done.
    open: Option<Unpacked>,
    /// Lines that are done and that the open one has yet to pass over.
    to_skip: u64,
}

impl std::fmt::Debug for GzipFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GzipFile({:?}, {} lines)", self.id, self.lines)
    }
}

fn stamp(metadata: &Metadata) -> io::Result<(SystemTime, u64)> {
    Ok((metadata.modified()?, metadata.len()))
}

impl GzipFile {
    /// Opens `path` behind the lines that `mark` says are done, if it means this file.
    pub(crate) fn open(path: &Path, mark: Option<&Mark>) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let id = id_of(&metadata);
        let lines = mark.filter(|mark| mark.file.is_none_or(|file| file == id)).map_or(0, |mark| mark.offset);
        Ok(Self { id, lines, stamp: stamp(&metadata)?, open: Some(unpacked(file)), to_skip: lines })
    }

    /// Looks whether it has changed; then it is unpacked again.
    pub(crate) fn look(&mut self, path: &Path) -> io::Result<()> {
        let metadata = std::fs::metadata(path)?;
        let (id, stamp) = (id_of(&metadata), stamp(&metadata)?);
        if id != self.id {
            *self = Self::open(path, None)?;
        } else if stamp != self.stamp {
            (self.stamp, self.to_skip) = (stamp, self.lines);
            self.open = Some(unpacked(File::open(path)?));
        }
        Ok(())
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark { file: Some(self.id), offset: self.lines, print: 0 }
    }

    /// Reads on; see [`super::file::TailFile::read`].
    pub(crate) fn read(
        &mut self,
        buffer: &mut Vec<u8>,
        mut take: impl FnMut(&Line<'_>) -> bool,
    ) -> io::Result<Progress> {
        let mut progress = Progress::default();
        while progress.lines < LINES_MAX {
            let Some(open) = &mut self.open else { return Ok(progress) };
            buffer.clear();
            let is_cut = match read_line(open, buffer) {
                Ok(None) => {
                    self.open = None;
                    return Ok(progress);
                }
                Ok(Some(is_cut)) => is_cut,
                Err(error) => {
                    self.open = None;
                    return Err(error);
                }
            };
            if self.to_skip > 0 {
                self.to_skip -= 1;
                continue;
            }
            let origin = Origin { file: self.id, offset: self.lines };
            self.lines += 1;
            progress.lines += 1;
            if !take(&Line { bytes: buffer, origin, is_cut }) {
                return Ok(progress);
            }
        }
        progress.more = true;
        Ok(progress)
    }
}

fn unpacked(file: File) -> Unpacked {
    BufReader::new(MultiGzDecoder::new(BufReader::new(file)))
}

/// Reads one line without its break, and whether it was cut; nothing at the end.
fn read_line(from: &mut Unpacked, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
    let read = from.by_ref().take(LINE_BYTES_MAX as u64).read_until(b'\n', line)?;
    if read == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        return Ok(Some(false));
    }
    if read < LINE_BYTES_MAX {
        return Ok(Some(false));
    }
    pass_line(from).map(Some)
}

/// Goes behind the next break; whether there was anything before it.
fn pass_line(from: &mut Unpacked) -> io::Result<bool> {
    let mut has_more = false;
    loop {
        let chunk = from.fill_buf()?;
        let end = memchr::memchr(b'\n', chunk);
        let used = end.map_or(chunk.len(), |end| end + 1);
        has_more |= end.unwrap_or(used) > 0;
        from.consume(used);
        if end.is_some() || used == 0 {
            return Ok(has_more);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).expect("packed");
        encoder.finish().expect("packed")
    }

    fn read_all(file: &mut GzipFile) -> io::Result<Vec<String>> {
        let (mut lines, mut buffer) = (Vec::new(), Vec::new());
        let take = |line: &Line<'_>| {
            lines.push(String::from_utf8_lossy(line.bytes).into_owned());
            true
        };
        file.read(&mut buffer, take)?;
        Ok(lines)
    }

    #[test]
    fn lines_come_once_also_of_a_file_that_grows() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.log.gz");
        std::fs::write(&path, packed(b"one\ntwo\n")).expect("written");
        let mut file = GzipFile::open(&path, None).expect("opened");
        assert_eq!(read_all(&mut file).expect("read"), ["one", "two"]);
        assert_eq!(read_all(&mut file).expect("read"), Vec::<String>::new());
        std::fs::write(&path, [packed(b"one\ntwo\n"), packed(b"three")].concat()).expect("written");
        file.look(&path).expect("looked");
        assert_eq!(read_all(&mut file).expect("read"), ["three"]);
        let mut again = GzipFile::open(&path, Some(&Mark { offset: 1, ..file.mark() })).expect("opened");
        assert_eq!(read_all(&mut again).expect("read"), ["two", "three"]);
    }

    #[test]
    fn what_is_not_packed_or_half_there_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.log.gz");
        std::fs::write(&path, b"plain text\n").expect("written");
        assert!(read_all(&mut GzipFile::open(&path, None).expect("opened")).is_err());
        let whole = packed(&b"0123456789\n".repeat(1000));
        std::fs::write(&path, whole.get(..whole.len() / 2).expect("half")).expect("written");
        let mut file = GzipFile::open(&path, None).expect("opened");
        assert!(read_all(&mut file).is_err());
        let before = file.lines;
        std::fs::write(&path, whole).expect("written");
        file.look(&path).expect("looked");
        assert_eq!(read_all(&mut file).expect("read").len() as u64, 1000 - before);
    }
}
