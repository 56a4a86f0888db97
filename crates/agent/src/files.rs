//! The files of `/proc` and `/sys`, read one at a time into one buffer, with a cap.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// No file is read further: the largest that we read, `/proc/net/udp` of a busy resolver, has 128 bytes a socket, so
/// that 30,000 sockets fit. What stands behind is left out and the file counts as cut.
const FILE_MAX_BYTES: usize = 4 << 20;

/// A page: no attribute of `/sys` is larger.
const ATTRIBUTE_MAX_BYTES: usize = 4096;

/// What one call asks for; most files are smaller.
const READ_BYTES: usize = 8 << 10;

/// Names that one folder may give, as many as a host with a thousand interfaces has. More are left out and counted.
const NAMES_MAX: usize = 1024;

/// Where the host's files are found: itself, a container's mounts, or a test's fixtures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// Usually `/proc`.
    pub proc: PathBuf,
    /// Usually `/sys`.
    pub sys: PathBuf,
    /// Usually `/`: where mount points, `/etc` and `/run` are looked up.
    pub root: PathBuf,
}

impl Roots {
    /// Those of the machine itself.
    pub fn host() -> Self {
        Self { proc: "/proc".into(), sys: "/sys".into(), root: "/".into() }
    }
}

/// Why a collector has nothing to say.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The kernel, or this machine, does not have it: the collector is off.
    #[error("there is no {}", .0.display())]
    Missing(PathBuf),
    /// It is there and cannot be read.
    #[error("{} cannot be read: {source}", .path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// It reads and is not what we know.
    #[error("{file} has no {wanted}")]
    Odd { file: &'static str, wanted: &'static str },
}

/// Reads files and counts what did not fit.
#[derive(Debug)]
pub(crate) struct Files {
    pub roots: Roots,
    /// Times that a limit of this module cut something off.
    pub n_cut: u64,
    boot_time_s: Option<f64>,
    /// Grows as files ask for it and is never cleared: what a file filled is counted apart.
    buffer: Vec<u8>,
}

impl Files {
    pub(crate) fn new(roots: Roots) -> Self {
        Self { roots, n_cut: 0, boot_time_s: None, buffer: Vec::new() }
    }

    /// The text of a file below `/proc`.
    pub(crate) fn proc(&mut self, name: &str) -> Result<&str, Failure> {
        let path = self.roots.proc.join(name);
        self.read(&path)
    }

    /// The text of a file below `/sys`.
    pub(crate) fn sys(&mut self, name: &str) -> Result<&str, Failure> {
        let path = self.roots.sys.join(name);
        self.read_attribute(&path)
    }

    /// The text of a file below `/`.
    pub(crate) fn root(&mut self, name: &str) -> Result<&str, Failure> {
        let path = self.roots.root.join(name);
        self.read(&path)
    }

    /// A file of one line below `/sys`, without its end. `None` for what is missing or refused: an interface that is
    /// down refuses its speed.
    pub(crate) fn sys_line(&mut self, name: &str) -> Option<&str> {
        self.sys(name).ok().map(str::trim)
    }

    /// A file of one number below `/sys`; `0x…` counts as one.
    pub(crate) fn sys_number(&mut self, name: &str) -> Option<f64> {
        crate::text::number_or_hex(self.sys_line(name)?)
    }

    /// Whether a file below a root can be opened.
    pub(crate) fn can_open(&self, root: &Path, name: &str) -> bool {
        File::open(root.join(name)).is_ok()
    }

    /// When the machine started, since the Unix epoch; read once, so that start times of processes stay the same when the
    /// clock is corrected.
    pub(crate) fn boot_time_s(&mut self, proc: &Path) -> f64 {
        if let Some(known) = self.boot_time_s {
            return known;
        }
        let read = self.read(&proc.join("stat")).ok().and_then(|text| crate::text::keyed(text, "btime"));
        self.boot_time_s = read;
        read.unwrap_or(0.0)
    }

    /// The names in a folder below `/sys`, sorted, so that series come in the same order each time.
    pub(crate) fn sys_names(&mut self, folder: &str) -> Result<Vec<String>, Failure> {
        let path = self.roots.sys.join(folder);
        let entries = std::fs::read_dir(&path).map_err(|source| failure(&path, source))?;
        let mut names: Vec<String> =
            entries.flatten().filter_map(|e| e.file_name().into_string().ok()).collect();
        names.sort_unstable();
        self.n_cut += u64::from(names.len() > NAMES_MAX);
        names.truncate(NAMES_MAX);
        Ok(names)
    }

    /// The text of an attribute of `/sys`: the kernel gives it whole, at most a page, at the first read, so that asking
    /// for its end, as elsewhere, is saved. Some two hundred are read in a scrape.
    fn read_attribute(&mut self, path: &Path) -> Result<&str, Failure> {
        let mut file = File::open(path).map_err(|source| failure(path, source))?;
        let n_bytes = read_once(&mut file, &mut self.buffer, 0).map_err(|source| failure(path, source))?;
        self.n_cut += u64::from(n_bytes > ATTRIBUTE_MAX_BYTES);
        Ok(make_text(self.buffer.get_mut(..n_bytes).unwrap_or_default()))
    }

    /// The text of a file, up to the cap; bytes that are no UTF-8 become `?`.
    pub(crate) fn read(&mut self, path: &Path) -> Result<&str, Failure> {
        let file = File::open(path).map_err(|source| failure(path, source))?;
        let mut file = file.take(FILE_MAX_BYTES as u64);
        let n_bytes = read_all(&mut file, &mut self.buffer).map_err(|source| failure(path, source))?;
        self.n_cut += u64::from(n_bytes >= FILE_MAX_BYTES);
        Ok(make_text(self.buffer.get_mut(..n_bytes).unwrap_or_default()))
    }
}

/// Like `read_to_end` without asking for the size first, which kernel files do not know: two calls for most files.
fn read_all(file: &mut impl Read, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let mut n_bytes = 0;
    loop {
        match read_once(file, buffer, n_bytes)? {
            0 => return Ok(n_bytes),
            more => n_bytes += more,
        }
    }
}

/// Reads once behind the first `n_bytes`, again only when a signal came in between.
fn read_once(file: &mut impl Read, buffer: &mut Vec<u8>, n_bytes: usize) -> io::Result<usize> {
    if buffer.len() < n_bytes + READ_BYTES {
        buffer.resize(n_bytes + READ_BYTES, 0);
    }
    loop {
        match file.read(buffer.get_mut(n_bytes..).unwrap_or_default()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn make_text(bytes: &mut [u8]) -> &str {
    while let Err(error) = std::str::from_utf8(bytes) {
        let wrong = error.valid_up_to();
        let length = error.error_len().unwrap_or(bytes.len() - wrong);
        bytes.iter_mut().skip(wrong).take(length).for_each(|b| *b = b'?');
    }
    std::str::from_utf8(bytes).unwrap_or_default()
}

fn failure(path: &Path, source: io::Error) -> Failure {
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Failure::Missing(path.to_owned()),
        _ => Failure::Unreadable { path: path.to_owned(), source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_whole_and_made_text() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut files = Files::new(Roots { sys: folder.path().to_owned(), ..Roots::host() });
        let long = "x".repeat(100_000);
        std::fs::write(folder.path().join("long"), &long).expect("written");
        assert_eq!(files.read(&folder.path().join("long")).expect("there"), long);
        std::fs::write(folder.path().join("odd"), b"a\xff\xf0\x9fb\xc3").expect("written");
        assert_eq!(files.sys("odd").expect("there"), "a???b?");
        assert!(matches!(files.sys("nothing"), Err(Failure::Missing(_))));
        assert!(matches!(files.sys("long/below"), Err(Failure::Missing(_))));
        assert!(matches!(files.sys(""), Err(Failure::Unreadable { .. })));
        assert_eq!(files.n_cut, 0);
        assert!(files.sys("long").expect("there").len() > ATTRIBUTE_MAX_BYTES);
        assert_eq!(files.n_cut, 1);
    }

    #[test]
    fn a_file_beyond_the_cap_is_cut_and_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut files = Files::new(Roots { proc: folder.path().to_owned(), ..Roots::host() });
        std::fs::write(folder.path().join("huge"), vec![b'1'; FILE_MAX_BYTES + 10]).expect("written");
        assert_eq!(files.proc("huge").expect("there").len(), FILE_MAX_BYTES);
        assert_eq!(files.n_cut, 1);
    }
}
