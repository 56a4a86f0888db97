//! The ledger in words, as a person would tell it. Moments stand in them as RFC 3339 in UTC, so that who shows them can put
//! the reader's own time there.

use ::alerting::Silence;
use ::alerting::ledger::{Attempted, EndedHow, Event, Hold, Pairs, Wait, What};
use ::alerting::why::{CallStory, Story, WayStory};
use model::{DurationMs, TimestampMs};

use crate::status::rfc3339;

/// What sentences are about.
pub(super) struct Words<'a> {
    pub(super) story: &'a Story,
    pub(super) silences: &'a [Silence],
    pub(super) is_now: bool,
    /// The moment of the question.
    pub(super) at: TimestampMs,
}

fn moment(at: TimestampMs) -> String {
    rfc3339(Some(TimestampMs(at.0 / 1000 * 1000)))
}

/// Whole seconds from a second on: nobody wants to read milliseconds then.
fn lasting(ms: i64) -> String {
    let ms = if ms >= 1000 { ms / 1000 * 1000 } else { ms.max(0) };
    DurationMs(ms).to_string()
}

fn labels(pairs: &Pairs) -> String {
    let name = pairs.get("alertname").map_or("", String::as_str);
    let rest: Vec<String> =
        pairs.iter().filter(|(n, _)| *n != "alertname").map(|(n, v)| format!("{n}={v:?}")).collect();
    if rest.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", rest.join(", ")) }
}

impl Words<'_> {
    /// "firing", "ended" or "unknown".
    pub(super) fn state(&self) -> &'static str {
        match (&self.story.ended, self.story.since) {
            (Some(_), _) => "ended",
            (None, Some(_)) => "firing",
            (None, None) => "unknown",
        }
    }

    /// One sentence on the alert itself.
    pub(super) fn summary(&self) -> String {
        let (fires, by) = match self.story.from_rules {
            Some(true) => ("Fires", ", by a rule of this monitor"),
            Some(false) => ("Fires", ", sent by another program"),
            None => ("Fires", ""),
        };
        let began = self.story.since.map(moment);
        match (self.story.ended, began) {
            (Some((ended, how)), began) => {
                let from = began.map_or_else(String::new, |at| format!("Fired at {at}{by}, and "));
                let text = format!("{from}ended at {}: {}.", moment(ended), how_ended(how));
                capital(&text)
            }
            (None, Some(at)) if self.is_now => {
                let since = self.story.since.map_or(0, |since| self.at.0 - since.0);
                format!("{fires} since {at} ({}){by}.", lasting(since))
            }
            (None, Some(at)) => format!("Fired since {at}{by}."),
            (None, None) => "When it began is not known: the ledger does not reach back so far.".to_owned(),
        }
    }

    /// What became of it on one way, in a word and a sentence.
    pub(super) fn way(&self, way: &WayStory) -> (&'static str, String) {
        let who = &way.way.receiver;
        if let Some(hold) = &way.held {
            return ("held", format!("{who} is not told: {}.", self.hold(hold)));
        }
        if way.calls.is_empty() {
            return self.untried(way);
        }
        let sentences: Vec<String> = way.calls.iter().map(|call| self.call(call, way)).collect();
        let state = if way.calls.iter().any(|call| call.failing.is_some()) { "failing" } else { "told" };
        let repeat =
            if way.calls.iter().any(|call| call.told.is_some()) { self.repeat(way) } else { String::new() };
        (state, format!("{}{repeat}", sentences.join(" ")))
    }

    /// One call of a receiver that was tried.
    fn call(&self, call: &CallStory, way: &WayStory) -> String {
        let who = &way.way.receiver;
        let who = if way.calls.len() == 1 { who.clone() } else { format!("{who} ({})", call.integration) };
        if let Some((at, tried)) = &call.failing {
            return self.failing(&who, *at, tried, call, way);
        }
        match &call.told {
            Some((at, tried)) => {
                let ended = tried.resolved.contains(&self.story.alert);
                let what = if ended { "that it ended" } else { "that it fires" };
                format!("{who} was told {what} at {}: {}.", moment(*at), answer(tried))
            }
            None => String::new(),
        }
    }

    /// A way on which nobody was tried yet.
    fn untried(&self, way: &WayStory) -> (&'static str, String) {
        let (who, next) = (&way.way.receiver, moment(way.way.look_at));
        if way.way.wait == Wait::NoRoom {
            let why = "there are too many groups of alerts; group by fewer labels";
            return ("failing", format!("{who} is not told: {why}."));
        }
        if let Some(at) = way.told_by_peer {
            let by = "by the other monitor of the pair, or before the ledger begins";
            let told = format!("{who} was told at {}, {by}.", moment(at));
            return ("told", format!("{told}{}", self.repeat(way)));
        }
        if self.story.ended.is_some() {
            return ("untold", format!("{who} was not told: it ended before its group was due."));
        }
        if !self.is_now {
            return ("waiting", format!("{who} was not told yet: the group was due at {next}."));
        }
        ("waiting", format!("{who} is not told yet: {} until {next}.", waits(way.way.wait)))
    }

    fn repeat(&self, way: &WayStory) -> String {
        if !self.is_now || self.story.ended.is_some() {
            return String::new();
        }
        match (&self.story.ack, way.repeat_at) {
            (Some(ack), None) => format!(" Not repeated: {} has it in hand.", ack.by),
            (_, Some(at)) => format!(" Told again after {}, or when something changes.", moment(at)),
            (None, None) => String::new(),
        }
    }

    fn failing(
        &self,
        who: &str,
        at: TimestampMs,
        tried: &Attempted,
        call: &CallStory,
        way: &WayStory,
    ) -> String {
        let before = match &call.told {
            Some((told, _)) => {
                format!("{who} was told at {}, and the news since could not be delivered", moment(*told))
            }
            None => format!("{who} could not be told"),
        };
        let next = match tried.again_in_ms {
            // Of many tries that fail alike the ledger has the first and then ever fewer.
            Some(_) if self.is_now && self.story.ended.is_none() => {
                format!("it is tried again, and anew when the group is due, at {}", moment(way.way.look_at))
            }
            Some(_) => "it is tried again".to_owned(),
            None if self.is_now && self.story.ended.is_none() => {
                format!("it is tried again when the group is due, at {}", moment(way.way.look_at))
            }
            None => "it is tried again when the group is due".to_owned(),
        };
        let count = if tried.number == 1 { String::new() } else { format!(" (try {})", tried.number) };
        format!("{before}: at {}{count} {}; {next}.", moment(at), answer(tried))
    }

    /// What happened, in a word and a sentence.
    pub(super) fn event(&self, event: &Event) -> (&'static str, String) {
        match &event.what {
            What::Fired { since, from_rules, ways, .. } => {
                let by = if *from_rules { "a rule of this monitor" } else { "another program" };
                let late = event.at.0 - since.0;
                let late =
                    if late < 2000 { String::new() } else { format!(" ({} after it began)", lasting(late)) };
                let ways: Vec<String> = ways
                    .iter()
                    .map(|way| {
                        format!(
                            "to {} by {}: {}",
                            way.receiver,
                            way.route,
                            look(event.at, way.look_at, way.wait)
                        )
                    })
                    .collect();
                ("fired", format!("Fires, says {by}{late}. Goes {}.", ways.join("; ")))
            }
            What::Ended { ended, how, .. } => {
                let late = event.at.0 - ended.0;
                let late = if late < 2000 { String::new() } else { format!(" at {}", moment(*ended)) };
                ("ended", format!("Ended{late}: {}.", how_ended(*how)))
            }
            What::Held { receiver, by, .. } => {
                ("held", format!("{receiver} is not told: {}.", self.hold(by)))
            }
            What::Freed { receiver, .. } => {
                ("freed", format!("Nothing keeps {receiver} from being told any more."))
            }
            What::Attempt(tried) => attempt(tried),
            What::ToldByPeer { receiver, integration, .. } => {
                ("told", format!("{receiver} ({integration}) was told by the other monitor of the pair."))
            }
            What::Acknowledged { by, comment, .. } => {
                let said = if comment.is_empty() { String::new() } else { format!(": {comment}") };
                ("acknowledged", format!("{by} has it in hand{said}. It is not repeated until it ends."))
            }
            What::Unacknowledged { .. } => ("acknowledged", "Nobody has it in hand any more.".to_owned()),
            What::SilenceSet { id, matchers, starts, ends, by, comment } => (
                "silence",
                format!(
                    "{by} silenced {matchers} from {} to {}: {comment} ({}).",
                    moment(*starts),
                    moment(*ends),
                    short(id)
                ),
            ),
            What::SilenceExpired { id } => {
                ("silence", format!("The silence {} was ended by hand.", short(id)))
            }
            What::Started { alerts } => (
                "started",
                format!(
                    "The monitor started and knew {alerts} alerts from before, and who was told of them."
                ),
            ),
            What::Reloaded => ("reloaded", "Another configuration was loaded.".to_owned()),
        }
    }

    fn hold(&self, hold: &Hold) -> String {
        match hold {
            Hold::Inhibited { labels: by, .. } => format!("inhibited by {}, which fires", labels(by)),
            Hold::Outside { intervals } => format!("its route is active only in {}", intervals.join(", ")),
            Hold::Muted { intervals } => format!("its route is muted in {}", intervals.join(", ")),
            Hold::Silenced { ids } => {
                let all: Vec<String> = ids.iter().map(|id| self.silence(id)).collect();
                format!("silenced by {}", all.join(" and "))
            }
        }
    }

    fn silence(&self, id: &str) -> String {
        match self.silences.iter().find(|silence| silence.id == id) {
            Some(one) => {
                format!("{} until {} ({}, {})", one.created_by, moment(one.ends_at), one.comment, short(id))
            }
            None => short(id),
        }
    }
}

/// The beginning of an id is enough for people.
fn short(id: &str) -> String {
    format!("silence {}", id.split('-').next().unwrap_or(id))
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn how_ended(how: EndedHow) -> &'static str {
    match how {
        EndedHow::Told => "its sender said so",
        EndedHow::Unheard => "its sender was heard of no more",
        EndedHow::Gone => "after a restart its rule did not find it any more",
    }
}

fn waits(wait: Wait) -> &'static str {
    match wait {
        Wait::GroupWait => "its group is new and waits for alerts of the same cause (group_wait)",
        Wait::AtOnce => "its group is due",
        Wait::GroupInterval => "changes of its group are gathered (group_interval)",
        Wait::NoRoom => "there is no room for its group",
    }
}

fn look(now: TimestampMs, at: TimestampMs, wait: Wait) -> String {
    let left = lasting(at.0 - now.0);
    match wait {
        Wait::GroupWait => format!("a new group, which waits {left} for alerts of the same cause"),
        Wait::AtOnce => "a new group, due at once, for it has fired longer than group_wait".to_owned(),
        Wait::GroupInterval => format!("a group that was told before and is due in {left}"),
        Wait::NoRoom => "no room for another group, so nobody is told".to_owned(),
    }
}

/// The receiver's answer: `HTTP 202 in 4 ms: "accepted"`.
fn answer(tried: &Attempted) -> String {
    let took = lasting_ms(tried.took_ms);
    let kind = if tried.integration.starts_with("email") { "SMTP" } else { "HTTP" };
    if !tried.taken {
        return format!("{} ({took})", tried.answer);
    }
    let code = tried.status.map_or_else(|| "taken".to_owned(), |status| format!("{kind} {status}"));
    match tried.answer.as_str() {
        "" => format!("{code} in {took}"),
        said => format!("{code} in {took}, it said {said}"),
    }
}

fn lasting_ms(ms: u64) -> String {
    if ms < 1 {
        "under 1ms".to_owned()
    } else {
        DurationMs(i64::try_from(ms).unwrap_or(i64::MAX)).to_string()
    }
}

fn attempt(tried: &Attempted) -> (&'static str, String) {
    let who = format!("{} ({})", tried.receiver, tried.integration);
    let counts = match (tried.firing.len(), tried.resolved.len()) {
        (firing, 0) => format!("{firing} firing"),
        (0, resolved) => format!("{resolved} resolved"),
        (firing, resolved) => format!("{firing} firing, {resolved} resolved"),
    };
    let more = if tried.more { " and more" } else { "" };
    let skipped = match tried.skipped {
        0 => String::new(),
        1 => " One try before it failed as others above.".to_owned(),
        count => format!(" {count} tries before it failed as others above."),
    };
    let count = if tried.number == 1 { String::new() } else { format!(", try {}", tried.number) };
    if tried.taken {
        return ("told", format!("{who} was told, {counts}{more}{count}: {}.{skipped}", answer(tried)));
    }
    let next = match tried.again_in_ms {
        Some(ms) => format!("tried again in {}", lasting_ms(ms)),
        None => "given up until the group is due again".to_owned(),
    };
    ("failed", format!("{who} did not take it, {counts}{more}{count}: {}; {next}.{skipped}", answer(tried)))
}
