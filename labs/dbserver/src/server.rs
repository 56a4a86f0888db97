//! The server from start to end.

use std::fs::File;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::account::Account;
use crate::engine::{Engine, reached_at};
use crate::error::{AtPath, Error};
use crate::folder::{Folder, Keeping};
use crate::process::{End, Process, last_words};

/// Until a server answers. One that was killed under load reads its log first.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Until it has ended after it was asked to; then it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(20);
/// For a client of ours to be greeted by the server, which a busy machine may halt for some seconds.
pub(crate) const CONNECT_TIMEOUT_S: u64 = 10;
/// Between two looks at whether it answers.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Free ports that are tried: between finding one and taking it, another program may.
const PORTS_MAX: u32 = 5;
/// Log file in the folder.
const LOG_FILE: &str = "server.log";

/// What is to be started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which server.
    pub engine: Engine,
    /// Its folder, kept; without one it gets a temporary one that goes with it.
    pub folder: Option<PathBuf>,
    /// Where it listens; port 0 for any free one.
    pub listen: SocketAddr,
    /// More settings: options of `mariadbd` like `--log-bin=binlog`, settings of `postgres` like `wal_level=logical`.
    pub settings: Vec<String>,
    /// Where its own words go.
    pub log: Log,
}

/// Where a server writes what it has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// To `server.log` in its folder.
    File,
    /// To our own standard error.
    Inherit,
}

impl Options {
    /// For a test: on a free port of the loopback address, in a temporary folder.
    pub fn temporary(engine: Engine) -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { engine, folder: None, listen, settings: Vec::new(), log: Log::File }
    }
}

/// A server that answers. Dropped, it is killed, and its folder goes if it was a temporary one.
#[derive(Debug)]
pub struct Server {
    // Dropped in this order: the process ends before its folder goes.
    process: Process,
    folder: Folder,
    address: SocketAddr,
    options: Options,
    _temporary: Option<Temporary>,
}

impl Server {
    /// Starts a server and waits until it answers and knows its [`Account`]s.
    ///
    /// # Errors
    /// When it is not installed, its folder cannot be used, or it does not come up; nothing runs on then.
    pub fn start(options: Options) -> Result<Self, Error> {
        let (path, keeping, temporary) = match &options.folder {
            Some(path) => (path.clone(), Keeping::Durable, None),
            None => {
                let temporary = Temporary::new();
                (temporary.0.clone(), Keeping::Temporary, Some(temporary))
            }
        };
        let folder = Folder::prepare(options.engine, &path, keeping)?;
        let mut tries = 0;
        loop {
            tries += 1;
            let address = free_port(options.listen)?;
            match run(&folder, address, &options) {
                Ok(process) => return Ok(Self { process, folder, address, options, _temporary: temporary }),
                Err(Error::Ended { .. })
                    if options.listen.port() == 0 && tries < PORTS_MAX && is_taken(address) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its main process.
    pub fn pid(&self) -> u32 {
        self.process.pid
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The URL by which `account` logs in to `database`, with its password.
    ///
    /// # Errors
    /// When the password's file is gone.
    pub fn url(&self, account: Account, database: &str) -> Result<String, Error> {
        let engine = self.options.engine;
        let password = self.folder.password(account)?;
        let (login, at) = (engine.login(account), reached_at(self.address));
        Ok(format!("{}://{login}:{}@{at}/{database}", engine.name(), password.reveal()))
    }

    /// The same without the password.
    pub fn public_url(&self, account: Account, database: &str) -> String {
        self.options.engine.public_url(account, database, self.address)
    }

    /// Runs statements as the administrator, by the package's own client; what it printed: a line a row, columns divided by
    /// tabs (MariaDB) or `|` (PostgreSQL).
    ///
    /// # Errors
    /// What the server said.
    pub fn admin(&self, database: &str, sql: &str) -> Result<String, Error> {
        self.options.engine.client(&self.folder, self.address, database)?.run("a statement", sql)
    }

    /// Makes one more database, which the application's user may do everything in.
    ///
    /// # Errors
    /// What the server said.
    pub fn create_database(&self, name: &str) -> Result<(), Error> {
        let sql = self.options.engine.create_database(name);
        self.admin(self.options.engine.first_database(), &sql).map(drop)
    }

    /// To wait for its end elsewhere.
    pub fn end(&self) -> End {
        self.process.end.clone()
    }

    /// `kill -9`, and gone when it returns, with all that it had started.
    pub fn kill(&self) {
        self.process.signal(Signal::KILL);
        self.process.end.wait();
        wait_for_leftovers(self.options.engine, &self.folder);
    }

    /// Asks it to end and waits for it; sessions that are open are cut.
    pub fn stop(&self) {
        self.process.signal(stop_signal(self.options.engine));
        if self.process.end.wait_for(STOP_LIMIT).is_none() {
            self.kill();
        }
    }

    /// Starts it again where it was, after [`Server::stop`] or [`Server::kill`].
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_again(&mut self) -> Result<(), Error> {
        self.process = run(&self.folder, self.address, &self.options)?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // PostgreSQL is many processes: its main one ends the others at once, but not when it is killed itself.
        let signal = match self.options.engine {
            Engine::Mysql => Signal::KILL,
            Engine::Postgres => Signal::QUIT,
        };
        self.process.signal(signal);
        if self.process.end.wait_for(STOP_LIMIT).is_none() {
            self.kill();
        }
    }
}

fn stop_signal(engine: Engine) -> Signal {
    match engine {
        Engine::Mysql => Signal::TERM,
        // On TERM it would wait for clients to leave.
        Engine::Postgres => Signal::INT,
    }
}

/// The address with a port that was free a moment ago.
fn free_port(wanted: SocketAddr) -> Result<SocketAddr, Error> {
    if wanted.port() != 0 {
        return Ok(wanted);
    }
    let bound = TcpListener::bind(wanted).and_then(|listener| listener.local_addr());
    bound.at(wanted.to_string())
}

fn is_taken(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_err()
}

/// Waits until the last process of a server that was killed is gone.
fn wait_for_leftovers(engine: Engine, folder: &Folder) {
    let deadline = Instant::now() + STOP_LIMIT;
    while engine.is_still_ending(folder) && Instant::now() < deadline {
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// One try to bring the server up.
fn run(folder: &Folder, address: SocketAddr, options: &Options) -> Result<Process, Error> {
    let engine = options.engine;
    wait_for_leftovers(engine, folder);
    let orphaned = if engine == Engine::Mysql { "TERM" } else { "INT" };
    let mut command = engine.server(folder, address, &options.settings)?.command(orphaned);
    command.stdout(Stdio::null());
    let log = folder.path().join(LOG_FILE);
    if options.log == Log::File {
        command.stderr(File::options().create(true).append(true).open(&log).at(&log)?);
    }
    let process = Process::start(command)?;
    let said = || match options.log {
        Log::File => last_words(&std::fs::read_to_string(&log).unwrap_or_default()),
        Log::Inherit => "see its log".to_owned(),
    };
    let up = wait_until_up(&process, folder, address, engine, &said)
        .and_then(|()| provision(folder, address, engine));
    match up {
        Ok(()) => Ok(process),
        Err(error) => {
            process.signal(Signal::KILL);
            process.end.wait();
            Err(error)
        }
    }
}

fn wait_until_up(
    process: &Process,
    folder: &Folder,
    address: SocketAddr,
    engine: Engine,
    said: &dyn Fn() -> String,
) -> Result<(), Error> {
    let deadline = Instant::now() + START_LIMIT;
    loop {
        if let Some(how) = process.end.wait_for(LOOK_AGAIN) {
            return Err(Error::Ended { how, said: said() });
        }
        let answer = match TcpStream::connect(reached_at(address)) {
            Ok(_) => ask(folder, address, engine).err().map(|error| error.to_string()),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Some(error.to_string()),
            Err(error) => return Err(error).at(address.to_string()),
        };
        match answer {
            None => return Ok(()),
            Some(said) if Instant::now() > deadline => return Err(Error::Slow { limit: START_LIMIT, said }),
            Some(_) => {}
        }
    }
}

/// It listens before it takes statements.
fn ask(folder: &Folder, address: SocketAddr, engine: Engine) -> Result<String, Error> {
    engine.client(folder, address, engine.first_database())?.run("a first statement", "SELECT 1;")
}

fn provision(folder: &Folder, address: SocketAddr, engine: Engine) -> Result<(), Error> {
    let sql = engine.provision(folder)?;
    engine.client(folder, address, engine.first_database())?.run("setting up accounts", &sql).map(drop)
}

/// A folder that goes when it is dropped. Not one of a library: others must be able to pass through it.
#[derive(Debug)]
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("watchfire-db-{:016x}", fastrand::u64(..))))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // A server that was killed may still have children that write; what they leave is in the temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
