//! Creates and upgrades the tables, once, however many instances start on the same file at the same moment.
//!
//! Two guards. A lock file beside the database keeps instances on this host from opening it at the same time, because
//! the very first switch to write-ahead logging does not wait for others as ordinary statements do (without the lock, one
//! in 90 failed with `database is locked` where six processes opened a new file at once). And all steps run
//! in one immediate transaction that reads and sets `user_version`, so a step happens once or not at all, also when
//! the process is killed in the middle.

use std::fs::File;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection};

use super::super::driver::Driver;
use super::super::{ConnectError, StoreError};
use super::File as Database;

/// The steps, in order. A step's version is its place, counted from one; a released step is never changed.
const STEPS: [&str; 2] = [include_str!("0001_schema.sql"), include_str!("0002_seed.sql")];

/// The version that [`run`] brings a database to.
pub(super) const VERSION: i64 = STEPS.len() as i64;

/// Held while a database is opened and prepared; dropping it lets the next instance in.
pub(super) struct StartLock(#[expect(dead_code, reason = "the lock lives as long as the file is open")] File);

/// Waits for the lock of the database at `path`. The wait is as long as another instance's migration.
pub(super) async fn lock(path: &Path) -> Result<StartLock, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = PathBuf::from(name);
    let taking = tokio::task::spawn_blocking(move || {
        let open = File::options().create(true).truncate(false).write(true).open(&file);
        let locked = open.and_then(|opened| opened.lock().map(|()| opened));
        locked.map_err(|error| StoreError::Unavailable(format!("{}: {error}", file.display())))
    });
    let locked = taking.await.map_err(|error| StoreError::Failed(error.to_string()))?;
    Ok(StartLock(locked?))
}

/// Applies the steps that the database does not have yet.
pub(super) async fn run(connection: &mut SqliteConnection) -> Result<(), ConnectError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    let found: i64 =
        sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *transaction).await.map_err(failed)?;
    if found > VERSION {
        return Err(ConnectError::Newer { found, known: VERSION });
    }
    let done = usize::try_from(found).unwrap_or(0);
    for step in STEPS.iter().skip(done) {
        sqlx::raw_sql(*step).execute(&mut *transaction).await.map_err(failed)?;
    }
    // A pragma takes no parameters; the text is a number of ours.
    let set = AssertSqlSafe(format!("PRAGMA user_version = {VERSION}"));
    sqlx::raw_sql(set).execute(&mut *transaction).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    Ok(())
}

fn failed(error: sqlx::Error) -> StoreError {
    Database::fault(&error).told()
}
