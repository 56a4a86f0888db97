//! Header and frame as bytes (docs/formats/wal.md). Reading never panics, whatever the bytes.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

/// Bytes of a file header.
pub(crate) const HEADER_BYTES: usize = 24;
/// Bytes before the record in a frame.
pub(crate) const FRAME_HEAD_BYTES: usize = 12;
/// The longest record. A scrape of a million samples takes about 11 MB; a length beyond this is not believed.
pub const RECORD_BYTES_MAX: usize = 64 << 20;

const MAGIC: [u8; 4] = *b"WFWL";
const VERSION: u16 = 1;
/// The first byte does not occur in UTF-8, so that text inside a record does not look like a frame.
const MARKER: [u8; 4] = [0xf5, b'W', b'F', b'R'];

const _: () = assert!(RECORD_BYTES_MAX <= u32::MAX as usize);

/// What a file is; part of every sum in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId {
    pub(crate) kind: FileKind,
    pub(crate) number: u64,
    pub(crate) part: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    Segment = 1,
    CheckpointPart = 2,
    CheckpointDone = 3,
}

/// Why a header was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderError {
    /// The file ends within it.
    Short,
    /// It does not add up, or is that of another file.
    Wrong,
    /// It adds up, and is of a version that we do not know.
    Version(u16),
}

impl FileId {
    pub(crate) fn segment(number: u64) -> Self {
        Self { kind: FileKind::Segment, number, part: 0 }
    }

    pub(crate) fn header(self) -> [u8; HEADER_BYTES] {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&[self.kind as u8, 0]);
        bytes.extend_from_slice(&self.number.to_le_bytes());
        bytes.extend_from_slice(&self.part.to_le_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        bytes.try_into().expect("the fields above are 24 bytes")
    }

    /// Compares the header of a file with what the file should be.
    pub(crate) fn check_header(self, bytes: &[u8]) -> Result<(), HeaderError> {
        let header = bytes.get(..HEADER_BYTES).ok_or(HeaderError::Short)?;
        if header == self.header() {
            return Ok(());
        }
        let (fields, sum) = header.split_at_checked(HEADER_BYTES - 4).ok_or(HeaderError::Short)?;
        let adds_up = fields.starts_with(&MAGIC) && sum == crc32c::crc32c(fields).to_le_bytes();
        match fields.get(4..6).and_then(|v| v.try_into().ok()).map(u16::from_le_bytes) {
            Some(version) if adds_up && version != VERSION => Err(HeaderError::Version(version)),
            _ => Err(HeaderError::Wrong),
        }
    }

    fn sum(self, offset: usize, record: &[u8]) -> u32 {
        let (number, part) = (self.number.to_le_bytes(), self.part.to_le_bytes());
        let (offset, len) = ((offset as u64).to_le_bytes(), (record.len() as u32).to_le_bytes());
        let fields: [&[u8]; 6] = [&[self.kind as u8], &number, &part, &offset, &len, record];
        fields.into_iter().fold(0, crc32c::crc32c_append)
    }

    /// The bytes that stand before `record` when the frame lies at `offset`.
    pub(crate) fn frame_head(self, offset: usize, record: &[u8]) -> [u8; FRAME_HEAD_BYTES] {
        let mut head = [0u8; FRAME_HEAD_BYTES];
        let fields = [MARKER, (record.len() as u32).to_le_bytes(), self.sum(offset, record).to_le_bytes()];
        for (to, from) in head.iter_mut().zip(fields.as_flattened()) {
            *to = *from;
        }
        head
    }

    /// The record of the frame at `offset`, if there is a whole and right one.
    pub(crate) fn frame_at(self, bytes: &[u8], offset: usize) -> Option<&[u8]> {
        let rest = bytes.get(offset..)?.strip_prefix(&MARKER)?;
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let (sum, rest) = rest.split_first_chunk::<4>()?;
        let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
        if len == 0 || len > RECORD_BYTES_MAX {
            return None;
        }
        let record = rest.get(..len)?;
        (u32::from_le_bytes(*sum) == self.sum(offset, record)).then_some(record)
    }

    /// Where the next right frame begins, at `from` or later.
    pub(crate) fn next_frame(self, bytes: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        loop {
            let rest = bytes.get(at..)?;
            at += rest.windows(MARKER.len()).position(|w| w == MARKER)?;
            if self.frame_at(bytes, at).is_some() {
                return Some(at);
            }
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file_of(id: FileId, records: &[&[u8]]) -> Vec<u8> {
        let mut bytes = id.header().to_vec();
        for record in records {
            let head = id.frame_head(bytes.len(), record);
            bytes.extend_from_slice(&head);
            bytes.extend_from_slice(record);
        }
        bytes
    }

    #[test]
    fn layout_is_as_the_format_page_draws_it() {
        let bytes = file_of(FileId::segment(0x0102), &[b"abc"]);
        assert_eq!(bytes[..16], *b"WFWL\x01\x00\x01\x00\x02\x01\x00\x00\x00\x00\x00\x00");
        assert_eq!(bytes[24..32], *b"\xf5WFR\x03\x00\x00\x00");
        assert_eq!(bytes[36..], *b"abc");
    }

    #[test]
    fn a_frame_is_right_only_in_its_place() {
        let id = FileId::segment(1);
        let bytes = file_of(id, &[b"abc"]);
        assert_eq!(id.frame_at(&bytes, HEADER_BYTES), Some(b"abc".as_slice()));
        assert_eq!(FileId::segment(2).frame_at(&bytes, HEADER_BYTES), None, "of another segment");
        let mut moved = vec![0u8];
        moved.extend_from_slice(&bytes);
        assert_eq!(id.frame_at(&moved, HEADER_BYTES + 1), None, "at another offset");
    }

    #[test]
    fn a_newer_version_is_told_from_damage() {
        let id = FileId::segment(1);
        let mut newer = id.header();
        newer[4] = 9;
        assert_eq!(id.check_header(&newer), Err(HeaderError::Wrong));
        let sum = crc32c::crc32c(&newer[..20]);
        newer[20..].copy_from_slice(&sum.to_le_bytes());
        assert_eq!(id.check_header(&newer), Err(HeaderError::Version(9)));
        assert_eq!(FileId::segment(2).check_header(&id.header()), Err(HeaderError::Wrong));
        assert_eq!(id.check_header(&id.header()[..23]), Err(HeaderError::Short));
    }

    proptest! {
        #[test]
        fn any_flipped_bit_is_noticed(record in prop::collection::vec(any::<u8>(), 1..200), at in any::<prop::sample::Index>(), bit in 0..8u8) {
            let id = FileId::segment(3);
            let mut bytes = file_of(id, &[&record]);
            let at = HEADER_BYTES + at.index(bytes.len() - HEADER_BYTES);
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(id.frame_at(&bytes, HEADER_BYTES), None);
        }

        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0..320usize) {
            let id = FileId::segment(3);
            id.check_header(&bytes).ok();
            prop_assert_eq!(id.frame_at(&bytes, at), None);
            prop_assert_eq!(id.next_frame(&bytes, at), None);
        }
    }
}
