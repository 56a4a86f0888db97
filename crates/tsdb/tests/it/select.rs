//! What queries find and in which order.

use columns::{Steps, TimeRange, is_absent};
use model::{DurationMs, MatchOp, Matcher, TimestampMs};
use storage::{MetricQuery, QueryError, Samples, Selection, StepValues};

use tsdb::Limits;

use crate::world::{NOW_MS, World, commit, labels, selection};

fn at(from_ms: i64, to_ms: i64) -> TimeRange {
    TimeRange { from: TimestampMs(NOW_MS + from_ms), to: TimestampMs(NOW_MS + to_ms) }
}

fn store() -> std::sync::Arc<tsdb::Db> {
    let (db, _) = World::new().open();
    commit(&db, &[("up job=b", 0, 1.0), ("up job=a", 0, 1.0), ("up", 0, 1.0), ("down job=a", 0, 1.0)])
        .unwrap();
    commit(&db, &[("up job=b", 1000, 2.0)]).unwrap();
    db
}

#[test]
fn series_come_in_order_of_labels() {
    let db = store();
    let matchers = [Matcher::equal("__name__", "up")];
    let set = db.select(&selection(&matchers)).unwrap();
    let found: Vec<String> = (0..set.len()).map(|i| set.labels(i).to_string()).collect();
    assert_eq!(found, ["up", r#"up{job="a"}"#, r#"up{job="b"}"#]);
}

/// So many that their order is remembered.
#[test]
fn many_series_come_in_order_too_also_when_some_come_and_go() {
    let world = World::with(Limits { retention: DurationMs(3_600_000), ..Limits::standard() });
    let (db, _) = world.open();
    let add = |names: std::ops::Range<u64>, at_ms| {
        let names: Vec<String> = names.map(|i| format!("m{} i={i}", i * 7919 % 100)).collect();
        commit(&db, &names.iter().map(|name| (name.as_str(), at_ms, 1.0)).collect::<Vec<_>>()).unwrap();
    };
    let check = |count: usize| {
        let set = db.select(&selection(&[])).unwrap();
        let found: Vec<_> = (0..set.len()).map(|i| set.labels(i)).collect();
        assert!(found.is_sorted_by(|a, b| a < b));
        assert_eq!(found.len(), count);
    };
    add(0..1500, 0);
    (0..2).for_each(|_| check(1500));
    world.clock.advance(2 * 3_600_000);
    add(1000..2500, 2 * 3_600_000);
    (0..2).for_each(|_| check(2500));
    db.maintain().unwrap();
    check(1500);
    add(500..1000, 2 * 3_600_000);
    (0..2).for_each(|_| check(2000));
}

#[test]
fn series_without_samples_in_the_range_are_left_out() {
    let db = store();
    let count = |range| db.select(&Selection { matchers: &[], range, series_max: 10 }).unwrap().len();
    assert_eq!((count(at(0, 0)), count(at(1, 2000)), count(at(1001, 2000)), count(at(-9, -1))), (4, 1, 0, 0));
}

#[test]
fn too_many_series_are_refused() {
    let narrow = Selection { matchers: &[], range: TimeRange::ALL, series_max: 3 };
    assert_eq!(store().select(&narrow).err(), Some(QueryError::TooManySeries { limit: 3 }));
}

#[test]
fn label_names_and_values() {
    let db = store();
    let down = [Matcher::equal("__name__", "down")];
    assert_eq!(db.label_names(&selection(&[])).unwrap(), ["__name__", "job"]);
    assert_eq!(db.label_values("job", &selection(&[])).unwrap(), ["a", "b"]);
    assert_eq!(db.label_values("job", &selection(&down)).unwrap(), ["a"]);
    assert!(db.label_values("nothing", &selection(&[])).unwrap().is_empty());
    let later = Selection { matchers: &[], range: at(500, 1500), series_max: 10 };
    assert_eq!(db.label_values("job", &later).unwrap(), ["b"]);
    assert_eq!(db.time_span(), Some((TimestampMs(NOW_MS), TimestampMs(NOW_MS + 1000))));
}

#[test]
fn regexes_and_negations_work_on_the_whole() {
    let db = store();
    for (op, value, count) in
        [(MatchOp::Regex, "[ab]", 3), (MatchOp::NotEqual, "a", 2), (MatchOp::NotRegex, ".+", 1)]
    {
        let matchers = [Matcher::new("job", op, value).unwrap()];
        assert_eq!(db.select(&selection(&matchers)).unwrap().len(), count, "job {} {value}", op.as_str());
    }
}

/// The quick answer for one step must be that of the decoded samples.
#[test]
fn a_value_at_an_instant_is_the_newest_within_lookback() {
    let (db, _) = World::new().open();
    for i in 0..300 {
        let value = if i == 299 { model::STALE_NAN } else { i as f64 };
        commit(&db, &[("m", i * 1000, value)]).unwrap();
    }
    let set = db.select(&selection(&[])).unwrap();
    let (mut quick, mut slow, mut all) = (StepValues::default(), StepValues::default(), Samples::default());
    set.samples_with_stale(0, TimeRange::ALL, &mut all).unwrap();
    for at_ms in [-1, 0, 500, 298_000, 298_999, 299_000, 299_001, 303_000, 900_000] {
        let steps = Steps::instant(TimestampMs(NOW_MS + at_ms));
        set.values_at(0, &steps, 5000, &mut quick).unwrap();
        slow.fill(&all, &steps, 5000);
        assert_eq!(is_absent(quick.values[0]), is_absent(slow.values[0]), "at {at_ms}");
        assert!(is_absent(slow.values[0]) || quick == slow, "at {at_ms}");
    }
}

#[test]
fn cardinality_counts_series_and_values() {
    let lists = store().cardinality(2);
    let pair = |name: &str, count| (name.to_owned(), count);
    assert_eq!(lists.series_count_by_metric_name, [pair("up", 3), pair("down", 1)]);
    assert_eq!(lists.label_value_count_by_label_name, [pair("__name__", 2), pair("job", 2)]);
    assert_eq!(lists.series_count_by_label_value_pair, [pair("__name__=up", 3), pair("job=a", 2)]);
    assert_eq!(lists.memory_in_bytes_by_label_name, [pair("__name__", 10), pair("job", 3)]);
}

#[test]
fn an_answer_stays_valid_while_the_store_goes_on() {
    let db = store();
    let set = db.select(&selection(&[Matcher::equal("__name__", "down")])).unwrap();
    commit(&db, &[("down job=a", 5000, 2.0)]).unwrap();
    drop(db);
    let mut out = Samples::default();
    set.samples_with_stale(0, at(0, 4999), &mut out).unwrap();
    assert_eq!((out.values, set.labels(0)), (vec![1.0], labels("down job=a")));
}
