//! `watchfire agent`.

use std::net::SocketAddr;
use std::path::PathBuf;

use agent::{Beside, DatabaseOptions, DatabaseUrl, Engine, Options, Roots};
use anyhow::{Context, Result, anyhow, bail};
use config::{ByteSize, SecretSource};
use shipper::{BufferOptions, ReadOptions, Settings, Shipper};

use crate::role::{Mode, announce, name_flag, until_told_to_stop};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where /metrics is served.
    #[arg(long, env = "WATCHFIRE_LISTEN", default_value = "127.0.0.1:9100", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Processes to be watched by name: a JSON object of names, each with a pid, like a lab's endpoints.json.
    #[arg(long, env = "WATCHFIRE_AGENT_PROCESSES", value_name = "FILE")]
    processes: Option<PathBuf>,
    /// Where the host's /proc is found; in a container, where it is mounted.
    #[arg(long, env = "WATCHFIRE_PROC_ROOT", default_value = "/proc", value_name = "DIR")]
    proc_root: PathBuf,
    /// Where the host's /sys is found.
    #[arg(long, env = "WATCHFIRE_SYS_ROOT", default_value = "/sys", value_name = "DIR")]
    sys_root: PathBuf,
    /// Where the host's mount points, /etc and /run are found.
    #[arg(long, env = "WATCHFIRE_ROOT", default_value = "/", value_name = "DIR")]
    root: PathBuf,
    #[command(flatten)]
    logs: Logs,
    #[command(flatten)]
    mysql: Mysql,
    #[command(flatten)]
    postgres: Postgres,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Logs")]
struct Logs {
    /// Tails and ships logs as this promtail.yml says; its own metrics, /ready and /targets are on the agent's port.
    #[arg(long, env = "WATCHFIRE_PROMTAIL_CONFIG", value_name = "FILE")]
    promtail_config: Option<PathBuf>,
    /// Puts environment variables in place of ${NAME} and ${NAME:-default} in that file.
    #[arg(long, env = "WATCHFIRE_PROMTAIL_EXPAND_ENV", requires = "promtail_config")]
    promtail_expand_env: bool,
    /// Where logs wait that the receiver does not take; POSITIONS_FILE.buffer without it.
    #[arg(long, env = "WATCHFIRE_LOG_BUFFER_DIR", value_name = "DIR", requires = "promtail_config")]
    log_buffer_dir: Option<PathBuf>,
    /// How many bytes may wait there, packed. When it is full reading stops and logs stay in their files.
    #[arg(
        long,
        env = "WATCHFIRE_LOG_BUFFER_SIZE",
        default_value_t = ByteSize(BufferOptions::standard().bytes_max),
        value_parser = buffer_size,
        value_name = "SIZE"
    )]
    log_buffer_size: ByteSize,
    /// Only checks the promtail.yml and says what it means here.
    #[arg(long, requires = "promtail_config")]
    check: bool,
    /// Only prints what would be sent of the files as they are now; sends nothing and moves no position.
    #[arg(long, requires = "promtail_config", conflicts_with = "check")]
    dry_run: bool,
}

fn buffer_size(text: &str) -> Result<ByteSize, String> {
    let size = ByteSize::parse(text).filter(|size| size.0 > 0);
    size.ok_or_else(|| "write it like 256MB or 1GB, above zero".to_owned())
}

impl Logs {
    fn settings(&self) -> Result<Option<Settings>> {
        let options = ReadOptions { expand_env: self.promtail_expand_env };
        let read = self.promtail_config.as_ref().map(|file| Settings::read(file, options));
        Ok(read.transpose()?)
    }

    fn shipper(&self) -> Result<Option<Shipper>> {
        let Some(settings) = self.settings()? else { return Ok(None) };
        settings.notes().iter().for_each(|note| tracing::info!("{note}"));
        let options =
            BufferOptions { folder: self.log_buffer_dir.clone(), bytes_max: self.log_buffer_size.0 };
        Ok(Some(Shipper::open(settings, &options)?))
    }

    /// Does what is to be done instead of running, if anything is.
    #[expect(clippy::print_stdout, reason = "the answer to --check and --dry-run")]
    fn only(&self) -> Result<bool> {
        let Some(settings) = self.settings()?.filter(|_| self.check || self.dry_run) else {
            return Ok(false);
        };
        if self.check {
            settings.summary().iter().for_each(|line| println!("{line}"));
        } else {
            shipper::dry_run(&settings, |line| println!("{line}"))?;
        }
        Ok(true)
    }
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "MySQL and MariaDB")]
struct Mysql {
    /// A server to ask: mysql://exporter@db.internal:3306. With a password only from the environment.
    #[arg(long, env = MYSQL_URL, hide_env_values = true, value_name = "URL")]
    mysql_url: Option<String>,
    /// The file that holds the password, and nothing else.
    #[arg(long, env = "WATCHFIRE_MYSQL_PASSWORD_FILE", value_name = "FILE", requires = "mysql_url")]
    mysql_password_file: Option<PathBuf>,
    /// Where its /metrics is served.
    #[arg(long, env = "WATCHFIRE_MYSQL_LISTEN", default_value = "127.0.0.1:9104", value_name = "ADDRESS")]
    mysql_listen: SocketAddr,
    /// What to ask for, by mysqld_exporter's names of collectors, instead of the standard ones.
    #[arg(long, env = "WATCHFIRE_MYSQL_COLLECT", value_name = "NAMES", value_delimiter = ',')]
    mysql_collect: Vec<String>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "PostgreSQL")]
struct Postgres {
    /// A server to ask: postgres://exporter@db.internal:5432/orders_db. With a password only from the environment.
    #[arg(long, env = POSTGRES_URL, hide_env_values = true, value_name = "URL")]
    postgres_url: Option<String>,
    /// The file that holds the password, and nothing else.
    #[arg(long, env = "WATCHFIRE_POSTGRES_PASSWORD_FILE", value_name = "FILE", requires = "postgres_url")]
    postgres_password_file: Option<PathBuf>,
    /// Where its /metrics is served.
    #[arg(long, env = "WATCHFIRE_POSTGRES_LISTEN", default_value = "127.0.0.1:9187", value_name = "ADDRESS")]
    postgres_listen: SocketAddr,
    /// What to ask for, by postgres_exporter's names of collectors, instead of the standard ones.
    #[arg(long, env = "WATCHFIRE_POSTGRES_COLLECT", value_name = "NAMES", value_delimiter = ',')]
    postgres_collect: Vec<String>,
}

const MYSQL_URL: &str = "WATCHFIRE_MYSQL_URL";
const POSTGRES_URL: &str = "WATCHFIRE_POSTGRES_URL";

/// The flags of one server.
struct Flags {
    engine: Engine,
    url: Option<String>,
    password_file: Option<PathBuf>,
    listen: SocketAddr,
    collect: Vec<String>,
}

impl Flags {
    /// The server, if there is one.
    fn database(self) -> Result<Option<DatabaseOptions>> {
        let name = self.engine.name();
        let variable = match self.engine {
            Engine::Mysql => MYSQL_URL,
            Engine::Postgres => POSTGRES_URL,
        };
        let Some(text) = self.url else { return Ok(None) };
        let mut url = DatabaseUrl::parse(self.engine, &text).with_context(|| format!("--{name}-url"))?;
        let is_from_environment = std::env::var(variable).is_ok_and(|value| value == text);
        if url.has_password() && !is_from_environment {
            bail!(
                "--{name}-url has a password in it, which every user of this host can read from the list of processes\n  \
                 leave it out and give --{name}-password-file, or put the URL into the environment as {variable}"
            );
        }
        if let Some(file) = self.password_file {
            let password = SecretSource::File(file).read();
            url = url.with_password(&password.with_context(|| format!("--{name}-password-file"))?);
        }
        let options = DatabaseOptions::new(self.engine, url, self.listen, &self.collect);
        options.map(Some).map_err(|error| anyhow!("--{name}-collect: {error}"))
    }
}

pub(crate) async fn run(arguments: Arguments, mode: Mode) -> Result<()> {
    if arguments.logs.only()? {
        return Ok(());
    }
    let shipper = arguments.logs.shipper()?;
    let beside = shipper.as_ref().map(|it| Beside { metrics: it.metrics(), routes: it.routes() });
    let Arguments { listen, mysql, postgres, .. } = arguments;
    let (mysql_at, postgres_at) = (mysql.mysql_listen, postgres.postgres_listen);
    let servers = [
        Flags {
            engine: Engine::Mysql,
            url: mysql.mysql_url,
            password_file: mysql.mysql_password_file,
            listen: mysql_at,
            collect: mysql.mysql_collect,
        },
        Flags {
            engine: Engine::Postgres,
            url: postgres.postgres_url,
            password_file: postgres.postgres_password_file,
            listen: postgres_at,
            collect: postgres.postgres_collect,
        },
    ];
    let mut databases = Vec::new();
    for flags in servers {
        databases.extend(flags.database()?);
    }
    let options = Options {
        listen,
        roots: Roots { proc: arguments.proc_root, sys: arguments.sys_root, root: arguments.root },
        processes: arguments.processes,
        databases,
        beside: beside.into_iter().collect(),
    };
    let flags = [("--listen", listen), ("--mysql-listen", mysql_at), ("--postgres-listen", postgres_at)];
    let running = agent::start(options).await.map_err(|error| name_flag(error, &flags, mode))?;
    let shipping = shipper.map(Shipper::start).transpose()?;
    announce("agent", &running.urls(), mode);
    until_told_to_stop(mode).await?;
    if let Some(shipping) = shipping {
        shipping.stop().await;
    }
    running.stop().await;
    Ok(())
}
