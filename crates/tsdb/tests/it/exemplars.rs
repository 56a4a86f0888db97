//! Exemplars: kept through restarts and checkpoints, bounded, found by selectors.

use columns::TimeRange;
use model::TimestampMs;
use storage::{AppendError, Exemplar, ExemplarQuery, MetricAppend};
use tsdb::{Db, Limits};

use crate::world::{NOW_MS, World, labels};

fn exemplar(trace: &str, at_ms: i64) -> Exemplar {
    let labels = labels(&format!("x trace={trace}")).without(|name| name == "__name__");
    Exemplar { labels, value: 0.25, at: TimestampMs(at_ms), has_own_time: true }
}

/// One transaction: a sample and an exemplar of a series.
fn commit(db: &Db, series: &str, at_ms: i64, trace: &str) -> Result<(), AppendError> {
    let mut appender = db.appender();
    let id = appender.series(&labels(series)).unwrap();
    appender.append(id, TimestampMs(NOW_MS + at_ms), 1.0).unwrap();
    let told = appender.exemplar(id, exemplar(trace, at_ms));
    appender.commit().unwrap();
    told
}

/// All exemplars of the series that `selector` names, as text.
fn shown(db: &Db, selector: &str, range: TimeRange) -> Vec<String> {
    let found = db.exemplars(&[promql::parse_metric_selector(selector).unwrap()], range).unwrap();
    let of_series = |s: &storage::SeriesExemplars| {
        let all: Vec<String> = s
            .exemplars
            .iter()
            .map(|e| format!("{}@{}={}", e.labels.get("trace").unwrap_or("-"), e.at.0, e.value))
            .collect();
        format!("{} {}", s.series, all.join(" "))
    };
    found.iter().map(of_series).collect()
}

const ANY: &str = r#"{__name__=~".+"}"#;

#[test]
fn they_survive_kill_and_checkpoint_and_leave_their_series_behind() {
    for log_bytes_max in [u64::MAX, 0] {
        let world = World::with_log_bytes_max(log_bytes_max);
        let (mut db, _) = world.open();
        for i in 0..40 {
            commit(&db, &format!("m i={}", i % 3), i * 1000, &format!("t{i}")).unwrap();
            if i % 7 == 0 {
                db.maintain().unwrap();
                db = world.kill_and_open().0;
            }
        }
        let before = shown(&db, ANY, TimeRange::ALL);
        assert_eq!((before.len(), before[0].split('@').count()), (3, 15));
        assert_eq!(shown(&world.kill_and_open().0, ANY, TimeRange::ALL), before);
        let range = TimeRange { from: TimestampMs(36_000), to: TimestampMs(38_000) };
        let db = world.kill_and_open().0;
        let some = [r#"m{i="0"} t36@36000=0.25"#, r#"m{i="1"} t37@37000=0.25"#, r#"m{i="2"} t38@38000=0.25"#];
        assert_eq!(shown(&db, "m", range), some);
        assert_eq!(shown(&db, r#"m{i="2"}"#, range), some[2..]);
    }
}

#[test]
fn what_is_not_committed_or_refused_is_not_there() {
    let world = World::new();
    let (db, _) = world.open();
    commit(&db, "m", 2000, "a").unwrap();
    assert_eq!(commit(&db, "m", 3000, "a"), Ok(()), "another time is another exemplar");
    let mut appender = db.appender();
    let id = appender.series(&labels("m")).unwrap();
    assert_eq!(appender.exemplar(id, exemplar("b", 1000)), Err(AppendError::ExemplarOutOfOrder));
    appender.exemplar(id, exemplar("c", 4000)).unwrap();
    drop(appender);
    assert_eq!(shown(&db, ANY, TimeRange::ALL), ["m a@2000=0.25 a@3000=0.25"]);
    // Without a sample an exemplar is taken too.
    let mut appender = db.appender();
    let id = appender.series(&labels("m")).unwrap();
    appender.exemplar(id, exemplar("d", 4000)).unwrap();
    appender.commit().unwrap();
    let all = ["m a@2000=0.25 a@3000=0.25 d@4000=0.25"];
    assert_eq!(shown(&db, ANY, TimeRange::ALL), all);
    assert_eq!(shown(&world.kill_and_open().0, ANY, TimeRange::ALL), all);
}

#[test]
fn only_so_many_are_kept_also_after_a_restart() {
    let world = World::with(Limits { exemplars_max: 5, ..Limits::standard() });
    let (db, _) = world.open();
    for i in 0..20 {
        commit(&db, "m", i * 1000, &format!("t{i}")).unwrap();
    }
    let newest = ["m t15@15000=0.25 t16@16000=0.25 t17@17000=0.25 t18@18000=0.25 t19@19000=0.25"];
    assert_eq!(shown(&db, ANY, TimeRange::ALL), newest);
    assert_eq!(shown(&world.kill_and_open().0, ANY, TimeRange::ALL), newest);
}
