//! `watchfire agent`.

use std::net::SocketAddr;
use std::path::PathBuf;

use agent::{Options, Roots};
use anyhow::Result;

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
}

pub(crate) async fn run(arguments: Arguments, mode: Mode) -> Result<()> {
    let options = Options {
        listen: arguments.listen,
        roots: Roots { proc: arguments.proc_root, sys: arguments.sys_root, root: arguments.root },
        processes: arguments.processes,
        databases: Vec::new(),
    };
    let running = agent::start(options).await.map_err(|e| name_flag(e, &[("--listen", arguments.listen)]))?;
    announce("agent", &running.urls(), mode);
    until_told_to_stop(mode).await?;
    running.stop().await;
    Ok(())
}
