//! The log over disks that lose, cut and refuse: what comes back is what was acknowledged.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside the test functions that clippy knows")]

mod repair;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use disk::{Crash, Disk, Faults, FaultyDisk};
use prometheus_client::registry::Registry;
use wal::{Batch, DamagePolicy, Metrics, Options, Replay, Source, SyncPolicy, Visit, Wal, WalError};

const DIR: &str = "/data/wal";
/// Small, so that a few records fill several segments.
const SEGMENT_BYTES: u64 = 200;

fn options(disk: &FaultyDisk, sync: SyncPolicy) -> Options {
    Options {
        dir: PathBuf::from(DIR),
        quarantine: PathBuf::from("/data/quarantine"),
        disk: Arc::new(disk.clone()),
        sync,
        damage: DamagePolicy::Quarantine,
        segment_bytes: SEGMENT_BYTES,
        metrics: Arc::new(Metrics::new(&mut Registry::default())),
    }
}

fn open_with(options: Options) -> Result<(Wal, Replay, Vec<String>), WalError> {
    let mut records = Vec::new();
    let (wal, replay) = Wal::open(options, &mut |source, record: &[u8]| {
        let prefix = if source == Source::Checkpoint { "c:" } else { "" };
        records.push(format!("{prefix}{}", String::from_utf8_lossy(record)));
        Ok(())
    })?;
    Ok((wal, replay, records))
}

fn open(disk: &FaultyDisk) -> (Wal, Replay, Vec<String>) {
    open_with(options(disk, SyncPolicy::EveryCommit)).unwrap()
}

fn append(wal: &Wal, records: &[&str]) -> Result<(), WalError> {
    let mut batch = Batch::new();
    records.iter().for_each(|r| batch.record(|out| out.extend_from_slice(r.as_bytes())));
    wal.append(&mut batch)
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("record number {i}")).collect()
}

/// A log of `count` records, closed.
fn disk_with(count: usize) -> FaultyDisk {
    let disk = FaultyDisk::new(1, Faults::NONE);
    let (wal, ..) = open(&disk);
    numbered(count).iter().for_each(|r| append(&wal, &[r]).unwrap());
    disk
}

fn files(disk: &FaultyDisk) -> Vec<String> {
    disk.list(Path::new(DIR)).unwrap().into_iter().map(|e| e.name).collect()
}

fn newest_segment(disk: &FaultyDisk) -> PathBuf {
    Path::new(DIR).join(files(disk).into_iter().filter(|n| !n.starts_with("checkpoint")).max().unwrap())
}

#[test]
fn what_was_appended_comes_back_in_order() {
    let disk = disk_with(20);
    assert!(files(&disk).len() >= 3, "{:?}", files(&disk));
    let (wal, replay, records) = open(&disk);
    assert_eq!(records, numbered(20));
    assert_eq!((replay.records, replay.torn_bytes, replay.damage.len()), (20, 0, 0));
    append(&wal, &["a", "b"]).unwrap();
    assert_eq!(open(&disk).2[20..], ["a", "b"]);
}

#[test]
fn a_segment_cut_anywhere_is_a_torn_end_and_no_damage() {
    for keep in 0..SEGMENT_BYTES as usize {
        let disk = disk_with(9);
        let path = newest_segment(&disk);
        let mut whole = 0;
        disk.mem().tamper(&path, |bytes| (whole = bytes.len(), bytes.truncate(keep)).1).unwrap();
        let (wal, replay, records) = open(&disk);
        assert!(replay.damage.is_empty(), "cut to {keep}: {:?}", replay.damage);
        assert!(numbered(9).starts_with(&records));
        append(&wal, &["more"]).unwrap();
        let (_, again, records) = open(&disk);
        assert_eq!((again.torn_bytes, again.damage.len()), (0, 0), "cut to {keep}");
        assert_eq!(records.last().map(String::as_str), Some("more"));
        if keep >= whole {
            return assert_eq!(records.len(), 10);
        }
    }
}

#[test]
fn damage_before_valid_data_is_set_aside() {
    let disk = disk_with(9);
    let path = Path::new(DIR).join("00000001.wal");
    disk.mem().tamper(&path, |bytes| bytes[24 + 12] ^= 1).unwrap();
    let (_, replay, records) = open(&disk);
    assert_eq!(records, numbered(9)[1..]);
    let damage = &replay.damage[0];
    assert_eq!((damage.offset_bytes, damage.len_bytes), (24, 12 + 15));
    let copy = disk.read(damage.quarantined_to.as_deref().unwrap()).unwrap();
    assert_eq!(&copy[13..], b"ecord number 0");
}

#[test]
fn any_damaged_byte_costs_at_most_one_record_of_a_full_segment() {
    for at in 0..SEGMENT_BYTES as usize {
        let disk = disk_with(20);
        let path = Path::new(DIR).join("00000002.wal");
        disk.mem().tamper(&path, |bytes| bytes[at] ^= 0x55).unwrap();
        let (_, replay, records) = open(&disk);
        let lost = if at < 24 { 0 } else { 1 };
        assert_eq!((records.len(), replay.damage.len()), (20 - lost, 1), "byte {at}");
    }
}

#[test]
fn strict_recovery_names_file_and_offset_and_changes_nothing() {
    let disk = disk_with(9);
    let path = Path::new(DIR).join("00000001.wal");
    disk.mem().tamper(&path, |bytes| bytes[30] ^= 1).unwrap();
    let before = files(&disk);
    let strict = Options { damage: DamagePolicy::Refuse, ..options(&disk, SyncPolicy::None) };
    let error = open_with(strict).unwrap_err().to_string();
    assert!(error.starts_with("/data/wal/00000001.wal is damaged at offset 24 (27 bytes)"), "{error}");
    assert_eq!(files(&disk), before);
}

#[test]
fn a_record_that_means_nothing_is_damage() {
    let disk = disk_with(3);
    let mut refuse = |_: Source, record: &[u8]| {
        if record.ends_with(b"1") { Err("odd".to_owned()) } else { Ok(()) }
    };
    let (_, replay) = Wal::open(options(&disk, SyncPolicy::None), &mut refuse).unwrap();
    assert_eq!((replay.records, replay.damage.len()), (2, 1));
    assert_eq!(replay.damage[0].reason, "odd");
}

/// Refuses each second record, those that end with a 5 when they come and the others at the end of the file.
#[derive(Default)]
struct Late {
    visited: usize,
    refused: Vec<(usize, String)>,
}

impl Visit for Late {
    fn record(&mut self, _: Source, record: &[u8]) -> Result<(), String> {
        self.visited += 1;
        if record.ends_with(b"5") {
            return Err("odd at once".to_owned());
        }
        if record.last().is_some_and(|digit| digit % 2 == 1) {
            self.refused.push((self.visited - 1, "odd".to_owned()));
        }
        Ok(())
    }

    fn end_of_file(&mut self) -> Vec<(usize, String)> {
        self.visited = 0;
        std::mem::take(&mut self.refused)
    }
}

#[test]
fn what_is_refused_late_is_named_in_its_place() {
    let disk = FaultyDisk::new(1, Faults::NONE);
    let long = |disk: &FaultyDisk| Options { segment_bytes: 2000, ..options(disk, SyncPolicy::None) };
    let wal = Wal::open(long(&disk), &mut Late::default()).unwrap().0;
    numbered(10).iter().for_each(|record| append(&wal, &[record]).unwrap());
    drop(wal);
    append(&open(&disk).0, &["record number 15", "record number 16"]).unwrap();
    let frame = 12 + numbered(1)[0].len();
    let at = |number: usize| (24 + number * frame) as u64;
    let path = Path::new(DIR).join("00000001.wal");
    disk.mem().tamper(&path, |bytes| bytes[at(4) as usize + 12] ^= 1).unwrap();
    let strict = Options { damage: DamagePolicy::Refuse, ..long(&disk) };
    let refused = Wal::open(strict, &mut Late::default()).unwrap_err().to_string();
    assert!(refused.contains("at offset 51 ") && refused.ends_with("odd"), "{refused}");
    let (_, replay) = Wal::open(long(&disk), &mut Late::default()).unwrap();
    let named: Vec<(u64, u64, &str)> =
        replay.damage.iter().map(|d| (d.offset_bytes, d.len_bytes, d.reason.as_str())).collect();
    let (len, none) = (frame as u64 - 12, "no valid frame begins here");
    let expected = [
        (at(1), len, "odd"),
        (at(3), len, "odd"),
        (at(4), frame as u64, none),
        (at(5), len, "odd at once"),
        (at(7), len, "odd"),
        (at(9), len, "odd"),
        (24, len + 1, "odd at once"),
    ];
    assert_eq!(named, expected);
    assert_eq!(*disk.read(replay.damage[1].quarantined_to.as_deref().unwrap()).unwrap(), *b"record number 3");
    assert_eq!((replay.records, replay.record_bytes), (5, 4 * len + len + 1));
}

#[test]
fn missing_segments_are_damage() {
    let disk = disk_with(20);
    disk.remove_file(&Path::new(DIR).join("00000002.wal")).unwrap();
    let (_, replay, records) = open(&disk);
    assert!(records.len() < 20);
    assert!(replay.damage[0].reason.contains("1 files from here on are missing"), "{:?}", replay.damage);
}

#[test]
fn a_newer_version_is_refused_and_not_touched() {
    let disk = disk_with(1);
    let path = newest_segment(&disk);
    disk.mem()
        .tamper(&path, |bytes| {
            bytes[4] = 2;
            let sum = crc32c::crc32c(&bytes[..20]);
            bytes[20..24].copy_from_slice(&sum.to_le_bytes());
        })
        .unwrap();
    let error = open_with(options(&disk, SyncPolicy::None)).unwrap_err().to_string();
    assert!(error.contains("format version 2"), "{error}");
}

#[test]
fn a_failed_sync_poisons() {
    let disk = disk_with(1);
    let (wal, ..) = open(&disk);
    append(&wal, &["good"]).unwrap();
    disk.set_faults(Faults { sync_fails_per_mille: 1000, ..Faults::NONE });
    assert!(matches!(append(&wal, &["x"]), Err(WalError::Poisoned { .. })));
    disk.set_faults(Faults::NONE);
    assert!(matches!(append(&wal, &["y"]), Err(WalError::Poisoned { .. })), "it stays so");
    assert!(wal.unavailable().unwrap().reason.contains("cannot sync"));
    disk.restart(Crash::PowerLoss, Faults::NONE);
    assert_eq!(open(&disk).2[..2], ["record number 0", "good"]);
}

#[test]
fn an_interval_sync_makes_durable_and_poisons_too() {
    let disk = FaultyDisk::new(1, Faults::NONE);
    let (wal, ..) = open_with(options(&disk, SyncPolicy::Interval(Duration::from_millis(1)))).unwrap();
    append(&wal, &["kept"]).unwrap();
    wal.sync().unwrap();
    append(&wal, &["in doubt"]).unwrap();
    disk.set_faults(Faults { sync_fails_per_mille: 1000, ..Faults::NONE });
    assert!(matches!(wal.sync(), Err(WalError::Poisoned { .. })));
    disk.restart(Crash::PowerLoss, Faults::NONE);
    assert_eq!(open(&disk).2, ["kept"]);
}

#[test]
fn a_full_disk_refuses_and_recovers_by_itself() {
    let disk = disk_with(1);
    let (wal, ..) = open(&disk);
    append(&wal, &["before"]).unwrap();
    disk.set_faults(Faults { capacity_bytes: disk.mem().used_bytes() + 20, ..Faults::NONE });
    for _ in 0..3 {
        let error = append(&wal, &["this does not fit any more"]).unwrap_err();
        assert!(matches!(&error, WalError::Disk(e) if e.is_full()), "{error}");
        assert!(wal.unavailable().is_some());
    }
    disk.set_faults(Faults::NONE);
    append(&wal, &["after"]).unwrap();
    assert_eq!(wal.unavailable(), None);
    assert!(wal.begin_repair().is_none(), "a full disk poisons nothing");
    let (_, replay, records) = open(&disk);
    assert_eq!(records[1..], ["before", "after"]);
    assert_eq!((replay.torn_bytes, replay.damage.len()), (0, 0));
}

#[test]
fn a_checkpoint_stands_for_what_was_before() {
    let disk = disk_with(20);
    let (wal, ..) = open(&disk);
    let mut checkpoint = wal.begin_checkpoint().unwrap();
    append(&wal, &["meanwhile"]).unwrap();
    for i in 0..30 {
        checkpoint.record(|out| out.extend_from_slice(format!("all {i}").as_bytes())).unwrap();
    }
    checkpoint.finish().unwrap();
    append(&wal, &["after"]).unwrap();
    let on_disk: u64 = disk.list(Path::new(DIR)).unwrap().iter().map(|e| e.len_bytes).sum();
    assert_eq!(wal.len_bytes(), on_disk);
    let (_, replay, records) = open(&disk);
    assert_eq!(records.len(), 32);
    assert_eq!(
        (records[0].as_str(), records[30].as_str(), records[31].as_str()),
        ("c:all 0", "meanwhile", "after")
    );
    assert!(replay.damage.is_empty(), "{replay:?}");
}

#[test]
fn a_checkpoint_given_up_leaves_nothing() {
    let disk = disk_with(5);
    let (wal, ..) = open(&disk);
    let mut checkpoint = wal.begin_checkpoint().unwrap();
    checkpoint.record(|out| out.extend_from_slice(&[1; 2 << 20])).unwrap();
    drop(checkpoint);
    assert!(!files(&disk).iter().any(|name| name.starts_with("checkpoint")), "{:?}", files(&disk));
    assert_eq!(open(&disk).2, numbered(5));
}

/// Everything that the log held, through a checkpoint that tells what it stands for.
fn crash_during_checkpoint(after_ops: u64, crash: Crash) -> bool {
    let disk = disk_with(8);
    let (wal, ..) = open(&disk);
    append(&wal, &["last"]).unwrap();
    disk.set_faults(Faults { crash_after_ops: disk.ops() + after_ops, ..Faults::NONE });
    let done = (|| {
        let mut checkpoint = wal.begin_checkpoint()?;
        checkpoint.record(|out| out.extend_from_slice(b"sum"))?;
        checkpoint.finish()
    })();
    disk.restart(crash, Faults::NONE);
    let (_, replay, records) = open(&disk);
    let all = [numbered(8), vec!["last".to_owned()]].concat();
    assert!(replay.damage.is_empty(), "after {after_ops} ops, {crash:?}: {replay:?}");
    assert!(records == all || records == ["c:sum"], "after {after_ops} ops, {crash:?}: {records:?}");
    assert!(done.is_err() || records == ["c:sum"], "after {after_ops} ops, {crash:?}");
    assert_eq!(open(&disk).2, records, "the second start sees what the first saw");
    done.is_ok()
}

#[test]
fn a_crash_at_any_step_of_a_checkpoint_leaves_the_old_or_the_new() {
    for crash in [Crash::Process, Crash::PowerLoss] {
        let steps = (0..200).take_while(|&ops| !crash_during_checkpoint(ops, crash)).count();
        assert!((10..200).contains(&steps), "{steps} steps");
    }
}
