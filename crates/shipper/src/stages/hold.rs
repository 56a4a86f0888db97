//! Stages that hold lines back until more have come: `multiline`, and the joining of partial lines of `cri`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::Labels;
use regex::Regex;

use crate::entry::{Entry, Origin};

/// Partial lines that are joined; as many as Promtail holds. What comes beyond is sent as it is.
const CRI_PARTS_MAX: usize = 100;

/// Bytes of one block; beyond it the block is sent and the next line begins a new one. Loki refuses lines a quarter
/// as long unless it is told otherwise.
const BLOCK_BYTES_MAX: usize = 1 << 20;

/// Streams of one file that are remembered; two are usual. When there are more all blocks are sent and begin anew.
const STREAMS_MAX: usize = 1000;

/// A stage with a memory.
pub(super) trait Hold: Send {
    /// Takes a line; what can go on now is added to `out`.
    fn take(&mut self, entry: Entry, now: Instant, out: &mut Vec<Entry>);

    /// Gives out what has been held long enough, or everything.
    fn release(&mut self, all: bool, now: Instant, out: &mut Vec<Entry>);

    /// Where each block begins that is held.
    fn origins(&self) -> Vec<Origin>;
}

/// `multiline` as it is configured.
#[derive(Debug)]
pub(super) struct MultilineRule {
    pub firstline: Regex,
    pub wait: Duration,
    pub lines_max: u64,
}

/// `multiline`: lines behind a first line belong to it. Streams are kept apart, since lines of two may come in turns.
pub(super) struct Multiline {
    rule: Arc<MultilineRule>,
    /// Streams that have had a first line; lines before it pass.
    blocks: BTreeMap<Labels, Block>,
}

#[derive(Default)]
struct Block {
    /// The first line, with all others joined to it.
    joined: Option<Entry>,
    n_lines: u64,
    changed: Option<Instant>,
}

impl Multiline {
    pub(super) fn new(rule: Arc<MultilineRule>) -> Self {
        Self { rule, blocks: BTreeMap::new() }
    }
}

impl Hold for Multiline {
    fn take(&mut self, entry: Entry, now: Instant, out: &mut Vec<Entry>) {
        let is_first = self.rule.firstline.is_match(&entry.line);
        if self.blocks.len() >= STREAMS_MAX && !self.blocks.contains_key(&entry.labels) {
            out.extend(std::mem::take(&mut self.blocks).into_values().filter_map(|mut block| block.end()));
        }
        let block = match self.blocks.get_mut(&entry.labels) {
            Some(block) => block,
            None if !is_first => return out.push(entry),
            None => self.blocks.entry(entry.labels.clone()).or_default(),
        };
        let is_full =
            block.joined.as_ref().is_some_and(|it| it.line.len() + entry.line.len() > BLOCK_BYTES_MAX);
        if is_first || is_full {
            out.extend(block.end());
        }
        match &mut block.joined {
            Some(joined) => {
                joined.line.push('\n');
                joined.line.push_str(&entry.line);
            }
            None => block.joined = Some(entry),
        }
        block.n_lines += 1;
        block.changed = Some(now);
        if block.n_lines >= self.rule.lines_max {
            out.extend(block.end());
        }
    }

    fn release(&mut self, all: bool, now: Instant, out: &mut Vec<Entry>) {
        for block in self.blocks.values_mut() {
            let waited = block.changed.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
            if all || waited >= self.rule.wait {
                out.extend(block.end());
            }
        }
    }

    fn origins(&self) -> Vec<Origin> {
        self.blocks.values().filter_map(|block| Some(block.joined.as_ref()?.origin)).collect()
    }
}

impl Block {
    fn end(&mut self) -> Option<Entry> {
        self.n_lines = 0;
        self.changed = None;
        self.joined.take()
    }
}

/// `cri`: a line with the flag `P` is a part, one with `F` the last.
#[derive(Default)]
pub(super) struct Cri {
    /// By stream, as stdout and stderr come in turns.
    parts: BTreeMap<Labels, (Entry, usize)>,
}

impl Hold for Cri {
    fn take(&mut self, mut entry: Entry, _: Instant, out: &mut Vec<Entry>) {
        let is_part = entry.get("flags") == Some("P");
        let before = self.parts.remove(&entry.labels);
        let n_parts = before.as_ref().map_or(0, |(_, n)| *n);
        if let Some((mut joined, _)) = before {
            joined.line.push_str(&entry.line);
            joined.at_ns = entry.at_ns;
            entry.line = joined.line;
            entry.origin = joined.origin;
        }
        if is_part && n_parts + 1 < CRI_PARTS_MAX && entry.line.len() < BLOCK_BYTES_MAX {
            self.parts.insert(entry.labels.clone(), (entry, n_parts + 1));
        } else {
            out.push(entry);
        }
    }

    fn release(&mut self, all: bool, _: Instant, out: &mut Vec<Entry>) {
        if all {
            out.extend(std::mem::take(&mut self.parts).into_values().map(|(entry, _)| entry));
        }
    }

    fn origins(&self) -> Vec<Origin> {
        self.parts.values().map(|(entry, _)| entry.origin).collect()
    }
}
