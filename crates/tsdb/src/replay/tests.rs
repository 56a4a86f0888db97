//! Logs of which the checkpoint is not as it should be. By seed, the same one read by one thread and by several: records that are
//! exchanged, told twice, in another order or nonsense, and bytes of the files that are spoilt.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use columns::TimeRange;
use disk::{Disk, MemDisk};
use model::{Labels, TimestampMs};
use prometheus_client::registry::Registry;
use stdx::ManualClock;
use storage::{Exemplar, MetricQuery, Samples, Selection};
use wal::{Batch, DamagePolicy, SyncPolicy, Wal};

use crate::checkpoint_record::{SeriesRecord, SpilledRecord};
use crate::exemplar_record::ExemplarRecord;
use crate::filenames::{SPILL_DIR, spill_file};
use crate::record::{self, Definition, DeleteRecord, SampleRecord};
use crate::replay::restored::BYTES_MAX;
use crate::spill::Place;
use crate::xor::{CHUNK_SPAN_MS, Chunk, OpenChunk};
use crate::{Db, Limits, Maintenance, Metrics, Options, RecoveryReport};

const SEEDS: u64 = 150;
/// Begin of a span of two hours.
const BEGIN_MS: i64 = 236_111 * CHUNK_SPAN_MS;
const NOW_MS: i64 = BEGIN_MS + 4 * CHUNK_SPAN_MS;
const DIR: &str = "/data";
const WAL: &str = "/data/wal";
/// So few that some meet in one.
const SLOTS: u64 = 90;
/// Of ids in a checkpoint.
const GENERATIONS: u64 = 3;

fn options(disk: &MemDisk, maintenance: Maintenance, damage: DamagePolicy) -> Options {
    Options {
        dir: DIR.into(),
        disk: Arc::new(disk.clone()),
        clock: Arc::new(ManualClock::new(NOW_MS)),
        sync: SyncPolicy::None,
        damage,
        limits: Limits { segment_bytes: 3000, ..Limits::standard() },
        maintenance,
        metrics: Arc::new(Metrics::new(&mut Registry::default())),
    }
}

fn labels(rng: &mut fastrand::Rng) -> Labels {
    let name = ("__name__", format!("m{}", rng.u8(..40)));
    let rare = rng.bool().then(|| (["a", "b", "zone"][rng.usize(..3)], rng.u8(..3).to_string()));
    Labels::from_pairs(std::iter::once(name).chain(rare))
}

fn id(rng: &mut fastrand::Rng) -> u64 {
    rng.u64(..GENERATIONS) << 32 | rng.u64(..SLOTS)
}

fn chunk(from_ms: i64, rng: &mut fastrand::Rng) -> Chunk {
    let mut open = OpenChunk::new(from_ms, rng.u64(..9));
    (1..rng.i64(1..30)).for_each(|i| open.push(from_ms + i * 1000, rng.u64(..9)));
    open.seal()
}

fn series(rng: &mut fastrand::Rng) -> SeriesRecord {
    let mut chunks: Vec<Chunk> =
        (0..rng.i64(0..4)).map(|span| chunk(BEGIN_MS + span * CHUNK_SPAN_MS, rng)).collect();
    let place = SpilledRecord { newest: Place::from_bits(1 << 32 | 8), chunks: 2, oldest_ms: BEGIN_MS - 9 };
    match (rng.u8(..60), chunks.last_mut()) {
        (0, Some(last)) => last.bytes = Arc::from([7, 0, 1].as_slice()),
        (1, Some(last)) => last.last_ms += CHUNK_SPAN_MS,
        _ => {}
    }
    let spilled = if rng.u8(..200) == 0 { place } else { SpilledRecord::NONE };
    let id = if rng.u16(..300) == 0 { 1 << 26 } else { id(rng) };
    SeriesRecord { definition: Definition { id, labels: labels(rng) }, spilled, chunks }
}

fn put(put: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    put(&mut bytes);
    bytes
}

fn series_record(rng: &mut fastrand::Rng) -> Vec<u8> {
    let all: Vec<SeriesRecord> = (0..rng.usize(1..5)).map(|_| series(rng)).collect();
    put(|out| record::put_checkpoint_series(&all, out))
}

/// Of the generations that the checkpoint has, or one of a commit: its own for what it defines, any for samples.
fn commit(step: i64, rng: &mut fastrand::Rng) -> Vec<u8> {
    let own = (GENERATIONS + step as u64) << 32;
    let defined: Vec<Definition> = (0..rng.usize(0..3))
        .map(|n| Definition { id: own | (rng.u64(..SLOTS / 3) * 3 + n as u64), labels: labels(rng) })
        .collect();
    let at_ms = NOW_MS - 100_000 + step * 1000;
    let any = |rng: &mut fastrand::Rng| match defined.get(rng.usize(..9)) {
        Some(one) => one.id,
        None => id(rng),
    };
    let samples: Vec<SampleRecord> =
        (0..rng.usize(0..60)).map(|_| SampleRecord { id: any(rng), at_ms, bits: rng.u64(..9) }).collect();
    put(|out| record::put_commit(&defined, &samples, out))
}

fn deletes(rng: &mut fastrand::Rng) -> Vec<u8> {
    let from_ms = BEGIN_MS + rng.i64(0..CHUNK_SPAN_MS);
    let all = [DeleteRecord { id: id(rng), from_ms, to_ms: from_ms + 10_000 }];
    put(|out| record::put_deletes(&all, out))
}

fn exemplars(rng: &mut fastrand::Rng) -> Vec<u8> {
    let exemplar = Exemplar { labels: labels(rng), value: 1.0, at: TimestampMs(NOW_MS), has_own_time: true };
    put(|out| record::put_exemplars(&[ExemplarRecord { series: labels(rng), exemplar }], out))
}

/// A checkpoint, and what becomes of it.
fn checkpoint(rng: &mut fastrand::Rng) -> Vec<Vec<u8>> {
    let mut all = vec![put(|out| record::put_checkpoint_head(GENERATIONS, out))];
    all.extend((0..rng.usize(1..60)).map(|_| series_record(rng)));
    all.extend([exemplars(rng), put(|out| record::put_checkpoint_files(&[], out))]);
    for _ in 0..rng.usize(..5) {
        let (at, other) = (rng.usize(..all.len()), rng.usize(..all.len()));
        match rng.u8(..8) {
            0 => all[at] = vec![6, 1, 0xff],
            1 => all[at] = (0..rng.usize(1..40)).map(|_| rng.u8(..9)).collect(),
            2 => all.insert(at, all[other].clone()),
            3 => all.swap(at, other),
            4 => all.insert(at, commit(0, rng)),
            5 => all.insert(at, deletes(rng)),
            // So much that the checkpoint gets another part.
            6 => all.insert(at, vec![6; BYTES_MAX / 8]),
            _ => drop(all.remove(at)),
        }
        if all.is_empty() {
            break;
        }
    }
    all
}

/// A log on a disk: records of its checkpoint, and of what comes after that.
fn written(checkpoint: &[Vec<u8>], log: &[Vec<u8>]) -> MemDisk {
    let disk = MemDisk::new();
    let wal_options = wal::Options {
        dir: WAL.into(),
        quarantine: "/data/quarantine".into(),
        disk: Arc::new(disk.clone()),
        sync: SyncPolicy::None,
        damage: DamagePolicy::Refuse,
        segment_bytes: 3000,
        metrics: Arc::new(wal::Metrics::new(&mut Registry::default())),
    };
    let (wal, _) = Wal::open(wal_options, &mut |_, _: &[u8]| Ok(())).unwrap();
    let mut begun = wal.begin_checkpoint().unwrap();
    for record in checkpoint {
        begun.record(|out| out.extend_from_slice(record)).unwrap();
    }
    begun.finish().unwrap();
    for record in log {
        let mut batch = Batch::new();
        batch.record(|out| out.extend_from_slice(record));
        wal.append(&mut batch).unwrap();
    }
    disk
}

fn log(rng: &mut fastrand::Rng) -> MemDisk {
    let checkpoint = checkpoint(rng);
    let record = |step| if rng.u8(..6) == 0 { deletes(rng) } else { commit(step, rng) };
    let log: Vec<Vec<u8>> = (0..15).map(record).collect();
    let disk = written(&checkpoint, &log);
    let names: Vec<String> = disk.list(Path::new(WAL)).unwrap().into_iter().map(|entry| entry.name).collect();
    for _ in 0..rng.usize(..3) {
        let path = Path::new(WAL).join(&names[rng.usize(..names.len())]);
        let change = |bytes: &mut Vec<u8>| {
            let at = rng.usize(..bytes.len());
            bytes[at] ^= 1;
        };
        disk.tamper(&path, change).unwrap();
    }
    disk
}

fn copy(disk: &MemDisk) -> MemDisk {
    let other = MemDisk::new();
    other.create_dir_all(Path::new(WAL)).unwrap();
    for entry in disk.list(Path::new(WAL)).unwrap() {
        let path = Path::new(WAL).join(entry.name);
        other.create(&path).unwrap().append(&disk.read(&path).unwrap()).unwrap();
    }
    other
}

/// All that can be seen of a store.
fn seen(db: &Db) -> Vec<String> {
    let set = db.select(&Selection { matchers: &[], range: TimeRange::ALL, series_max: usize::MAX }).unwrap();
    let series = (0..set.len()).map(|i| {
        let mut out = Samples::default();
        let said = set.samples_with_stale(i, TimeRange::ALL, &mut out);
        format!("{:?} {said:?} {:?} {:?}", set.labels(i), out.times_ms, out.values)
    });
    let mut lines: Vec<String> = series.collect();
    let mut pairs = Vec::new();
    db.head.index().for_each_pair(|name, value, count| pairs.push(format!("{name}={value}: {count}")));
    pairs.sort();
    lines.extend(pairs);
    lines.push(format!("{} series, generation {}", db.head.totals().series, db.head.generation()));
    lines
}

/// What a start says that refuses damage; what another finds and tells, and what the next one finds.
fn starts(disk: &MemDisk, maintenance: Maintenance) -> Vec<String> {
    let refused = Db::open(options(disk, maintenance, DamagePolicy::Refuse)).map(drop);
    let mut lines = vec![format!("{refused:?}")];
    let (db, report) = Db::open(options(disk, maintenance, DamagePolicy::Quarantine)).unwrap();
    lines.extend(report.log.damage.iter().map(|damage| format!("{damage:?}")));
    lines.push(format!("{:?}", RecoveryReport { duration: Duration::ZERO, ..report }));
    lines.extend(seen(&db));
    db.close().unwrap();
    drop(db);
    let (db, report) = Db::open(options(disk, maintenance, DamagePolicy::Quarantine)).unwrap();
    assert_eq!(report.log.damage, []);
    lines.extend(seen(&db));
    lines
}

#[test]
fn several_threads_find_what_one_finds() {
    let one_seed = std::env::var("WATCHFIRE_SIM_SEED").ok().and_then(|text| text.parse().ok());
    let count = std::env::var("WATCHFIRE_SIM_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SEEDS);
    for seed in one_seed.map_or(0..count, |seed: u64| seed..seed + 1) {
        let disk = log(&mut fastrand::Rng::with_seed(seed));
        let one = starts(&copy(&disk), Maintenance::Manual);
        let several = starts(&copy(&disk), Maintenance::Background);
        assert_eq!(one.len(), several.len(), "WATCHFIRE_SIM_SEED={seed}");
        for (one, several) in one.iter().zip(&several) {
            assert_eq!(one, several, "WATCHFIRE_SIM_SEED={seed}");
        }
    }
}

#[test]
fn a_series_whose_open_chunk_is_spoilt_keeps_what_comes_after() {
    let definition = Definition { id: 5, labels: Labels::from_pairs([("__name__", "m")]) };
    let spoilt = Chunk { bytes: Arc::from([7, 0, 1].as_slice()), first_ms: BEGIN_MS, last_ms: BEGIN_MS };
    let series = SeriesRecord { definition, spilled: SpilledRecord::NONE, chunks: vec![spoilt] };
    let checkpoint = [
        put(|out| record::put_checkpoint_head(GENERATIONS, out)),
        put(|out| record::put_checkpoint_series(&[series], out)),
        put(|out| record::put_checkpoint_files(&[], out)),
    ];
    let sample = SampleRecord { id: 5, at_ms: NOW_MS, bits: 3 };
    let disk = written(&checkpoint, &[put(|out| record::put_commit(&[], &[sample], out))]);
    for maintenance in [Maintenance::Manual, Maintenance::Background] {
        let (_, report) = Db::open(options(&copy(&disk), maintenance, DamagePolicy::Quarantine)).unwrap();
        assert_eq!(report.log.damage[0].reason, "the open chunk of a series cannot be decoded");
        assert_eq!((report.samples, report.samples_without_series), (1, 0));
    }
}

#[test]
fn a_start_that_fails_within_a_checkpoint_leaves_files_of_chunks_alone() {
    let spilled = SpilledRecord { newest: Place::from_bits(1 << 32 | 8), chunks: 2, oldest_ms: BEGIN_MS };
    let definition = Definition { id: 5, labels: Labels::from_pairs([("__name__", "m")]) };
    let open = chunk(BEGIN_MS, &mut fastrand::Rng::with_seed(1));
    let series = SeriesRecord { definition, spilled, chunks: vec![open] };
    // The list of files is in the second part, which a newer program wrote.
    let checkpoint = [
        put(|out| record::put_checkpoint_series(&[series], out)),
        vec![1; 2 << 20],
        put(|out| record::put_checkpoint_files(&[], out)),
    ];
    let disk = written(&checkpoint, &[]);
    let newer = |bytes: &mut Vec<u8>| {
        bytes[4] = 2;
        let sum = crc32c::crc32c(&bytes[..20]);
        bytes[20..24].copy_from_slice(&sum.to_le_bytes());
    };
    disk.tamper(&Path::new(WAL).join("checkpoint-00000001-0001.wal"), newer).unwrap();
    let dir = Path::new(DIR).join(SPILL_DIR);
    disk.create_dir_all(&dir).unwrap();
    let file = dir.join(spill_file(1));
    disk.create(&file).unwrap();
    for maintenance in [Maintenance::Manual, Maintenance::Background] {
        let refused = Db::open(options(&disk, maintenance, DamagePolicy::Quarantine)).map(drop).unwrap_err();
        assert!(refused.to_string().contains("version 2"), "{refused}");
        assert!(disk.read(&file).is_ok());
    }
}
