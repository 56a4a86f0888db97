//! A record of a checkpoint that is whole and makes no sense, however many threads decode.

use std::path::Path;
use std::sync::Arc;

use disk::Disk;
use prometheus_client::registry::Registry;
use storage::MetricAppend;
use tsdb::{DamagePolicy, Db, Limits, Maintenance, Options, SyncPolicy};
use wal::{Source, Wal};

use crate::world::{NOW_MS, World, contents, labels};

/// As many as a record of a checkpoint holds (`checkpoint.rs`).
const RECORD_SERIES: usize = 256;
/// Records, enough that several threads have some at once.
const RECORDS: usize = 40;
/// A series' record in a checkpoint, and what no reader makes sense of.
const SENSELESS: [u8; 3] = [6, 1, 0xff];
/// Which of the checkpoint's records is exchanged for that: the head is one, too.
const SPOILT: usize = 23;

fn with_checkpoint() -> World {
    let world = World::with_log_bytes_max(0);
    let world = World { limits: Limits { segment_bytes: wal::SEGMENT_BYTES, ..world.limits }, ..world };
    let (db, _) = world.open();
    let mut appender = db.appender();
    for n in 0..RECORDS * RECORD_SERIES {
        let id = appender.series(&labels(&format!("m n={n}"))).unwrap();
        appender.append(id, model::TimestampMs(NOW_MS), n as f64).unwrap();
    }
    appender.commit().unwrap();
    db.maintain().unwrap();
    db.close().unwrap();
    world
}

/// Writes the checkpoint once more, one record exchanged.
fn spoil(world: &World) {
    let options = wal::Options {
        dir: "/data/metrics/wal".into(),
        quarantine: "/data/metrics/quarantine".into(),
        disk: Arc::new(world.disk.clone()),
        sync: SyncPolicy::EveryCommit,
        damage: DamagePolicy::Refuse,
        segment_bytes: wal::SEGMENT_BYTES,
        metrics: Arc::new(wal::Metrics::new(&mut Registry::default())),
    };
    let mut records = Vec::new();
    let visit = &mut |source, record: &[u8]| {
        records.extend((source == Source::Checkpoint).then(|| record.to_vec()));
        Ok(())
    };
    let (wal, _) = Wal::open(options, visit).unwrap();
    assert!(records.len() > RECORDS && records[SPOILT][0] == SENSELESS[0]);
    records[SPOILT] = SENSELESS.to_vec();
    let mut checkpoint = wal.begin_checkpoint().unwrap();
    records.iter().for_each(|record| checkpoint.record(|out| out.extend_from_slice(record)).unwrap());
    checkpoint.finish().unwrap();
}

#[test]
fn it_costs_its_series_and_is_named_with_its_place() {
    for maintenance in [Maintenance::Manual, Maintenance::Background] {
        let world = with_checkpoint();
        spoil(&world);
        let options = |damage| Options { maintenance, damage, ..world.options() };
        let refused = Db::open(options(DamagePolicy::Refuse)).err().unwrap().to_string();
        let (db, report) = Db::open(options(DamagePolicy::Quarantine)).unwrap();
        let [damage] = report.log.damage.as_slice() else { panic!("{:?}", report.log.damage) };
        let place =
            format!("{} is damaged at offset {} (3 bytes)", damage.file.display(), damage.offset_bytes);
        assert!(refused.starts_with(&place), "{refused}, not {place}");
        assert_eq!(damage.reason, "the record cannot be decoded");
        let copy = damage.quarantined_to.as_deref().unwrap_or(Path::new("nowhere"));
        assert_eq!(*world.disk.read(copy).unwrap(), SENSELESS);
        // Of the records, the head of the checkpoint comes first and the list of files last.
        let left: Vec<usize> = (0..RECORDS).filter(|record| record + 1 != SPOILT).collect();
        let mut expected: Vec<String> = left
            .iter()
            .flat_map(|record| (record * RECORD_SERIES..(record + 1) * RECORD_SERIES).map(|n| n.to_string()))
            .collect();
        expected.sort();
        let there = contents(&db);
        let mut names: Vec<String> =
            there.iter().map(|(labels, _)| labels.get("n").unwrap_or_default().to_owned()).collect();
        names.sort();
        assert!(names == expected);
        assert!(there.iter().all(|(labels, samples)| {
            let n: f64 = labels.get("n").unwrap_or_default().parse().unwrap();
            *samples == [(0, n.to_bits())]
        }));
        assert_eq!(report.log.records as usize, RECORDS + 1);
    }
}
