//! One subject of a server: how it is asked for, what becomes of the answer.

use std::time::Duration;

use super::answer::Answer;
use crate::write::Out;

/// How long an answer is believed that costs the server more than counters do (sizes of all tables).
const SLOW_EVERY: Duration = Duration::from_secs(60);

/// A subject.
#[derive(Debug)]
pub(super) struct Part {
    /// The exporter's name for it.
    pub name: &'static str,
    /// The same question for servers of different age; the first that the server takes is kept.
    pub queries: &'static [&'static str],
    /// Families of an answer.
    pub render: fn(&Answer, &mut Out),
    /// Whether it is asked for when nobody says otherwise.
    pub is_standard: bool,
    /// How long an answer is used again.
    pub every: Duration,
    /// The server's codes for "there is no such thing here", which is no failure.
    pub absent: &'static [&'static str],
}

impl Part {
    pub(super) const fn new(
        name: &'static str,
        queries: &'static [&'static str],
        render: fn(&Answer, &mut Out),
    ) -> Self {
        Self { name, queries, render, is_standard: true, every: Duration::ZERO, absent: &[] }
    }

    /// Only when it is named.
    pub(super) const fn on_demand(self) -> Self {
        Self { is_standard: false, ..self }
    }

    /// Asked at most once a minute.
    pub(super) const fn slow(self) -> Self {
        Self { every: SLOW_EVERY, ..self }
    }

    pub(super) const fn absent(self, codes: &'static [&'static str]) -> Self {
        Self { absent: codes, ..self }
    }
}
