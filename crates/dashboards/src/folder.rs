//! Finding the files: every `.json` below a folder, in the order of their paths, within limits.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{LoadError, Problem};

/// The largest dashboard known to us has about 1 MB; this keeps a stray data file out of memory. A larger file is reported.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// More than anyone lists on one page; keeps a wrong path (a home folder) from being read whole. The rest is reported once.
const FILES_MAX: usize = 2000;
/// Ends walks through links that lead back up. Deeper folders are reported.
const DEPTH_MAX: usize = 8;

/// A file as found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) file: PathBuf,
    /// Path below the root with `/`, the same on every system.
    pub(crate) relative: String,
    /// Folder part of `relative`.
    pub(crate) folder: String,
    pub(crate) bytes: Vec<u8>,
}

/// Reads all files below `root`. Names that begin with a dot are passed over: mounted volumes keep older versions there.
pub(crate) fn read(root: &Path, errors: &mut Vec<LoadError>) -> Vec<Found> {
    let mut paths = Vec::new();
    walk(root, 0, &mut paths, errors);
    paths.sort();
    if paths.len() > FILES_MAX {
        let problem =
            Problem::OverLimit(format!("{} files, only the first {FILES_MAX} are read", paths.len()));
        errors.push(LoadError { file: root.to_owned(), problem });
        paths.truncate(FILES_MAX);
    }
    let mut found = Vec::with_capacity(paths.len());
    for file in paths {
        match read_file(&file) {
            Ok(bytes) => found.push(place(root, file, bytes)),
            Err(problem) => errors.push(LoadError { file, problem }),
        }
    }
    found
}

fn walk(folder: &Path, depth: usize, paths: &mut Vec<PathBuf>, errors: &mut Vec<LoadError>) {
    if depth > DEPTH_MAX {
        let problem = Problem::OverLimit(format!("more than {DEPTH_MAX} folders deep, not read"));
        return errors.push(LoadError { file: folder.to_owned(), problem });
    }
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            return errors.push(LoadError {
                file: folder.to_owned(),
                problem: Problem::Unreadable(error.to_string()),
            });
        }
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if path.is_dir() {
            walk(&path, depth + 1, paths, errors);
        } else if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
            paths.push(path);
        }
    }
}

fn read_file(file: &Path) -> Result<Vec<u8>, Problem> {
    let unreadable = |error: std::io::Error| Problem::Unreadable(error.to_string());
    let size = fs::metadata(file).map_err(unreadable)?.len();
    if size > FILE_BYTES_MAX {
        return Err(Problem::OverLimit(format!("{size} bytes, more than {FILE_BYTES_MAX}")));
    }
    fs::read(file).map_err(unreadable)
}

fn place(root: &Path, file: PathBuf, bytes: Vec<u8>) -> Found {
    let below = file.strip_prefix(root).unwrap_or(&file);
    let parts: Vec<_> =
        below.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    let relative = parts.join("/");
    let folder = relative.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
    Found { file, relative, folder, bytes }
}
