//! How much may come in a second: a bucket that fills evenly, up to a burst.

/// Bytes that may come, at a rate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    rate_bytes: u64,
    burst_bytes: u64,
    /// Thousandths of bytes, so that no rate is lost between two milliseconds.
    level: u64,
    filled_ms: i64,
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn new(rate_bytes: u64, burst_bytes: u64, now_ms: i64) -> Self {
        Self { rate_bytes, burst_bytes, level: burst_bytes.saturating_mul(1000), filled_ms: now_ms }
    }

    /// Whether `bytes` may come now; if so they count. A clock that goes back fills nothing.
    pub(crate) fn take(&mut self, bytes: usize, now_ms: i64) -> bool {
        let passed_ms = now_ms.saturating_sub(self.filled_ms).max(0) as u64;
        self.filled_ms = now_ms;
        let filled = self.level.saturating_add(passed_ms.saturating_mul(self.rate_bytes));
        self.level = filled.min(self.burst_bytes.saturating_mul(1000));
        let wanted = (bytes as u64).saturating_mul(1000);
        let is_enough = wanted <= self.level;
        self.level -= if is_enough { wanted } else { 0 };
        is_enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let mut bucket = Bucket::new(1000, 3000, 0);
        assert!(bucket.take(3000, 0) && !bucket.take(1, 0));
        assert!(!bucket.take(501, 500) && bucket.take(500, 500));
        assert!(!bucket.take(1, 400), "an hour of a clock that goes back is nothing");
        assert!(!bucket.take(3001, 1_000_000) && bucket.take(3000, 1_000_000));
    }
}
