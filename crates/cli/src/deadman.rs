//! `watchfire deadman`: complains when the alert that always fires stops coming by.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use lab::deadman::{News, Switch, router};
use model::DurationMs;
use net::{Client, ClientOptions, Server, ServerLimits};
use stdx::Backoff;

use crate::role::{Mode, announce, name_flag, until_told_to_stop};

/// One try of telling somebody.
const TELL_TIMEOUT: Duration = Duration::from_secs(10);

/// Waits between tries.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LONGEST: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where the messages of the alert that always fires are taken, as webhooks of Alertmanager's kind.
    #[arg(long, env = "WATCHFIRE_DEADMAN_LISTEN", default_value = "127.0.0.1:8097", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Complain when none came for so long. Well above the route's repeat_interval plus its group_interval.
    #[arg(long, env = "WATCHFIRE_DEADMAN_WITHIN", default_value = "2m", value_name = "DURATION")]
    within: DurationMs,
    /// Whom to tell: a URL that takes Alertmanager's webhooks. Without it the complaint stands in the log alone.
    #[arg(long, env = "WATCHFIRE_DEADMAN_TELL", value_name = "URL")]
    tell: Option<String>,
}

pub(crate) async fn run(arguments: Arguments, mode: Mode) -> Result<()> {
    if arguments.within <= DurationMs::ZERO {
        bail!("--within must be above zero");
    }
    if let Some(url) = arguments.tell.as_ref().filter(|url| !url.starts_with("http")) {
        bail!("--tell {url} is no address: write http://HOST:PORT/PATH");
    }
    let listener = net::bind(arguments.listen).await;
    let listener = listener.map_err(|error| name_flag(error, &[("--listen", arguments.listen)], mode))?;
    let switch = Arc::new(Switch::new(arguments.within.to_std()));
    let server = Server::start(listener, router(switch.clone()), ServerLimits::standard());
    announce("deadman", &BTreeMap::from([("deadman".to_owned(), server.url())]), mode);
    let client = Client::new(ClientOptions::named("watchfire-deadman"))?;
    tokio::select! {
        told = until_told_to_stop(mode) => told?,
        () = watch(&switch, &client, arguments.tell.as_deref()) => {}
    }
    server.stop().await;
    Ok(())
}

async fn watch(switch: &Switch, client: &Client, tell_url: Option<&str>) {
    loop {
        let silent = switch.silence().await;
        let since = jiff::Timestamp::now();
        tracing::error!("{}", silent.text());
        // Should it be heard again while nobody can be told, there is nothing to complain of any more.
        let back = tokio::select! {
            back = async { tell(client, tell_url, silent, since).await; switch.back().await } => back,
            back = switch.back() => back,
        };
        tracing::info!("{}", back.text());
        tell(client, tell_url, back, since).await;
    }
}

/// Tells until it is taken.
async fn tell(client: &Client, url: Option<&str>, news: News, since: jiff::Timestamp) {
    let Some(url) = url else { return };
    let mut waits = Backoff::new(RETRY_FIRST, RETRY_LONGEST);
    loop {
        let failure = match client.post_json(url, &news.message(since), &[], TELL_TIMEOUT).await {
            Ok(answer) if (200..300).contains(&answer.status) => return,
            Ok(answer) => format!("HTTP status {}", answer.status),
            Err(error) => error.to_string(),
        };
        let wait = waits.next_wait();
        tracing::error!("nobody could be told, tried again in {wait:?}: {failure}");
        tokio::time::sleep(wait).await;
    }
}
