//! The files of `/proc` and `/sys`, read one at a time into one buffer, with a cap.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// No file is read further: the largest that we read, `/proc/net/udp` of a busy resolver, has 128 bytes a socket, so
/// that 30,000 sockets fit. What stands behind is left out and the file counts as cut.
const FILE_MAX_BYTES: usize = 4 << 20;

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
    buffer: Vec<u8>,
}

impl Files {
    pub(crate) fn new(roots: Roots) -> Self {
        Self { roots, n_cut: 0, buffer: Vec::with_capacity(16 << 10) }
    }

    /// The text of a file below `/proc`.
    pub(crate) fn proc(&mut self, name: &str) -> Result<&str, Failure> {
        let path = self.roots.proc.join(name);
        self.read(&path)
    }

    /// The text of a file below `/sys`.
    pub(crate) fn sys(&mut self, name: &str) -> Result<&str, Failure> {
        let path = self.roots.sys.join(name);
        self.read(&path)
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

    /// The text of a file, up to the cap; bytes that are no UTF-8 become `?`.
    pub(crate) fn read(&mut self, path: &Path) -> Result<&str, Failure> {
        self.buffer.clear();
        let file = File::open(path).map_err(|source| failure(path, source))?;
        let mut file = file.take(FILE_MAX_BYTES as u64);
        read_all(&mut file, &mut self.buffer).map_err(|source| failure(path, source))?;
        self.n_cut += u64::from(self.buffer.len() >= FILE_MAX_BYTES);
        Ok(make_text(&mut self.buffer))
    }
}

/// Like `read_to_end` without asking for the size first, which kernel files do not know: two calls for most files.
fn read_all(file: &mut impl Read, out: &mut Vec<u8>) -> io::Result<()> {
    const STEP: usize = 8 << 10;
    loop {
        let start = out.len();
        out.resize(start + STEP, 0);
        let space = out.get_mut(start..).unwrap_or_default();
        match file.read(space) {
            Ok(count) => out.truncate(start + count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => out.truncate(start),
            Err(error) => {
                out.truncate(start);
                return Err(error);
            }
        }
        if out.len() == start {
            return Ok(());
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
        std::fs::write(folder.path().join("odd"), b"a\xff\xf0\x9fb\xc3").expect("written");
        assert_eq!(files.sys("long").expect("there"), long);
        assert_eq!(files.sys("odd").expect("there"), "a???b?");
        assert!(matches!(files.sys("nothing"), Err(Failure::Missing(_))));
        assert!(matches!(files.sys("long/below"), Err(Failure::Missing(_))));
        assert!(matches!(files.sys(""), Err(Failure::Unreadable { .. })));
        assert_eq!(files.n_cut, 0);
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
