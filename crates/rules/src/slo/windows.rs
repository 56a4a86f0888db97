//! The windows of burn-rate alerts: how fast is the budget spent, measured over a long and a short window.
//!
//! A burn rate of 1 spends the budget exactly within the period. The long window keeps a short peak from calling somebody,
//! the short one (a twelfth) makes the alert end soon after the errors do. Shares of the budget are those of the book
//! *The Site Reliability Workbook*; factors follow from them and the period: for 30 days 14.4, 6, 3 and 1.

use model::DurationMs;

const HOUR_MS: i64 = 3_600_000;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Somebody has to look now.
    Page,
    /// Somebody has to look within days.
    Ticket,
}

impl Severity {
    /// As Sloth writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Ticket => "ticket",
        }
    }
}

/// One pair of windows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BurnWindow {
    /// Whom to tell.
    pub severity: Severity,
    /// The long window.
    pub long: DurationMs,
    /// The short window.
    pub short: DurationMs,
    /// Share of the budget that is gone when the long window is full of errors at just this rate.
    pub budget_share: f64,
    /// How many times as fast as allowed the budget is spent.
    pub factor: f64,
}

/// The four pairs for objectives over `period`.
pub fn burn_windows(period: DurationMs) -> [BurnWindow; 4] {
    let pair = |severity, long_hours: i64, budget_share: f64| {
        let long = DurationMs(long_hours * HOUR_MS);
        let factor = budget_share * period.0 as f64 / long.0 as f64;
        // 14.4 and not 14.400000000000002.
        let factor = (factor * 1e9).round() / 1e9;
        BurnWindow { severity, long, short: DurationMs(long.0 / 12), budget_share, factor }
    };
    [
        pair(Severity::Page, 1, 0.02),
        pair(Severity::Page, 6, 0.05),
        pair(Severity::Ticket, 24, 0.1),
        pair(Severity::Ticket, 72, 0.1),
    ]
}

impl BurnWindow {
    /// The share of errors above which both windows have to be.
    pub fn threshold(&self, budget: f64) -> f64 {
        self.factor * budget
    }

    /// How long after errors begin at a steady share, with none before, both windows are above the threshold; `None`
    /// when they never are. Scrapes and evaluations come on top.
    pub fn detection(&self, budget: f64, error_share: f64) -> Option<DurationMs> {
        let threshold = self.threshold(budget);
        // The long window fills at the pace of time: a share of t / long of it is errors. The short one is there first.
        (error_share > threshold)
            .then(|| DurationMs((threshold / error_share * self.long.0 as f64).round() as i64))
    }

    /// How long after the errors have ended the alert does: when the short window, full of errors before, is below the
    /// threshold again.
    pub fn recovery(&self, budget: f64, error_share: f64) -> Option<DurationMs> {
        let threshold = self.threshold(budget);
        (error_share > threshold)
            .then(|| DurationMs(((1.0 - threshold / error_share) * self.short.0 as f64).round() as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_follow_from_the_period() {
        let factors = |days: i64| burn_windows(DurationMs(days * 24 * HOUR_MS)).map(|pair| pair.factor);
        assert_eq!(factors(30), [14.4, 6.0, 3.0, 1.0]);
        let [quick, slow, quick_ticket, slow_ticket] = factors(28);
        assert_eq!((quick, slow, quick_ticket), (13.44, 5.6, 2.8));
        assert!((slow_ticket - 0.933_333_333).abs() < 1e-8);
        let shorts = burn_windows(DurationMs(30 * 24 * HOUR_MS)).map(|pair| pair.short.to_string());
        assert_eq!(shorts, ["5m", "30m", "2h", "6h"]);
    }

    #[test]
    fn times_to_detection() {
        let quick = burn_windows(DurationMs(30 * 24 * HOUR_MS))[0];
        // 1.44 % of an hour: 51.84 s.
        assert_eq!(quick.detection(0.001, 1.0), Some(DurationMs(51_840)));
        assert_eq!(quick.detection(0.001, 0.1), Some(DurationMs(518_400)));
        assert_eq!(quick.detection(0.001, 0.02), Some(DurationMs(2_592_000)));
        assert_eq!(quick.detection(0.001, 0.0144), None, "just what is allowed");
        assert_eq!(quick.recovery(0.001, 0.1), Some(DurationMs(256_800)));
    }
}
