//! Blocks: samples of a span of time, written once, read at any place (docs/formats/block.md, chunks.md).

mod bases;
pub(crate) mod chunk;
pub(crate) mod head;
mod index;
mod index_writer;
pub(crate) mod lenders;
pub(crate) mod meta;
mod pack;
mod pages;
mod places;
mod reader;
pub(crate) mod scale;
mod steps;
mod times;
pub(crate) mod tombstones;
mod values;
mod writer;

pub(crate) use index::IndexView;
pub(crate) use reader::{Block, OpenError, Part};
pub(crate) use writer::BlockWriter;

#[cfg(test)]
mod tests;
