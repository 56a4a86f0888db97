//! `watchfire gateway`.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use gateway::{GatewayConfig, Options, StartError};

use crate::role::{Mode, announce, name_flag, until_told_to_stop};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A gateway.yml: which path goes to which upstream, and where its backends are.
    #[arg(long, env = "WATCHFIRE_GATEWAY_CONFIG", default_value = "gateway.yml", value_name = "FILE")]
    config: PathBuf,
    /// Where clients come in, with /health and /metrics.
    #[arg(long, env = "WATCHFIRE_LISTEN", default_value = "127.0.0.1:5000", value_name = "ADDRESS")]
    listen: SocketAddr,
}

pub(crate) async fn run(arguments: Arguments, mode: Mode) -> Result<()> {
    let config = config::read::<GatewayConfig>(&arguments.config)?;
    let options = Options { listen: arguments.listen, config };
    let running = gateway::start(options).await.map_err(|error| match error {
        StartError::Bind(error) => name_flag(error, &[("--listen", arguments.listen)], mode),
        StartError::Config(problem) => anyhow::anyhow!("{}: {problem}", arguments.config.display()),
    })?;
    announce("gateway", &running.urls(), mode);
    until_told_to_stop(mode).await?;
    running.stop().await;
    Ok(())
}
