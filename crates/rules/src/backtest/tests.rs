//! Backtests over samples in memory: what fires, when and for how long, is known beforehand.

use std::path::Path;

use columns::Steps;
use model::{Labels, TimestampMs};
use promql::{Engine, EngineOptions};

use super::*;
use crate::RuleFile;
use crate::memory::Memory;
use crate::past::Stored;

const HOUR: i64 = 3_600_000;

/// Two hours of one target, scraped every 15 s, down between the minutes given.
fn memory(down: &[(i64, i64)]) -> Memory {
    let memory = Memory::default();
    for at in (0..=2 * HOUR).step_by(15_000) {
        let is_down = down.iter().any(|(from, to)| (from * 60_000..to * 60_000).contains(&at));
        memory.add(
            &Labels::from_pairs([("__name__", "up"), ("job", "a")]),
            at,
            f64::from(u8::from(!is_down)),
        );
    }
    memory
}

fn report(rules: &str, memory: &Memory) -> Report {
    let file = RuleFile::parse(Path::new("r.yml"), &format!("groups: [{{name: g, rules: [{rules}]}}]"));
    let engine = Engine::new(EngineOptions { threads: 1, ..EngineOptions::standard() });
    let past = Stored { engine: &engine, store: memory };
    let span = Span { from: TimestampMs(0), to: TimestampMs(2 * HOUR), interval: DurationMs::from_secs(15) };
    run(&Groups::new([file.expect("valid rules")]), &past, span).expect("memory answers")
}

#[test]
fn alerts_fire_as_they_would_have() {
    let memory = memory(&[(10, 11), (30, 40), (119, 200)]);
    let report =
        report("{alert: Down, expr: up == 0, for: 2m, labels: {who: '{{ $labels.job }}!'}}", &memory);
    let alert = &report.alerts[0];
    assert_eq!(alert.error, None);
    let shown: Vec<_> = alert
        .fired
        .iter()
        .map(|e| {
            (e.from.0 / 1000, e.to.0 / 1000, e.still_fires, e.labels.get("who").unwrap_or("").to_owned())
        })
        .collect();
    // Down from 30:00 to 40:00, fires after two minutes, and the one minute at 10 gives up.
    assert_eq!(shown, [(32 * 60, 40 * 60, false, "a!".to_owned())]);
    assert_eq!(alert.gave_up, 1, "what waits at the end has not given up");
    assert_eq!(report.covered, DurationMs(2 * HOUR));
    assert!((report.a_week(1) - 84.0).abs() < 1e-9, "one in two hours is 84 a week");
}

#[test]
fn what_fires_at_the_end_is_told() {
    let report = report("{alert: Down, expr: up == 0}", &memory(&[(110, 200)]));
    let [episode] = report.alerts[0].fired.as_slice() else { panic!("{report:?}") };
    assert!(episode.still_fires && episode.length() == DurationMs(10 * 60_000), "{episode:?}");
}

#[test]
fn recording_rules_need_not_have_run() {
    let rules = "{record: 'job:up:min', expr: min by (job) (up)}, {alert: Down, expr: 'job:up:min == 0'},\
                 {alert: Seen, expr: 'job:up:min{job=\"a\"} == 0'}, {alert: Bad, expr: 'up * on () up', for: 1m}";
    let memory = memory(&[(30, 31)]);
    memory.add(&Labels::from_pairs([("__name__", "up"), ("job", "b")]), HOUR, 1.0);
    let report = report(rules, &memory);
    assert_eq!(report.alerts[0].fired.len(), 1);
    assert_eq!(
        (report.alerts[1].fired.len(), &*report.alerts[1].as_recorded),
        (0, &["job:up:min".to_owned()][..])
    );
    assert!(report.alerts[2].error.as_ref().is_some_and(|e| e.contains("many-to-many")), "{report:?}");
}

#[test]
fn long_spans_are_asked_in_pieces() {
    let span = Span { from: TimestampMs(7), to: TimestampMs(7 + 30 * 24 * HOUR), interval: DurationMs::ZERO };
    let all: Vec<Steps> = pieces(span, DurationMs::from_secs(15)).collect();
    assert_eq!(all.len(), 31);
    let times: Vec<i64> = all.iter().flat_map(|steps| steps.iter()).collect();
    assert_eq!(times.len(), 30 * 5760 + 1);
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 15_000));
    assert_eq!((times[0], times.last()), (7, Some(&(7 + 30 * 24 * HOUR))));
}
