//! Tables and sample data of a database server, made once, however many instances start at the same moment.
//!
//! Instances wait for each other at a lock of the server's. Each step writes its number into `schema_version` itself, so a person who
//! loads the files by hand does the same as the service. Where the server has no transactions over tables (MySQL), a step
//! that was cut off in the middle is run again, and makes only what is not there.

use std::time::Duration;

use sqlx::Connection;

use super::driver::{self, Cells, Driver};
use super::{ConnectError, StoreError};

/// How a server's tables come to be.
pub(super) struct Schema {
    /// Waits for the lock as long as it takes; it ends with the connection.
    pub(super) lock: &'static str,
    /// Makes the table of versions if there is none.
    pub(super) versions: &'static str,
    /// The steps, in order. A step's version is its place, counted from one; a released step is never changed.
    pub(super) steps: &'static [&'static str],
}

const VERSION: &str = "SELECT coalesce(max(version), 0) FROM schema_version";

/// Applies the steps that the database does not have yet.
pub(super) async fn prepare<D: Driver>(
    driver: &D,
    schema: &Schema,
    limit: Duration,
) -> Result<(), ConnectError> {
    let mut connection = driver::connect(driver, limit).await?;
    apply::<D>(&mut connection, schema).await?;
    // Gives the lock back; an end that goes wrong does so too.
    let _ = connection.close().await;
    Ok(())
}

async fn apply<D: Driver>(connection: &mut D::Connection, schema: &Schema) -> Result<(), ConnectError> {
    let failed = |error: sqlx::Error| -> StoreError { D::fault(&error).told() };
    D::run(connection, schema.lock).await.map_err(failed)?;
    D::run(connection, schema.versions).await.map_err(failed)?;
    let rows = D::fetch(connection, VERSION, &[]).await.map_err(failed)?;
    let found = rows.first().map_or(Ok(0), |row| row.id(0)).map_err(failed)?;
    let done = usize::try_from(found).unwrap_or(0);
    if done > schema.steps.len() {
        return Err(ConnectError::Newer { found, known: schema.steps.len() as i64 });
    }
    for step in schema.steps.iter().skip(done) {
        D::run(connection, step).await.map_err(failed)?;
    }
    Ok(())
}
