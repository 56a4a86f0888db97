//! Disks under what monitors keep: they refuse writes, write a part, fail to sync, are full; then they are well again. What that
//! may cost is what was not on disk when a monitor ends.

use disk::{Crash, Faults, FaultyDisk};
use fastrand::Rng;

use super::MINUTE_MS;

/// A write that failed is tried again after half a minute at most, and a large state is written a second later.
const WRITTEN_AFTER_MS: i64 = 35_000;

/// Of a sound disk: changes of so long may not be written yet.
const UNWRITTEN_MS: i64 = 3_000;

/// One monitor's disk.
#[derive(Debug)]
pub(super) struct SimDisk {
    pub(super) disk: FaultyDisk,
    /// Since when there may be changes that are not on disk, and when it is well again.
    bad: Option<(i64, i64)>,
    /// The log of the ledger may have a hole, which is set aside and told: it was written to while the disk was broken.
    pub(super) may_have_holes: bool,
}

impl SimDisk {
    pub(super) fn new(seed: u64) -> Self {
        Self { disk: FaultyDisk::new(seed, Faults::NONE), bad: None, may_have_holes: false }
    }

    /// Breaks, or becomes well; answers what has changed.
    pub(super) fn step(&mut self, rng: &mut Rng, ms: i64, is_evening: bool) -> Option<String> {
        match self.bad {
            None if !is_evening && rng.u8(..150) == 0 => {
                let faults = random_faults(rng, self.disk.mem().used_bytes());
                self.disk.set_faults(faults);
                self.bad = Some((ms, ms + rng.i64(0..15 * MINUTE_MS)));
                Some(format!("{faults:?}"))
            }
            Some((since, until)) if self.disk.faults() != Faults::NONE && (is_evening || ms >= until) => {
                self.disk.set_faults(Faults::NONE);
                self.bad = Some((since, ms));
                Some("well".to_owned())
            }
            Some((_, until)) if ms >= until + WRITTEN_AFTER_MS => {
                self.bad = None;
                None
            }
            _ => None,
        }
    }

    /// Since when a monitor that ends now may forget what happened.
    pub(super) fn unwritten_since(&self, ms: i64) -> i64 {
        self.bad.map_or(ms, |(since, _)| since) - UNWRITTEN_MS
    }

    /// Whether all that is acknowledged to be kept is.
    pub(super) fn is_sound(&self) -> bool {
        self.bad.is_none()
    }

    /// The machine ends, somehow.
    pub(super) fn random_crash(rng: &mut Rng) -> Crash {
        [Crash::Process, Crash::PowerLoss, Crash::TornPages][rng.usize(..3)]
    }

    /// Nobody is there any more, and who comes back finds it well.
    pub(super) fn recovers(&mut self) {
        self.disk.set_faults(Faults::NONE);
        self.may_have_holes |= self.bad.is_some();
        self.bad = None;
    }
}

fn random_faults(rng: &mut Rng, used_bytes: u64) -> Faults {
    let chance = [200, 700, 1000][rng.usize(..3)];
    match rng.u8(..4) {
        0 => Faults { write_fails_per_mille: chance, ..Faults::NONE },
        1 => Faults { sync_fails_per_mille: chance, ..Faults::NONE },
        2 => Faults { capacity_bytes: used_bytes + rng.u64(..4_000), ..Faults::NONE },
        _ => Faults {
            write_fails_per_mille: chance,
            sync_fails_per_mille: chance,
            truncate_fails_per_mille: chance,
            remove_fails_per_mille: chance,
            ..Faults::NONE
        },
    }
}
