//! Writing a change back to the file that a dashboard was read from, and to no other.
//!
//! The way to the file goes by the uid and the list of what was found below the folder: no text of a caller becomes a path.
//! The file must be the one that the change was made for, byte by byte; it is replaced whole, so that nobody ever reads half.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use crate::document;
use crate::patch::{PanelChanges, patch};
use crate::{Dashboards, Entry, SaveError};

impl Dashboards {
    /// Changes a panel in the file of a dashboard and reads everything again. `version` is the one of the entry that the change
    /// was made for. Blocks on the file system.
    ///
    /// # Errors
    /// See [`SaveError`]; nothing has been written then.
    pub fn change_panel(
        &self,
        uid: &str,
        panel_id: i64,
        version: &str,
        changes: &PanelChanges,
    ) -> Result<Entry, SaveError> {
        // Whoever panicked here left a whole file, old or new.
        let _one_at_a_time = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = self.entry(uid).ok_or_else(|| SaveError::NotFound(uid.to_owned()))?;
        let file = self.writable(&entry)?;
        let bytes = fs::read(&file).map_err(|error| SaveError::Failed(error.to_string()))?;
        if self::version(&bytes) != version {
            self.reload();
            return Err(SaveError::Conflict);
        }
        let text =
            String::from_utf8(bytes).map_err(|_| SaveError::Unfit("the file is not UTF-8".to_owned()))?;
        let changed = patch(&text, panel_id, changes).map_err(SaveError::Unfit)?;
        if changed == text {
            return Ok(entry);
        }
        let reread = document::parse(changed.as_bytes(), &entry.uid);
        reread.map_err(|problem| SaveError::Unfit(format!("the change would break the file: {problem}")))?;
        replace(&file, changed.as_bytes()).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => read_only(&entry.file),
            _ => SaveError::Failed(error.to_string()),
        })?;
        self.reload();
        self.entry(uid).ok_or_else(|| SaveError::NotFound(uid.to_owned()))
    }

    /// Why a dashboard cannot be changed, if that is known before somebody tries.
    pub fn why_read_only(&self, entry: &Entry) -> Option<String> {
        self.writable(entry).err().map(|error| error.to_string())
    }

    /// The real place of the dashboard's file, below the real folder.
    fn writable(&self, entry: &Entry) -> Result<PathBuf, SaveError> {
        let Some((folder, _)) = self.sources.folder.as_ref().zip(entry.version.as_ref()) else {
            let text = "this dashboard is part of the program; a file with the same uid in the folder of --dashboards takes its place and can be changed";
            return Err(SaveError::ReadOnly(text.to_owned()));
        };
        let real = |path: &Path| fs::canonicalize(path).map_err(|error| SaveError::Failed(error.to_string()));
        let (file, folder) = (real(&entry.file)?, real(folder)?);
        if !file.starts_with(&folder) {
            let text = format!("{} is a link to a file outside of the folder", entry.file.display());
            return Err(SaveError::ReadOnly(text));
        }
        let is_writable = |path: &Path| !fs::metadata(path).is_ok_and(|meta| meta.permissions().readonly());
        if !is_writable(&file) {
            return Err(read_only(&entry.file));
        }
        Ok(file)
    }
}

fn read_only(file: &Path) -> SaveError {
    SaveError::ReadOnly(format!("{} is read-only", file.display()))
}

/// The new bytes beside the old file, made durable, then in its place: at any moment there is one of them, whole.
fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    // The dot keeps it out of the list, should it be left over.
    let beside = folder.join(format!(".{name}.new"));
    let written = write_beside(&beside, file, bytes).and_then(|()| fs::rename(&beside, file));
    if written.is_err() {
        // What cannot be removed either is in nobody's way.
        drop(fs::remove_file(&beside));
    }
    written?;
    File::open(folder)?.sync_all()
}

fn write_beside(beside: &Path, file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut new = File::create(beside)?;
    new.set_permissions(fs::metadata(file)?.permissions())?;
    new.write_all(bytes)?;
    new.sync_all()
}

/// Tells two texts of a file apart. Only accidents are to be noticed, so 64 bits without a secret will do.
pub(crate) fn version(bytes: &[u8]) -> String {
    let hash = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}-{}", bytes.iter().fold(0xcbf2_9ce4_8422_2325, hash), bytes.len())
}
