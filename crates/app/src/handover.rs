//! After a restart: what has become of the alerts that fired before it.
//!
//! Alerting remembers whom it told. A rule begins from the beginning, so that an alert with a `for` is pending for a
//! while; nobody may take that for an end, or people are paged twice for one incident. And an alert whose cause has gone
//! meanwhile is never mentioned by its rule again; somebody has to say that it has ended.

use std::sync::Arc;
use std::time::Duration;

use alerting::Dispatcher;
use model::{DurationMs, Labels, TimestampMs};
use rules::{GroupStatus, Health, Manager};

/// How often to look. Evaluations are seldom closer together than this.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// An element that is missing counts as gone only this long after the start: scrapes have to come in first, and the
/// windows of rates have to fill.
const SETTLE: DurationMs = DurationMs::from_secs(30);

/// What the rules say of an alert.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Its element is there; it is pending or fires.
    There,
    /// Its rules were evaluated and have not found it, or there is no such rule any more.
    Gone,
    /// It is too early to tell, or a rule fails.
    Unknown,
}

/// Watches until nothing is known of no alert; then ends.
pub(crate) async fn watch(
    rules: Arc<Manager>,
    dispatcher: Arc<Dispatcher>,
    external: Labels,
    now: impl Fn() -> TimestampMs,
) {
    let started_at = now();
    loop {
        let awaited = dispatcher.awaited();
        if awaited.is_empty() {
            return;
        }
        let groups = rules.groups();
        for alert in awaited {
            match verdict(&groups, &alert, &external, started_at, now()) {
                Verdict::There => dispatcher.still_there(&alert),
                Verdict::Gone => dispatcher.ended(&alert),
                Verdict::Unknown => {}
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn verdict(
    groups: &[GroupStatus],
    alert: &Labels,
    external: &Labels,
    started_at: TimestampMs,
    now: TimestampMs,
) -> Verdict {
    let name = alert.get("alertname").unwrap_or("");
    let mut settled = now.0 - started_at.0 >= SETTLE.0;
    for group in groups {
        for rule in group.rules.iter().filter(|rule| rule.name == name) {
            let Some(alerting) = &rule.alerting else { continue };
            if alerting.alerts.iter().any(|known| sent(&known.labels, external) == *alert) {
                return Verdict::There;
            }
            let enough = started_at.0 + SETTLE.0.max(2 * group.interval.0);
            settled &= rule.last_evaluation.is_some_and(|at| at.0 >= enough) && rule.health == Health::Ok;
        }
    }
    if settled { Verdict::Gone } else { Verdict::Unknown }
}

/// Labels of an alert as it leaves the rules.
fn sent(labels: &Labels, external: &Labels) -> Labels {
    let mut builder = labels.to_builder();
    for (name, value) in external {
        if labels.get(name).is_none() {
            builder.set(name, value);
        }
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use model::AlertState;
    use rules::{AlertStatus, AlertingStatus, RuleStatus};

    use super::*;

    fn labels(zone: &str) -> Labels {
        Labels::from_pairs([("alertname", "A"), ("zone", zone)])
    }

    /// One rule, evaluated at `last_s` with `health`, that has the alert of `zone` pending.
    fn groups(last_s: Option<i64>, health: Health, zone: Option<&str>) -> Vec<GroupStatus> {
        let last_evaluation = last_s.map(|s| TimestampMs(s * 1000));
        let alert = |zone| AlertStatus {
            labels: labels(zone),
            annotations: Labels::empty(),
            state: AlertState::Pending,
            active_at: TimestampMs(0),
            keep_firing_since: None,
            value: 1.0,
        };
        let rule = RuleStatus {
            name: "A".to_owned(),
            query: "x".to_owned(),
            labels: Labels::empty(),
            health,
            last_error: None,
            last_evaluation,
            evaluation_seconds: 0.0,
            alerting: Some(AlertingStatus {
                state: AlertState::Pending,
                hold: DurationMs(0),
                keep_firing_for: DurationMs(0),
                annotations: Labels::empty(),
                alerts: zone.into_iter().map(alert).collect(),
            }),
        };
        vec![GroupStatus {
            name: "g".to_owned(),
            file: "f".into(),
            interval: DurationMs::from_secs(20),
            limit: 0,
            last_evaluation,
            evaluation_seconds: 0.0,
            rules: vec![rule],
        }]
    }

    fn check(groups: &[GroupStatus], now_s: i64, expected: Verdict) {
        let external = Labels::from_pairs([("cluster", "x")]);
        let alert = sent(&labels("a"), &external);
        let found = verdict(groups, &alert, &external, TimestampMs(0), TimestampMs(now_s * 1000));
        assert_eq!(found, expected, "{groups:?} at {now_s}");
    }

    #[test]
    fn an_alert_that_is_pending_again_is_there() {
        check(&groups(Some(1), Health::Ok, Some("a")), 1, Verdict::There);
        check(&groups(Some(1), Health::Err, Some("a")), 1, Verdict::There);
    }

    #[test]
    fn an_alert_that_is_missing_is_gone_only_when_that_is_sure() {
        check(&groups(None, Health::Unknown, None), 100, Verdict::Unknown);
        check(&groups(Some(39), Health::Ok, Some("b")), 39, Verdict::Unknown);
        check(&groups(Some(40), Health::Ok, Some("b")), 40, Verdict::Gone);
        check(&groups(Some(40), Health::Err, None), 100, Verdict::Unknown);
    }

    #[test]
    fn an_alert_without_a_rule_is_gone_after_a_while() {
        check(&[], 29, Verdict::Unknown);
        check(&[], 30, Verdict::Gone);
    }
}
