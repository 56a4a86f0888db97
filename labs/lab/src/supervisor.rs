//! Brings the lab up, keeps it up, takes it down.
//!
//! One *keeper* task a role starts its child, waits for its end and starts it again with a growing pause. Keepers share
//! a table of states: a role whose `after` roles are not ready yet waits for them there. What a child reports as its
//! ports at its first start is given back to it at every later one, so that its addresses never change.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use disk::Disk;
use net::{Server, ServerLimits};
use stdx::Backoff;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::child::{self, Running, SpawnError};
use crate::config::LabConfig;
use crate::deadman::Switch;
use crate::endpoints::Endpoint;
use crate::inbox::Inbox;
use crate::inbox::smtp::Mailbox;
use crate::ports::{PortPlan, PortsError};
use crate::roles::{Role, RolePort, SUPERVISOR, roles_of};
use crate::state::{Event, RoleState, Table};
use crate::{control, files, inbox};

/// Pause before the first restart of a child that crashed; doubles up to the longest.
const RESTART_FIRST: Duration = Duration::from_millis(500);
const RESTART_LONGEST: Duration = Duration::from_secs(30);

/// A child that ran this long before it crashed starts over with the first pause.
const STABLE_AFTER: Duration = Duration::from_secs(60);

/// How soon files that could not be written, on a full disk say, are tried again.
const PUBLISH_AGAIN: Duration = Duration::from_secs(1);

/// The alert that always fires comes by every 15 s in the lab; three of its messages are missed by then.
const DEADMAN_WITHIN: Duration = Duration::from_secs(50);

/// What the lab is to be.
#[derive(Debug, Clone)]
pub struct LabOptions {
    /// The binary whose subcommands are the roles.
    pub program: PathBuf,
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// Who listens where.
    pub ports: PortPlan,
    /// Roles that stay down once they end.
    pub hold: Vec<String>,
    /// What runs.
    pub lab: LabConfig,
}

/// Why the lab is not up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// A port cannot be had.
    #[error(transparent)]
    Ports(#[from] PortsError),
    /// A hold on a role that does not exist.
    #[error("--hold {role}: no such role; there are {known}")]
    UnknownRole {
        /// What was given.
        role: String,
        /// What there is.
        known: String,
    },
    /// The data directory cannot be used; the text names it.
    #[error("{0}")]
    DataDir(String),
    /// It was asked to stop before all was ready.
    #[error("stopped while starting")]
    Stopped,
    /// A role did not start.
    #[error("{role} did not start: {reason}")]
    Role {
        /// Which.
        role: String,
        /// Its own words.
        reason: String,
    },
}

/// A running lab.
#[derive(Debug)]
pub struct Lab {
    shared: Arc<Shared>,
    keepers: Vec<JoinHandle<()>>,
    control: Control,
    _lock: Box<dyn disk::DirLock>,
}

#[derive(Debug)]
struct Shared {
    program: PathBuf,
    data_dir: PathBuf,
    ports: PortPlan,
    lab: LabConfig,
    roles: Vec<Role>,
    table: Arc<Table>,
    supervisor: Endpoint,
    /// Held from looking at the table until the files are written: of two roles that become ready at once, the one
    /// that looked first must not write last. True while a task tries again what could not be written.
    publishing: Mutex<bool>,
    stop: CancellationToken,
    events: mpsc::UnboundedSender<Event>,
    failed: mpsc::Sender<LabError>,
}

impl Lab {
    /// Starts every role and returns when all are ready, or with the first that is not, or when `give_up` says so. What
    /// happens on the way and later is said through `events`.
    ///
    /// # Errors
    /// See [`LabError`]; whatever had started is stopped again.
    pub async fn start(
        options: LabOptions,
        events: mpsc::UnboundedSender<Event>,
        give_up: CancellationToken,
    ) -> Result<Self, LabError> {
        let roles = roles_of(&options.lab);
        let names: Vec<&str> = roles.iter().map(|r| r.name.as_str()).collect();
        if let Some(role) = options.hold.iter().find(|h| !names.contains(&h.as_str())) {
            return Err(LabError::UnknownRole { role: role.clone(), known: names.join(", ") });
        }
        let lock = lock(&options.data_dir)?;
        options.ports.check(&roles).await?;

        let table = Arc::new(Table::new(names.iter().copied()));
        options.hold.iter().for_each(|role| _ = table.hold(role, None));
        let (control, supervisor) = start_control(&options.ports, table.clone()).await?;
        let url = |name: &str| supervisor.urls.get(name).cloned().unwrap_or_default();
        let receivers = files::Receivers { inbox: url("inbox"), mail: url("mail") };
        files::write_static(&options.data_dir, &options.lab, &roles, &receivers)
            .map_err(|e| unusable(&options.data_dir, &e))?;

        let (failed, mut failures) = mpsc::channel(roles.len());
        let shared = Arc::new(Shared {
            program: options.program,
            data_dir: options.data_dir,
            ports: options.ports,
            lab: options.lab,
            roles,
            table,
            supervisor,
            publishing: Mutex::new(false),
            stop: CancellationToken::new(),
            events,
            failed,
        });
        shared.publish();
        let keepers = (0..shared.roles.len()).map(|i| tokio::spawn(keep(shared.clone(), i))).collect();
        let lab = Self { shared: shared.clone(), keepers, control, _lock: lock };
        let all_ready = shared
            .table
            .wait_for(|t| t.all_ready(shared.roles.iter().map(|r| r.name.as_str())).then_some(()));
        let failure = tokio::select! {
            () = all_ready => return Ok(lab),
            failure = failures.recv() => failure.unwrap_or(LabError::Stopped),
            () = give_up.cancelled() => LabError::Stopped,
        };
        lab.stop().await;
        Err(failure)
    }

    /// Everything that runs, the supervisor included under `up`.
    pub fn endpoints(&self) -> crate::Endpoints {
        self.shared.endpoints()
    }

    /// The roles of this lab.
    pub fn roles(&self) -> &[Role] {
        &self.shared.roles
    }

    /// Stops every role, last started first, and waits for each.
    pub async fn stop(self) {
        self.shared.stop.cancel();
        for keeper in self.keepers.into_iter().rev() {
            // A keeper ends within its child's limit; a panic in one has been reported where it happened.
            let _ = keeper.await;
        }
        self.control.stop().await;
        // Whoever looks for the lab now finds nothing.
        let _ = std::fs::remove_file(self.shared.data_dir.join(files::ENDPOINTS));
    }
}

impl Shared {
    fn endpoints(&self) -> crate::Endpoints {
        let mut all = self.table.endpoints();
        all.0.insert(SUPERVISOR.to_owned(), self.supervisor.clone());
        all
    }

    /// Writes the files that say who runs where; later again when they cannot be written now.
    fn publish(self: &Arc<Self>) {
        let mut is_retried = self.publishing.lock().unwrap_or_else(PoisonError::into_inner);
        let Err(error) = self.write_files() else { return };
        tracing::error!(%error, "endpoints could not be written to {}", self.data_dir.display());
        if !std::mem::replace(&mut *is_retried, true) {
            tokio::spawn(publish_again(self.clone()));
        }
    }

    fn write_files(&self) -> std::io::Result<()> {
        files::write_targets(&self.data_dir, &self.lab, &self.roles, &self.table.endpoints())?;
        self.endpoints().write(&self.data_dir)
    }

    fn say(&self, event: Event) {
        // Nobody listening is fine: the lab works without a terminal.
        let _ = self.events.send(event);
    }
}

/// Ends when the files are written, or with the lab.
async fn publish_again(shared: Arc<Shared>) {
    while shared.stop.run_until_cancelled(tokio::time::sleep(PUBLISH_AGAIN)).await.is_some() {
        let mut is_retried = shared.publishing.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.write_files().is_ok() {
            *is_retried = false;
            return;
        }
    }
}

fn lock(data_dir: &Path) -> Result<Box<dyn disk::DirLock>, LabError> {
    if data_dir.exists() && !data_dir.is_dir() {
        return Err(LabError::DataDir(format!("cannot use {}: it is not a folder", data_dir.display())));
    }
    std::fs::create_dir_all(data_dir).map_err(|e| unusable(data_dir, &e))?;
    disk::RealDisk.lock_dir(data_dir).map_err(|e| LabError::DataDir(e.to_string()))
}

fn unusable(data_dir: &Path, error: &std::io::Error) -> LabError {
    LabError::DataDir(format!("cannot use {}: {error}", data_dir.display()))
}

/// Where the lab itself answers: its switches, and the inbox that stands for the receivers of alerts.
#[derive(Debug)]
struct Control {
    server: Server,
    _mailbox: Mailbox,
    /// Complains when the monitor falls silent.
    deadman: JoinHandle<()>,
}

impl Control {
    async fn stop(self) {
        self.deadman.abort();
        self.server.stop().await;
    }
}

async fn start_control(ports: &PortPlan, table: Arc<Table>) -> Result<(Control, Endpoint), LabError> {
    let key = format!("{:032x}", fastrand::u128(..));
    let (inbox, switch) = (Inbox::default(), Arc::new(Switch::new(DEADMAN_WITHIN)));
    let router = Router::new()
        .nest(&format!("/{key}"), control::router(table))
        .nest_service(&format!("/{key}/inbox"), inbox::router(inbox.clone(), switch.clone()));
    let listener = net::bind((ports.ip, 0).into()).await.map_err(|e| LabError::DataDir(e.to_string()))?;
    let mailbox = Mailbox::open(ports.ip, inbox.clone()).await;
    let mailbox = mailbox.map_err(|e| LabError::DataDir(format!("no port for the mailbox: {e}")))?;
    let server = Server::start(listener, router, ServerLimits::standard());
    let mut urls: BTreeMap<String, String> = [("control", ""), ("inbox", "/inbox")]
        .map(|(n, path)| (n.to_owned(), format!("{}/{key}{path}", server.url())))
        .into();
    urls.insert("mail".to_owned(), format!("smtp://{}", SocketAddr::from((ports.ip, mailbox.port))));
    let deadman = tokio::spawn(complain(inbox, switch));
    let endpoint = Endpoint { pid: Some(std::process::id()), urls };
    Ok((Control { server, _mailbox: mailbox, deadman }, endpoint))
}

/// Says in the inbox when the monitor has fallen silent, and when it is heard again.
async fn complain(inbox: Inbox, switch: Arc<Switch>) {
    loop {
        let silent = switch.silence().await;
        tracing::warn!("{}", silent.text());
        let since = jiff::Timestamp::now();
        inbox.put("watchdog", silent.message(since));
        let back = switch.back().await;
        inbox.put("watchdog", back.message(since));
    }
}

/// The life of one role, until the lab stops. Whatever way it ends, it is said: those that stop before it wait for that.
async fn keep(shared: Arc<Shared>, index: usize) {
    let role = &shared.roles[index];
    let needed = shared.table.wait_for(|t| t.all_ready(role.after.iter().map(String::as_str)).then_some(()));
    if shared.stop.run_until_cancelled(needed).await.is_some() {
        keep_running(&shared, role).await;
    }
    shared.table.set_down(&role.name, RoleState::Stopped, "stopped");
}

async fn keep_running(shared: &Arc<Shared>, role: &Role) {
    let mut backoff = Backoff::new(RESTART_FIRST, RESTART_LONGEST);
    let mut addresses: Option<Vec<String>> = None;
    loop {
        let started = Instant::now();
        let how = match start_once(shared, role, addresses.as_deref()).await {
            Started::Stopped => return,
            Started::Failed(error) if addresses.is_none() => {
                let failure = LabError::Role { role: role.name.clone(), reason: error.to_string() };
                // Room for one failure a role; the first is what counts.
                let _ = shared.failed.try_send(failure);
                return;
            }
            Started::Failed(error) => error.to_string(),
            Started::Ready(running) => {
                addresses.get_or_insert_with(|| listen_flags(role, &running));
                announce(shared, role, &running, started.elapsed());
                match run_until_end(shared, role, *running).await {
                    Some(how) => how,
                    None => return,
                }
            }
        };
        if started.elapsed() > STABLE_AFTER {
            backoff.reset();
        }
        if !pause(shared, role, &how, backoff.next_wait()).await {
            return;
        }
        shared.table.count_restart(&role.name);
    }
}

enum Started {
    Ready(Box<Running>),
    Failed(SpawnError),
    Stopped,
}

async fn start_once(shared: &Shared, role: &Role, addresses: Option<&[String]>) -> Started {
    let mut arguments = role.arguments(&shared.data_dir, &shared.endpoints());
    match addresses {
        Some(flags) => arguments.extend_from_slice(flags),
        None => arguments.extend(
            role.ports.iter().flat_map(|p| [p.flag.to_owned(), shared.ports.address(role, p).to_string()]),
        ),
    }
    let log = files::log_dir(&shared.data_dir).join(format!("{}.log", role.name));
    tokio::select! {
        started = child::spawn(&shared.program, &arguments, &log, role.ready_timeout) => {
            started.map_or_else(Started::Failed, |running| Started::Ready(Box::new(running)))
        }
        () = shared.stop.cancelled() => Started::Stopped,
    }
}

/// The listen flags that make a restarted child take the ports it had.
fn listen_flags(role: &Role, running: &Running) -> Vec<String> {
    let endpoint = endpoint_of(running);
    let bound = |port: &RolePort| Some([port.flag.to_owned(), endpoint.address(port.url)?.to_owned()]);
    role.ports.iter().filter_map(bound).flatten().collect()
}

fn endpoint_of(running: &Running) -> Endpoint {
    Endpoint { pid: Some(running.ready.pid), urls: running.ready.urls.clone() }
}

fn announce(shared: &Arc<Shared>, role: &Role, running: &Running, took: Duration) {
    let endpoint = endpoint_of(running);
    // Ready comes last: who waits for it finds the files written and the event said.
    shared.table.set_endpoint(&role.name, endpoint);
    shared.publish();
    let restarts = shared.table.get(&role.name).map_or(0, |s| s.restarts);
    shared.say(Event::Ready { role: role.name.clone(), took, restarts });
    shared.table.set_ready(&role.name);
}

/// Waits for the child's end and says how it ended; `None` when the lab stops, after the child has been stopped.
async fn run_until_end(shared: &Shared, role: &Role, mut running: Running) -> Option<String> {
    tokio::select! {
        status = running.wait() => return Some(child::describe(status)),
        () = shared.stop.cancelled() => {}
    }
    // Roles stop in reverse order: whoever is listed later goes first.
    let later = shared.roles.iter().skip_while(|r| r.name != role.name).skip(1);
    let later: Vec<&str> = later.map(|r| r.name.as_str()).collect();
    let stopped = |t: &Table| {
        later.iter().all(|r| t.get(r).is_none_or(|s| s.state == RoleState::Stopped)).then_some(())
    };
    shared.table.wait_for(stopped).await;
    shared.say(Event::Stopping { role: role.name.clone() });
    running.stop().await;
    None
}

/// Waits before a restart: as long as the role is held, else for `wait`. False when the lab stops meanwhile.
async fn pause(shared: &Arc<Shared>, role: &Role, how: &str, wait: Duration) -> bool {
    let name = role.name.clone();
    let held = shared.table.is_held(&name);
    let state = if held { RoleState::Held } else { RoleState::Restarting };
    shared.table.set_down(&name, state, how);
    shared.publish();
    shared.say(Event::Exited { role: name.clone(), how: how.to_owned(), again_in: (!held).then_some(wait) });
    let over = async {
        if held {
            shared.table.wait_released(&role.name).await;
            shared.say(Event::Released { role: name });
        } else {
            tokio::time::sleep(wait).await;
        }
    };
    tokio::select! {
        () = over => true,
        () = shared.stop.cancelled() => false,
    }
}

#[cfg(test)]
mod tests;
