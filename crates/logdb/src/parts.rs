//! Parts of a stream that share no moment, made of chunks that may.
//!
//! Chunks of one lane follow one another; those of others lie across them. A part begins where a chunk begins, unless the parts
//! before would be small, and reads every chunk that has a line in its span; so a chunk that lies across several parts is
//! unpacked for each. Where nothing overlaps, a part is a chunk.

use model::TimestampNs;
use storage::PartInfo;

use crate::stream::Chunk;

/// A part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) info: PartInfo,
    /// Places of the chunks that have lines of it, in the order of their making.
    pub(crate) chunks: Vec<usize>,
}

/// Makes parts of chunks that are sorted by their first moment. Parts of chunks that overlap have at least about `bytes_min`.
pub(crate) fn parts(chunks: &[Chunk], bytes_min: usize) -> Vec<Part> {
    let begins = begins(chunks, bytes_min);
    let mut parts = Vec::with_capacity(begins.len());
    // Chunks of parts before that reach into the one at hand.
    let mut reaching: Vec<usize> = Vec::new();
    let mut next = 0;
    for (k, &begin) in begins.iter().enumerate() {
        let end = begins.get(k + 1).map_or(i64::MAX, |next| next - 1);
        let own = next..next + chunks[next..].iter().take_while(|chunk| chunk.info.first_ns <= end).count();
        next = own.end;
        reaching.retain(|place| chunks[*place].info.last_ns >= begin);
        reaching.extend(own.clone());
        parts.push(part(chunks, &reaching, own, (begin, end)));
    }
    parts
}

/// Where parts begin.
fn begins(chunks: &[Chunk], bytes_min: usize) -> Vec<i64> {
    let mut begins: Vec<i64> = Vec::new();
    let (mut bytes, mut last_ns) = (0, i64::MIN);
    for chunk in chunks {
        let info = &chunk.info;
        let is_apart = begins.is_empty() || info.first_ns > last_ns;
        let is_enough = bytes >= bytes_min && begins.last().is_some_and(|begin| info.first_ns > *begin);
        if is_apart || is_enough {
            begins.push(info.first_ns);
            bytes = 0;
        }
        bytes += info.bytes as usize;
        last_ns = last_ns.max(info.last_ns);
    }
    begins
}

fn part(chunks: &[Chunk], reaching: &[usize], own: std::ops::Range<usize>, (begin, end): (i64, i64)) -> Part {
    let last_ns = reaching.iter().map(|place| chunks[*place].info.last_ns).max().unwrap_or(begin).min(end);
    // A chunk counts where it begins.
    let (lines, bytes) = chunks[own].iter().fold((0, 0), |(lines, bytes), chunk| {
        (lines + chunk.info.lines as usize, bytes + chunk.info.bytes as usize)
    });
    let mut places = reaching.to_vec();
    places.sort_by_key(|place| chunks[*place].id);
    let (first, last) = (TimestampNs(begin), TimestampNs(last_ns));
    Part { info: PartInfo { first, last, lines, bytes }, chunks: places }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::chunk::ChunkInfo;
    use crate::stream::Place;

    fn chunks(spans: &[(i64, i64)]) -> Vec<Chunk> {
        let mut spans = spans.to_vec();
        spans.sort_by_key(|span| span.0);
        let chunk = |(i, (first_ns, last_ns)): (usize, &(i64, i64))| Chunk {
            id: i as u64,
            info: ChunkInfo { first_ns: *first_ns, last_ns: *last_ns, lines: 1, bytes: 100, sum: 0 },
            place: Place::Lines(Arc::default()),
        };
        spans.iter().enumerate().map(chunk).collect()
    }

    fn check(spans: &[(i64, i64)], bytes_min: usize, expected: &[(i64, i64, &[usize])]) {
        let parts = parts(&chunks(spans), bytes_min);
        let there: Vec<_> =
            parts.iter().map(|p| (p.info.first.0, p.info.last.0, p.chunks.as_slice())).collect();
        assert_eq!(there, expected);
    }

    #[test]
    fn chunks_that_follow_one_another_are_parts() {
        check(&[(1, 3), (4, 9), (20, 30)], 1000, &[(1, 3, &[0]), (4, 9, &[1]), (20, 30, &[2])]);
    }

    #[test]
    fn a_late_chunk_is_read_in_each_part_that_it_lies_across() {
        check(&[(1, 3), (2, 12), (4, 9), (10, 20)], 150, &[(1, 3, &[0, 1]), (4, 20, &[1, 2, 3])]);
        check(&[(1, 3), (3, 5)], 50, &[(1, 2, &[0]), (3, 5, &[0, 1])]);
        check(&[(1, 1), (1, 1)], 0, &[(1, 1, &[0, 1])]);
    }

    proptest! {
        #[test]
        fn every_moment_of_every_chunk_is_in_one_part_that_reads_it(spans in prop::collection::vec((0..100i64, 0..40i64), 0..12), bytes_min in 0..500usize) {
            let spans: Vec<_> = spans.into_iter().map(|(first, len)| (first, first + len)).collect();
            let chunks = chunks(&spans);
            let parts = parts(&chunks, bytes_min);
            prop_assert!(parts.windows(2).all(|pair| pair[0].info.last < pair[1].info.first));
            for at in 0..140 {
                let of = parts.iter().find(|part| part.info.first.0 <= at && at <= part.info.last.0);
                for (place, chunk) in chunks.iter().enumerate() {
                    if chunk.info.first_ns <= at && at <= chunk.info.last_ns {
                        prop_assert!(of.is_some_and(|part| part.chunks.contains(&place)), "{} of {:?}", at, spans);
                    }
                }
            }
        }
    }
}
