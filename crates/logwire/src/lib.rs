//! Formats in which lines of logs travel: Loki's pushes in JSON and in protobuf, both ways, and OTLP's logs in.
//!
//! Each reader takes any bytes: what it makes of them is bounded by their length and by the limit it is given, and what is wrong
//! is told with its place. What clients leave to the server is found here too: the name of a stream's service (`service`) and
//! the level of a line (`level`). Knows no HTTP: who speaks it hands over bodies and what they are encoded with.

mod error;
mod inflate;
mod json;
mod labels;
pub mod level;
pub mod otlp;
mod proto;
pub mod service;

use storage::{LogRefusal, StreamPush};

pub use error::WireError;
pub use inflate::{Encoding, inflate};
pub use json::read as read_json;
pub use labels::{ParseLabelsError, format_labels, is_label_name, parse_labels, sanitise_label_name};
pub use proto::{encode, read as read_protobuf};

/// What a body holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Streams with their lines, in the order of the body.
    pub streams: Vec<StreamPush>,
    /// Streams that were left out, since their labels are none.
    pub refused: Vec<LogRefusal>,
}

/// The reason under which streams with wrong labels are counted, Loki's word.
pub const INVALID_LABELS: &str = "invalid_labels";

impl Decoded {
    /// Leaves out a stream whose labels are none.
    pub(crate) fn refuse_labels(&mut self, text: &str, error: &ParseLabelsError, lines: usize, bytes: usize) {
        let message = format!("error parsing labels '{text}' with error: {error}");
        self.refused.push(LogRefusal { reason: INVALID_LABELS, message, lines, bytes });
    }

    /// Lines of all streams.
    pub fn lines(&self) -> usize {
        self.streams.iter().map(|stream| stream.entries.len()).sum()
    }
}
