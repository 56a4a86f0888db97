//! Names in the folder of the store (docs/formats/records.md, block.md); those inside the log's folder are the log's.

/// The folder of the log.
pub(crate) const WAL_DIR: &str = "wal";
/// The folder of blocks.
pub(crate) const BLOCKS_DIR: &str = "blocks";
/// The folder for copies of damaged bytes.
pub(crate) const QUARANTINE_DIR: &str = "quarantine";

/// The folder of the head's finished chunks.
pub(crate) const SPILL_DIR: &str = "head";

const BLOCK: &str = ".block";
const TOMBS: &str = ".tombs";
const HALF_MADE: &str = ".tmp";

/// A file in the folder of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum BlockFile {
    Block(u64),
    Tombs(u64),
    HalfMade,
}

impl BlockFile {
    /// What a name says; `None` of one that is not ours.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        if name.ends_with(HALF_MADE) {
            return Some(Self::HalfMade);
        }
        let number = |suffix| name.strip_suffix(suffix)?.parse::<u64>().ok();
        number(BLOCK).map(Self::Block).or_else(|| number(TOMBS).map(Self::Tombs))
    }
}

/// The name of a block.
pub(crate) fn block_file(number: u64) -> String {
    format!("{number:08}{BLOCK}")
}

/// The name of what is deleted of a block.
pub(crate) fn tombs_file(number: u64) -> String {
    format!("{number:08}{TOMBS}")
}

/// The name of a file of the head's chunks.
pub(crate) fn spill_file(number: u32) -> String {
    format!("{number:08}.chunks")
}

/// The name of a file before it has its own.
pub(crate) fn half_made(name: &str) -> String {
    format!("{name}{HALF_MADE}")
}
