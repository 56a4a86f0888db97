//! The alerts that were told to us, each under its labels, later news laid over earlier ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Alert, AlertState, DurationMs, Labels, TimestampMs};

/// The most alerts kept at once. Ten times what a bad day of a large fleet brings; at some 2 kB each this is 200 MB.
/// Beyond it new alerts are refused and counted; those known are still kept up to date.
pub(crate) const ALERTS_MAX: usize = 100_000;

/// An alert as it is known now. Its labels are its key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Known {
    pub(crate) labels: Labels,
    pub(crate) annotations: Labels,
    pub(crate) starts_at: TimestampMs,
    /// When it ended, or until when to believe it.
    pub(crate) ends_at: TimestampMs,
    pub(crate) updated_at: TimestampMs,
    pub(crate) generator_url: String,
    /// The end was not told but put there because none was.
    pub(crate) timeout: bool,
    /// Our own rules told it, not another program.
    pub(crate) from_rules: bool,
    /// Its end was told: it does not fire again because somebody sets the clock back.
    pub(crate) is_over: bool,
}

impl Known {
    pub(crate) fn is_resolved(&self, now: TimestampMs) -> bool {
        self.is_over || self.ends_at <= now
    }
}

/// Why an alert was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("at least one label pair required")]
    NoLabels,
    #[error("start time must be before end time")]
    EndsBeforeStart,
    #[error("{ALERTS_MAX} alerts are known already")]
    Full,
}

/// All alerts by their labels.
#[derive(Debug, Default)]
pub(crate) struct Store {
    alerts: BTreeMap<Labels, Arc<Known>>,
}

impl Store {
    /// Takes news of an alert and answers how it is known now.
    pub(crate) fn put(
        &mut self,
        alert: Alert,
        from_rules: bool,
        now: TimestampMs,
        resolve_timeout: DurationMs,
    ) -> Result<Arc<Known>, Refused> {
        let mut alert = alert;
        if from_rules && alert.starts_at > now {
            // The clock was set back since our own rule found it.
            alert.starts_at = now;
        }
        let news = Known { from_rules, ..read(alert, now, resolve_timeout)? };
        let known = match self.alerts.get(&news.labels) {
            Some(old) if overlap(old, &news) => merge(old, news, now),
            Some(_) => news,
            None if self.alerts.len() >= ALERTS_MAX => return Err(Refused::Full),
            None => news,
        };
        let known = Arc::new(known);
        self.alerts.insert(known.labels.clone(), Arc::clone(&known));
        Ok(known)
    }

    /// Forgets what has ended, but for what is still `wanted`; answers what is forgotten.
    pub(crate) fn collect(&mut self, now: TimestampMs, wanted: impl Fn(&Labels) -> bool) -> Vec<Labels> {
        let mut gone = Vec::new();
        self.alerts.retain(|labels, alert| {
            let kept = !alert.is_resolved(now) || wanted(labels);
            if !kept {
                gone.push(labels.clone());
            }
            kept
        });
        gone
    }

    pub(crate) fn get(&self, labels: &Labels) -> Option<&Arc<Known>> {
        self.alerts.get(labels)
    }

    /// Puts back what was known before a restart.
    pub(crate) fn restore(&mut self, alert: Arc<Known>) {
        self.alerts.insert(alert.labels.clone(), alert);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Known>> + Clone {
        self.alerts.values()
    }
}

fn read(alert: Alert, now: TimestampMs, resolve_timeout: DurationMs) -> Result<Known, Refused> {
    if alert.labels.is_empty() {
        return Err(Refused::NoLabels);
    }
    let timeout = alert.state == AlertState::Firing && alert.ends_at.0 <= 0;
    let ends_at = if timeout { TimestampMs(now.0 + resolve_timeout.0) } else { alert.ends_at };
    if alert.starts_at > ends_at {
        return Err(Refused::EndsBeforeStart);
    }
    Ok(Known {
        labels: alert.labels,
        annotations: alert.annotations,
        starts_at: alert.starts_at,
        ends_at,
        updated_at: now,
        generator_url: alert.generator_url,
        timeout,
        from_rules: false,
        is_over: alert.state == AlertState::Resolved && ends_at <= now,
    })
}

/// Whether two reports are of one outage. If not, the later one starts anew.
fn overlap(old: &Known, news: &Known) -> bool {
    (news.ends_at > old.starts_at && news.ends_at < old.ends_at)
        || (news.starts_at > old.starts_at && news.starts_at < old.ends_at)
}

/// The outage begins with the first report. A told end counts more than one that was put there; an end in the future
/// never grows shorter by a report that told none, unless it only seems to be in the future because somebody has set the clock
/// back: it is over, or another one was told since.
fn merge(old: &Known, news: Known, now: TimestampMs) -> Known {
    let is_set_back = now < old.updated_at;
    let keeps_end = if news.is_resolved(now) {
        old.is_resolved(now)
    } else {
        !old.timeout && !old.is_over && (news.timeout || !is_set_back)
    };
    let ends_at = if keeps_end && old.ends_at > news.ends_at { old.ends_at } else { news.ends_at };
    Known { starts_at: old.starts_at.min(news.starts_at), ends_at, ..news }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(starts_at: i64, ends_at: i64, state: AlertState) -> Alert {
        Alert {
            labels: Labels::from_pairs([("alertname", "A")]),
            annotations: Labels::empty(),
            starts_at: TimestampMs(starts_at),
            ends_at: TimestampMs(ends_at),
            state,
            generator_url: String::new(),
        }
    }

    /// Reports at moments, each with start and end; the end 0 is none told. Expects start and end as known at last.
    fn check(reports: &[(i64, i64, i64)], expected: (i64, i64)) {
        let mut store = Store::default();
        for (now, starts_at, ends_at) in reports {
            let news = alert(*starts_at, *ends_at, AlertState::Firing);
            store.put(news, true, TimestampMs(*now), DurationMs(100)).expect("valid");
        }
        let known = store.iter().next().expect("one alert");
        assert_eq!((known.starts_at.0, known.ends_at.0), expected, "{reports:?}");
    }

    #[test]
    fn later_news_lie_over_earlier_ones() {
        check(&[(10, 10, 50), (20, 10, 60)], (10, 60));
        check(&[(10, 10, 50), (20, 15, 60)], (10, 60));
        check(&[(10, 10, 50), (20, 10, 20)], (10, 20));
        // A second outage after the first has ended.
        check(&[(10, 10, 50), (70, 70, 90)], (70, 90));
    }

    #[test]
    fn an_end_that_was_not_told_is_put_there_and_gives_way() {
        check(&[(10, 10, 0)], (10, 110));
        check(&[(10, 10, 0), (50, 10, 0)], (10, 150));
        check(&[(10, 10, 0), (50, 10, 50)], (10, 50));
        check(&[(10, 10, 500), (50, 20, 0)], (10, 500));
    }

    #[test]
    fn a_told_end_is_an_end_though_the_clock_is_set_back() {
        let mut store = Store::default();
        let mut put = |at: i64, ends: i64, state| {
            store.put(alert(10, ends, state), true, TimestampMs(at), DurationMs(100)).expect("valid")
        };
        assert!(put(50, 50, AlertState::Resolved).is_resolved(TimestampMs(20)));
        let back = put(20, 40, AlertState::Firing);
        assert!(!back.is_resolved(TimestampMs(20)), "it is back");
        assert!(back.is_resolved(TimestampMs(40)), "and not believed for longer than its sender asks");
        assert!(
            !put(20, 60, AlertState::Resolved).is_resolved(TimestampMs(20)),
            "an end to come is none yet"
        );
    }

    #[test]
    fn an_end_to_come_gives_way_to_a_nearer_one_where_the_clock_is_set_back() {
        check(&[(1000, 1000, 1100), (950, 900, 1050)], (900, 1050));
        check(&[(1000, 1000, 1100), (950, 900, 0)], (900, 1100));
        // By the clock alone it does not.
        check(&[(400, 400, 1100), (450, 400, 500)], (400, 1100));
    }

    #[test]
    fn what_is_no_alert_is_refused() {
        let mut store = Store::default();
        let put =
            |store: &mut Store, alert| store.put(alert, false, TimestampMs(0), DurationMs(1)).map(|_| ());
        assert_eq!(put(&mut store, alert(10, 5, AlertState::Firing)), Err(Refused::EndsBeforeStart));
        let nameless = Alert { labels: Labels::empty(), ..alert(1, 5, AlertState::Firing) };
        assert_eq!(put(&mut store, nameless), Err(Refused::NoLabels));
    }

    #[test]
    fn what_has_ended_is_forgotten_on_collection() {
        let mut store = Store::default();
        store.put(alert(1, 5, AlertState::Firing), true, TimestampMs(2), DurationMs(1)).expect("valid");
        assert!(store.collect(TimestampMs(4), |_| false).is_empty());
        assert_eq!(store.iter().count(), 1);
        assert_eq!(store.collect(TimestampMs(5), |_| false).len(), 1);
        assert_eq!(store.iter().count(), 0);
    }
}
