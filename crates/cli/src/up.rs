//! `watchfire up`: the lab with its progress, one page of links, and a clean end.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use lab::{DatabaseKind, Event, Group, Lab, LabConfig, LabOptions, PortPlan, Role};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A lab.yml: services, gateway routes, load; the built-in lab without it.
    #[arg(long, env = "WATCHFIRE_LAB", value_name = "FILE")]
    lab: Option<PathBuf>,
    /// Only say whether the lab's file is good; nothing is started or written.
    #[arg(long)]
    check: bool,
    /// Where everything is kept; a second start on the same directory continues.
    #[arg(long, env = "WATCHFIRE_DATA_DIR", default_value = "watchfire-data", value_name = "DIR")]
    data_dir: PathBuf,
    /// `fixed` takes the lab's own ports (3000, 9090, 5000, …); `auto` gives every role a free one.
    #[arg(long, env = "WATCHFIRE_PORTS", default_value = "fixed", value_name = "HOW")]
    ports: Ports,
    /// One port by choice, like monitor.ui=3001; may be repeated.
    #[arg(long = "port", value_name = "ROLE.URL=PORT", value_parser = chosen_port)]
    chosen: Vec<(String, u16)>,
    /// The address that all roles listen on.
    #[arg(long, env = "WATCHFIRE_LISTEN_IP", default_value = "127.0.0.1", value_name = "IP")]
    listen_ip: IpAddr,
    /// Where the orders are kept: the embedded file, or a server started from the installed packages; as the lab's file says
    /// without it.
    #[arg(long, env = "WATCHFIRE_DB", value_name = "KIND")]
    db: Option<Db>,
    /// Keep this role down once it ends, so that its alert can fire; may be repeated.
    #[arg(long, value_name = "ROLE")]
    hold: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Db {
    Sqlite,
    Mysql,
    Postgres,
}

impl From<Db> for DatabaseKind {
    fn from(db: Db) -> Self {
        match db {
            Db::Sqlite => Self::Sqlite,
            Db::Mysql => Self::Mysql,
            Db::Postgres => Self::Postgres,
        }
    }
}

/// Characters in a line of roles that are ready.
const WIDTH: usize = 100;

/// The groups of roles in the order in which they are shown.
const GROUPS: [(Group, &str); 4] = [
    (Group::Databases, "database"),
    (Group::Services, "services"),
    (Group::Traffic, "traffic"),
    (Group::Monitoring, "monitoring"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Ports {
    Fixed,
    Auto,
}

fn chosen_port(text: &str) -> Result<(String, u16), String> {
    let (key, port) = text.split_once('=').ok_or("write it as ROLE.URL=PORT, like monitor.ui=3001")?;
    Ok((key.to_owned(), port.parse().map_err(|_| format!("{port:?} is not a port"))?))
}

/// The lab's file, on the database that was asked for.
fn lab_of(arguments: &Arguments) -> Result<LabConfig> {
    let lab = match &arguments.lab {
        Some(file) => LabConfig::read(file)?,
        None => LabConfig::builtin(),
    };
    Ok(match arguments.db {
        Some(db) => lab.on(db.into()),
        None => lab,
    })
}

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let started = Instant::now();
    let lab = lab_of(&arguments)?;
    check_children(&lab)?;
    let mut terminal = Terminal::new();
    if arguments.check {
        terminal.line(&format!("the lab is good: {} roles", lab::roles_of(&lab).len()));
        return Ok(());
    }
    let options = options(arguments, lab)?;
    terminal.line(&format!("{} data in {}", terminal.bold("watchfire up"), options.data_dir.display()));
    let logs = options.data_dir.join("log");
    let (events, mut happened) = mpsc::unbounded_channel();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // A closed terminal is a wish to stop, as Ctrl-C is.
    let mut hangup = signal(SignalKind::hangup())?;

    let give_up = CancellationToken::new();
    let mut starting = Box::pin(Lab::start(options, events, give_up.clone()));
    let lab = loop {
        tokio::select! {
            lab = &mut starting => break lab,
            Some(event) = happened.recv() => terminal.started(&event),
            _ = interrupt.recv() => match give_up.is_cancelled() {
                true => bail!("killed while starting"),
                false => give_up.cancel(),
            },
            _ = terminate.recv() => give_up.cancel(),
            _ = hangup.recv() => give_up.cancel(),
        }
    }?;
    while let Ok(event) = happened.try_recv() {
        terminal.started(&event);
    }
    terminal.page(&lab, started.elapsed(), &logs);

    loop {
        tokio::select! {
            Some(event) = happened.recv() => terminal.event(&event),
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            _ = hangup.recv() => break,
        }
    }
    terminal.line("\nstopping (once more Ctrl-C kills)");
    let mut stopping = Box::pin(lab.stop());
    loop {
        tokio::select! {
            () = &mut stopping => break,
            Some(event) = happened.recv() => terminal.event(&event),
            _ = interrupt.recv() => bail!("killed while stopping"),
        }
    }
    terminal.line("all stopped; the data is kept");
    Ok(())
}

fn options(arguments: Arguments, lab: LabConfig) -> Result<LabOptions> {
    Ok(LabOptions {
        program: std::env::current_exe().context("where is this program?")?,
        // The children run in other working directories' place only by accident: give them the whole path.
        data_dir: std::path::absolute(&arguments.data_dir).context("--data-dir")?,
        ports: PortPlan {
            ip: arguments.listen_ip,
            auto: arguments.ports == Ports::Auto,
            chosen: arguments.chosen.into_iter().collect(),
        },
        hold: arguments.hold,
        lab,
    })
}

/// What a child would refuse is said before any has started. The lab's own check knows names and ports, not what a path
/// template or a latency may be.
fn check_children(lab: &LabConfig) -> Result<()> {
    let files = lab::ChildFiles::of(lab)?;
    let nowhere = std::path::Path::new("lab.yml");
    for (name, text) in &files.services {
        let endpoints: services::generic::GenericConfig = config::from_str(nowhere, text)?;
        endpoints.check().map_err(|what| anyhow::anyhow!("service {name}: {what}"))?;
    }
    if let Some(text) = &files.traffic {
        config::from_str::<load::TrafficConfig>(nowhere, text)?.check()?;
    }
    Ok(())
}

/// Standard output, with colours where a person looks at it.
struct Terminal {
    colours: bool,
    /// Characters in the present line of ready roles.
    column: usize,
}

impl Terminal {
    fn new() -> Self {
        let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { colours, column: 0 }
    }

    /// While a lab of many roles starts, those that are ready share lines; anything else has one of its own.
    fn started(&mut self, event: &Event) {
        let Event::Ready { role, took, restarts: 0 } = event else {
            if std::mem::take(&mut self.column) > 0 {
                self.line("");
            }
            return self.event(event);
        };
        let text = format!("{role} {}", seconds(*took));
        let before = if self.column == 0 || self.column + text.len() > WIDTH { "\n " } else { "" };
        self.column = if before.is_empty() { self.column } else { 1 } + text.len() + 4;
        // A reader that went away must not end the lab.
        let _ = write!(std::io::stdout(), "{before} {} {text}", self.paint("32", "✓"));
        let _ = std::io::stdout().flush();
    }

    /// A reader that went away (`up | head`) must not end the lab.
    fn line(&self, text: &str) {
        let _ = writeln!(std::io::stdout(), "{text}");
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    fn event(&mut self, event: &Event) {
        let (ok, bad) = (self.paint("32", "✓"), self.paint("31", "✗"));
        match event {
            Event::Ready { role, took, restarts: 0 } => {
                self.line(&format!("  {ok} {role:<14} ready in {}", seconds(*took)))
            }
            Event::Ready { role, took, restarts } => {
                self.line(&format!("  {ok} {role:<14} back in {} (restart {restarts})", seconds(*took)));
            }
            Event::Exited { role, how, again_in: Some(wait) } => {
                self.line(&format!("  {bad} {role:<14} ended ({how}); starts again in {}", seconds(*wait)));
            }
            Event::Exited { role, how, again_in: None } => {
                self.line(&format!("  {bad} {role:<14} ended ({how}); held down until released"));
            }
            Event::Released { role } => self.line(&format!("    {role:<14} released, starting")),
            Event::Stopping { role } => self.line(&format!("    {role:<14} stopping")),
        }
    }

    fn page(&self, lab: &Lab, took: Duration, logs: &std::path::Path) {
        let endpoints = lab.endpoints();
        let url = |role: &str, name: &str, path: &str| {
            format!("{}{path}", endpoints.url(role, name).unwrap_or_default())
        };
        self.line(&format!("\n\n{} after {}\n", self.bold("all of the lab is ready"), seconds(took)));
        let links = [
            ("Dashboard", url("monitor", "ui", "/d/application-performance")),
            ("Home", url("monitor", "ui", "/")),
            ("Alerts", url("monitor", "ui", "/alerts")),
            ("Targets", url("monitor", "ui", "/targets")),
            ("Prometheus API", url("monitor", "prometheus", "/api/v1/query?query=up")),
            ("An order", url("gateway", "http", "/api/order/1")),
            ("Sample pages", url("gateway", "http", "/")),
            ("Load", url("load", "http", "/api/stats")),
            ("Alert inbox", url("monitor", "ui", "/inbox")),
        ];
        for (name, url) in links.iter().filter(|(_, url)| url.starts_with("http")) {
            self.line(&format!("  {name:<15} {}", self.paint("36", url)));
        }
        self.roles(lab, &endpoints);
        self.line(&format!("\n  logs in {}/ROLE.log", logs.display()));
        self.line(
            "  a role that is killed comes back by itself; start with --hold ROLE to see its alert fire,",
        );
        let control = url("up", "control", "/roles/ROLE/release");
        self.line(&format!("  and release it again by: curl -X POST {control}"));
        self.line("  stop everything with Ctrl-C\n");
    }

    fn roles(&self, lab: &Lab, endpoints: &lab::Endpoints) {
        for (group, title) in GROUPS {
            let roles: Vec<&Role> = lab.roles().iter().filter(|role| role.group == group).collect();
            if roles.is_empty() {
                continue;
            }
            self.line(&format!(
                "\n  {:<14} {:>7}  {:<12}  what",
                self.bold(&format!("{title:<14}")),
                "pid",
                "ports"
            ));
            for role in roles {
                let Some(endpoint) = endpoints.0.get(&role.name) else { continue };
                let pid = endpoint.pid.map_or_else(|| "–".to_owned(), |pid| pid.to_string());
                let (name, about) = (&role.name, &role.about);
                self.line(&format!("  {name:<14} {pid:>7}  {:<12}  {about}", ports(endpoint)));
            }
        }
    }
}

/// Ports of an endpoint.
fn ports(endpoint: &lab::Endpoint) -> String {
    let port = |url: &String| endpoint.address(url)?.rsplit(':').next()?.parse().ok();
    let ports: BTreeSet<u16> = endpoint.urls.keys().filter_map(port).collect();
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}
