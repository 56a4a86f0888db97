//! `watchfire up`: the lab with its progress, one page of links, and a clean end.

use std::io::{IsTerminal, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use lab::{Event, Lab, LabOptions, PortPlan};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
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
    /// Keep this role down once it ends, so that its alert can fire; may be repeated.
    #[arg(long, value_name = "ROLE")]
    hold: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Ports {
    Fixed,
    Auto,
}

fn chosen_port(text: &str) -> Result<(String, u16), String> {
    let (key, port) = text.split_once('=').ok_or("write it as ROLE.URL=PORT, like monitor.ui=3001")?;
    Ok((key.to_owned(), port.parse().map_err(|_| format!("{port:?} is not a port"))?))
}

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let started = Instant::now();
    let mut terminal = Terminal::new();
    // The children run in other working directories' place only by accident: give them the whole path.
    let data_dir = std::path::absolute(&arguments.data_dir).context("--data-dir")?;
    terminal.line(&format!("{} data in {}", terminal.bold("watchfire up"), data_dir.display()));
    let options = LabOptions {
        program: std::env::current_exe().context("where is this program?")?,
        data_dir,
        ports: PortPlan {
            ip: arguments.listen_ip,
            auto: arguments.ports == Ports::Auto,
            chosen: arguments.chosen.into_iter().collect(),
        },
        hold: arguments.hold,
    };
    let logs = options.data_dir.join("log");
    let (events, mut happened) = mpsc::unbounded_channel();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;

    let give_up = CancellationToken::new();
    let mut starting = Box::pin(Lab::start(options, events, give_up.clone()));
    let lab = loop {
        tokio::select! {
            lab = &mut starting => break lab,
            Some(event) = happened.recv() => terminal.event(&event),
            _ = interrupt.recv() => match give_up.is_cancelled() {
                true => bail!("killed while starting"),
                false => give_up.cancel(),
            },
            _ = terminate.recv() => give_up.cancel(),
        }
    }?;
    while let Ok(event) = happened.try_recv() {
        terminal.event(&event);
    }
    terminal.page(&lab, started.elapsed(), &logs);

    loop {
        tokio::select! {
            Some(event) = happened.recv() => terminal.event(&event),
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
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

/// Standard output, with colours where a person looks at it.
struct Terminal {
    colours: bool,
}

impl Terminal {
    fn new() -> Self {
        Self { colours: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() }
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
                self.line(&format!("  {ok} {role:<10} ready in {}", seconds(*took)))
            }
            Event::Ready { role, took, restarts } => {
                self.line(&format!("  {ok} {role:<10} back in {} (restart {restarts})", seconds(*took)));
            }
            Event::Exited { role, how, again_in: Some(wait) } => {
                self.line(&format!("  {bad} {role:<10} ended ({how}); starts again in {}", seconds(*wait)));
            }
            Event::Exited { role, how, again_in: None } => {
                self.line(&format!("  {bad} {role:<10} ended ({how}); held down until released"));
            }
            Event::Released { role } => self.line(&format!("    {role:<10} released, starting")),
            Event::Stopping { role } => self.line(&format!("    {role:<10} stopping")),
        }
    }

    fn page(&self, lab: &Lab, took: Duration, logs: &std::path::Path) {
        let endpoints = lab.endpoints();
        let url = |role: &str, name: &str, path: &str| {
            format!("{}{path}", endpoints.url(role, name).unwrap_or_default())
        };
        self.line(&format!("\n{} after {}\n", self.bold("all of the lab is ready"), seconds(took)));
        let links = [
            ("Dashboard", url("monitor", "ui", "/d/application-performance")),
            ("Home", url("monitor", "ui", "/")),
            ("Alerts", url("monitor", "ui", "/alerts")),
            ("Targets", url("monitor", "ui", "/targets")),
            ("Prometheus API", url("monitor", "prometheus", "/api/v1/query?query=up")),
            ("An order", url("gateway", "http", "/api/order/1")),
            ("Load", url("load", "http", "/api/stats")),
            ("Alert inbox", url("up", "inbox", "")),
        ];
        for (name, url) in links {
            self.line(&format!("  {name:<15} {}", self.paint("36", &url)));
        }
        self.line(&format!("\n  {:<10} {:>7}  {}", "role", "pid", "what and where"));
        for role in lab.roles() {
            let Some(endpoint) = endpoints.0.get(role.name) else { continue };
            let ports: Vec<&str> = endpoint.urls.values().filter_map(|u| u.rsplit(':').next()).collect();
            self.line(&format!(
                "  {:<10} {:>7}  {}; ports {}",
                role.name,
                endpoint.pid,
                role.about,
                ports.join(", ")
            ));
        }
        self.line(&format!("\n  logs in {}/ROLE.log", logs.display()));
        self.line(
            "  a role that is killed comes back by itself; start with --hold ROLE to see its alert fire",
        );
        self.line("  stop everything with Ctrl-C\n");
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}
