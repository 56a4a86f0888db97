use std::path::Path;
use std::sync::Arc;

use disk::{Crash, MemDisk};
use model::Labels;
use prometheus_client::registry::Registry;

use super::keep::Book;
use super::*;

fn metrics() -> Metrics {
    Metrics::new(&mut Registry::default())
}

fn open(disk: &MemDisk) -> (Ledger, Book, Option<String>) {
    let ledger = Ledger::default();
    let wal = Arc::new(wal::Metrics::new(&mut Registry::default()));
    let (book, damage) = Book::open(Arc::new(disk.clone()), Path::new("/a"), &ledger, wal).expect("opens");
    (ledger, book, damage)
}

fn acknowledged(n: usize) -> What {
    let alert = Fingerprint::of(&Labels::from_pairs([("n", n.to_string())]));
    What::Acknowledged { alert, by: "me".to_owned(), comment: "x".repeat(100) }
}

#[test]
fn what_is_written_is_there_after_a_crash_and_what_is_not_is_gone() {
    let (disk, metrics) = (MemDisk::new(), metrics());
    let (ledger, book, _) = open(&disk);
    for n in 0..100 {
        ledger.record(TimestampMs(n), acknowledged(n as usize), &metrics);
        if n == 59 {
            book.write(&ledger).expect("written");
        }
    }
    disk.crash(Crash::PowerLoss, 7);
    let (ledger, _, damage) = open(&disk);
    assert_eq!(damage, None);
    let events = ledger.with_any(&[], TimestampMs(i64::MAX));
    assert_eq!(events.len(), 60);
    assert_eq!((events[59].seq, events[59].at, &events[59].what), (59, TimestampMs(59), &acknowledged(59)));
    // Numbers go on.
    ledger.record(TimestampMs(200), What::Reloaded, &metrics);
    assert_eq!(ledger.with_any(&[], TimestampMs(i64::MAX)).last().map(|e| e.seq), Some(60));
}

#[test]
fn what_is_full_lets_the_oldest_go_and_says_so() {
    let (disk, metrics) = (MemDisk::new(), metrics());
    let (ledger, book, _) = open(&disk);
    let long = "y".repeat(2000);
    for n in 0..12_000 {
        let alert = Fingerprint(n);
        ledger.record(
            TimestampMs(n as i64),
            What::Acknowledged { alert, by: long.clone(), comment: String::new() },
            &metrics,
        );
        if n % 1000 == 0 {
            book.write(&ledger).expect("written");
        }
    }
    book.write(&ledger).expect("written");
    assert!(ledger.bytes() <= BYTES_MAX && ledger.bytes() > BYTES_MAX - 3000, "{}", ledger.bytes());
    let kept = ledger.with_any(&[], TimestampMs(i64::MAX));
    assert_eq!(kept.len() as u64 + ledger.dropped(), 12_000);
    assert_eq!(kept.last().map(|e| e.seq), Some(11_999));
    let on_disk: u64 = disk_bytes(&disk);
    assert!(on_disk < 3 * BYTES_MAX as u64, "{on_disk} bytes on disk");
    // The same is there after a restart.
    let (again, ..) = open(&disk);
    assert_eq!(again.with_any(&[], TimestampMs(i64::MAX)), kept);
}

fn disk_bytes(disk: &MemDisk) -> u64 {
    use disk::Disk;
    disk.list(Path::new("/a/ledger")).expect("listed").iter().map(|entry| entry.len_bytes).sum()
}

#[test]
fn what_is_too_old_goes() {
    let (ledger, metrics) = (Ledger::default(), metrics());
    ledger.record(TimestampMs(0), What::Reloaded, &metrics);
    ledger.record(TimestampMs(5), What::Reloaded, &metrics);
    ledger.collect(TimestampMs(RETENTION.0 + 1));
    assert_eq!(ledger.since(), Some(TimestampMs(5)));
    assert_eq!(ledger.dropped(), 0, "it had its time");
}

#[test]
fn events_are_found_by_what_stands_in_them_and_by_time() {
    let (ledger, metrics) = (Ledger::default(), metrics());
    for n in 0..10 {
        ledger.record(TimestampMs(n), acknowledged(n as usize), &metrics);
    }
    let name = |n: usize| Fingerprint::of(&Labels::from_pairs([("n", n.to_string())])).to_string();
    let check = |texts: &[String], until, expected: &[u64]| {
        let found: Vec<u64> = ledger.with_any(texts, TimestampMs(until)).iter().map(|e| e.seq).collect();
        assert_eq!(found, expected, "{texts:?} until {until}");
    };
    check(&[name(3)], 100, &[3]);
    check(&[name(3), name(8)], 100, &[3, 8]);
    check(&[name(3), name(8)], 7, &[3]);
    check(&["nothing".to_owned()], 100, &[]);
}

#[test]
fn names_are_sixteen_digits() {
    let name = Fingerprint(0x0766_b64b_6052_0120);
    assert_eq!(name.to_string(), "0766b64b60520120");
    assert_eq!("0766b64b60520120".parse(), Ok(name));
    for wrong in ["", "766b64b60520120", "0766b64b6052012g", "+766b64b60520120"] {
        assert!(wrong.parse::<Fingerprint>().is_err(), "{wrong:?}");
    }
}
