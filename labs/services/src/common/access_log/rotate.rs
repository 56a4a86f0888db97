//! A log file that starts anew when it is full and keeps a few old ones: `x.log`, then `x.log.1` (newest) to `x.log.5`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// When a file is full, and how many old ones stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// A line that would make the file larger than this goes into a new one. A longer line has a file of its own.
    pub bytes_max: u64,
    /// Old files that are kept; the oldest beyond it is deleted.
    pub backups_max: u32,
}

impl Rotation {
    /// 10 MB and five backups, what the services' users know from their sources.
    pub fn standard() -> Self {
        Self { bytes_max: 10_000_000, backups_max: 5 }
    }
}

/// Lines on their way to a file. Nothing is written before [`RotatingFile::flush`].
#[derive(Debug)]
pub struct RotatingFile {
    path: PathBuf,
    rotation: Rotation,
    /// None after a failure; the next flush opens it again.
    open: Option<Open>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Open {
    file: File,
    inode: u64,
    bytes: u64,
}

impl RotatingFile {
    /// Opens or creates the file and continues at its end.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path, rotation: Rotation) -> io::Result<Self> {
        let open = Some(Open::at(path)?);
        Ok(Self { path: path.to_owned(), rotation, open, buffer: Vec::new() })
    }

    /// Adds a line, which ends in a newline. Rotates first when the file would become too large.
    ///
    /// # Errors
    /// When the file was full and could not be written or rotated; the line is dropped then.
    pub fn push(&mut self, line: &[u8]) -> io::Result<()> {
        let held = self.open.as_ref().map_or(0, |open| open.bytes) + self.buffer.len() as u64;
        if held > 0 && held + line.len() as u64 > self.rotation.bytes_max {
            self.flush()?;
            self.rotate()?;
        }
        self.buffer.extend_from_slice(line);
        Ok(())
    }

    /// Writes what was pushed.
    ///
    /// # Errors
    /// What the system says. Those lines are gone then: keeping them would need memory without end.
    pub fn flush(&mut self) -> io::Result<()> {
        let lines = std::mem::take(&mut self.buffer);
        let mut open = match self.open.take() {
            // Somebody may have moved the file away, as logrotate does: then this is no longer the file of that name.
            Some(open) if open.is_at(&self.path) => open,
            _ => Open::at(&self.path)?,
        };
        open.file.write_all(&lines)?;
        open.bytes += lines.len() as u64;
        self.open = Some(open);
        self.buffer = lines;
        self.buffer.clear();
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.open = None;
        if self.rotation.backups_max == 0 {
            fs::remove_file(&self.path)?;
        }
        for place in (1..=self.rotation.backups_max).rev() {
            let from = if place == 1 { self.path.clone() } else { self.backup(place - 1) };
            match fs::rename(from, self.backup(place)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.open = Some(Open::at(&self.path)?);
        Ok(())
    }

    fn backup(&self, place: u32) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".{place}"));
        PathBuf::from(name)
    }
}

impl Open {
    fn at(path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        let metadata = file.metadata()?;
        Ok(Self { file, inode: metadata.ino(), bytes: metadata.len() })
    }

    fn is_at(&self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|metadata| metadata.ino() == self.inode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TINY: Rotation = Rotation { bytes_max: 10, backups_max: 2 };

    /// Names and contents of all files in `folder`, by name.
    fn files(folder: &Path) -> Vec<(String, String)> {
        let mut found: Vec<_> = fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| {
                let entry = entry.expect("an entry");
                let text = fs::read_to_string(entry.path()).expect("text");
                (entry.file_name().into_string().expect("a name"), text)
            })
            .collect();
        found.sort();
        found
    }

    fn check(lines: &[&str], rotation: Rotation, expect: &[(&str, &str)]) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut file = RotatingFile::open(&folder.path().join("x.log"), rotation).expect("opens");
        for line in lines {
            file.push(line.as_bytes()).expect("pushed");
        }
        file.flush().expect("flushed");
        let expect: Vec<_> =
            expect.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        assert_eq!(files(folder.path()), expect, "{lines:?}");
    }

    #[test]
    fn a_full_file_makes_way_for_the_next() {
        check(&["aaaa\n", "bbbb\n"], TINY, &[("x.log", "aaaa\nbbbb\n")]);
        check(&["aaaa\n", "bbbb\n", "c\n"], TINY, &[("x.log", "c\n"), ("x.log.1", "aaaa\nbbbb\n")]);
    }

    #[test]
    fn only_so_many_old_files_are_kept() {
        let lines = ["1aaaaaaaa\n", "2aaaaaaaa\n", "3aaaaaaaa\n", "4aaaaaaaa\n"];
        let expect = [("x.log", "4aaaaaaaa\n"), ("x.log.1", "3aaaaaaaa\n"), ("x.log.2", "2aaaaaaaa\n")];
        check(&lines, TINY, &expect);
        check(&lines, Rotation { backups_max: 0, ..TINY }, &[("x.log", "4aaaaaaaa\n")]);
    }

    #[test]
    fn a_long_line_is_whole_and_alone() {
        let expect = [("x.log", "b\n"), ("x.log.1", "aaaaaaaaaaaaaaa\n")];
        check(&["aaaaaaaaaaaaaaa\n", "b\n"], TINY, &expect);
    }

    #[test]
    fn an_existing_file_is_continued_and_its_size_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.log");
        fs::write(&path, "old\n").expect("written");
        let mut file = RotatingFile::open(&path, TINY).expect("opens");
        file.push(b"new\n").expect("pushed");
        file.flush().expect("flushed");
        assert_eq!(fs::read_to_string(&path).expect("text"), "old\nnew\n");
        file.push(b"full\n").expect("pushed");
        file.flush().expect("flushed");
        assert_eq!(fs::read_to_string(&path).expect("text"), "full\n");
    }

    #[test]
    fn a_file_that_was_moved_away_is_opened_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.log");
        let mut file = RotatingFile::open(&path, TINY).expect("opens");
        for line in [b"a\n", b"b\n"] {
            file.push(line).expect("pushed");
            file.flush().expect("flushed");
            fs::rename(&path, folder.path().join("away")).expect("moved");
        }
        file.push(b"c\n").expect("pushed");
        file.flush().expect("flushed");
        assert_eq!(fs::read_to_string(&path).expect("text"), "c\n");
    }

    #[test]
    fn after_a_failure_it_goes_on_with_the_next_lines() {
        let folder = tempfile::tempdir().expect("a folder");
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).expect("made");
        let path = inner.join("x.log");
        let mut file = RotatingFile::open(&path, TINY).expect("opens");
        fs::remove_dir_all(&inner).expect("removed");
        file.push(b"a\n").expect("pushed");
        file.flush().expect_err("there is no folder");
        fs::create_dir(&inner).expect("made");
        file.push(b"b\n").expect("pushed");
        file.flush().expect("flushed");
        assert_eq!(fs::read_to_string(&path).expect("text"), "b\n");
    }
}
