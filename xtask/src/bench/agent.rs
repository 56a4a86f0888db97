//! The agent beside the three exporters whose names it answers to: CPU of one scrape, memory; all of them ask the same
//! host, the same MariaDB and the same PostgreSQL in one run.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use dbserver::{Account, DATABASE, Engine, Server};

use super::process::usage;
use crate::tools::{command, has, root, step};

/// Each program in turn; the best round counts, because others work on the machine.
const ROUNDS: usize = 5;
/// So many that the kernel's tick of 10 ms is a few percent of what they cost.
const SCRAPES: u32 = 200;
/// Nothing takes this long unless it is broken.
const PATIENCE: Duration = Duration::from_secs(30);
/// Orders in the databases: sizes of tables are not those of empty ones.
const TABLE: &str = "CREATE TABLE orders (order_id INT PRIMARY KEY, total DECIMAL(10,2));";
/// What Prometheus asks for when nothing else is said, in seconds.
const INTERVAL_S: f64 = 15.0;

/// What `cargo xtask bench agent` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct AgentOptions {
    /// The binary to measure, instead of a release build; only for `agent`.
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// One thing that is scraped.
struct Target {
    what: &'static str,
    program: &'static str,
    goal: &'static str,
    /// Index of its process.
    process: usize,
    at: SocketAddr,
    /// CPU of one scrape in milliseconds, the best round's; bytes of an answer.
    best_ms: f64,
    n_bytes: usize,
}

/// Measures and writes the section.
pub(crate) fn run(options: &AgentOptions) -> Result<()> {
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => {
            step(
                "release build",
                &mut command("cargo", &["build", "--release", "--package", "cli", "--quiet"]),
            )?;
            root().join("target/release/watchfire")
        }
    };
    let servers = [Engine::Mysql, Engine::Postgres].map(start_server);
    let [mysql, postgres] = servers;
    let (mysql, postgres) = (mysql?, postgres?);
    let (mut processes, mut targets) = (Vec::new(), Vec::new());
    start_agent(&binary, &mysql, &postgres, &mut processes, &mut targets)?;
    start_exporters(&mysql, &postgres, &mut processes, &mut targets)?;
    for round in 1..=ROUNDS {
        for target in &mut targets {
            measure(target, &processes)?;
        }
        println!("   round {round} of {ROUNDS} done");
    }
    let built = match &options.binary {
        Some(_) => "a binary given with `--binary`",
        None => "a release build",
    };
    super::page::write("agent", &table(built, &targets, &processes)?)
}

fn start_server(engine: Engine) -> Result<Server> {
    let server = Server::start(dbserver::Options::temporary(engine))?;
    server.admin(DATABASE, TABLE)?;
    for first in (0..1000).step_by(100) {
        let rows: Vec<String> = (first..first + 100).map(|n| format!("({n}, {n}.50)")).collect();
        server.admin(DATABASE, &format!("INSERT INTO orders VALUES {};", rows.join(",")))?;
    }
    Ok(server)
}

fn start_agent(
    binary: &Path,
    mysql: &Server,
    postgres: &Server,
    processes: &mut Vec<Process>,
    targets: &mut Vec<Target>,
) -> Result<()> {
    let (host_at, mysql_at, postgres_at) = (free_port()?, free_port()?, free_port()?);
    let mut agent = command(&binary.to_string_lossy(), &["agent", "--log", "warn"]);
    agent
        .args(["--listen", &host_at.to_string(), "--mysql-listen", &mysql_at.to_string()])
        .args(["--postgres-listen", &postgres_at.to_string()])
        .env("WATCHFIRE_MYSQL_URL", mysql.url(Account::Exporter, DATABASE)?)
        .env("WATCHFIRE_POSTGRES_URL", postgres.url(Account::Exporter, DATABASE)?);
    processes.push(Process::start("agent", &mut agent)?);
    for (what, goal, at) in
        [("host", "≤ 1 ms", host_at), ("MySQL", "≤ 1 ms", mysql_at), ("PostgreSQL", "–", postgres_at)]
    {
        targets.push(Target {
            what,
            program: "agent",
            goal,
            process: 0,
            at,
            best_ms: f64::INFINITY,
            n_bytes: 0,
        });
    }
    Ok(())
}

/// mysqld_exporter with the collectors that ours has by default.
fn start_exporters(
    mysql: &Server,
    postgres: &Server,
    processes: &mut Vec<Process>,
    targets: &mut Vec<Target>,
) -> Result<()> {
    let mysql_source =
        mysql.url(Account::Exporter, DATABASE)?.replace("mysql://", "").replace('@', "@(").replace('/', ")/");
    let postgres_source = format!("{}?sslmode=disable", postgres.url(Account::Exporter, DATABASE)?);
    let same = [
        "--collect.binlog_size",
        "--collect.info_schema.processlist",
        "--collect.info_schema.tables",
        "--collect.auto_increment.columns",
    ];
    let programs = [
        ("host", "prometheus-node-exporter", &[][..], String::new()),
        ("MySQL", "prometheus-mysqld-exporter", &same[..], mysql_source),
        ("PostgreSQL", "prometheus-postgres-exporter", &[][..], postgres_source),
    ];
    for (what, program, arguments, source) in programs {
        if !has(program) {
            println!("   {program} is not installed: apt-get install {program}");
            continue;
        }
        let at = free_port()?;
        let mut exporter = command(program, arguments);
        exporter.arg(format!("--web.listen-address={at}")).env("DATA_SOURCE_NAME", source);
        let process = processes.len();
        processes.push(Process::start(program, &mut exporter)?);
        targets.push(Target { what, program, goal: "", process, at, best_ms: f64::INFINITY, n_bytes: 0 });
    }
    Ok(())
}

fn measure(target: &mut Target, processes: &[Process]) -> Result<()> {
    let pid = u64::from(processes[target.process].child.id());
    let deadline = Instant::now() + PATIENCE;
    target.n_bytes = loop {
        match scrape(target.at) {
            Ok(n_bytes) => break n_bytes,
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let before = usage(pid)?.cpu_s;
    for _ in 0..SCRAPES {
        scrape(target.at)?;
    }
    let cpu_ms = (usage(pid)?.cpu_s - before) * 1000.0 / f64::from(SCRAPES);
    target.best_ms = target.best_ms.min(cpu_ms);
    Ok(())
}

fn scrape(at: SocketAddr) -> Result<usize> {
    let mut stream = TcpStream::connect(at)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: x\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    if !answer.starts_with(b"HTTP/1.0 200") && !answer.starts_with(b"HTTP/1.1 200") {
        bail!("{at} did not answer with 200");
    }
    Ok(answer.len())
}

fn table(built: &str, targets: &[Target], processes: &[Process]) -> Result<String> {
    let mut text = format!(
        "The agent is {built}. {ROUNDS} rounds of {SCRAPES} scrapes each, one program at a time; CPU of one scrape over HTTP, the best round.\n\n\
         | scrape | goal | agent | exporter | exporter / agent |\n|---|---|---|---|---|\n"
    );
    let (ours, theirs): (Vec<&Target>, Vec<&Target>) = targets.iter().partition(|t| t.program == "agent");
    for our in &ours {
        let their = theirs.iter().find(|their| their.what == our.what);
        let (cell, ratio) = match their {
            Some(their) => (shown(their), format!("{:.1}", their.best_ms / our.best_ms)),
            None => ("not installed".to_owned(), "–".to_owned()),
        };
        text += &format!("| {} | {} | {} | {cell} | {ratio} |\n", our.what, our.goal, shown(our));
    }
    let share = |targets: &[&Target]| targets.iter().map(|t| t.best_ms).sum::<f64>() / (INTERVAL_S * 10.0);
    text += &format!(
        "| all three every {INTERVAL_S} s, of a core | < 1 % | {:.3} % | {:.3} % | |\n",
        share(&ours),
        share(&theirs)
    );
    text += "\n| process | resident | goal |\n|---|---|---|\n";
    let mut sum_mb = 0.0;
    for process in processes {
        let resident_mb = usage(u64::from(process.child.id()))?.resident_mb;
        let is_ours = process.name == "agent";
        sum_mb += if is_ours { 0.0 } else { resident_mb };
        let goal = if is_ours { "≤ 20 MB" } else { "" };
        text += &format!("| {} | {resident_mb:.1} MB | {goal} |\n", process.name);
    }
    text += &format!("| the exporters together | {sum_mb:.1} MB | |\n");
    Ok(text)
}

fn shown(target: &Target) -> String {
    format!("{:.2} ms, {:.0} kB", target.best_ms, target.n_bytes as f64 / 1e3)
}

fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// A program under measurement, ended with the bench.
struct Process {
    name: &'static str,
    child: Child,
}

impl Process {
    fn start(name: &'static str, command: &mut std::process::Command) -> Result<Self> {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().context(name)?;
        Ok(Self { name, child })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
