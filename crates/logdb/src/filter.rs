//! What a chunk certainly does not contain: a filter over pieces of its lines, by which a search for a text skips it.
//!
//! A text may begin and end in the middle of a word, so whole words will not do as pieces. There are two kinds. All *short*
//! pieces of three bytes are marked in a bitmap: words of a language have few of them, and one that a chunk has none of shows
//! at once. Ids and numbers have them all; for these a fourth of all *long* pieces of six bytes, chosen by their hash, is in a
//! Bloom filter: whatever text contains a chosen piece, its pieces are chosen too. A random id of sixteen characters has eleven
//! long pieces, of which some is chosen in 96 of 100 cases.
//!
//! Over access lines with a random id each, both together take 2 to 3 hundredths of the text; `cargo xtask bench logs` measures what it
//! buys.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

const SHORT: usize = 3;
const LONG: usize = 6;
/// Of so many long pieces one is chosen.
const CHOOSE_ONE_OF: u64 = 4;
/// Bits of the Bloom filter for each piece in it: with two bits set for each, 15 of 100 that are not there seem to be.
const BITS_PER_PIECE: usize = 4;
/// Bitmap of short pieces: bits for bytes of text, a power of two between these.
const TEXT_BYTES_PER_BIT: usize = 16;
const SHORT_BITS_MIN: usize = 1 << 9;
const SHORT_BITS_MAX: usize = 1 << 16;
/// The longest filter that a reader believes.
pub(crate) const PART_BYTES_MAX: usize = 4 << 20;

/// A filter that is being made; keeps its memory from chunk to chunk.
#[derive(Debug, Default)]
pub(crate) struct FilterBuilder {
    /// Chosen long pieces, each once: an open table, 0 for a free place.
    chosen: Vec<u64>,
    count: usize,
}

/// The two parts of a filter as bytes; lengths are powers of two, or zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Filter<'a> {
    pub(crate) short: &'a [u8],
    pub(crate) long: &'a [u8],
}

impl FilterBuilder {
    /// Makes the parts of a filter over `text`, in which each line is followed by a line break: no piece with one counts.
    pub(crate) fn build(&mut self, text: &[u8], short: &mut Vec<u8>, long: &mut Vec<u8>) {
        let bits =
            (text.len() / TEXT_BYTES_PER_BIT).next_power_of_two().clamp(SHORT_BITS_MIN, SHORT_BITS_MAX);
        short.clear();
        short.resize(bits / 8, 0);
        self.chosen.clear();
        self.chosen.resize(1 << 10, 0);
        self.count = 0;
        // Lines may hold breaks themselves; what lies across one is then missing on both sides, here and in a search.
        for line in text.split(|byte| *byte == b'\n') {
            short_pieces(line).for_each(|piece| set(short, u64::from(piece)));
            chosen_pieces(line).for_each(|piece| self.add(piece));
        }
        let bits = (self.count * BITS_PER_PIECE).next_power_of_two().max(64);
        long.clear();
        long.resize(bits / 8, 0);
        for piece in self.chosen.iter().filter(|piece| **piece != 0) {
            bloom_bits(*piece).into_iter().for_each(|bit| set(long, bit));
        }
    }

    fn add(&mut self, piece: u64) {
        if self.count * 2 >= self.chosen.len() {
            let larger = vec![0; self.chosen.len() * 4];
            let smaller = std::mem::replace(&mut self.chosen, larger);
            self.count = 0;
            smaller.into_iter().filter(|piece| *piece != 0).for_each(|piece| self.add(piece));
        }
        // What is chosen ends in zeros.
        let mut at = (piece >> 20) as usize;
        let mask = self.chosen.len() - 1;
        loop {
            match self.chosen.get_mut(at & mask) {
                Some(place) if *place == 0 => {
                    *place = piece;
                    self.count += 1;
                    return;
                }
                Some(place) if *place == piece => return,
                _ => at += 1,
            }
        }
    }
}

impl Filter<'_> {
    /// Whether a line may contain `needle`; false is certain.
    pub(crate) fn may_contain(&self, needle: &str) -> bool {
        let mut parts = needle.as_bytes().split(|byte| *byte == b'\n');
        parts.all(|part| {
            short_pieces(part).all(|piece| is_set(self.short, u64::from(piece)))
                && chosen_pieces(part)
                    .all(|piece| bloom_bits(piece).into_iter().all(|bit| is_set(self.long, bit)))
        })
    }
}

/// Hashes of all short pieces.
fn short_pieces(line: &[u8]) -> impl Iterator<Item = u32> {
    line.windows(SHORT).map(|piece| {
        let bytes = piece.iter().fold(0u32, |bytes, byte| bytes << 8 | u32::from(*byte));
        bytes.wrapping_mul(0x9e37_79b1) >> 16
    })
}

/// Hashes of the long pieces that are chosen; never 0.
fn chosen_pieces(line: &[u8]) -> impl Iterator<Item = u64> {
    // The bytes of a piece, as the low part of a number that moves on byte by byte.
    let mut bytes = 0u64;
    let hashes = line.iter().enumerate().filter_map(move |(i, byte)| {
        bytes = (bytes << 8 | u64::from(*byte)) & ((1 << (8 * LONG)) - 1);
        (i + 1 >= LONG).then(|| mix(bytes))
    });
    hashes.filter(|hash| hash % CHOOSE_ONE_OF == 0 && *hash != 0)
}

fn mix(bytes: u64) -> u64 {
    let hash = bytes.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash ^ (hash >> 32)
}

fn bloom_bits(piece: u64) -> [u64; 2] {
    [piece >> 2, piece.rotate_left(17) >> 2]
}

/// Marks the bit, modulo the number of bits.
fn set(bits: &mut [u8], bit: u64) {
    let mask = (bits.len() as u64 * 8).wrapping_sub(1);
    let bit = bit & mask;
    if let Some(byte) = bits.get_mut((bit >> 3) as usize) {
        *byte |= 1 << (bit & 7);
    }
}

/// Whether the bit is marked. A filter without bits says yes to all.
fn is_set(bits: &[u8], bit: u64) -> bool {
    let mask = (bits.len() as u64 * 8).wrapping_sub(1);
    let bit = bit & mask;
    bits.get((bit >> 3) as usize).is_none_or(|byte| byte & 1 << (bit & 7) != 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn built(text: &str) -> (Vec<u8>, Vec<u8>) {
        let (mut short, mut long) = (Vec::new(), Vec::new());
        FilterBuilder::default().build(text.as_bytes(), &mut short, &mut long);
        (short, long)
    }

    #[test]
    fn most_of_what_is_not_there_is_known_not_to_be() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut id = || format!("{:016x}", rng.u64(..));
        let text: String = (0..5000).map(|i| format!("GET /api/order/{i} 200 id={}\n", id())).collect();
        let (short, long) = built(&text);
        let filter = Filter { short: &short, long: &long };
        let seem = (0..1000).filter(|_| filter.may_contain(&id())).count();
        assert!(seem < 100, "{seem} of 1000 ids seem to be there");
        assert!(!filter.may_contain("ERROR") && !filter.may_contain("edle"));
        assert!(filter.may_contain("/api/ord") && filter.may_contain("GE") && filter.may_contain(""));
        let share = (short.len() + long.len()) as f64 / text.len() as f64;
        assert!(share < 0.1, "the filter has {share} of the text");
    }

    proptest! {
        #[test]
        fn whatever_is_there_may_be_there(lines in prop::collection::vec("[a-f0-9 \n]{0,60}", 1..20), at in any::<prop::sample::Index>(), len in 0..30usize) {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let (short, long) = built(&text);
            let line = &lines[at.index(lines.len())];
            let begin = at.index(line.len() + 1);
            let needle = &line[begin..(begin + len).min(line.len())];
            let filter = Filter { short: &short, long: &long };
            prop_assert!(filter.may_contain(needle), "{:?} in {:?}", needle, text);
        }

        #[test]
        fn filters_of_any_bytes_answer(short in prop::collection::vec(any::<u8>(), 0..9), long in prop::collection::vec(any::<u8>(), 0..9), needle in ".{0,20}") {
            Filter { short: &short, long: &long }.may_contain(&needle);
        }
    }
}
