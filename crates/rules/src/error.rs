//! What can be wrong with rule files, all of it at once.

use std::fmt;

use config::ConfigError;

/// Rule files that cannot be used: every fault found, each with file, line and column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct RulesError {
    /// The faults, in the order of the files; never empty.
    pub faults: Vec<ConfigError>,
}

impl fmt::Display for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.faults.iter().enumerate() {
            write!(f, "{}{fault}", if i == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl From<ConfigError> for RulesError {
    fn from(fault: ConfigError) -> Self {
        Self { faults: vec![fault] }
    }
}
