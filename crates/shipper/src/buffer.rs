//! Batches on disk, from the moment they are complete until they are acknowledged (docs/formats/log-buffer.md).
//!
//! One thread adds batches, one task for each client takes them in order. The size is bounded: beyond it [`Buffer::has_room`]
//! says no and whoever reads files stops, so that what is not read yet stays in its files. One batch beyond the limit is
//! taken, since it was complete when the limit was asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use stdx::varint;
use tokio::sync::watch;

use crate::entry::FileId;
use crate::positions::{Mark, Marks};

const MAGIC: &[u8; 4] = b"WFLB";
const VERSION: u8 = 1;
const HEAD_BYTES: usize = 13;

/// The part of a batch that one client sends in one request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    pub client: String,
    pub tenant: Option<String>,
    pub entries: u64,
    /// Bytes of its lines.
    pub bytes: u64,
    /// The request's body.
    pub payload: Bytes,
}

/// What is kept together.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Batch {
    /// Positions after it; of a path without marks there is none any more.
    pub marks: Marks,
    pub parts: Vec<Part>,
}

/// What a start has found.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    /// Positions by the batches that the positions file does not know of, newer ones over older ones.
    pub marks: Marks,
    /// Batches to be sent again.
    pub n_batches: usize,
    /// Files that could not be read, with the reason; they were set aside.
    pub damaged: Vec<String>,
}

/// The folder of batches.
#[derive(Debug)]
pub(crate) struct Buffer {
    folder: PathBuf,
    bytes_max: u64,
    state: Mutex<State>,
    /// The number of the last batch that came.
    added: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    /// Batches that wait.
    waiting: BTreeMap<u64, Waiting>,
    bytes: u64,
    next: u64,
    /// Acknowledged, and not yet covered by the positions file.
    sent: BTreeSet<u64>,
    /// Batches reach the platter at once, since a delivery has failed.
    sync: bool,
}

#[derive(Debug)]
struct Waiting {
    bytes: u64,
    /// Clients that have not acknowledged it.
    clients: BTreeSet<String>,
    synced: bool,
}

impl Buffer {
    /// Opens the folder, which is made if it is not there, and reads what is in it. `covered` is the last batch that the
    /// positions file knows of.
    ///
    /// # Errors
    /// When the folder cannot be read or written, with its path.
    pub(crate) fn open(folder: &Path, bytes_max: u64, covered: Option<u64>) -> io::Result<(Self, Recovered)> {
        let failed =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", folder.display()));
        fs::create_dir_all(folder).map_err(failed)?;
        let (mut state, mut recovered) = (State::default(), Recovered::default());
        state.next = covered.map_or(0, |number| number + 1);
        for (number, kind) in files_in(folder).map_err(failed)? {
            let path = path_of(folder, number, &kind);
            state.next = state.next.max(number + 1);
            if kind == "new" {
                fs::remove_file(&path)?;
                continue;
            }
            if kind != "batch" && kind != "sent" {
                continue;
            }
            match read_file(&path) {
                Err(cause) => recovered.damaged.push(set_aside(folder, number, &kind, &cause)),
                Ok((batch, bytes)) => {
                    if covered.is_none_or(|covered| number > covered) {
                        recovered.marks.extend(batch.marks);
                    }
                    if kind == "sent" {
                        state.sent.insert(number);
                        continue;
                    }
                    recovered.n_batches += 1;
                    let clients = batch.parts.into_iter().map(|part| part.client).collect();
                    state.bytes += bytes;
                    state.waiting.insert(number, Waiting { bytes, clients, synced: true });
                }
            }
        }
        let (folder, added) = (folder.to_owned(), watch::Sender::new(state.next));
        let buffer = Self { folder, bytes_max, state: Mutex::new(state), added };
        Ok((buffer, recovered))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes with each batch that comes.
    pub(crate) fn follow(&self) -> watch::Receiver<u64> {
        self.added.subscribe()
    }

    /// Whether another batch may come.
    pub(crate) fn has_room(&self) -> bool {
        self.state().bytes < self.bytes_max
    }

    /// Batches that wait, and their bytes.
    pub(crate) fn held(&self) -> (usize, u64) {
        let state = self.state();
        (state.waiting.len(), state.bytes)
    }

    /// Keeps a batch and gives its number. After this a killed process finds it again.
    ///
    /// # Errors
    /// When it cannot be written; nothing of it is kept then.
    pub(crate) fn add(&self, batch: &Batch) -> io::Result<u64> {
        let bytes = encode(batch);
        let mut state = self.state();
        let number = state.next;
        let new = path_of(&self.folder, number, "new");
        let mut file = File::create(&new)?;
        file.write_all(&bytes)?;
        if state.sync {
            file.sync_data()?;
        }
        fs::rename(&new, path_of(&self.folder, number, "batch"))?;
        state.next += 1;
        state.bytes += bytes.len() as u64;
        let clients = batch.parts.iter().map(|part| part.client.clone()).collect();
        let synced = state.sync;
        state.waiting.insert(number, Waiting { bytes: bytes.len() as u64, clients, synced });
        drop(state);
        self.added.send_replace(number);
        Ok(number)
    }

    /// The oldest batch that `client` has not acknowledged: its number and the client's parts. One that cannot be read is set
    /// aside, told to `damaged`, and the next is taken.
    pub(crate) fn oldest(&self, client: &str, mut damaged: impl FnMut(String)) -> Option<(u64, Vec<Part>)> {
        loop {
            let waiting = self.state();
            let number =
                waiting.waiting.iter().find(|(_, it)| it.clients.contains(client)).map(|(n, _)| *n)?;
            drop(waiting);
            match read_file(&path_of(&self.folder, number, "batch")) {
                Ok((batch, _)) => {
                    let own = batch.parts.into_iter().filter(|part| part.client == client);
                    return Some((number, own.collect()));
                }
                Err(cause) => {
                    damaged(set_aside(&self.folder, number, "batch", &cause));
                    let mut state = self.state();
                    if let Some(lost) = state.waiting.remove(&number) {
                        state.bytes -= lost.bytes;
                    }
                }
            }
        }
    }

    /// A client is done with a batch. When all are, it is no longer held.
    pub(crate) fn acknowledge(&self, number: u64, client: &str) -> io::Result<()> {
        let mut state = self.state();
        let Some(waiting) = state.waiting.get_mut(&number) else { return Ok(()) };
        waiting.clients.remove(client);
        if !waiting.clients.is_empty() {
            return Ok(());
        }
        let bytes = waiting.bytes;
        state.waiting.remove(&number);
        state.bytes -= bytes;
        fs::rename(path_of(&self.folder, number, "batch"), path_of(&self.folder, number, "sent"))?;
        state.sent.insert(number);
        Ok(())
    }

    /// Clients of waiting batches that are not among `known`: nobody will take their parts. Gives the lines that are dropped.
    pub(crate) fn forget_others(&self, known: &[&str]) -> u64 {
        let numbers: Vec<u64> = self.state().waiting.keys().copied().collect();
        let mut n_dropped = 0;
        for number in numbers {
            let Ok((batch, _)) = read_file(&path_of(&self.folder, number, "batch")) else { continue };
            for part in batch.parts.iter().filter(|part| !known.contains(&part.client.as_str())) {
                n_dropped += part.entries;
                if let Err(error) = self.acknowledge(number, &part.client) {
                    tracing::warn!(%error, "a batch of a client that is gone stays in the buffer");
                }
            }
        }
        n_dropped
    }

    /// A delivery failed: what waits now, and what comes, shall survive a loss of power too.
    pub(crate) fn keep_safe(&self) -> io::Result<()> {
        let mut state = self.state();
        state.sync = true;
        for (number, waiting) in state.waiting.iter_mut().filter(|(_, waiting)| !waiting.synced) {
            File::open(path_of(&self.folder, *number, "batch"))?.sync_data()?;
            waiting.synced = true;
        }
        File::open(&self.folder)?.sync_all()
    }

    /// Deliveries succeed again.
    pub(crate) fn relax(&self) {
        self.state().sync = false;
    }

    /// Acknowledged batches up to now; once the positions have been written, [`Buffer::remove`] takes them away.
    pub(crate) fn sent(&self) -> Vec<u64> {
        self.state().sent.iter().copied().collect()
    }

    /// Removes acknowledged batches.
    pub(crate) fn remove(&self, numbers: &[u64]) {
        for number in numbers {
            match fs::remove_file(path_of(&self.folder, *number, "sent")) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(%error, "an acknowledged batch could not be removed");
                }
                _ => _ = self.state().sent.remove(number),
            }
        }
    }
}

/// Numbers and kinds of the files in `folder`, ascending.
fn files_in(folder: &Path) -> io::Result<Vec<(u64, String)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let Some((number, kind)) = name.to_str().and_then(|name| name.split_once('.')) else { continue };
        if let Ok(number) = number.parse() {
            all.push((number, kind.to_owned()));
        }
    }
    all.sort_unstable();
    Ok(all)
}

fn path_of(folder: &Path, number: u64, kind: &str) -> PathBuf {
    folder.join(format!("{number:016}.{kind}"))
}

/// Renames a file that cannot be read; gives a sentence on it.
fn set_aside(folder: &Path, number: u64, kind: &str, cause: &str) -> String {
    let (path, aside) = (path_of(folder, number, kind), path_of(folder, number, "damaged"));
    match fs::rename(&path, &aside) {
        Ok(()) => format!("{}: {cause}; set aside as {}", path.display(), aside.display()),
        Err(error) => format!("{}: {cause}; it could not be set aside: {error}", path.display()),
    }
}

fn read_file(path: &Path) -> Result<(Batch, u64), String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let length = bytes.len() as u64;
    Ok((decode(&bytes)?, length))
}

pub(crate) fn encode(batch: &Batch) -> Vec<u8> {
    let mut body = Vec::new();
    let put_text = |body: &mut Vec<u8>, text: &str| {
        varint::put_u64(body, text.len() as u64);
        body.extend_from_slice(text.as_bytes());
    };
    varint::put_u64(&mut body, batch.marks.len() as u64);
    for (path, marks) in &batch.marks {
        put_text(&mut body, path);
        let known: Vec<(FileId, &Mark)> = marks.iter().filter_map(|mark| Some((mark.file?, mark))).collect();
        varint::put_u64(&mut body, known.len() as u64);
        for (file, mark) in known {
            let numbers = [file.device, file.inode, mark.offset, u64::from(mark.print)];
            numbers.into_iter().for_each(|n| varint::put_u64(&mut body, n));
        }
    }
    varint::put_u64(&mut body, batch.parts.len() as u64);
    for part in &batch.parts {
        put_text(&mut body, &part.client);
        put_text(&mut body, part.tenant.as_deref().unwrap_or_default());
        [part.entries, part.bytes, part.payload.len() as u64]
            .into_iter()
            .for_each(|n| varint::put_u64(&mut body, n));
        body.extend_from_slice(&part.payload);
    }
    framed(&body)
}

/// A body behind its head.
pub(crate) fn framed(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD_BYTES + body.len());
    out.extend_from_slice(MAGIC);
    out.push(VERSION);
    out.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(&crc32c::crc32c(body).to_le_bytes());
    out.extend_from_slice(body);
    out
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Batch, String> {
    let Some((head, mut body)) = bytes.split_at_checked(HEAD_BYTES) else {
        return Err("cut short".to_owned());
    };
    let number =
        |at: usize| head.get(at..at + 4).and_then(|it| it.try_into().ok()).map_or(0, u32::from_le_bytes);
    if head.get(..4) != Some(MAGIC) {
        return Err("no batch of ours".to_owned());
    }
    if head.get(4) != Some(&VERSION) {
        return Err(format!("version {} is not known", head.get(4).copied().unwrap_or(0)));
    }
    if number(5) as usize != body.len() {
        return Err(format!("{} bytes where {} should be", body.len(), number(5)));
    }
    if number(9) != crc32c::crc32c(body) {
        return Err("wrong checksum".to_owned());
    }
    take_batch(&mut body)
        .filter(|_| body.is_empty())
        .ok_or_else(|| "no batch behind a right checksum".to_owned())
}

fn take_batch(body: &mut &[u8]) -> Option<Batch> {
    let mut batch = Batch::default();
    for _ in 0..varint::take_u64(body)? {
        let path = take_text(body)?;
        let mut marks = Vec::new();
        for _ in 0..varint::take_u64(body)? {
            let (device, inode) = (varint::take_u64(body)?, varint::take_u64(body)?);
            let offset = varint::take_u64(body)?;
            let print = u32::try_from(varint::take_u64(body)?).ok()?;
            marks.push(Mark { file: Some(FileId { device, inode }), offset, print });
        }
        batch.marks.insert(path, marks);
    }
    for _ in 0..varint::take_u64(body)? {
        let (client, tenant) = (take_text(body)?, take_text(body)?);
        let (entries, bytes) = (varint::take_u64(body)?, varint::take_u64(body)?);
        let payload = Bytes::copy_from_slice(take_bytes(body)?);
        let tenant = Some(tenant).filter(|tenant| !tenant.is_empty());
        batch.parts.push(Part { client, tenant, entries, bytes, payload });
    }
    Some(batch)
}

fn take_bytes<'b>(body: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = usize::try_from(varint::take_u64(body)?).ok()?;
    let (taken, rest) = body.split_at_checked(length)?;
    *body = rest;
    Some(taken)
}

fn take_text(body: &mut &[u8]) -> Option<String> {
    String::from_utf8(take_bytes(body)?.to_vec()).ok()
}

#[cfg(test)]
mod tests;
