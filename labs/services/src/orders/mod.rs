//! The order service: read an order, place an order, exact to the cent, in one transaction.
//!
//! `start` opens the ports first and the database second, so that a taken port is known at once and `/health` can tell
//! the truth (503 and the reason) while the database is still being tried.

mod database;
pub mod domain;
mod files;
mod payments;
mod routes;
pub mod store;
mod validate;
mod wire;

use std::path::PathBuf;
use std::sync::Arc;

pub use database::ConnectRetry;
pub use payments::PaymentOptions;

use config::SecretSource;

use crate::common::frame::{Basics, Frame, Serving};
use crate::common::running::{Running, StartError};
use database::Database;
use payments::Payments;
use store::PoolLimits;

/// Everything an order service is told at start.
#[derive(Debug, Clone)]
pub struct Options {
    /// As every service.
    pub basics: Basics,
    /// Which database; see [`store::connect`]. Instances with the same URL share their orders.
    pub database_url: String,
    /// The file that holds the password of the URL's user, if it is not in the URL.
    pub database_password_file: Option<PathBuf>,
    /// How many connections, and how long to wait for one.
    pub pool: PoolLimits,
    /// How often the database is tried at start.
    pub connect_retry: ConnectRetry,
    /// Who takes the money; without it orders stay pending.
    pub payments: Option<PaymentOptions>,
}

/// Starts an instance; returns when it is ready to take orders.
///
/// # Errors
/// When a port is taken, the logs cannot be opened, or the database did not come in all tries; nothing runs on then.
pub async fn start(options: Options) -> Result<Running, StartError> {
    let payments = options.payments.map(Payments::new).transpose()?;
    let database_url = with_password(&options.database_url, options.database_password_file)?;
    let mut frame = Frame::open(&options.basics, None).await?;
    let database = Arc::new(Database::starting());
    frame.registry.register_collector(Box::new(database.clone()));
    if let Some(files) = files::DatabaseFiles::of(&options.database_url) {
        frame.registry.register_collector(Box::new(files));
    }
    let shared = routes::Shared { database: database.clone(), instance: options.basics.instance, payments };
    let closing = database.clone();
    let running = frame.serve(Serving {
        routes: routes::router(Arc::new(shared)),
        view_of: Arc::new(|method, endpoint| routes::view_of(method, endpoint).into()),
        cleanups: vec![Box::pin(async move { closing.close().await })],
    });
    match database.connect(&database_url, options.pool, options.connect_retry).await {
        Ok(()) => Ok(running),
        Err((tries, source)) => {
            running.stop().await;
            let database = store::shown(&options.database_url);
            Err(StartError::Database { database, tries, source: Box::new(source) })
        }
    }
}

fn with_password(url: &str, file: Option<PathBuf>) -> Result<String, StartError> {
    let Some(file) = file else { return Ok(url.to_owned()) };
    let unreadable = |error| StartError::Setting(format!("database password: {error}"));
    let password = SecretSource::File(file).read().map_err(unreadable)?;
    store::with_password(url, password.expose()).map_err(|error| StartError::Setting(error.to_string()))
}
