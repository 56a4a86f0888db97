//! Names of everything in a store's folder.

/// The folder of the log.
pub(crate) const WAL_DIR: &str = "wal";
/// The folder of files of chunks.
pub(crate) const CHUNKS_DIR: &str = "chunks";
/// Where copies of damaged bytes and damaged files go.
pub(crate) const QUARANTINE_DIR: &str = "quarantine";
/// What was asked to be deleted.
pub(crate) const DELETES_FILE: &str = "deletes";

const CHUNKS_EXTENSION: &str = ".logs";
const HALF_MADE_EXTENSION: &str = ".tmp";

/// What a file among the chunks is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChunksEntry {
    /// File of this number.
    File(u64),
    /// Half made.
    HalfMade,
}

/// The name of file `number`.
pub(crate) fn chunks_file(number: u64) -> String {
    format!("{number:08}{CHUNKS_EXTENSION}")
}

impl ChunksEntry {
    /// What a name says; `None` for one that is not ours.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        if name.ends_with(HALF_MADE_EXTENSION) {
            return Some(Self::HalfMade);
        }
        let number = name.strip_suffix(CHUNKS_EXTENSION)?.parse().ok()?;
        (chunks_file(number) == name).then_some(Self::File(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for number in [1, 12, 123_456_789] {
            assert_eq!(ChunksEntry::parse(&chunks_file(number)), Some(ChunksEntry::File(number)));
        }
        assert_eq!(ChunksEntry::parse("00000001.logs.tmp"), Some(ChunksEntry::HalfMade));
        for name in ["1.logs", "x.logs", "00000001.block", ""] {
            assert_eq!(ChunksEntry::parse(name), None, "{name}");
        }
    }
}
