//! Which chunk of a block being written has which times, so that others need not say them again.
//!
//! The series of a target have the same times, and in a block most of them stand one after another.

use std::collections::HashMap;

use stdx::varint::put_u64;

use super::times::put_times;

/// Chunks that take their times from one: damage of that one costs so many more.
pub(crate) const BORROWERS_MAX: u32 = 64;
/// Bytes of sections that are remembered; all are forgotten when there are more, and then said once more each.
const REMEMBERED_BYTES_MAX: usize = 1 << 20;

/// Where a chunk's times are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimesIn<'a> {
    /// In the chunk itself: this section.
    Own(&'a [u8]),
    /// In the chunk that begins so many bytes before.
    Before(u32),
}

/// Appends a section: how many times there are, too, so that those of a shorter series are not taken for the same.
pub(crate) fn put_section(times_ms: &[i64], out: &mut Vec<u8>) {
    put_u64(out, times_ms.len() as u64);
    put_times(times_ms, out);
}

/// The sections written so far.
#[derive(Debug, Default)]
pub(crate) struct Lenders {
    /// The times that came last, and their section: mostly the next are the same.
    times_ms: Vec<i64>,
    section: Vec<u8>,
    known: HashMap<Box<[u8]>, Lender>,
    known_bytes: usize,
}

#[derive(Debug)]
struct Lender {
    offset_bytes: u64,
    borrowers: u32,
}

impl Lenders {
    /// Where the chunk that begins at `offset_bytes` shall have its times.
    pub(crate) fn place(&mut self, times_ms: &[i64], offset_bytes: u64) -> TimesIn<'_> {
        if self.times_ms != times_ms {
            self.times_ms.clear();
            self.times_ms.extend_from_slice(times_ms);
            self.section.clear();
            put_section(times_ms, &mut self.section);
        }
        if let Some(lender) = self.known.get_mut(self.section.as_slice()) {
            let distance = u32::try_from(offset_bytes - lender.offset_bytes);
            if let Ok(distance) = distance
                && lender.borrowers < BORROWERS_MAX
            {
                lender.borrowers += 1;
                return TimesIn::Before(distance);
            }
            *lender = Lender { offset_bytes, borrowers: 0 };
            return TimesIn::Own(&self.section);
        }
        if self.known_bytes + self.section.len() > REMEMBERED_BYTES_MAX {
            self.known.clear();
            self.known_bytes = 0;
        }
        self.known_bytes += self.section.len();
        self.known.insert(self.section.as_slice().into(), Lender { offset_bytes, borrowers: 0 });
        TimesIn::Own(&self.section)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_times_are_lent_so_often_and_no_more() {
        let mut lenders = Lenders::default();
        let (a, b) = ([1000, 2000, 3001], [1000, 2000, 3002]);
        assert!(matches!(lenders.place(&a, 16), TimesIn::Own(_)));
        assert_eq!(lenders.place(&a, 116), TimesIn::Before(100));
        assert!(matches!(lenders.place(&b, 200), TimesIn::Own(_)));
        for i in 1..u64::from(BORROWERS_MAX) {
            assert_eq!(lenders.place(&a, 200 + i), TimesIn::Before(184 + i as u32));
        }
        assert!(matches!(lenders.place(&a, 1000), TimesIn::Own(_)));
        assert_eq!(lenders.place(&a, 1001), TimesIn::Before(1));
        assert_eq!(lenders.place(&b, 1002), TimesIn::Before(802));
        assert!(matches!(lenders.place(&b, 1002 + u64::from(u32::MAX)), TimesIn::Own(_)), "too far");
    }

    /// Times at one distance are written the same way, however many they are.
    #[test]
    fn of_other_times_only_as_many_are_the_same() {
        let mut lenders = Lenders::default();
        assert!(matches!(lenders.place(&[1000, 2000, 3000], 16), TimesIn::Own(_)));
        assert!(matches!(lenders.place(&[1000, 2000], 116), TimesIn::Own(_)));
        assert_eq!(lenders.place(&[1000, 2000, 3000], 216), TimesIn::Before(200));
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let mut lenders = Lenders::default();
        let times = |i: i64| (0..1000).map(|j| i + j * 15_000 + (j * j * 31) % 1000).collect::<Vec<_>>();
        for i in 0..2000 {
            assert!(matches!(lenders.place(&times(i), i as u64), TimesIn::Own(_)));
            assert!(lenders.known_bytes <= REMEMBERED_BYTES_MAX);
            assert_eq!(lenders.known.keys().map(|section| section.len()).sum::<usize>(), lenders.known_bytes);
        }
        assert!(lenders.known.len() < 2000, "some were forgotten");
        assert!(matches!(lenders.place(&times(1999), 2000), TimesIn::Before(1)));
    }
}
