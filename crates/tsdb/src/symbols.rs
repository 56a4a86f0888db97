//! The table of strings in a record: each string once, labels as pairs of numbers.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use std::collections::HashMap;

use model::{Labels, LabelsKey};
use stdx::varint::{put_u64, take_u64};

/// Collects strings for one record.
#[derive(Debug, Default)]
pub(crate) struct SymbolWriter<'a> {
    numbers: HashMap<&'a str, u64>,
    in_order: Vec<&'a str>,
}

impl<'a> SymbolWriter<'a> {
    pub(crate) fn add(&mut self, labels: &'a Labels) {
        for (name, value) in labels {
            self.number(name);
            self.number(value);
        }
    }

    fn number(&mut self, text: &'a str) -> u64 {
        let next = self.in_order.len() as u64;
        *self.numbers.entry(text).or_insert_with(|| {
            self.in_order.push(text);
            next
        })
    }

    /// Writes the table.
    pub(crate) fn put_table(&self, out: &mut Vec<u8>) {
        put_u64(out, self.in_order.len() as u64);
        for text in &self.in_order {
            put_u64(out, text.len() as u64);
            out.extend_from_slice(text.as_bytes());
        }
    }

    /// Writes labels that were added before the table was written.
    pub(crate) fn put_labels(&mut self, labels: &'a Labels, out: &mut Vec<u8>) {
        put_u64(out, labels.count() as u64);
        for (name, value) in labels {
            put_u64(out, self.number(name));
            put_u64(out, self.number(value));
        }
    }
}

/// The strings of one record.
#[derive(Debug)]
pub(crate) struct SymbolReader<'a> {
    all: Vec<&'a str>,
    /// The labels that are being read.
    labels: LabelsKey,
}

impl<'a> SymbolReader<'a> {
    /// Reads the table off the front of `input`.
    pub(crate) fn take_table(input: &mut &'a [u8]) -> Option<Self> {
        let count = take_count(input)?;
        let mut all = Vec::with_capacity(count);
        for _ in 0..count {
            let len = take_count(input)?;
            let (text, rest) = input.split_at_checked(len)?;
            *input = rest;
            all.push(std::str::from_utf8(text).ok()?);
        }
        Some(Self { all, labels: LabelsKey::default() })
    }

    /// Reads labels off the front of `input`; `None` also when they are not sorted, unique and without empty values.
    pub(crate) fn take_labels(&mut self, input: &mut &[u8]) -> Option<Labels> {
        let count = take_count(input)?;
        let mut previous = None;
        self.labels.clear();
        for _ in 0..count {
            let (name, value) = (self.take_symbol(input)?, self.take_symbol(input)?);
            if value.is_empty() || previous.is_some_and(|previous| previous >= name) {
                return None;
            }
            previous = Some(name);
            self.labels.push(name, value);
        }
        Some(self.labels.to_labels())
    }

    fn take_symbol(&self, input: &mut &[u8]) -> Option<&'a str> {
        self.all.get(usize::try_from(take_u64(input)?).ok()?).copied()
    }
}

/// Reads a number of things of which each takes at least a byte of what follows: a larger one is a lie, and would make
/// us reserve memory for it.
pub(crate) fn take_count(input: &mut &[u8]) -> Option<usize> {
    let count = usize::try_from(take_u64(input)?).ok()?;
    (count <= input.len()).then_some(count)
}
