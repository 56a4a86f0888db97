//! The line by which a child process tells its parent that it serves, and where.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a role prints on standard output, once, as one line of JSON, when all its ports answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// The role's name, like `orders-1`.
    pub role: String,
    /// The process that serves.
    pub pid: u32,
    /// Where, by name: `http`, `metrics`, `ui`, `prometheus`, …
    pub urls: BTreeMap<String, String>,
}

impl Ready {
    /// The line, without its end.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers always encode")
    }

    /// Reads such a line; `None` when it is something else.
    pub fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line.trim()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back() {
        let ready = Ready {
            role: "monitor".into(),
            pid: 7,
            urls: [("ui".into(), "http://127.0.0.1:3000".into())].into(),
        };
        assert_eq!(Ready::parse(&ready.to_line()), Some(ready));
        assert_eq!(Ready::parse("listening on 3000"), None);
    }
}
