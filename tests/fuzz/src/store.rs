//! Targets that need a store or a log around the bytes, and the files of a small store as examples.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use columns::TimeRange;
use disk::{Disk, MemDisk};
use model::{DurationMs, Labels, Matcher, TimestampMs};
use prometheus_client::registry::Registry;
use stdx::ManualClock;
use storage::{AppendError, MetricAppend, MetricQuery, Samples, Selection};
use tsdb::{DamagePolicy, Db, Limits, Maintenance, Options, SyncPolicy};
use wal::{Batch, Wal};

const DIR: &str = "/fuzz";
const BEGIN_MS: i64 = 1_700_000_000_000;
const STEP_MS: i64 = 300_000;
/// With a sample so much later, what was there before is cut into a block.
const CUT_AFTER_MS: i64 = 4 * 3600 * 1000;

fn options(disk: &MemDisk, now_ms: i64) -> Options {
    let retention = DurationMs::from_secs(1000 * 24 * 3600);
    Options {
        dir: PathBuf::from(DIR),
        disk: Arc::new(disk.clone()),
        clock: Arc::new(ManualClock::new(now_ms)),
        sync: SyncPolicy::None,
        damage: DamagePolicy::Quarantine,
        limits: Limits { retention, ..Limits::standard() },
        maintenance: Maintenance::Manual,
        metrics: Arc::new(tsdb::Metrics::new(&mut Registry::default())),
    }
}

fn open_wal(disk: &MemDisk, visit: &mut dyn wal::Visit) -> Wal {
    let options = wal::Options {
        dir: Path::new(DIR).join("wal"),
        quarantine: Path::new(DIR).join("quarantine"),
        disk: Arc::new(disk.clone()),
        sync: SyncPolicy::None,
        damage: DamagePolicy::Quarantine,
        segment_bytes: wal::SEGMENT_BYTES,
        metrics: Arc::new(wal::Metrics::new(&mut Registry::default())),
    };
    Wal::open(options, visit).expect("damage is set aside").0
}

/// The only segment of a log is any bytes.
pub(crate) fn read_segment(bytes: &[u8]) {
    let disk = MemDisk::new();
    let dir = Path::new(DIR).join("wal");
    disk.create_dir_all(&dir).expect("memory takes it");
    for name in ["00000001.wal", "00000002.wal"] {
        let file = disk.create(&dir.join(name)).expect("memory takes it");
        file.append(bytes).expect("memory takes it");
    }
    // A version that is newer is refused, and nothing else.
    let options = wal::Options {
        dir,
        quarantine: Path::new(DIR).join("quarantine"),
        disk: Arc::new(disk),
        sync: SyncPolicy::None,
        damage: DamagePolicy::Quarantine,
        segment_bytes: wal::SEGMENT_BYTES,
        metrics: Arc::new(wal::Metrics::new(&mut Registry::default())),
    };
    match Wal::open(options, &mut |_, _: &[u8]| Ok(())) {
        Ok(_) | Err(wal::WalError::Version { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

/// A store whose log has these bytes as a record between two good ones, or in a checkpoint before them where it belongs there,
/// opened and asked for everything.
pub(crate) fn replay(bytes: &[u8]) {
    if tsdb::fuzz::has_high_slot(bytes) {
        return;
    }
    let disk = MemDisk::new();
    let wal = open_wal(&disk, &mut |_, _: &[u8]| Ok(()));
    let mut batch = Batch::new();
    let records = some_records();
    let mut own = Some(bytes);
    if tsdb::fuzz::is_of_checkpoint(bytes) {
        put_checkpoint(&wal, own.take());
    }
    for record in [Some(records[0].as_slice()), own, Some(records[1].as_slice())].into_iter().flatten() {
        batch.record(|out| out.extend_from_slice(record));
    }
    wal.append(&mut batch).expect("memory takes it");
    drop(wal);
    use_store(&disk, BEGIN_MS);
}

fn put_checkpoint<'a>(wal: &Wal, records: impl IntoIterator<Item = &'a [u8]>) {
    let mut checkpoint = wal.begin_checkpoint().expect("memory takes it");
    for record in records {
        checkpoint.record(|out| out.extend_from_slice(record)).expect("memory takes it");
    }
    checkpoint.finish().expect("memory takes it");
}

/// A start, and all that goes through what is there: queries, cuts, deletions, another start.
fn use_store(disk: &MemDisk, now_ms: i64) {
    let later_ms = now_ms + CUT_AFTER_MS;
    let (db, _) = Db::open(options(disk, later_ms)).expect("damage is set aside");
    ask(&db);
    // Refused where the bytes say that there is a newer sample.
    drop(append(&db, later_ms, 0));
    // A chunk that cannot be decoded is not cut.
    drop(db.maintain());
    ask(&db);
    let range = TimeRange { from: TimestampMs(now_ms - 5 * STEP_MS), to: TimestampMs(now_ms - 3 * STEP_MS) };
    db.delete_series(&[], range).expect("memory takes it");
    drop(db.maintain());
    db.close().expect("memory takes it");
    drop(db);
    let (again, _) = Db::open(options(disk, later_ms)).expect("nothing is damaged");
    ask(&again);
}

/// A store with some files of chunks that its checkpoint lists: the records of the checkpoint, and the files.
struct WithFiles {
    checkpoint: Vec<Vec<u8>>,
    files: Vec<Vec<u8>>,
    now_ms: i64,
}

fn with_files() -> &'static WithFiles {
    static MADE: OnceLock<WithFiles> = OnceLock::new();
    MADE.get_or_init(|| {
        let disk = MemDisk::new();
        let clock = Arc::new(ManualClock::new(BEGIN_MS));
        let limits = Limits { spill_file_bytes: 500, log_bytes_max: 0, ..options(&disk, BEGIN_MS).limits };
        let options = Options { limits, clock: Arc::clone(&clock) as _, ..options(&disk, BEGIN_MS) };
        let (db, _) = Db::open(options).expect("a sound store");
        let mut now_ms = BEGIN_MS;
        for step in 0..500 {
            now_ms = BEGIN_MS + step * STEP_MS / 30;
            clock.set(now_ms);
            append(&db, now_ms, step).expect("in order");
            if step % 100 == 99 {
                db.maintain().expect("memory takes it");
            }
        }
        drop(db);
        let mut checkpoint = Vec::new();
        drop(open_wal(&disk, &mut |source, record: &[u8]| {
            if source == wal::Source::Checkpoint {
                checkpoint.push(record.to_vec());
            }
            Ok(())
        }));
        let files = files(&disk, "head", ".chunks");
        WithFiles { checkpoint, files, now_ms }
    })
}

/// Files of chunks, each behind its number.
pub(crate) fn head_files() -> Vec<Vec<u8>> {
    let files = with_files().files.iter().zip(0u8..);
    files.map(|(bytes, number)| [[number].as_slice(), bytes].concat()).collect()
}

/// A store of whose files of chunks one is these bytes, with their right sum in the checkpoint.
pub(crate) fn head_file(bytes: &[u8]) {
    let WithFiles { checkpoint, files, now_ms } = with_files();
    let (disk, mut files) = (MemDisk::new(), files.clone());
    if let Some((number, bytes)) = bytes.split_first() {
        let count = files.len();
        files[usize::from(*number) % count] = bytes.to_vec();
    }
    let dir = Path::new(DIR).join("head");
    disk.create_dir_all(&dir).expect("memory takes it");
    for (number, bytes) in files.iter().enumerate() {
        let file = disk.create(&dir.join(format!("{number:08}.chunks"))).expect("memory takes it");
        file.append(bytes).expect("memory takes it");
    }
    let list = tsdb::fuzz::list_of_files(&files);
    let others = checkpoint.iter().map(Vec::as_slice).filter(|record| !tsdb::fuzz::is_list_of_files(record));
    let wal = open_wal(&disk, &mut |_, _: &[u8]| Ok(()));
    put_checkpoint(&wal, others.chain([list.as_slice()]));
    drop(wal);
    use_store(&disk, *now_ms);
}

fn ask(db: &Db) {
    let all = Selection { matchers: &[], range: TimeRange::ALL, series_max: usize::MAX };
    let set = db.select(&all).expect("no limit");
    let mut out = Samples::default();
    for i in 0..set.len() {
        // An error is an answer.
        drop((set.labels(i), set.samples(i, TimeRange::ALL, &mut out)));
    }
}

/// A store with a log, a checkpoint, blocks and tombstones.
fn small_store() -> MemDisk {
    let disk = MemDisk::new();
    for part in 0..3 {
        let now_ms = BEGIN_MS + (part + 1) * 20 * STEP_MS;
        let (db, _) = Db::open(options(&disk, now_ms)).expect("a sound store");
        for step in part * 20..(part + 1) * 20 {
            append(&db, BEGIN_MS + step * STEP_MS, step).expect("in order");
        }
        db.maintain().expect("memory takes it");
        let range = TimeRange { from: TimestampMs(BEGIN_MS), to: TimestampMs(BEGIN_MS + 50 * STEP_MS) };
        db.delete_series(&[Matcher::equal("i", "2")], range).expect("memory takes it");
    }
    disk
}

/// A sample of each of four series.
fn append(db: &Db, at_ms: i64, step: i64) -> Result<(), AppendError> {
    let mut appender = db.appender();
    for i in 0..4 {
        let labels = Labels::from_pairs([("__name__", "m".to_owned()), ("i", i.to_string())]);
        let id = appender.series(&labels)?;
        appender.append(id, TimestampMs(at_ms), (step * i) as f64 / 4.0)?;
    }
    appender.commit().map(drop)
}

fn files(disk: &MemDisk, dir: &str, end: &str) -> Vec<Vec<u8>> {
    let dir = Path::new(DIR).join(dir);
    let names = disk.list(&dir).expect("a folder").into_iter().map(|entry| entry.name);
    names.filter(|name| name.ends_with(end)).map(|name| disk.read(&dir.join(name)).expect("a file")).collect()
}

pub(crate) fn segments() -> Vec<Vec<u8>> {
    files(&small_store(), "wal", ".wal")
}

pub(crate) fn blocks() -> Vec<Vec<u8>> {
    files(&small_store(), "blocks", ".block").into_iter().chain(tsdb::fuzz::block_seeds()).collect()
}

pub(crate) fn tombstones() -> Vec<Vec<u8>> {
    files(&small_store(), "blocks", ".tombs")
}

/// Records of every kind.
pub(crate) fn records() -> Vec<Vec<u8>> {
    let mut all = some_records();
    let mut take = |_, record: &[u8]| {
        all.push(record.to_vec());
        Ok(())
    };
    drop(open_wal(&small_store(), &mut take));
    all
}

/// Two commits: of a series, and of a sample of it.
fn some_records() -> Vec<Vec<u8>> {
    let disk = MemDisk::new();
    {
        let (db, _) = Db::open(options(&disk, BEGIN_MS)).expect("a sound store");
        for step in 0..2 {
            let mut appender = db.appender();
            let labels = Labels::from_pairs([("__name__", "m"), ("i", "0")]);
            let id = appender.series(&labels).expect("below the limit");
            appender.append(id, TimestampMs(BEGIN_MS + step), 1.0).expect("in order");
            appender.commit().expect("memory takes it");
        }
    }
    let mut all = Vec::new();
    let mut take = |_, record: &[u8]| {
        all.push(record.to_vec());
        Ok(())
    };
    drop(open_wal(&disk, &mut take));
    all
}
