//! The JSON inside the state file.

use std::sync::Arc;

use model::{Labels, MatchOp, Matcher, TimestampMs};
use serde::{Deserialize, Serialize};

use super::Saved;
use crate::ledger::{Pairs, pairs};
use crate::log::{Entry, LogKey, Order, Told};
use crate::silence::Silence;
use crate::status::{Ack, NotificationRecord};
use crate::store::Known;

#[derive(Serialize, Deserialize)]
struct Body {
    at: i64,
    alerts: Vec<AlertBody>,
    log: Vec<LogBody>,
    #[serde(default)]
    log_order: Order,
    silences: Vec<SilenceBody>,
    records: Vec<RecordBody>,
    #[serde(default)]
    acks: Vec<AckBody>,
}

#[derive(Serialize, Deserialize)]
struct AlertBody {
    labels: Pairs,
    annotations: Pairs,
    starts_at: i64,
    ends_at: i64,
    updated_at: i64,
    generator_url: String,
    timeout: bool,
    from_rules: bool,
    #[serde(default)]
    is_over: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LogBody {
    group: String,
    receiver: String,
    integration: String,
    at: i64,
    #[serde(default)]
    order: Option<i64>,
    expires_at: i64,
    firing: Vec<u64>,
    resolved: Vec<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SilenceBody {
    id: String,
    /// Name, operator, value.
    matchers: Vec<(String, String, String)>,
    starts_at: i64,
    ends_at: i64,
    updated_at: i64,
    created_by: String,
    comment: String,
}

#[derive(Serialize, Deserialize)]
struct RecordBody {
    at: i64,
    receiver: String,
    integration: String,
    group: String,
    firing: usize,
    resolved: usize,
    attempts: u32,
    http_status: Option<u16>,
    error: Option<String>,
    took_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct AckBody {
    labels: Pairs,
    by: String,
    comment: String,
    at: i64,
}

/// What one monitor of a pair tells another.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Exchange {
    /// Who says it.
    pub(crate) name: String,
    /// Which run of it.
    pub(crate) boot: String,
    /// With this, it has said all that it knew.
    pub(crate) complete: bool,
    /// For how long it has been running, in milliseconds.
    #[serde(default)]
    pub(crate) up_ms: u64,
    /// For how long before that nobody was there, in milliseconds; the greatest number when it began from nothing.
    #[serde(default)]
    pub(crate) blind_ms: u64,
    /// How far the order of tellings has come there.
    #[serde(default = "crate::peers::long_ago")]
    pub(crate) order: i64,
    pub(crate) silences: Vec<SilenceBody>,
    pub(crate) log: Vec<LogBody>,
    #[serde(default)]
    pub(crate) hands: Vec<HandBody>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HandBody {
    labels: Pairs,
    at: i64,
    /// Who, and what he said.
    held: Option<(String, String)>,
}

/// An alert that somebody has in hand, or nobody any more, since when.
pub(crate) type Hand = (Labels, TimestampMs, Option<Ack>);

/// What monitors of a pair share.
pub(crate) type Shared = (Vec<Silence>, Vec<(LogKey, Entry)>, Vec<Hand>);

/// Pieces of so many bytes are pushed; a server takes two mebibytes.
const EXCHANGE_BYTES: usize = 1 << 20;

impl Exchange {
    /// Nothing but a sign of life.
    pub(crate) fn hello() -> Self {
        Self::default()
    }

    /// Who says it, without what.
    pub(crate) fn head(&self) -> Self {
        let (name, boot) = (self.name.clone(), self.boot.clone());
        let (complete, up_ms, blind_ms, order) = (self.complete, self.up_ms, self.blind_ms, self.order);
        Self { name, boot, complete, up_ms, blind_ms, order, ..Self::default() }
    }

    /// Silences, log entries and who has what in hand, in pieces that a server takes; at least one.
    pub(crate) fn pieces<'a>(
        silences: impl Iterator<Item = &'a Silence>,
        log: impl Iterator<Item = (&'a LogKey, &'a Entry)>,
        hands: Vec<Hand>,
    ) -> Vec<Self> {
        let mut pieces = vec![Self::hello()];
        let mut bytes = 0;
        let mut room = |pieces: &mut Vec<Self>, more: usize| {
            if bytes > 0 && bytes + more > EXCHANGE_BYTES {
                pieces.push(Self::hello());
                bytes = 0;
            }
            bytes += more;
        };
        for silence in silences {
            let text: usize = silence.matchers.iter().map(|m| m.name.len() + m.value.len() + 20).sum();
            room(&mut pieces, 250 + text + silence.comment.len() + silence.created_by.len());
            pieces.last_mut().expect("one is there").silences.push(SilenceBody::of(silence));
        }
        for (key, entry) in log {
            let told = entry.told.firing.len() + entry.told.resolved.len();
            room(&mut pieces, 150 + key.0.len() + key.1.len() + 21 * told);
            pieces.last_mut().expect("one is there").log.push(LogBody::of(key, entry));
        }
        for hand in hands {
            let labels: usize = hand.0.iter().map(|(name, value)| name.len() + value.len() + 8).sum();
            let words = hand.2.as_ref().map_or(0, |ack| ack.by.len() + ack.comment.len());
            room(&mut pieces, 60 + labels + words);
            pieces.last_mut().expect("one is there").hands.push(HandBody::of(hand));
        }
        pieces
    }

    /// Whether there is more to it than a sign of life.
    pub(crate) fn has_news(&self) -> bool {
        !(self.silences.is_empty() && self.log.is_empty() && self.hands.is_empty())
    }

    /// What it holds.
    pub(crate) fn read(self) -> Result<Shared, String> {
        let silences = self.silences.into_iter().map(SilenceBody::read).collect::<Result<_, _>>()?;
        let log = self.log.into_iter().map(LogBody::read).collect();
        Ok((silences, log, self.hands.into_iter().map(HandBody::read).collect()))
    }
}

pub(super) fn encode(saved: &Saved) -> Vec<u8> {
    let body = Body {
        at: saved.at.0,
        alerts: saved.alerts.iter().map(|alert| AlertBody::of(alert)).collect(),
        log: saved.log.iter().map(|(key, entry)| LogBody::of(key, entry)).collect(),
        log_order: saved.log_order,
        silences: saved.silences.iter().map(SilenceBody::of).collect(),
        records: saved.records.iter().map(RecordBody::of).collect(),
        acks: saved.acks.iter().map(|(labels, ack)| AckBody::of(labels, ack)).collect(),
    };
    serde_json::to_vec(&body).expect("maps with text as keys always serialise")
}

pub(super) fn decode(bytes: &[u8]) -> Result<Saved, String> {
    let body: Body = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    Ok(Saved {
        at: TimestampMs(body.at),
        alerts: body.alerts.into_iter().map(|alert| Arc::new(alert.read())).collect(),
        log: body.log.into_iter().map(LogBody::read).collect(),
        log_order: body.log_order,
        silences: body.silences.into_iter().map(SilenceBody::read).collect::<Result<_, _>>()?,
        records: body.records.into_iter().map(RecordBody::read).collect(),
        acks: body.acks.into_iter().map(AckBody::read).collect(),
    })
}

impl AlertBody {
    fn of(alert: &Known) -> Self {
        Self {
            labels: pairs(&alert.labels),
            annotations: pairs(&alert.annotations),
            starts_at: alert.starts_at.0,
            ends_at: alert.ends_at.0,
            updated_at: alert.updated_at.0,
            generator_url: alert.generator_url.clone(),
            timeout: alert.timeout,
            from_rules: alert.from_rules,
            is_over: alert.is_over,
        }
    }

    fn read(self) -> Known {
        Known {
            labels: Labels::from_pairs(self.labels),
            annotations: Labels::from_pairs(self.annotations),
            starts_at: TimestampMs(self.starts_at),
            ends_at: TimestampMs(self.ends_at),
            updated_at: TimestampMs(self.updated_at),
            generator_url: self.generator_url,
            timeout: self.timeout,
            from_rules: self.from_rules,
            is_over: self.is_over,
        }
    }
}

impl HandBody {
    fn of((labels, at, ack): Hand) -> Self {
        Self { labels: pairs(&labels), at: at.0, held: ack.map(|ack| (ack.by, ack.comment)) }
    }

    fn read(self) -> Hand {
        let at = TimestampMs(self.at);
        let held = self.held.map(|(by, comment)| Ack { by, comment, at });
        (Labels::from_pairs(self.labels), at, held)
    }
}

impl AckBody {
    fn of(labels: &Labels, ack: &Ack) -> Self {
        Self { labels: pairs(labels), by: ack.by.clone(), comment: ack.comment.clone(), at: ack.at.0 }
    }

    fn read(self) -> (Labels, Ack) {
        let ack = Ack { by: self.by, comment: self.comment, at: TimestampMs(self.at) };
        (Labels::from_pairs(self.labels), ack)
    }
}

impl LogBody {
    fn of(key: &(String, String, String), entry: &Entry) -> Self {
        let (group, receiver, integration) = key.clone();
        Self {
            group,
            receiver,
            integration,
            at: entry.at.0,
            order: Some(entry.order.0),
            expires_at: entry.expires_at.0,
            firing: entry.told.firing.iter().copied().collect(),
            resolved: entry.told.resolved.iter().copied().collect(),
        }
    }

    fn read(self) -> ((String, String, String), Entry) {
        let told =
            Told { firing: self.firing.into_iter().collect(), resolved: self.resolved.into_iter().collect() };
        let (at, order) = (TimestampMs(self.at), TimestampMs(self.order.unwrap_or(self.at)));
        let entry = Entry { at, order, expires_at: TimestampMs(self.expires_at), told };
        ((self.group, self.receiver, self.integration), entry)
    }
}

impl SilenceBody {
    fn of(silence: &Silence) -> Self {
        let matcher = |m: &Matcher| (m.name.clone(), m.op.as_str().to_owned(), m.value.clone());
        Self {
            id: silence.id.clone(),
            matchers: silence.matchers.iter().map(matcher).collect(),
            starts_at: silence.starts_at.0,
            ends_at: silence.ends_at.0,
            updated_at: silence.updated_at.0,
            created_by: silence.created_by.clone(),
            comment: silence.comment.clone(),
        }
    }

    fn read(self) -> Result<Silence, String> {
        let ops = [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex];
        let matcher = |(name, op, value): (String, String, String)| {
            let op = ops.into_iter().find(|known| known.as_str() == op);
            let op = op.ok_or_else(|| format!("silence {} has an unknown operator", self.id))?;
            Matcher::new(name, op, value).map_err(|e| e.to_string())
        };
        Ok(Silence {
            matchers: self.matchers.into_iter().map(matcher).collect::<Result<_, String>>()?,
            id: self.id,
            starts_at: TimestampMs(self.starts_at),
            ends_at: TimestampMs(self.ends_at),
            updated_at: TimestampMs(self.updated_at),
            created_by: self.created_by,
            comment: self.comment,
        })
    }
}

impl RecordBody {
    fn of(record: &NotificationRecord) -> Self {
        Self {
            at: record.at.0,
            receiver: record.receiver.clone(),
            integration: record.integration.clone(),
            group: record.group_key.clone(),
            firing: record.firing,
            resolved: record.resolved,
            attempts: record.attempts,
            http_status: record.http_status,
            error: record.error.clone(),
            took_ms: record.took_ms,
        }
    }

    fn read(self) -> NotificationRecord {
        NotificationRecord {
            at: TimestampMs(self.at),
            receiver: self.receiver,
            integration: self.integration,
            group_key: self.group,
            status: if self.firing > 0 { "firing" } else { "resolved" },
            firing: self.firing,
            resolved: self.resolved,
            attempts: self.attempts,
            http_status: self.http_status,
            error: self.error,
            took_ms: self.took_ms,
        }
    }
}
