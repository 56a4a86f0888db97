//! Doors for fuzz targets into readers that nobody outside sees otherwise. Each takes any bytes and must not panic, hang or
//! take memory out of proportion.

use std::path::Path;
use std::sync::Arc;

use disk::{Disk, MemDisk};
use model::Labels;
use storage::LineBatch;

use crate::buffer::Buffer;
use crate::chunk::{self, Head};
use crate::file::ChunkFile;
use crate::filenames::chunks_file;
use crate::{codec, delete, file, read, record};

/// The number that every file of a fuzz target has.
const FILE_NUMBER: u64 = 1;

/// A record of the log, and the chunk in it.
pub fn record(bytes: &[u8]) {
    if let Some(record::Record::Chunk(_, bytes)) = record::read(bytes, &Labels::empty()) {
        chunk(bytes);
    }
}

/// A chunk, with the sums as they are and put right.
pub fn chunk(bytes: &[u8]) {
    for bytes in [bytes.to_vec(), chunk::resealed(bytes)] {
        let Ok(head) = Head::read(&bytes) else { continue };
        if let Ok(filter) = head.filter(&bytes) {
            filter.may_contain("GET /api/order");
        }
        let mut out = LineBatch::default();
        if head.lines(&bytes, &mut out).is_ok() {
            let texts: usize = (0..out.len()).map(|i| out.line(i).len()).sum();
            assert_eq!(texts + out.len(), out.text.len(), "lines that are not all of the text");
        }
    }
}

/// The list of deletions, with its sum put right.
pub fn deletes(bytes: &[u8]) {
    let fields = &bytes[..bytes.len().saturating_sub(4)];
    let sealed = [fields, &crc32c::crc32c(fields).to_le_bytes()].concat();
    drop((delete::read(bytes), delete::read(&sealed)));
}

/// A file of chunks, with the sums of its directory and footer put right.
pub fn file(bytes: &[u8]) {
    for bytes in [bytes.to_vec(), file::resealed(bytes)] {
        let (disk, dir) = (MemDisk::new(), Path::new("/fuzz"));
        let path = dir.join(chunks_file(FILE_NUMBER));
        let written =
            disk.create_dir_all(dir).and_then(|()| disk.create(&path)).and_then(|file| file.append(&bytes));
        written.expect("memory takes it");
        let Ok((file, streams)) = ChunkFile::open(&disk, dir, FILE_NUMBER) else { continue };
        let mut out = LineBatch::default();
        for chunk in streams.iter().flat_map(|stream| stream.of_file(&file, || 0)) {
            // An error is an answer.
            drop(read::lines(&chunk, &mut out));
        }
    }
}

/// A file to begin with.
pub fn file_seeds() -> Vec<Vec<u8>> {
    let chunks = chunk_seeds().into_iter().map(|bytes| {
        let info = Head::read(&bytes).expect("a sound chunk").info;
        (info, Arc::from(bytes))
    });
    let labels = |job| Labels::from_pairs([("job", job)]);
    vec![file::compose(FILE_NUMBER, &[(labels("a"), chunks.collect()), (labels("b"), Vec::new())]).0]
}

/// A list of deletions to begin with.
pub fn delete_seeds() -> Vec<Vec<u8>> {
    vec![delete::example()]
}

/// Chunks to begin with.
pub fn chunk_seeds() -> Vec<Vec<u8>> {
    let id = |i: i64| Labels::from_pairs([("id", (i % 3).to_string())]);
    let kinds: [(i64, fn(i64) -> String); 3] = [
        (1, |_| String::new()),
        (50, |i| format!("GET /api/order/{i} 200")),
        (5, |i| "é\n".repeat(i as usize)),
    ];
    let encode = |(count, line): (i64, fn(i64) -> String)| {
        let mut buffer = Buffer::default();
        (0..count).for_each(|i| buffer.add(i * 1000, &line(i), &id(i)));
        chunk::encode(&buffer).1
    };
    kinds.into_iter().map(encode).collect()
}

/// Records to begin with: lines, and a chunk.
pub fn record_seeds() -> Vec<Vec<u8>> {
    let mut buffer = Buffer::default();
    let labels = Labels::from_pairs([("job", "a"), ("host", "h")]);
    (0..20).for_each(|i| buffer.add(i, "a line", &labels));
    let none = Labels::empty();
    let (mut lines, mut with_chunk) = (Vec::new(), Vec::new());
    record::put_streams(&[(&labels, buffer.lines(&none))], &mut codec::Sets::default(), &mut lines);
    record::put_chunk(&labels, &chunk::encode(&buffer).1, &mut with_chunk);
    vec![lines, with_chunk]
}
