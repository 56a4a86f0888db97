//! Checking a store without changing it: each block with all its chunks, tombstones, the log record by record,
//! the files that its checkpoint names.
//!
//! A start reads less: of blocks it checks the index alone, and each chunk when it is first touched.

use std::path::Path;
use std::sync::Arc;

use columns::TimeRange;
use disk::Disk;
use model::Labels;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use storage::Samples;
use wal::{Damage, DamagePolicy, SyncPolicy, Wal};

use super::read_only::ReadOnly;
use crate::block::meta::Flaw;
use crate::block::{Block, OpenError};
use crate::filenames::{
    BLOCKS_DIR, BlockFile, QUARANTINE_DIR, SPILL_DIR, WAL_DIR, block_file, spill_file, tombs_file,
};
use crate::record::Record;
use crate::spill::{self, Unfit};
use crate::{TsdbError, record};

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// Blocks that were read.
    pub blocks: usize,
    /// Series in them, counted once a block.
    pub series: u64,
    /// Samples in them.
    pub samples: u64,
    /// Their bytes.
    pub block_bytes: u64,
    /// Records of the log.
    pub records: u64,
    /// Their bytes.
    pub record_bytes: u64,
    /// Bytes of an unfinished record at the log's end: no damage, the next start cuts them.
    pub torn_bytes: u64,
    /// What is damaged: a file, the place in it, what is wrong.
    pub damage: Vec<Damage>,
}

/// Checks the store in `dir`, and tells `progress` how many bytes of all are done.
///
/// # Errors
/// [`TsdbError::Disk`] when files cannot be read or another watchfire holds the folder; [`TsdbError::Wal`] when the log is of
/// another version. Damage is no error: it is in the answer.
pub fn verify(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Verified, TsdbError> {
    let _lock = disk.lock_dir(dir)?;
    let mut found = Verified::default();
    let blocks_dir = dir.join(BLOCKS_DIR);
    let files = listed(&**disk, &blocks_dir)?;
    let log_bytes: u64 = listed(&**disk, &dir.join(WAL_DIR))?.iter().map(|(_, bytes)| bytes).sum();
    let all_bytes = files.iter().map(|(_, bytes)| bytes).sum::<u64>() + log_bytes;
    let mut done_bytes = 0;
    for (name, bytes) in &files {
        if let Some(BlockFile::Block(number)) = BlockFile::parse(name) {
            let path = blocks_dir.join(block_file(number));
            if let Err(error) = block(&**disk, &blocks_dir, number, &mut found) {
                found.damage.push(error.into_damage(&path)?);
            }
        }
        done_bytes += bytes;
        progress(done_bytes, all_bytes);
    }
    log(disk, dir, &mut found)?;
    progress(all_bytes, all_bytes);
    Ok(found)
}

/// Names and sizes of the files of a folder; none when it is not there.
fn listed(disk: &dyn Disk, dir: &Path) -> Result<Vec<(String, u64)>, TsdbError> {
    match disk.list(dir) {
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        Err(error) => Err(error.into()),
        Ok(entries) => Ok(entries.into_iter().map(|entry| (entry.name, entry.len_bytes)).collect()),
    }
}

/// Why a block is not as it should be.
enum Fault {
    Disk(TsdbError),
    Place { offset_bytes: u64, reason: String },
}

impl Fault {
    fn into_damage(self, path: &Path) -> Result<Damage, TsdbError> {
        let (offset_bytes, reason) = match self {
            Self::Disk(error) => return Err(error),
            Self::Place { offset_bytes, reason } => (offset_bytes, reason),
        };
        Ok(Damage { file: path.to_owned(), offset_bytes, len_bytes: 0, reason, quarantined_to: None })
    }
}

impl From<OpenError> for Fault {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Disk(error) => Self::Disk(error.into()),
            OpenError::Flaw(Flaw { offset_bytes, reason }) => {
                Self::Place { offset_bytes, reason: reason.to_owned() }
            }
        }
    }
}

fn block(disk: &dyn Disk, dir: &Path, number: u64, found: &mut Verified) -> Result<(), Fault> {
    let block = Block::open(disk, dir, number, &Counter::default())?;
    found.blocks += 1;
    found.block_bytes += block.len_bytes();
    found.series += block.meta.series;
    if let Err(error) = block.load_tombstones(disk, dir) {
        let damage = Fault::from(error).into_damage(&dir.join(tombs_file(number))).map_err(Fault::Disk)?;
        found.damage.push(damage);
    }
    let (mut before, mut samples) = (None::<Labels>, 0);
    let damage_before = found.damage.len();
    for place in 0..block.index().series_count() {
        let labels = block.labels(place).map_err(|_| undecodable(&block))?;
        if before.is_some_and(|before| before >= labels) {
            let reason = format!("{labels} is not behind the series before it");
            return Err(Fault::Place { offset_bytes: block.index_at(), reason });
        }
        samples += series(&block, place, &labels, &mut found.damage)?;
        before = Some(labels);
    }
    found.samples += samples;
    if samples != block.meta.samples && found.damage.len() == damage_before {
        let reason = format!("{samples} samples were found, the meta says {}", block.meta.samples);
        return Err(Fault::Place { offset_bytes: block.index_at(), reason });
    }
    Ok(())
}

fn undecodable(block: &Block) -> Fault {
    Fault::Place { offset_bytes: block.index_at(), reason: "the index cannot be decoded".to_owned() }
}

/// Reads all chunks of a series, notes each that is damaged, and gives how many samples the others have.
fn series(block: &Block, place: u32, labels: &Labels, damage: &mut Vec<Damage>) -> Result<u64, Fault> {
    let mut last_ms = i64::MIN;
    let (mut all, mut samples) = (0, Samples::default());
    for chunk in block.chunks(place, TimeRange::ALL).map_err(|_| undecodable(block))? {
        let offset_bytes = chunk.entry.offset_bytes;
        let mut fault = |offset_bytes, what: &str| {
            let reason = format!("a chunk of {labels}: {what}");
            damage.extend(Fault::Place { offset_bytes, reason }.into_damage(&block.path));
        };
        let Ok(view) = block.chunk(&chunk) else {
            match block.damage_of(&chunk) {
                Some(at) if at != offset_bytes => {
                    fault(at, "the checksum of the chunk that has its times, or on which it builds, is wrong")
                }
                Some(_) => fault(offset_bytes, "its checksum is wrong"),
                None => fault(offset_bytes, "it cannot be decoded"),
            }
            continue;
        };
        samples.clear();
        view.decode(0, view.count, &mut samples);
        let times = &samples.times_ms;
        let ends = (times.first().copied(), times.last().copied());
        let is_sorted =
            times.is_sorted_by(|a, b| a < b) && times.first().is_some_and(|first| *first > last_ms);
        if !is_sorted || ends != (Some(chunk.entry.first_ms), Some(chunk.entry.last_ms)) {
            fault(offset_bytes, "its times are not those that the index says");
        }
        last_ms = chunk.entry.last_ms;
        all += times.len() as u64;
    }
    Ok(all)
}

fn log(disk: &Arc<dyn Disk>, dir: &Path, found: &mut Verified) -> Result<(), TsdbError> {
    let wal_dir = dir.join(WAL_DIR);
    if listed(&**disk, &wal_dir)?.is_empty() {
        return Ok(());
    }
    let options = wal::Options {
        dir: wal_dir,
        quarantine: dir.join(QUARANTINE_DIR),
        disk: Arc::new(ReadOnly(Arc::clone(disk))),
        sync: SyncPolicy::None,
        damage: DamagePolicy::Quarantine,
        segment_bytes: wal::SEGMENT_BYTES,
        metrics: Arc::new(wal::Metrics::new(&mut Registry::default())),
    };
    let (mut listed, mut is_wanted) = (None, false);
    let (_, replay) = Wal::open(options, &mut |_, bytes: &[u8]| {
        match record::read(bytes).ok_or("the record cannot be decoded")? {
            Record::CheckpointFiles(files) => listed = Some(files),
            Record::CheckpointSeries(all) => is_wanted |= all.iter().any(|one| !one.spilled.newest.is_none()),
            _ => {}
        }
        Ok(())
    })?;
    if listed.is_none() && is_wanted && replay.damage.is_empty() {
        found.damage.push(spill::lost_list(dir.join(SPILL_DIR)));
    }
    for file in listed.unwrap_or_default() {
        let path = dir.join(SPILL_DIR).join(spill_file(file.number));
        match spill::check(&**disk, &path, &file) {
            Ok(()) => {}
            Err(Unfit::Disk(error)) => return Err(error.into()),
            Err(Unfit::Damaged(reason)) => {
                let fault = Fault::Place { offset_bytes: 0, reason: reason.to_owned() };
                found.damage.push(fault.into_damage(&path)?);
            }
        }
    }
    found.records = replay.records;
    found.record_bytes = replay.record_bytes;
    found.torn_bytes = replay.torn_bytes;
    found.damage.extend(replay.damage);
    Ok(())
}
