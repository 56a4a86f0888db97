//! Timelines: which elements are there at each evaluation, and what becomes of their alerts.

use super::*;

fn found(name: &str, value: f64) -> Found {
    Found {
        labels: Labels::from_pairs([("alertname", "A"), ("i", name)]),
        annotations: Labels::empty(),
        value,
    }
}

/// Evaluates every `step_s` seconds: each letter of `elements` is one evaluation, `x` with and `.` without the element.
/// Answers with one letter each: `-` nothing, `p` pending, `f` firing, `r` resolved; in capitals when sent.
fn run(times: Times, step_s: i64, elements: &str) -> String {
    let mut book = Book::default();
    let mut out = String::new();
    for (i, c) in elements.chars().enumerate() {
        let at = TimestampMs(i as i64 * step_s * 1000);
        let now = if c == 'x' { vec![found("a", 1.0)] } else { Vec::new() };
        book.update(times, 0, at, now).expect("no limit");
        let sent = !book.take_due(at, DurationMs::from_secs(60)).is_empty();
        let letter = match book.alerts.values().next().map(|alert| alert.state) {
            None => '-',
            Some(AlertState::Pending) => 'p',
            Some(AlertState::Firing) => 'f',
            Some(AlertState::Resolved) => 'r',
        };
        out.push(if sent { letter.to_ascii_uppercase() } else { letter });
    }
    out
}

fn check(hold_s: i64, keep_s: i64, step_s: i64, elements: &str, expected: &str) {
    let times = Times { hold: DurationMs::from_secs(hold_s), keep_firing_for: DurationMs::from_secs(keep_s) };
    assert_eq!(
        run(times, step_s, elements),
        expected,
        "for {hold_s} s, keep {keep_s} s, each {step_s} s: {elements}"
    );
}

#[test]
fn without_for_an_alert_fires_at_once() {
    check(0, 0, 10, ".x.", "-FR");
}

#[test]
fn for_holds_it_back() {
    check(30, 0, 10, "xxxxx", "pppFf");
    check(30, 0, 10, "xxx.xxxx", "ppp-pppF");
    check(5, 0, 10, "xx", "pF");
}

#[test]
fn a_pending_alert_that_vanishes_is_forgotten() {
    check(60, 0, 10, "xx..", "pp--");
}

#[test]
fn firing_alerts_are_told_again_after_the_delay_only() {
    check(0, 0, 30, "xxxxxxx", "FffFffF");
    check(0, 0, 61, "xxxx", "FFFF");
    check(0, 0, 60, "xxxx", "FfFf");
}

#[test]
fn resolved_is_told_at_once_and_again_for_a_quarter_of_an_hour() {
    check(0, 0, 300, "x.....", "FRRRR-");
    // Kept while not older than 15 minutes, then forgotten.
    check(0, 0, 450, "x....", "FRRR-");
}

#[test]
fn an_alert_that_comes_back_starts_anew() {
    check(20, 0, 10, "xxx.xxx", "ppFRppF");
    check(0, 0, 10, "x.x.x.", "FRFRFR");
}

#[test]
fn keep_firing_for_bridges_gaps() {
    check(0, 30, 10, "x...x", "Fffff");
    check(0, 30, 10, "x.....", "FfffRr");
    check(0, 30, 10, "x..x....", "FffffffR");
    // A pending alert has nothing to keep.
    check(30, 30, 10, "x.", "p-");
}

#[test]
fn since_when_it_is_active_stays() {
    let times = Times { hold: DurationMs::from_secs(10), keep_firing_for: DurationMs::ZERO };
    let mut book = Book::default();
    for (second, value) in [(5, 1.0), (10, 2.0), (20, 3.0)] {
        book.update(times, 0, TimestampMs(second * 1000 + 500), vec![found("a", value)]).expect("no limit");
    }
    let (_, alert) = book.active().next().expect("one alert");
    assert_eq!(
        (alert.active_at, alert.fired_at, alert.value),
        (TimestampMs(5500), Some(TimestampMs(20_500)), 3.0)
    );
    let series: Vec<String> =
        book.series().iter().map(|(labels, value)| format!("{labels} {value}")).collect();
    assert_eq!(
        series,
        [
            r#"ALERTS_FOR_STATE{alertname="A", i="a"} 5"#,
            r#"ALERTS{alertname="A", alertstate="firing", i="a"} 1"#,
        ]
    );
}

#[test]
fn resolved_alerts_write_no_series() {
    let times = Times { hold: DurationMs::ZERO, keep_firing_for: DurationMs::ZERO };
    let mut book = Book::default();
    book.update(times, 0, TimestampMs(0), vec![found("a", 1.0), found("b", 1.0)]).expect("no limit");
    book.update(times, 0, TimestampMs(1), vec![found("b", 1.0)]).expect("no limit");
    assert_eq!(book.series().len(), 2);
    assert_eq!(book.active().count(), 1);
}

#[test]
fn two_elements_with_the_same_labels_change_nothing() {
    let times = Times { hold: DurationMs::ZERO, keep_firing_for: DurationMs::ZERO };
    let mut book = Book::default();
    book.update(times, 0, TimestampMs(0), vec![found("a", 1.0)]).expect("no limit");
    let error = book.update(times, 0, TimestampMs(1), vec![found("a", 2.0), found("a", 3.0)]);
    assert_eq!(error, Err(BookError::SameLabels));
    assert_eq!(book.active().map(|(_, alert)| alert.value).collect::<Vec<_>>(), [1.0]);
}

#[test]
fn beyond_the_limit_all_alerts_are_forgotten() {
    let times = Times { hold: DurationMs::ZERO, keep_firing_for: DurationMs::ZERO };
    let mut book = Book::default();
    let two = || vec![found("a", 1.0), found("b", 1.0)];
    assert_eq!(book.update(times, 2, TimestampMs(0), two()), Ok(()));
    let error = book.update(times, 1, TimestampMs(1), two()).expect_err("two are too many");
    assert_eq!(error.to_string(), "exceeded limit of 1 with 2 alerts");
    assert_eq!(book.active().count(), 0);
}

#[test]
fn labels_of_an_alert() {
    let element = Labels::from_pairs([("__name__", "up"), ("job", "a"), ("x", "1")]);
    let labels = alert_labels(&element, [("severity", "critical".to_owned()), ("x", String::new())], "Down");
    assert_eq!(labels, Labels::from_pairs([("alertname", "Down"), ("job", "a"), ("severity", "critical")]));
}
