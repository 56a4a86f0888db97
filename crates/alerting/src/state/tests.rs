//! What is written is read again; what is damaged is set aside, wherever it is damaged.

use disk::{Crash, MemDisk};
use model::{Labels, Matcher};
use prometheus_client::registry::Registry;

use super::*;
use crate::log::{Order, Told};

const DIR: &str = "/data/alerting";

fn sample() -> Saved {
    let alert = Known {
        labels: Labels::from_pairs([("alertname", "A"), ("q", "\"x\"\n")]),
        annotations: Labels::from_pairs([("summary", "ü")]),
        starts_at: TimestampMs(5),
        ends_at: TimestampMs(90),
        updated_at: TimestampMs(7),
        generator_url: "http://g/".to_owned(),
        timeout: true,
        from_rules: true,
        is_over: false,
    };
    let told = Told { firing: [u64::MAX, 1].into(), resolved: [2].into() };
    let key = ("{}:{}".to_owned(), "r".to_owned(), "webhook/0".to_owned());
    let silence = Silence {
        id: "i".to_owned(),
        matchers: vec![Matcher::new("a", model::MatchOp::NotRegex, "b|c").expect("valid")],
        starts_at: TimestampMs(1),
        ends_at: TimestampMs(2),
        updated_at: TimestampMs(3),
        created_by: "me".to_owned(),
        comment: "why".to_owned(),
    };
    Saved {
        at: TimestampMs(8),
        alerts: vec![Arc::new(alert)],
        log: vec![(
            key,
            Entry { at: TimestampMs(6), order: TimestampMs(7), expires_at: TimestampMs(99), told },
        )],
        log_order: Order { ahead_ms: 9, alone_from: Some(5) },
        silences: vec![silence],
        records: Vec::new(),
        acks: vec![(
            Labels::from_pairs([("alertname", "A")]),
            Ack { by: "me".to_owned(), comment: "on it".to_owned(), at: TimestampMs(4) },
        )],
    }
}

fn open(disk: &MemDisk) -> State {
    State::open(
        Arc::new(disk.clone()),
        Path::new(DIR),
        TimestampMs(77),
        crate::ledger_metrics(&mut Registry::default()),
    )
    .expect("opens")
}

fn written() -> MemDisk {
    let disk = MemDisk::new();
    open(&disk).place.expect("a place").write(&sample()).expect("written");
    disk
}

#[test]
fn what_is_written_is_read_after_power_loss() {
    for seed in 0..20 {
        let disk = written();
        disk.crash(Crash::PowerLoss, seed);
        let state = open(&disk);
        assert_eq!(format!("{:?}", state.saved), format!("{:?}", sample()), "seed {seed}");
        assert_eq!(state.damage(), [""; 0]);
    }
}

#[test]
fn a_damaged_file_is_set_aside_and_told() {
    let path = Path::new(DIR).join(FILE);
    let length = written().read(&path).expect("there").len();
    for place in 0..length {
        let disk = written();
        disk.tamper(&path, |bytes| bytes[place] ^= 0x11).expect("there");
        let state = open(&disk);
        let damage = state.damage().first().unwrap_or_else(|| panic!("byte {place} is not missed"));
        assert!(damage.contains("/data/alerting/state is damaged ("), "{damage}");
        assert!(state.saved.alerts.is_empty());
        assert!(disk.read(&Path::new(DIR).join("state.damaged-77")).is_ok());
        assert_eq!(open(&disk).damage(), [""; 0], "told once");
    }
    for kept in [0, 1, 30, length - 1] {
        let disk = written();
        disk.tamper(&path, |bytes| bytes.truncate(kept)).expect("there");
        assert!(!open(&disk).damage().is_empty(), "cut to {kept}");
    }
}

#[test]
fn a_half_made_file_changes_nothing() {
    let disk = written();
    let half = disk.create(&Path::new(DIR).join("state.tmp")).expect("made");
    half.append(b"watchfire-al").expect("written");
    assert_eq!(open(&disk).saved.alerts.len(), 1);
}
