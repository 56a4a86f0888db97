//! A poisoned log is written anew, and a refusing one is asked whether it would take something.

use super::*;

/// A log with two records, the second of which is in doubt: its sync has failed.
fn poisoned() -> (FaultyDisk, Wal) {
    let disk = disk_with(1);
    let (wal, ..) = open(&disk);
    append(&wal, &["good"]).unwrap();
    disk.set_faults(Faults { sync_fails_per_mille: 1000, ..Faults::NONE });
    append(&wal, &["in doubt"]).unwrap_err();
    (disk, wal)
}

fn repair(wal: &Wal) -> Result<u64, WalError> {
    let mut checkpoint = wal.begin_repair().unwrap();
    checkpoint.record(|out| out.extend_from_slice(b"all that is known"))?;
    checkpoint.finish()
}

#[test]
fn a_poisoned_log_goes_on_behind_what_was_written_anew() {
    let (disk, wal) = poisoned();
    assert!(repair(&wal).is_err(), "the disk still fails");
    assert!(matches!(append(&wal, &["x"]), Err(WalError::Poisoned { .. })));
    disk.set_faults(Faults::NONE);
    repair(&wal).unwrap();
    assert_eq!(wal.unavailable(), None);
    assert!(wal.begin_repair().is_none());
    append(&wal, &["after"]).unwrap();
    let on_disk: u64 = disk.list(Path::new(DIR)).unwrap().iter().map(|e| e.len_bytes).sum();
    assert_eq!(wal.len_bytes(), on_disk);
    disk.restart(Crash::PowerLoss, Faults::NONE);
    let (_, replay, records) = open(&disk);
    assert_eq!(records, ["c:all that is known", "after"]);
    assert!(replay.damage.is_empty(), "{replay:?}");
}

/// What a start finds when the machine stops at some call of a repair.
fn crash_during_repair(after_ops: u64, crash: Crash) -> bool {
    let (disk, wal) = poisoned();
    disk.set_faults(Faults { crash_after_ops: disk.ops() + after_ops, ..Faults::NONE });
    let done = repair(&wal).and_then(|_| append(&wal, &["after"]));
    disk.restart(crash, Faults::NONE);
    let (_, replay, records) = open(&disk);
    assert!(replay.damage.is_empty(), "after {after_ops} calls, {crash:?}: {replay:?}");
    let (old, new) = (["record number 0", "good", "in doubt"], ["c:all that is known", "after"]);
    let is_old = records == old || records == old[..2];
    assert!(is_old || records == new || records == new[..1], "after {after_ops} calls: {records:?}");
    assert!(done.is_err() || records == new, "after {after_ops} calls, {crash:?}: {records:?}");
    assert_eq!(open(&disk).2, records, "the second start sees what the first saw");
    done.is_ok()
}

#[test]
fn a_crash_at_any_step_of_a_repair_leaves_the_old_or_the_new() {
    for crash in [Crash::Process, Crash::PowerLoss] {
        let steps = (0..200).take_while(|&ops| !crash_during_repair(ops, crash)).count();
        assert!((8..200).contains(&steps), "{steps} steps");
    }
}

#[test]
fn a_probe_finds_room_again_and_leaves_nothing() {
    let disk = disk_with(1);
    let (wal, ..) = open(&disk);
    append(&wal, &["before"]).unwrap();
    let full = Faults { capacity_bytes: disk.mem().used_bytes(), ..Faults::NONE };
    disk.set_faults(full);
    append(&wal, &["does not fit"]).unwrap_err();
    let before = files(&disk);
    assert!(!wal.probe() && wal.unavailable().is_some());
    disk.set_faults(Faults { capacity_bytes: full.capacity_bytes + 1000, ..full });
    assert!(!wal.probe(), "a little room is not enough");
    disk.set_faults(Faults::NONE);
    assert!(wal.probe());
    assert_eq!((wal.unavailable(), files(&disk)), (None, before));
}

#[test]
fn a_probe_says_nothing_of_a_poisoned_log() {
    let (disk, wal) = poisoned();
    disk.set_faults(Faults::NONE);
    assert!(!wal.probe() && wal.unavailable().is_some());
}

#[test]
fn a_checkpoint_right_after_a_repair_does_not_write_over_it() {
    for after_ops in 0.. {
        let (disk, wal) = poisoned();
        disk.set_faults(Faults::NONE);
        repair(&wal).unwrap();
        disk.set_faults(Faults { crash_after_ops: disk.ops() + after_ops, ..Faults::NONE });
        let done = (|| {
            let mut checkpoint = wal.begin_checkpoint()?;
            checkpoint.record(|out| out.extend_from_slice(b"the next"))?;
            checkpoint.finish()
        })();
        disk.restart(Crash::Process, Faults::NONE);
        let (_, replay, records) = open(&disk);
        assert!(replay.damage.is_empty(), "after {after_ops} calls: {replay:?}");
        assert!(records == ["c:all that is known"] || records == ["c:the next"], "{records:?}");
        if done.is_ok() {
            return assert_eq!(records, ["c:the next"]);
        }
    }
}
