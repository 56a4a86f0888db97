//! Why one selector finds no samples in its time.

use columns::TimeRange;
use model::{DurationMs, Labels, METRIC_NAME, MatchOp, Matcher, TimestampMs};
use scrape::{Health, TargetStatus};
use stdx::near::nearest;
use storage::{Samples, Selection, SeriesSet};

use super::{Asked, Kind, Looked, SERIES_LOOKED_AT_MAX, Unknown, Why};

/// Values of a label that are named in a sentence.
const VALUES_NAMED_MAX: usize = 5;

/// How far before a moment the last sample is looked for, step by step: most series that ended did so lately.
const BACK_MS: [i64; 3] = [3_600_000, 86_400_000, i64::MAX / 2];

/// `up` of a target.
const UP: &str = "up";

impl Asked<'_> {
    /// Why nothing was found. To be asked only when that is so.
    pub(super) fn missing(&self, looked: &Looked<'_>) -> Result<Why, Unknown> {
        let matchers = &looked.selector.matchers;
        let name = matchers.iter().find(|m| m.name == METRIC_NAME && m.op == MatchOp::Equal);
        if let Some(name) = name
            && self.select(std::slice::from_ref(name), TimeRange::ALL)?.is_empty()
        {
            return self.no_metric(looked, &name.value);
        }
        let known = self.select(matchers, TimeRange::ALL)?;
        if known.is_empty() {
            return self.no_labels(looked, name);
        }
        self.not_then(looked, known.as_ref())
    }

    fn no_metric(&self, looked: &Looked<'_>, name: &str) -> Result<Why, Unknown> {
        let all = Selection { matchers: &[], range: TimeRange::ALL, series_max: usize::MAX };
        let names = self.state.store.label_values(METRIC_NAME, &all)?;
        let instead = nearest(name, names.iter().map(String::as_str));
        let mut why = Why::new(Kind::Metric, looked.span, format!("No metric is called {name}."));
        // The span of the whole selector is underlined; only the name is to be replaced.
        why.span.end = why.span.start + u32::try_from(name.len()).unwrap_or(0);
        match instead.as_slice() {
            [] if names.is_empty() => why.message = "Nothing has been stored yet.".to_owned(),
            [] => why.message.push_str(&self.targets_down()),
            [first, rest @ ..] => {
                let mut text = format!(" Did you mean {first}");
                rest.iter().for_each(|name| text.push_str(&format!(" or {name}")));
                why.message.push_str(&text);
                why.message.push('?');
            }
        }
        why.instead = instead;
        Ok(why)
    }

    /// What a metric that nobody ever sent may wait for.
    fn targets_down(&self) -> String {
        let targets = self.state.scrape.targets();
        let down = targets.active.iter().filter(|target| target.health == Health::Down).count();
        match down {
            0 => String::new(),
            1 => " One target is down: the metric may be one of its own.".to_owned(),
            n => format!(" {n} targets are down: the metric may be one of theirs."),
        }
    }

    /// The metric is there, but no series has all of the labels: which of them is it?
    fn no_labels(&self, looked: &Looked<'_>, name: Option<&Matcher>) -> Result<Why, Unknown> {
        let matchers = &looked.selector.matchers;
        let what = name.map_or_else(|| "series".to_owned(), |name| format!("series of {}", name.value));
        for (i, culprit) in matchers.iter().enumerate() {
            let others: Vec<Matcher> =
                matchers.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, m)| m.clone()).collect();
            let is_name = name.is_some_and(|name| std::ptr::eq(name, culprit));
            if is_name || others.is_empty() || self.select(&others, TimeRange::ALL)?.is_empty() {
                continue;
            }
            let series_max = self.state.engine.options().series_max;
            let selection = Selection { matchers: &others, range: TimeRange::ALL, series_max };
            let values = self.state.store.label_values(&culprit.name, &selection)?;
            return Ok(label_reason(looked, culprit, &what, &values));
        }
        let all: Vec<String> = matchers
            .iter()
            .filter(|m| m.name != METRIC_NAME || m.op != MatchOp::Equal)
            .map(Matcher::to_string)
            .collect();
        let text = format!("No {what} has {} together.", all.join(", "));
        Ok(Why::new(Kind::Labels, looked.span, text))
    }

    /// Series are there, with samples at another time.
    fn not_then(&self, looked: &Looked<'_>, known: &dyn SeriesSet) -> Result<Why, Unknown> {
        let TimeRange { from, to } = looked.window;
        let why = |message: &str, at_ms: i64| {
            let mut why = Why::new(Kind::Time, looked.span, message);
            why.at_ms = Some(at_ms);
            why
        };
        let Some((oldest, _)) = self.state.store.time_span() else {
            return Ok(Why::new(Kind::Time, looked.span, "Nothing has been stored yet."));
        };
        if to < oldest {
            return Ok(why(&self.before_all(to), oldest.0));
        }
        if from.0 > self.state.clock.now_ms() {
            return Ok(why("This range lies in the future: now is {at}.", self.state.clock.now_ms()));
        }
        if let Some((target, since)) = self.target_down(known)? {
            let name = target_name(&target);
            let cause =
                if target.last_error.is_empty() { String::new() } else { format!(": {}", target.last_error) };
            let text = match since {
                Some(_) => format!("{name} is down since {{at}}{cause}."),
                None => format!("{name} is down{cause}."),
            };
            return Ok(Why { at_ms: since, ..Why::new(Kind::Target, looked.span, text) });
        }
        if let Some(last) = self.last_before(known, to)? {
            let gone = if self.is_scraped(known) { "" } else { "; nothing scrapes it any more" };
            return Ok(why(
                &format!("The last sample before the end of this range is from {{at}}{gone}."),
                last,
            ));
        }
        match self.first_after(known, to)? {
            Some(first) => Ok(why("The first sample is from {at}, after this range.", first)),
            None => Ok(Why::new(Kind::Time, looked.span, "There are no samples in this time.")),
        }
    }

    /// A range that ends before the oldest sample: left behind, or from before anything was stored.
    fn before_all(&self, to: TimestampMs) -> String {
        let retention = &self.state.runtime.facts().retention;
        let age_max = retention.split(" or ").find_map(|part| part.parse::<DurationMs>().ok());
        if age_max.is_some_and(|max| to.0 < self.state.clock.now_ms().saturating_sub(max.0)) {
            format!("This range is outside the retention of {retention}: the oldest sample is from {{at}}.")
        } else {
            "The oldest sample is from {at}: nothing is kept of the time before.".to_owned()
        }
    }

    /// The target that most of the series come from, if it is down, and since when.
    fn target_down(&self, known: &dyn SeriesSet) -> Result<Option<(TargetStatus, Option<i64>)>, Unknown> {
        let targets = self.state.scrape.targets();
        for i in 0..known.len().min(SERIES_LOOKED_AT_MAX) {
            let labels = known.labels(i);
            let own = |target: &&TargetStatus| target.health == Health::Down && is_of(&labels, target);
            if let Some(target) = targets.active.iter().find(own) {
                return Ok(Some((target.clone(), self.down_since(target)?)));
            }
        }
        Ok(None)
    }

    /// When the first scrape failed after the last good one; `None` where `up` does not tell.
    fn down_since(&self, target: &TargetStatus) -> Result<Option<i64>, Unknown> {
        let mut matchers = vec![Matcher::equal(METRIC_NAME, UP)];
        matchers.extend(target.labels.iter().map(|(name, value)| Matcher::equal(name, value)));
        let now = self.state.clock.now_ms();
        let mut samples = Samples::default();
        for back in BACK_MS {
            let range = TimeRange { from: TimestampMs(now.saturating_sub(back)), to: TimestampMs(now) };
            let set = self.select(&matchers, range)?;
            if set.is_empty() {
                continue;
            }
            set.samples(0, range, &mut samples)?;
            let good = samples.values.iter().rposition(|up| *up == 1.0);
            let is_whole = good.is_some() || back == BACK_MS[BACK_MS.len() - 1];
            let first_bad = good.map_or(0, |good| good + 1);
            if is_whole {
                return Ok(samples.times_ms.get(first_bad).copied());
            }
        }
        Ok(None)
    }

    fn is_scraped(&self, known: &dyn SeriesSet) -> bool {
        let targets = self.state.scrape.targets();
        (0..known.len().min(SERIES_LOOKED_AT_MAX)).any(|i| {
            let labels = known.labels(i);
            // What rules and remote writers made has no target to be missed.
            labels.get("instance").is_none() || targets.active.iter().any(|target| is_of(&labels, target))
        })
    }

    fn last_before(&self, known: &dyn SeriesSet, to: TimestampMs) -> Result<Option<i64>, Unknown> {
        let mut samples = Samples::default();
        for back in BACK_MS {
            let range = TimeRange { from: TimestampMs(to.0.saturating_sub(back)), to };
            let mut last = None;
            for i in 0..known.len().min(SERIES_LOOKED_AT_MAX) {
                known.samples(i, range, &mut samples)?;
                last = last.max(samples.times_ms.last().copied());
            }
            if last.is_some() || self.cancel.is_cancelled() {
                return Ok(last);
            }
        }
        Ok(None)
    }

    fn first_after(&self, known: &dyn SeriesSet, to: TimestampMs) -> Result<Option<i64>, Unknown> {
        let range = TimeRange { from: to, to: TimestampMs(i64::MAX) };
        let (mut samples, mut first) = (Samples::default(), None::<i64>);
        for i in 0..known.len().min(SERIES_LOOKED_AT_MAX) {
            known.samples(i, range, &mut samples)?;
            first = first.into_iter().chain(samples.times_ms.first().copied()).min();
        }
        Ok(first)
    }
}

/// One label matches nothing: what there is instead.
fn label_reason(looked: &Looked<'_>, culprit: &Matcher, what: &str, values: &[String]) -> Why {
    let written = culprit.to_string();
    let name = &culprit.name;
    let has_values = values.iter().any(|value| !value.is_empty());
    let text = match (culprit.is_negative(), has_values) {
        (true, _) => format!("All {what} fail {written}: {name} is {}.", listed(values)),
        (false, false) => format!("No {what} has the label {name}."),
        (false, true) => format!("No {what} has {written}; {name} is {}.", listed(values)),
    };
    let mut why = Why::new(Kind::Labels, looked.span, text);
    if culprit.op == MatchOp::Equal {
        why.instead = nearest(&culprit.value, values.iter().map(String::as_str));
    }
    why
}

/// `200, 404 or 500`, with how many more there are.
fn listed(values: &[String]) -> String {
    let all: Vec<&str> = values.iter().map(String::as_str).filter(|value| !value.is_empty()).collect();
    let more = all.len().saturating_sub(VALUES_NAMED_MAX);
    match (all.as_slice(), more) {
        ([], _) => "empty".to_owned(),
        ([one], _) => (*one).to_owned(),
        ([first @ .., last], 0) => format!("{} or {last}", first.join(", ")),
        (all, more) => format!("{} or {more} others", all[..VALUES_NAMED_MAX].join(", ")),
    }
}

/// Whether a series with these labels comes from the target.
fn is_of(labels: &Labels, target: &TargetStatus) -> bool {
    ["job", "instance"].iter().all(|name| target.labels.get(name) == labels.get(name))
}

fn target_name(target: &TargetStatus) -> String {
    let instance = target.labels.get("instance").unwrap_or(&target.scrape_url);
    match target.labels.get("job") {
        Some(job) => format!("Target {instance} of job {job}"),
        None => format!("Target {instance}"),
    }
}
