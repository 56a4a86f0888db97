//! `timestamp`: when a line was written, by a field.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::tz::TimeZone;
use model::Labels;

use super::layout::Layout;
use super::{Change, Context};
use crate::entry::Entry;

/// Streams whose last time is known, as many as Promtail knows. When there are more all are forgotten.
const STREAMS_MAX: usize = 10_000;

/// The stage.
#[derive(Debug)]
pub(super) struct LineTime {
    pub source: String,
    /// The format and its fallbacks, tried in order.
    pub layouts: Vec<Layout>,
    pub zone: TimeZone,
    /// The last time of each stream, where a line without one gets the next nanosecond; none where such a line keeps
    /// the time at which it was read.
    pub last: Option<Mutex<HashMap<Labels, i64>>>,
}

impl Change for LineTime {
    fn change(&self, entry: &mut Entry, context: &mut Context<'_>) -> bool {
        let parsed = entry.get(&self.source).and_then(|text| {
            self.layouts.iter().find_map(|layout| layout.parse(text, &self.zone, context.now_ns))
        });
        let Some(last) = &self.last else {
            entry.at_ns = parsed.unwrap_or(entry.at_ns);
            return true;
        };
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        let fudged = || last.get(&entry.labels).map(|at| at.saturating_add(1));
        if let Some(at_ns) = parsed.or_else(fudged) {
            if last.len() >= STREAMS_MAX && !last.contains_key(&entry.labels) {
                last.clear();
            }
            last.insert(entry.labels.clone(), at_ns);
            entry.at_ns = at_ns;
        }
        true
    }
}
