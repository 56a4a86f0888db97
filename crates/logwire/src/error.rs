//! Why a body could not be read.

/// What is wrong with a body; the sender has to change it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// JSON that is none, or not of the shape that a push has.
    #[error("{message} at line {line}, column {column}")]
    Json {
        /// What is wrong.
        message: String,
        /// Where, from 1.
        line: usize,
        /// Where, in bytes from 1.
        column: usize,
    },
    /// Protobuf that is none, or not of that message.
    #[error("not a valid protobuf message: {0}")]
    Protobuf(String),
    /// Compressed bytes that do not decompress.
    #[error("the body is not valid {format}: {cause}")]
    Compression {
        /// The compression (`snappy`, `gzip`, `deflate`).
        format: &'static str,
        /// What is wrong.
        cause: String,
    },
    /// More than the reader was allowed to make of it.
    #[error("the body has more than {max_bytes} bytes when decompressed")]
    TooLarge {
        /// What was allowed.
        max_bytes: usize,
    },
}

impl From<serde_json::Error> for WireError {
    fn from(error: serde_json::Error) -> Self {
        let text = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let message = text.strip_suffix(&place).unwrap_or(&text).to_owned();
        Self::Json { message, line: error.line(), column: error.column() }
    }
}

impl From<prost::DecodeError> for WireError {
    fn from(error: prost::DecodeError) -> Self {
        let text = error.to_string();
        let cause = text.strip_prefix("failed to decode Protobuf message: ").unwrap_or(&text);
        Self::Protobuf(cause.to_owned())
    }
}
