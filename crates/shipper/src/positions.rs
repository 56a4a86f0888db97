//! How far files have been read, kept in Promtail's own file.
//!
//! `positions:` maps a path to an offset in bytes (for a compressed file: of what it unpacks to), so that either program goes
//! on where the other stopped. Beside each path stands `cursor-watchfire-PATH`, which Promtail leaves alone: the files, by device
//! and number, that this path has meant and that are not read to their end, oldest first. With it a file that was renamed
//! while nobody looked is found again. `cursor-watchfire` alone is the last batch of the buffer that the file knows of: only
//! later ones know more.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::entry::FileId;

/// What Promtail's clean-up passes over, and our part of it.
const CURSOR: &str = "cursor-watchfire-";
/// The last batch whose positions are in the file.
const BATCH: &str = "cursor-watchfire";

/// How far one file has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Which file; unknown where only Promtail has written.
    pub file: Option<FileId>,
    pub offset: u64,
    /// CRC-32C of the last bytes before the offset, since the system gives numbers of files that are gone to new ones.
    pub print: u32,
}

/// Of each path, the files that are not read to their end, oldest first; the last is the one that has the path now.
pub(crate) type Marks = BTreeMap<String, Vec<Mark>>;

/// What the file holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Positions {
    pub marks: Marks,
    /// The last batch of the buffer whose positions these are.
    pub batch: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PositionsYaml {
    positions: BTreeMap<String, Offset>,
}

/// Promtail writes texts; people write numbers.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Offset {
    Number(u64),
    Text(String),
}

impl Offset {
    fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// Reads the file at `path`; one that is not there is empty.
///
/// # Errors
/// One line, when it cannot be read.
pub(crate) fn read(path: &Path) -> Result<Positions, String> {
    if !path.exists() {
        return Ok(Positions::default());
    }
    let file: PositionsYaml = config::read(path).map_err(|error| error.to_string())?;
    let mut marks = Marks::new();
    for (key, offset) in &file.positions {
        // Cursors of Promtail's journal are not ours to read.
        if !key.starts_with("cursor-") {
            let offset =
                offset.text().parse().map_err(|_| format!("{}: no offset of {key}", path.display()))?;
            marks.insert(key.clone(), vec![Mark { file: None, offset, print: 0 }]);
        }
    }
    for (key, cursor) in &file.positions {
        let Some(path) = key.strip_prefix(CURSOR) else { continue };
        if let Some(known) = read_cursor(&cursor.text()).filter(|known| !known.is_empty()) {
            marks.insert(path.to_owned(), known);
        }
    }
    let batch = file.positions.get(BATCH).and_then(|number| number.text().parse().ok());
    Ok(Positions { marks, batch })
}

/// Replaces the file at `path` as a whole; after a crash either the old one or the new one is there.
pub(crate) fn write(path: &Path, positions: &Positions) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let mut file = std::fs::File::create(&new)?;
    file.write_all(text_of(positions).as_bytes())?;
    file.sync_data()?;
    std::fs::rename(&new, path)
}

fn text_of(positions: &Positions) -> String {
    let mut text = "positions:\n".to_owned();
    let mut line = |key: &str, value: &str| text.push_str(&format!("  {}: {value:?}\n", yaml_key(key)));
    for (path, marks) in &positions.marks {
        if let Some(newest) = marks.last() {
            line(path, &newest.offset.to_string());
        }
        let cursor = write_cursor(marks);
        if !cursor.is_empty() {
            line(&format!("{CURSOR}{path}"), &cursor);
        }
    }
    if let Some(batch) = positions.batch {
        line(BATCH, &batch.to_string());
    }
    let is_empty = positions.marks.is_empty() && positions.batch.is_none();
    if is_empty { "positions: {}\n".to_owned() } else { text }
}

/// Paths of letters stand as they are, as Promtail writes them; all others in quotes with JSON's escapes, which YAML has too.
fn yaml_key(key: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let is_word = key.starts_with(|c: char| c == '/' || c.is_ascii_alphabetic()) && key.chars().all(is_plain);
    if is_word { key.to_owned() } else { serde_json::Value::from(key).to_string() }
}

fn write_cursor(marks: &[Mark]) -> String {
    let known = marks.iter().filter_map(|mark| {
        let file = mark.file?;
        Some(format!("{}:{}:{}:{}", file.device, file.inode, mark.offset, mark.print))
    });
    known.collect::<Vec<_>>().join(" ")
}

fn read_cursor(text: &str) -> Option<Vec<Mark>> {
    let mark = |word: &str| {
        let mut numbers = word.split(':').map(|number| number.parse::<u64>().ok());
        let mut next = || numbers.next().flatten();
        let (device, inode, offset) = (next()?, next()?, next()?);
        let print = u32::try_from(next()?).ok()?;
        Some(Mark { file: Some(FileId { device, inode }), offset, print })
    };
    text.split_whitespace().map(mark).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(inode: u64, offset: u64) -> Mark {
        Mark { file: Some(FileId { device: 7, inode }), offset, print: 9 }
    }

    #[test]
    fn what_is_written_reads_back_and_looks_as_promtails() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("sub/positions.yaml");
        assert_eq!(read(&path), Ok(Positions::default()));
        let marks = Marks::from([
            ("/var/log/a.log".to_owned(), vec![mark(1, 500), mark(2, 10)]),
            ("/var/log/odd \"name\": ü.log".to_owned(), vec![mark(3, 0)]),
        ]);
        let positions = Positions { marks, batch: Some(42) };
        write(&path, &positions).expect("written");
        assert_eq!(read(&path), Ok(positions));
        let text = std::fs::read_to_string(&path).expect("text");
        assert!(text.starts_with("positions:\n  /var/log/a.log: \"10\"\n"), "{text}");
        assert!(text.contains("  cursor-watchfire-/var/log/a.log: \"7:1:500:9 7:2:10:9\"\n"), "{text}");
        write(&path, &Positions::default()).expect("written");
        assert_eq!(read(&path), Ok(Positions::default()));
    }

    #[test]
    fn promtails_own_file_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("positions.yaml");
        let text = "positions:\n  /var/log/a.log: \"1234\"\n  /b: 5\n  cursor-journal: \"s=1;i=2\"\n";
        std::fs::write(&path, text).expect("written");
        let unknown = |offset| vec![Mark { file: None, offset, print: 0 }];
        let expected =
            Marks::from([("/var/log/a.log".to_owned(), unknown(1234)), ("/b".to_owned(), unknown(5))]);
        assert_eq!(read(&path), Ok(Positions { marks: expected, batch: None }));
        for broken in ["positions: 5\n", "positions:\n  /a: x\n", "{"] {
            std::fs::write(&path, broken).expect("written");
            assert!(read(&path).is_err(), "{broken}");
        }
    }
}
