//! `watchfire alert`: why somebody was (not) told, whether a receiver can be reached, silences out of a file. Asks a running
//! monitor.

#![expect(clippy::print_stdout, reason = "the answer to the person at the terminal")]

mod moments;
mod rule;
mod silence;
mod why;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use net::{Client, ClientOptions, Fetched};
use serde_json::{Value, json};

/// Longer than any answer takes but that of a receiver under test.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A test of a receiver with some calls, each of which may take ten seconds for its beginning and for its end.
const TEST_TIMEOUT: Duration = Duration::from_secs(120);

/// The most bytes of an answer.
const ANSWER_MAX_BYTES: usize = 64 << 20;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Alert {
    /// Tell why people were, or were not, told of an alert: its rule, its routes, what holds it, what receivers answered.
    Why(why::Arguments),
    /// Send a message that says it is a test to a receiver, by the same road as a real one, and print what it answers.
    TestReceiver(TestReceiver),
    /// Silences.
    #[command(subcommand)]
    Silence(silence::Silence),
}

#[derive(Debug, clap::Args)]
pub(crate) struct TestReceiver {
    /// The receiver's name in alertmanager.yml.
    #[arg(value_name = "NAME")]
    receiver: String,
    #[command(flatten)]
    monitor: Monitor,
}

/// The monitor that is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Monitor {
    /// Where the monitor's user interface answers.
    #[arg(long, env = "WATCHFIRE_URL", default_value = "http://127.0.0.1:3000", value_name = "URL")]
    url: String,
}

pub(crate) async fn run(alert: Alert) -> Result<()> {
    match alert {
        Alert::Why(arguments) => why::run(arguments).await,
        Alert::TestReceiver(arguments) => test_receiver(&arguments).await,
        Alert::Silence(silence) => silence::run(silence).await,
    }
}

/// Asks a monitor.
struct Api {
    client: Client,
    url: String,
}

impl Api {
    fn new(monitor: &Monitor) -> Result<Self> {
        let url = monitor.url.trim_end_matches('/').to_owned();
        if !url.starts_with("http://") && !url.starts_with("https://") {
            bail!("--url {url} is no address: write http://HOST:PORT");
        }
        let agent = format!("watchfire/{}", env!("CARGO_PKG_VERSION"));
        Ok(Self { client: Client::new(ClientOptions::named(&agent))?, url })
    }

    async fn get(&self, path: &str, params: &[(&str, &str)]) -> Result<Value> {
        let url = self.address(path, params);
        let answer = self.client.get(&url, &[], TIMEOUT, ANSWER_MAX_BYTES).await;
        read(answer.with_context(|| self.nobody())?)
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let url = self.address(path, &[]);
        let answer = self.client.post_json(&url, body, &[], TEST_TIMEOUT).await;
        read(answer.with_context(|| self.nobody())?)
    }

    fn address(&self, path: &str, params: &[(&str, &str)]) -> String {
        let pairs: Vec<String> =
            params.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        let separator = if pairs.is_empty() { "" } else { "?" };
        format!("{}{path}{separator}{}", self.url, pairs.join("&"))
    }

    fn nobody(&self) -> String {
        format!("no monitor answers at {}; give its user interface's address with --url", self.url)
    }
}

/// As it may stand in a query string.
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn read(answer: Fetched) -> Result<Value> {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    if (200..300).contains(&answer.status) {
        return body.context("the answer is no JSON: is this the user interface of a Watchfire monitor?");
    }
    // Of the monitor's own API, of Alertmanager's, and of Alertmanager's validators.
    let said = |body: &Value| {
        let text = body["error"].as_str().or(body.as_str()).or(body["message"].as_str());
        text.map(str::to_owned)
    };
    match body.as_ref().and_then(said) {
        Some(error) => bail!("{error}"),
        None => bail!("HTTP status {}: is this the user interface of a Watchfire monitor?", answer.status),
    }
}

async fn test_receiver(arguments: &TestReceiver) -> Result<()> {
    let api = Api::new(&arguments.monitor)?;
    let answer = api.post("/api/ui/test-receiver", &json!({ "receiver": arguments.receiver })).await?;
    let calls = answer["calls"].as_array().cloned().unwrap_or_default();
    for call in &calls {
        println!("{}", call_line(call));
    }
    let failed = calls.iter().filter(|call| call["taken"] != true).count();
    if failed > 0 {
        bail!("{failed} of {} messages to {} were not taken", calls.len(), arguments.receiver);
    }
    Ok(())
}

fn call_line(call: &Value) -> String {
    let text = |name: &str| call[name].as_str().unwrap_or_default();
    let what = if text("status") == "firing" { "a test alert" } else { "the end of the test" };
    let mail = text("integration").starts_with("email");
    let code = call["code"]
        .as_u64()
        .map_or_else(String::new, |code| format!("{} {code}: ", if mail { "SMTP" } else { "HTTP" }));
    let said = match (text("answer"), call["taken"] == true) {
        ("", true) => "taken, nothing said".to_owned(),
        (answer, true) => format!("taken, {answer}"),
        // The status stands in the sentence already.
        (answer, false) => format!("NOT TAKEN, {answer}"),
    };
    let code = if call["taken"] == true { code } else { String::new() };
    let tries = call["attempts"].as_u64().filter(|tries| *tries > 1);
    let tries = tries.map_or_else(String::new, |tries| format!(", {tries} tries"));
    format!("{:<14} {what:<20} {code}{said} ({} ms{tries})", text("integration"), call["tookMs"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_receiver_said_is_a_line() {
        let call = |taken, code: Value, answer: &str| {
            let call = json!({
                "integration": "webhook/0", "status": "firing", "taken": taken, "code": code,
                "answer": answer, "attempts": 2, "tookMs": 12,
            });
            call_line(&call).split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            call(true, json!(202), "accepted"),
            "webhook/0 a test alert HTTP 202: taken, accepted (12 ms, 2 tries)"
        );
        assert_eq!(
            call(false, json!(503), "unexpected status code 503: busy"),
            "webhook/0 a test alert NOT TAKEN, unexpected status code 503: busy (12 ms, 2 tries)"
        );
        assert_eq!(
            call(false, Value::Null, "Connection refused"),
            "webhook/0 a test alert NOT TAKEN, Connection refused (12 ms, 2 tries)"
        );
    }

    #[test]
    fn values_are_escaped() {
        assert_eq!(escaped("a b&c=ü"), "a%20b%26c%3D%C3%BC");
    }
}
