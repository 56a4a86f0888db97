//! Service level objectives: from a file that says what was promised to the rules that watch it.
//!
//! Three formats are read (our own, Sloth's, OpenSLO's) into one [`Slo`]; one generator makes rules of it, under the names
//! that Sloth gives them, so that dashboards made for those work. Every window is computed from the counters themselves,
//! none from recorded ratios: budgets and alerts are right from the first evaluation on, whatever ran before.

mod explain;
mod generate;
mod openslo;
mod own;
mod read;
mod sloth;
#[cfg(test)]
mod tests;
mod windows;

use model::{DurationMs, Labels};

pub use explain::explain;
pub use generate::generate;
pub use read::SloFile;
pub use windows::{BurnWindow, Severity, burn_windows};

/// The period of an objective that gives none.
pub const DEFAULT_PERIOD: DurationMs = DurationMs(30 * 86_400_000);

/// How many errors there must have been within the long window for an alert, unless the file says otherwise. Below a
/// handful the share of errors says little: one failed request of ten is 10 %.
pub const DEFAULT_ERRORS_MIN: f64 = 5.0;

/// A promise: that share of events goes well over that period.
#[derive(Debug, Clone, PartialEq)]
pub struct Slo {
    /// Of which service.
    pub service: String,
    /// Its name, unique within the service.
    pub name: String,
    /// In words.
    pub description: String,
    /// The share of events that must go well, between 0 and 1.
    pub objective: f64,
    /// Over how long.
    pub period: DurationMs,
    /// What counts.
    pub indicator: Indicator,
    /// Added to all series and alerts.
    pub labels: Labels,
    /// Who is told how.
    pub alerting: Alerting,
}

/// How to count. Expressions hold [`WINDOW`] where the length of time goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Indicator {
    /// Failed events a second, and all events a second.
    Events {
        /// Failed ones.
        errors: String,
        /// All.
        total: String,
        /// The fewest errors within the long window for an alert; `None` where the unit of the expressions is not known.
        errors_min: Option<f64>,
    },
    /// The share of failed events.
    Ratio {
        /// That share.
        errors: String,
    },
}

/// Stands for the length of the window in the expressions of an indicator.
pub const WINDOW: &str = "{{.window}}";

/// The alerts of an objective.
#[derive(Debug, Clone, PartialEq)]
pub struct Alerting {
    /// Their name.
    pub name: String,
    /// On all.
    pub labels: Labels,
    /// On all.
    pub annotations: Labels,
    /// Labels and annotations of those that call somebody at once; `None` for no such alerts.
    pub page: Option<(Labels, Labels)>,
    /// The same of those that can wait until tomorrow.
    pub ticket: Option<(Labels, Labels)>,
}

impl Slo {
    /// The share of events that may fail.
    pub fn budget(&self) -> f64 {
        // Through decimal digits: 1 - 0.999 is not 0.001 in binary, and people read these figures.
        let text = format!("{:.9}", 1.0 - self.objective);
        text.parse().unwrap_or(1.0 - self.objective)
    }

    /// `service-name`.
    pub fn id(&self) -> String {
        format!("{}-{}", self.service, self.name)
    }
}
