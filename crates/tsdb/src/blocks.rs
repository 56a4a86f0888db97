//! All blocks of a store: opening them, showing them to queries, replacing and removing them.
//!
//! What queries see is one immutable [`View`]: blocks, and from when on the head counts. A query holds the view it began
//! with, and with it every file it may read; the head keeps what an older view needs until that view is let go.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use columns::TimeRange;
use disk::Disk;
use wal::{Damage, DamagePolicy};

use crate::block::meta::{Flaw, Meta};
use crate::block::{Block, BlockWriter, OpenError};
use crate::filenames::{BlockFile, block_file, tombs_file};
use crate::{Metrics, TsdbError};

/// What a query sees.
#[derive(Debug)]
pub(crate) struct View {
    /// In order of time, none overlapping another.
    pub(crate) blocks: Vec<Arc<Block>>,
    /// Samples of the head before this are in blocks, or were let go.
    pub(crate) head_from_ms: i64,
}

impl View {
    /// Blocks that may have samples in `range`.
    pub(crate) fn overlapping(&self, range: TimeRange) -> impl Iterator<Item = &Arc<Block>> {
        self.blocks.iter().filter(move |block| block.range().overlaps(&range))
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.blocks.iter().map(|block| block.len_bytes()).sum()
    }
}

/// All blocks.
#[derive(Debug)]
pub(crate) struct Blocks {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    metrics: Arc<Metrics>,
    view: RwLock<Arc<View>>,
    /// Views of before, as long as somebody holds them.
    former: Mutex<Vec<Weak<View>>>,
    next_number: AtomicU64,
}

/// What the opening needs besides the folder.
#[derive(Debug)]
pub(crate) struct Opening<'a> {
    pub(crate) disk: &'a Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) quarantine: &'a Path,
    pub(crate) damage: DamagePolicy,
    pub(crate) metrics: &'a Arc<Metrics>,
}

impl Blocks {
    /// Opens all blocks of the folder; removes what is half made, superseded or left over; sets damaged ones aside.
    pub(crate) fn open(opening: &Opening<'_>) -> Result<(Self, Vec<Damage>), TsdbError> {
        let (disk, dir) = (&**opening.disk, opening.dir.as_path());
        disk.create_dir_all(dir)?;
        let (numbers, tombs) = scan(disk, dir)?;
        let mut damage = Vec::new();
        let mut blocks = Vec::new();
        for number in &numbers {
            blocks.extend(opening.open_one(*number, &mut damage)?);
        }
        let sources: Vec<u64> = blocks.iter().flat_map(|block| block.meta.sources.iter().copied()).collect();
        let next_number = numbers.iter().chain(&sources).max().map_or(1, |highest| highest + 1);
        for block in blocks.extract_if(.., |block| sources.contains(&block.meta.number)) {
            remove(disk, &block.path);
        }
        for number in tombs {
            if !blocks.iter().any(|block| block.meta.number == number) {
                remove(disk, &dir.join(tombs_file(number)));
            }
        }
        disk.sync_dir(dir)?;
        Ok((Self::with(opening, blocks, next_number), damage))
    }

    fn with(opening: &Opening<'_>, blocks: Vec<Arc<Block>>, next_number: u64) -> Self {
        let head_from_ms = blocks.iter().map(|block| block.meta.end_ms).max().unwrap_or(i64::MIN);
        let this = Self {
            disk: Arc::clone(opening.disk),
            dir: opening.dir.clone(),
            metrics: Arc::clone(opening.metrics),
            view: RwLock::new(Arc::new(View { blocks: Vec::new(), head_from_ms })),
            former: Mutex::default(),
            next_number: AtomicU64::new(next_number),
        };
        this.show(blocks, head_from_ms);
        this
    }

    /// Blocks and head as a query shall see them now.
    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A number that no block has or had as far as anybody can tell.
    pub(crate) fn take_number(&self) -> u64 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }

    /// Removes blocks that nobody is shown: one whose name came to be though its writer was told otherwise, or a source that
    /// could not be removed. While one is there nothing may change, or a start would find two tellings of the same time.
    pub(crate) fn clear_strays(&self) -> Result<(), TsdbError> {
        let view = self.view();
        let mut has_removed = false;
        for entry in self.disk.list(&self.dir)? {
            if let Some(BlockFile::Block(number)) = BlockFile::parse(&entry.name)
                && !view.blocks.iter().any(|block| block.meta.number == number)
            {
                self.disk.remove_file(&self.dir.join(entry.name))?;
                has_removed = true;
            }
        }
        if has_removed {
            self.disk.sync_dir(&self.dir)?;
        }
        Ok(())
    }

    /// Begins to write a block.
    pub(crate) fn begin(&self, meta: Meta) -> Result<BlockWriter<'_>, TsdbError> {
        self.clear_strays()?;
        Ok(BlockWriter::begin(&*self.disk, &self.dir, meta)?)
    }

    /// Opens a block that was just written.
    pub(crate) fn open_written(&self, meta: &Meta) -> Result<Arc<Block>, TsdbError> {
        let opened = Block::open(&*self.disk, &self.dir, meta.number, &self.metrics.blocks.damaged_chunks);
        opened.map(Arc::new).map_err(|error| refusal(error, self.dir.join(block_file(meta.number))))
    }

    /// Shows `added` to queries instead of the blocks `removed`, and the head from `head_from_ms` on.
    pub(crate) fn replace(&self, removed: &[u64], added: Option<Arc<Block>>, head_from_ms: i64) {
        let now = self.view();
        let stays = now.blocks.iter().filter(|block| !removed.contains(&block.meta.number));
        self.show(stays.cloned().chain(added).collect(), head_from_ms);
    }

    fn show(&self, mut blocks: Vec<Arc<Block>>, head_from_ms: i64) {
        blocks.sort_by_key(|block| block.meta.from_ms);
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let view = Arc::new(View { blocks, head_from_ms });
        self.metrics.blocks.loaded.set(gauge(view.blocks.len() as u64));
        self.metrics.blocks.bytes.set(gauge(view.bytes()));
        let former = std::mem::replace(&mut *self.view.write().unwrap_or_else(PoisonError::into_inner), view);
        let mut all = self.former.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|view| view.strong_count() > 0);
        all.push(Arc::downgrade(&former));
    }

    /// Before when no view that somebody holds needs the head.
    pub(crate) fn head_needed_from_ms(&self) -> i64 {
        let former = self.former.lock().unwrap_or_else(PoisonError::into_inner);
        let held = former.iter().filter_map(Weak::upgrade).map(|view| view.head_from_ms);
        held.fold(self.view().head_from_ms, i64::min)
    }

    /// Removes the files of blocks that no view from now on shows. What stays for now is removed at the next start.
    pub(crate) fn remove_files(&self, numbers: &[u64]) {
        numbers.iter().for_each(|number| remove(&*self.disk, &self.dir.join(block_file(*number))));
        // The tombstones only when the block is gone for good, or what was deleted would be back.
        if let Err(error) = self.disk.sync_dir(&self.dir) {
            return tracing::warn!(%error, "the folder of blocks cannot be synced");
        }
        for number in numbers {
            let path = self.dir.join(tombs_file(*number));
            match self.disk.remove_file(&path) {
                Err(error) if !error.is_not_found() => tracing::warn!(%error, "tombstones of no block stay"),
                _ => {}
            }
        }
    }
}

impl Opening<'_> {
    fn open_one(&self, number: u64, damage: &mut Vec<Damage>) -> Result<Option<Arc<Block>>, TsdbError> {
        let (disk, dir) = (&**self.disk, self.dir.as_path());
        let block = match Block::open(disk, dir, number, &self.metrics.blocks.damaged_chunks) {
            Ok(block) => block,
            Err(error) => {
                self.set_aside(error, &block_file(number), damage)?;
                return Ok(None);
            }
        };
        if let Err(error) = block.load_tombstones(disk, dir) {
            self.set_aside(error, &tombs_file(number), damage)?;
        }
        Ok(Some(Arc::new(block)))
    }

    /// Moves a damaged file to the quarantine, or refuses.
    fn set_aside(&self, error: OpenError, name: &str, damage: &mut Vec<Damage>) -> Result<(), TsdbError> {
        let file = self.dir.join(name);
        let OpenError::Flaw(Flaw { offset_bytes, reason }) = error else { return Err(refusal(error, file)) };
        if self.damage == DamagePolicy::Refuse {
            return Err(refusal(error, file));
        }
        tracing::error!(file = %file.display(), offset_bytes, reason, "a damaged file is set aside");
        self.disk.create_dir_all(self.quarantine)?;
        let to = self.quarantine.join(name);
        self.disk.rename(&file, &to)?;
        self.disk.sync_dir(self.quarantine)?;
        self.disk.sync_dir(&self.dir)?;
        self.metrics.blocks.quarantined.inc();
        let reason = reason.to_owned();
        damage.push(Damage { file, offset_bytes, len_bytes: 0, reason, quarantined_to: Some(to) });
        Ok(())
    }
}

/// Numbers of the blocks and of the tombstones in a folder; what is half made is removed.
fn scan(disk: &dyn Disk, dir: &Path) -> Result<(Vec<u64>, Vec<u64>), TsdbError> {
    let (mut numbers, mut tombs) = (Vec::new(), Vec::new());
    for entry in disk.list(dir)? {
        match BlockFile::parse(&entry.name) {
            Some(BlockFile::Block(number)) => numbers.push(number),
            Some(BlockFile::Tombs(number)) => tombs.push(number),
            Some(BlockFile::HalfMade) => remove(disk, &dir.join(entry.name)),
            None => {}
        }
    }
    Ok((numbers, tombs))
}

fn refusal(error: OpenError, path: PathBuf) -> TsdbError {
    match error {
        OpenError::Disk(error) => error.into(),
        OpenError::Flaw(Flaw { offset_bytes, reason }) => {
            TsdbError::DamagedBlock { path, offset_bytes, reason }
        }
    }
}

fn remove(disk: &dyn Disk, path: &Path) {
    if let Err(error) = disk.remove_file(path) {
        tracing::warn!(%error, "a file of a block that is no longer needed stays until the next start");
    }
}
