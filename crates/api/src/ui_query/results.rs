//! The answer to many targets at once, as a body that evaluates while it is read: some targets ahead of the one being
//! written, never all of them, so that a hundred heavy targets take the memory of a few and leave room for other
//! callers. Results leave in the order asked; dropping the body gives up what is under way.

use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::HttpBody;
use bytes::Bytes;
use tokio::task::{JoinError, JoinSet};

use super::same::Seen;
use super::{Key, Outcome, answer_one, lines, same_writer, target_writer};
use crate::query::POINTS_MAX;
use crate::state::ApiState;
use crate::stream::{PIECE_BYTES, Writer};

/// Targets of one request that are evaluated or wait to be written: a fifth of the queries that may run at once, so
/// that one dashboard never fills the turnstile. Those that are read together count as one.
const TARGETS_AHEAD_MAX: usize = 4;
const _: () = assert!(TARGETS_AHEAD_MAX * 4 < crate::run::QUERIES_MAX);

/// Targets that ask logs for numbers and are read together: more than the dashboards that ship have. Further ones are read after them.
const TOGETHER_MAX: usize = 24;

/// Steps that such targets may have in all, since their answers are there all at once: as many as the others can have at a time.
const TOGETHER_STEPS_MAX: i64 = TARGETS_AHEAD_MAX as i64 * POINTS_MAX;

/// Values (8 MiB of them) that are kept when a later target asks the same; a larger answer is evaluated again.
const KEPT_VALUES_MAX: usize = 1 << 20;

pub(super) struct Results {
    state: Arc<ApiState>,
    /// Ids and what they ask.
    targets: Vec<(String, Key)>,
    /// How often each question is still to be answered.
    uses: HashMap<Key, usize>,
    /// The target to be written next.
    next: usize,
    running: HashSet<Key>,
    work: JoinSet<Vec<(Key, Outcome)>>,
    ready: HashMap<Key, Arc<Outcome>>,
    /// Answers in `ready` that were written and wait for a later target that asks the same, with their values.
    kept: HashMap<Key, usize>,
    writing: Option<Writer>,
    frame: Frame,
    /// What the round before gave; `None` where there is no such.
    seen: Option<Seen>,
    ended: bool,
}

/// What stands around the results.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub head: &'static [u8],
    pub tail: &'static [u8],
}

impl Results {
    /// `seen` is what the round before gave: answers that are as they were there are not written again.
    pub(super) fn new(
        state: Arc<ApiState>,
        targets: Vec<(String, Key)>,
        frame: Frame,
        seen: Option<Seen>,
    ) -> Self {
        let mut uses = HashMap::new();
        targets.iter().for_each(|(_, key)| *uses.entry(key.clone()).or_default() += 1);
        Self {
            state,
            targets,
            uses,
            next: 0,
            running: HashSet::new(),
            work: JoinSet::new(),
            ready: HashMap::new(),
            kept: HashMap::new(),
            writing: None,
            frame,
            seen,
            ended: false,
        }
    }

    /// What this round gave, for the next.
    pub(super) fn into_seen(self) -> Option<Seen> {
        self.seen
    }

    /// Starts the target to be written next, and those after it as far as there is room.
    fn start(&mut self) {
        for i in self.next..self.targets.len() {
            let key = &self.targets[i].1;
            if self.is_started(key) || (i > self.next && self.is_full(key)) {
                continue;
            }
            let state = self.state.clone();
            if !key.is_read_together() {
                let key = key.clone();
                self.running.insert(key.clone());
                self.work.spawn(async move {
                    let outcome = answer_one(&state, &key).await;
                    vec![(key, outcome)]
                });
                continue;
            }
            let keys = self.together(i);
            self.running.extend(keys.iter().cloned());
            self.work.spawn(async move { lines::answer_together(&state, keys).await });
        }
    }

    fn is_started(&self, key: &Key) -> bool {
        self.running.contains(key) || self.ready.contains_key(key)
    }

    /// Whether this target has to wait: targets that are read together count as one, and there is but one such reading at a time.
    fn is_full(&self, key: &Key) -> bool {
        let (mut alone, mut together) = (0, 0);
        for key in self.running.iter().chain(self.ready.keys()) {
            if key.is_read_together() {
                together = 1;
            } else {
                alone += 1;
            }
        }
        alone + together >= TARGETS_AHEAD_MAX || (together > 0 && key.is_read_together())
    }

    /// What is read together with target `i`: those behind it that ask logs for numbers too, each question once.
    fn together(&self, i: usize) -> Vec<Key> {
        let (mut keys, mut steps): (Vec<Key>, i64) = (Vec::new(), 0);
        for (_, key) in &self.targets[i..] {
            if !key.is_read_together() || self.is_started(key) || keys.contains(key) {
                continue;
            }
            steps += i64::try_from(key.steps().count).unwrap_or(i64::MAX / 2);
            if !keys.is_empty() && (steps > TOGETHER_STEPS_MAX || keys.len() == TOGETHER_MAX) {
                break;
            }
            keys.push(key.clone());
        }
        keys
    }

    /// What writes the next target, if its outcome is there; what nobody needs again is let go.
    fn writer(&mut self) -> Option<Writer> {
        let (id, key) = &self.targets[self.next];
        let outcome = self.ready.get(key)?.clone();
        let before = if self.next == 0 { self.frame.head.to_vec() } else { b",".to_vec() };
        let is_same = self.seen.as_mut().is_some_and(|seen| seen.is_same(self.next, &outcome));
        let writer =
            if is_same { same_writer(before, id) } else { target_writer(before, id, outcome.clone()) };
        let left = self.uses.get_mut(key).map_or(0, |left| {
            *left -= 1;
            *left
        });
        self.kept.remove(key);
        let values = values(&outcome);
        if left == 0 || self.kept.values().sum::<usize>() + values > KEPT_VALUES_MAX {
            self.ready.remove(key);
        } else {
            self.kept.insert(key.clone(), values);
        }
        Some(writer)
    }

    fn write(&mut self) -> Bytes {
        let mut out = Vec::with_capacity(4096);
        while let Some(writer) = &mut self.writing
            && out.len() < PIECE_BYTES
        {
            if !writer(&mut out) {
                self.writing = None;
                self.next += 1;
            }
        }
        out.into()
    }

    fn end(&mut self) -> Bytes {
        self.ended = true;
        let Frame { head, tail } = self.frame;
        if self.targets.is_empty() { [head, tail].concat().into() } else { Bytes::from_static(tail) }
    }
}

fn values(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Answer(shown) => shown.series.iter().map(|s| s.values.len()).sum(),
        Outcome::Lines(shown) => shown.values(),
        Outcome::Error(_) => 0,
    }
}

impl HttpBody for Results {
    type Data = Bytes;
    type Error = JoinError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, JoinError>>> {
        loop {
            if self.ended {
                return Poll::Ready(None);
            }
            if self.writing.is_some() {
                return Poll::Ready(Some(Ok(http_body::Frame::data(self.write()))));
            }
            if self.next == self.targets.len() {
                return Poll::Ready(Some(Ok(http_body::Frame::data(self.end()))));
            }
            self.start();
            self.writing = self.writer();
            if self.writing.is_some() {
                continue;
            }
            match self.work.poll_join_next(context) {
                Poll::Ready(Some(Ok(outcomes))) => {
                    for (key, outcome) in outcomes {
                        self.running.remove(&key);
                        self.ready.insert(key, Arc::new(outcome));
                    }
                }
                // A panic, which has been reported: the answer breaks off.
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}
