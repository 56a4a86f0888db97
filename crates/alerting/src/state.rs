//! What alerting must know after a restart, in one file: docs/formats/alerting.md.
//!
//! The file is small (alerts that matter, the notification log, silences, the last notifications) and is replaced as a
//! whole, so that a crash at any moment leaves the old or the new one.

pub(crate) mod wire;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use disk::{Disk, DiskError};
use model::{Labels, TimestampMs};

use crate::ledger::Ledger;
use crate::ledger::keep::Book;
use crate::log::{Entry, LogKey, Order};
use crate::silence::Silence;
use crate::status::{Ack, NotificationRecord};
use crate::store::Known;

/// The name of the file in its folder.
const FILE: &str = "state";

/// How the first line begins; the version stands behind it.
const MAGIC: &str = "watchfire-alerting-state";
const VERSION: u32 = 1;

/// What there is to keep.
#[derive(Debug, Clone, Default)]
pub(crate) struct Saved {
    /// When it was put together.
    pub(crate) at: TimestampMs,
    /// Alerts that had not ended, or of whose end somebody was still to be told.
    pub(crate) alerts: Vec<Arc<Known>>,
    pub(crate) log: Vec<(LogKey, Entry)>,
    pub(crate) log_order: Order,
    pub(crate) silences: Vec<Silence>,
    pub(crate) records: Vec<NotificationRecord>,
    /// Alerts that somebody has in hand.
    pub(crate) acks: Vec<(Labels, Ack)>,
}

/// Where the state is kept, and what was found there.
#[derive(Debug)]
pub struct State {
    pub(crate) place: Option<Place>,
    pub(crate) saved: Saved,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) book: Option<Arc<Book>>,
    damage: Vec<String>,
}

/// The file.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    disk: Arc<dyn Disk>,
    path: PathBuf,
}

impl State {
    /// Nothing is kept: for programs that only check, and for tests.
    pub fn in_memory() -> Self {
        Self { place: None, saved: Saved::default(), ledger: Arc::default(), book: None, damage: Vec::new() }
    }

    /// Reads the state in `dir`, which is made if it is not there. A damaged file is set aside under another name and
    /// told by [`State::damage`]; alerting then begins with nothing. The ledger, which only explains, is done without
    /// where it cannot be opened.
    ///
    /// # Errors
    /// When the folder cannot be made or the file cannot be read.
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        now: TimestampMs,
        metrics: Arc<wal::Metrics>,
    ) -> Result<Self, DiskError> {
        disk.create_dir_all(dir)?;
        let place = Place { path: dir.join(FILE), disk: Arc::clone(&disk) };
        let mut this = Self::in_memory();
        match place.disk.read(&place.path) {
            Ok(bytes) => match decode(&bytes) {
                Ok(saved) => this.saved = saved,
                Err(reason) => this.damage.push(place.set_aside(&reason, now)?),
            },
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
        this.place = Some(place);
        match Book::open(disk, dir, &this.ledger, metrics) {
            Ok((book, damage)) => {
                this.book = Some(Arc::new(book));
                this.damage.extend(damage);
            }
            Err(cause) => this.damage.push(format!("the ledger of alerting is not kept: {cause}")),
        }
        this.damage.iter().for_each(|damage| tracing::error!("{damage}"));
        Ok(this)
    }

    /// What was wrong with the files, and where they are now.
    pub fn damage(&self) -> &[String] {
        &self.damage
    }
}

impl Place {
    /// Replaces the file. Blocks.
    pub(crate) fn write(&self, saved: &Saved) -> Result<usize, DiskError> {
        let bytes = encode(saved);
        disk::replace(&*self.disk, &self.path, &bytes)?;
        Ok(bytes.len())
    }

    fn set_aside(&self, reason: &str, now: TimestampMs) -> Result<String, DiskError> {
        let mut aside = self.path.clone();
        aside.set_file_name(format!("{FILE}.damaged-{}", now.0));
        self.disk.rename(&self.path, &aside)?;
        self.disk.sync_dir(self.path.parent().unwrap_or(Path::new(".")))?;
        Ok(format!(
            "{} is damaged ({reason}) and was set aside as {}: silences and who was told are forgotten",
            self.path.display(),
            aside.display()
        ))
    }
}

fn encode(saved: &Saved) -> Vec<u8> {
    let body = wire::encode(saved);
    let mut bytes = format!("{MAGIC} {VERSION} {:08x} {}\n", crc32c::crc32c(&body), body.len()).into_bytes();
    bytes.extend_from_slice(&body);
    bytes
}

fn decode(bytes: &[u8]) -> Result<Saved, String> {
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or("no first line")?;
    let (head, body) = (&bytes[..end], &bytes[end + 1..]);
    let head = std::str::from_utf8(head).map_err(|_| "the first line is no text")?;
    let [magic, version, sum, length] = head.split(' ').collect::<Vec<_>>()[..] else {
        return Err("the first line has not four parts".to_owned());
    };
    if magic != MAGIC {
        return Err(format!("it begins with {magic:?}"));
    }
    if version != VERSION.to_string() {
        return Err(format!("version {version} is not known"));
    }
    if length != body.len().to_string() {
        return Err(format!("{} bytes follow the first line instead of {length}", body.len()));
    }
    if sum != format!("{:08x}", crc32c::crc32c(body)) {
        return Err("the checksum is wrong".to_owned());
    }
    wire::decode(body)
}

#[cfg(test)]
mod tests;
