//! What the ledger holds: one event a decision. Their JSON is what lies on disk, docs/formats/alerting.md.

use std::collections::BTreeMap;

use model::{Labels, TimestampMs};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::fingerprint::fingerprint;

/// Labels as they are written down.
pub type Pairs = BTreeMap<String, String>;

/// An event names at most so many alerts of a message; a message about more says so. A list of ten thousand names in each
/// attempt would push everything else out of the ledger.
pub const ALERTS_NAMED_MAX: usize = 1000;

/// Of the routes that an alert did not take so many are kept; the rest is counted. Nobody reads more.
pub const PASSED_MAX: usize = 12;

/// The short name of an alert, as Alertmanager makes it: 16 hexadecimal digits where it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// That of an alert with these labels.
    pub fn of(labels: &Labels) -> Self {
        Self(fingerprint(labels))
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl std::str::FromStr for Fingerprint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let read = digits.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        read.map(Self)
            .ok_or_else(|| format!("{text:?} is not the short name of an alert: 16 hexadecimal digits"))
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Something that was decided or happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Counts on, also over restarts.
    pub seq: u64,
    /// When, by the wall clock.
    #[serde(with = "millis")]
    pub at: TimestampMs,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What was decided or happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// An alert was heard of that did not fire before.
    Fired {
        /// Which.
        alert: Fingerprint,
        /// Its labels.
        labels: Pairs,
        /// Since when it fires, by who sent it.
        #[serde(with = "millis")]
        since: TimestampMs,
        /// Whether our own rules sent it.
        from_rules: bool,
        /// Where it goes.
        ways: Vec<Way>,
        /// Routes that it did not take, and why.
        passed: Vec<Passed>,
        /// How many more there were.
        #[serde(default, skip_serializing_if = "is_zero")]
        passed_more: usize,
    },
    /// An alert ended.
    Ended {
        /// Which.
        alert: Fingerprint,
        /// When it ended; the event's own time is when that was noticed.
        #[serde(with = "millis")]
        ended: TimestampMs,
        /// How that is known.
        how: EndedHow,
    },
    /// A look at a group found that an alert in it is not to be told.
    Held {
        /// Which.
        alert: Fingerprint,
        /// Who is not told.
        receiver: String,
        /// In which group.
        group: String,
        /// Why.
        by: Hold,
    },
    /// What held it does so no more.
    Freed {
        /// Which.
        alert: Fingerprint,
        /// Who may be told.
        receiver: String,
        /// In which group.
        group: String,
    },
    /// A receiver was tried.
    Attempt(Box<Attempted>),
    /// Not told because the other monitor of a pair has done it.
    ToldByPeer {
        /// Who was told.
        receiver: String,
        /// How: "webhook/0".
        integration: String,
        /// About which group.
        group: String,
    },
    /// Somebody has an alert in hand: it is not repeated until it ends.
    Acknowledged {
        /// Which.
        alert: Fingerprint,
        /// Who.
        by: String,
        /// What he said.
        comment: String,
    },
    /// Nobody has it in hand any more.
    Unacknowledged {
        /// Which.
        alert: Fingerprint,
    },
    /// A silence was made or changed.
    SilenceSet {
        /// Its id.
        id: String,
        /// What it silences, as text.
        matchers: String,
        /// From when.
        #[serde(with = "millis")]
        starts: TimestampMs,
        /// Until when.
        #[serde(with = "millis")]
        ends: TimestampMs,
        /// Who made it.
        by: String,
        /// Why.
        comment: String,
    },
    /// A silence was ended by hand.
    SilenceExpired {
        /// Its id.
        id: String,
    },
    /// Alerting began; it knew so many alerts from before.
    Started {
        /// Alerts that had not ended.
        alerts: usize,
    },
    /// Another configuration was loaded: all alerts were grouped anew.
    Reloaded,
}

/// How an end is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedHow {
    /// Who sent the alert said so.
    Told,
    /// Nothing was heard of it for as long as it was to be believed.
    Unheard,
    /// After a restart its rule did not find it any more.
    Gone,
}

/// A route that an alert takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// The route's matchers behind those of its parents.
    pub route: String,
    /// Who is told.
    pub receiver: String,
    /// The group that it joins.
    pub group: String,
    /// When the group is looked at next.
    #[serde(with = "millis")]
    pub look_at: TimestampMs,
    /// Why then.
    pub wait: Wait,
}

/// Why a group is looked at when it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// It is new and waits for alerts of the same cause.
    GroupWait,
    /// It is new, but its alert has fired for longer than that already.
    AtOnce,
    /// It was told before; changes are gathered.
    GroupInterval,
    /// There is no room for another group: the alert is told to nobody on this way.
    NoRoom,
}

/// A route that an alert did not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// The route's matchers behind those of its parents.
    pub route: String,
    /// Who would have been told.
    pub receiver: String,
    /// Why not: the rest of a sentence.
    pub because: String,
}

/// Why an alert is not told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Hold {
    /// Another alert is its cause.
    Inhibited {
        /// That one.
        alert: Fingerprint,
        /// Its labels.
        labels: Pairs,
    },
    /// The hours of the route.
    Outside {
        /// None of these lasts.
        intervals: Vec<String>,
    },
    /// The hours of the route.
    Muted {
        /// One of these lasts.
        intervals: Vec<String>,
    },
    /// Somebody silenced it.
    Silenced {
        /// Ids of silences.
        ids: Vec<String>,
    },
}

/// One call of a receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempted {
    /// Who.
    pub receiver: String,
    /// How: "webhook/0".
    pub integration: String,
    /// About which group.
    pub group: String,
    /// Alerts that fired, at most [`ALERTS_NAMED_MAX`].
    pub firing: Vec<Fingerprint>,
    /// Alerts that had ended, at most as many.
    pub resolved: Vec<Fingerprint>,
    /// Whether there were more of either.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// Which try of this message, from 1.
    pub number: u32,
    /// The status of HTTP or SMTP, where there was an answer.
    pub status: Option<u16>,
    /// What the receiver said, or what was wrong.
    pub answer: String,
    /// Whether it was taken.
    pub taken: bool,
    /// In how many milliseconds it is tried again; `None` when it is not, before the group is due again.
    pub again_in_ms: Option<u64>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Tries of this call since the last event about it that failed in the same way and have no event of their own.
    #[serde(default, skip_serializing_if = "is_none")]
    pub skipped: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_none(count: &u32) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Labels as they are written down.
pub(crate) fn pairs(labels: &Labels) -> Pairs {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Times are milliseconds.
mod millis {
    use model::TimestampMs;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    pub(super) fn serialize<S: Serializer>(at: &TimestampMs, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(at.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimestampMs, D::Error> {
        i64::deserialize(deserializer).map(TimestampMs)
    }
}
