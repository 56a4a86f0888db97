//! `watchfire database`: a database server from the installed packages, in a folder of ours.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::{Result, bail};
use dbserver::{Account, DATABASE, Log, Options, Server};

use crate::role::{Mode, announce_process, until_told_to_stop};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which server: MariaDB from Debian's package mariadb-server, or PostgreSQL from postgresql.
    engine: Engine,
    /// Its folder: data, and the passwords of its users in files for their owner only. A second start continues.
    #[arg(long, env = "WATCHFIRE_DATABASE_DIR", default_value = "database", value_name = "DIR")]
    data_dir: PathBuf,
    /// Where it listens; 127.0.0.1 and the server's usual port without it.
    #[arg(long, env = "WATCHFIRE_LISTEN", value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// A setting of the server's own: an option of mariadbd like --log-bin=binlog, a setting of postgres like
    /// wal_level=logical; may be repeated.
    #[arg(long = "setting", value_name = "SETTING", allow_hyphen_values = true)]
    settings: Vec<String>,
}

/// As people write them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Engine {
    Mysql,
    Postgres,
}

impl From<Engine> for dbserver::Engine {
    fn from(engine: Engine) -> Self {
        match engine {
            Engine::Mysql => Self::Mysql,
            Engine::Postgres => Self::Postgres,
        }
    }
}

pub(crate) async fn run(arguments: Arguments, mode: Mode) -> Result<()> {
    let engine = dbserver::Engine::from(arguments.engine);
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, engine.default_port()));
    let options = Options {
        engine,
        folder: Some(arguments.data_dir),
        listen: arguments.listen.unwrap_or(usual),
        settings: arguments.settings,
        log: Log::Inherit,
    };
    let server = tokio::task::spawn_blocking(|| Server::start(options)).await??;
    let urls = [(engine.name(), Account::App), ("exporter", Account::Exporter)]
        .map(|(name, account)| (name.to_owned(), server.public_url(account, DATABASE)));
    // Its own process is the one to be watched, slowed and killed.
    announce_process("database", server.pid(), &urls.into(), mode);
    let end = server.end();
    let ended = tokio::task::spawn_blocking(move || end.wait());
    tokio::select! {
        how = ended => bail!("the database server ended ({})", how?),
        told = until_told_to_stop(mode) => told?,
    }
    tokio::task::spawn_blocking(move || server.stop()).await?;
    Ok(())
}
