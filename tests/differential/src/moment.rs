//! When a query is evaluated.

use std::fmt;

/// One instant, or steps; milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Instant(i64),
    Range { start: i64, end: i64, step: i64 },
}

impl When {
    /// The first moment.
    pub(crate) fn start(self) -> i64 {
        match self {
            Self::Instant(at) => at,
            Self::Range { start, .. } => start,
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Instant(at) => write!(f, "at {}", seconds(at)),
            Self::Range { start, end, step } => {
                write!(f, "from {} to {} step {}", seconds(start), seconds(end), seconds(step))
            }
        }
    }
}

/// Milliseconds as the API and `@` write them.
pub(crate) fn seconds(ms: i64) -> String {
    let (sign, ms) = (if ms < 0 { "-" } else { "" }, ms.unsigned_abs());
    format!("{sign}{}.{:03}", ms / 1000, ms % 1000)
}
