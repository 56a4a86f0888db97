//! Lines that wait until they are enough for a chunk: sorted by time whenever one looks, each moment in the order of arrival.

use model::Labels;

use crate::codec::Sets;

/// Lines of one chunk: beyond it a late one costs more to put in its place than to compress.
pub(crate) const CHUNK_LINES_MAX: usize = 32 << 10;
/// What a line takes besides its text.
const LINE_BYTES: usize = 24;

/// Lines in memory, as columns.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buffer {
    times_ns: Vec<i64>,
    /// Where each line's text lies; texts stay in the order of arrival.
    spans: Vec<(u32, u32)>,
    places: Vec<u32>,
    text: String,
    sets: Sets,
}

impl Buffer {
    /// Adds a line in its place: behind those of the same moment.
    pub(crate) fn add(&mut self, at: i64, line: &str, metadata: &Labels) {
        let span = (self.text.len() as u32, line.len() as u32);
        self.text.push_str(line);
        let place = self.sets.place(metadata);
        if self.times_ns.last().is_none_or(|last| *last <= at) {
            self.times_ns.push(at);
            self.spans.push(span);
            self.places.push(place);
            return;
        }
        let i = self.times_ns.partition_point(|time| *time <= at);
        self.times_ns.insert(i, at);
        self.spans.insert(i, span);
        self.places.insert(i, place);
    }

    pub(crate) fn len(&self) -> usize {
        self.times_ns.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.times_ns.is_empty()
    }

    /// Bytes of lines.
    pub(crate) fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// Bytes that it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len() + self.times_ns.len() * LINE_BYTES + self.sets.bytes() * 2
    }

    /// Moments of the first and the last line.
    pub(crate) fn span(&self) -> Option<(i64, i64)> {
        Some((*self.times_ns.first()?, *self.times_ns.last()?))
    }

    pub(crate) fn times_ns(&self) -> &[i64] {
        &self.times_ns
    }

    pub(crate) fn places(&self) -> &[u32] {
        &self.places
    }

    pub(crate) fn sets(&self) -> &[Labels] {
        self.sets.all()
    }

    pub(crate) fn line(&self, i: usize) -> &str {
        let (start, len) = self.spans[i];
        &self.text[start as usize..(start + len) as usize]
    }

    pub(crate) fn metadata<'a>(&'a self, i: usize, none: &'a Labels) -> &'a Labels {
        self.sets.get(self.places[i], none)
    }

    /// All lines in order.
    pub(crate) fn lines<'a>(
        &'a self,
        none: &'a Labels,
    ) -> impl Iterator<Item = (i64, &'a str, &'a Labels)> + Clone {
        (0..self.len()).map(move |i| (self.times_ns[i], self.line(i), self.metadata(i, none)))
    }

    /// Places of the lines of one moment.
    pub(crate) fn at(&self, at: i64) -> std::ops::Range<usize> {
        let first = self.times_ns.partition_point(|time| *time < at);
        first..first + self.times_ns[first..].partition_point(|time| *time == at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_in_order_whenever_they_come() {
        let (none, id) = (Labels::empty(), Labels::from_pairs([("id", "1")]));
        let mut buffer = Buffer::default();
        for (at, line, metadata) in
            [(5, "a", &none), (5, "b", &id), (3, "c", &none), (5, "d", &none), (4, "e", &id)]
        {
            buffer.add(at, line, metadata);
        }
        let lines: Vec<_> = buffer.lines(&none).map(|(at, line, m)| (at, line, m.count())).collect();
        assert_eq!(lines, [(3, "c", 0), (4, "e", 1), (5, "a", 0), (5, "b", 1), (5, "d", 0)]);
        assert_eq!((buffer.span(), buffer.text_bytes(), buffer.sets().len()), (Some((3, 5)), 5, 1));
        assert_eq!((buffer.at(5), buffer.at(3), buffer.at(2), buffer.at(9)), (2..5, 0..1, 0..0, 5..5));
    }
}
