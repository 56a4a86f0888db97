//! A target: an HTTP server whose answer a test can change, and the scraping of it.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use net::{Client, ClientOptions};
use prometheus_client::registry::Registry;
use scrape::config::{GlobalConfig, ScrapeConfig};
use scrape::{Job, Metrics, ScrapeManager};
use stdx::SystemClock;
use storage::MetricAppend;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::recorder::Recorder;

/// The longest that a condition may take to come true.
const PATIENCE: Duration = Duration::from_secs(180);

/// Waits until `is_true`, looking every few milliseconds; panics with `what` when it does not come true.
pub(crate) async fn wait(what: &str, mut is_true: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_true() {
        assert!(start.elapsed() < PATIENCE, "waited too long: {what}");
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

/// What the server answers, and what it was asked.
#[derive(Default)]
struct Scene {
    status: u16,
    content_type: String,
    body: String,
    requests: Vec<String>,
}

pub(crate) struct Site {
    pub(crate) address: String,
    scene: Arc<Mutex<Scene>>,
    task: JoinHandle<()>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Site {
    pub(crate) async fn start(body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let scene = Scene {
            status: 200,
            content_type: "text/plain; version=0.0.4".into(),
            body: body.into(),
            ..Scene::default()
        };
        let scene = Arc::new(Mutex::new(scene));
        let task = tokio::spawn(serve(listener, Arc::clone(&scene)));
        Self { address, scene, task }
    }

    pub(crate) fn say(&self, body: &str) {
        self.scene.lock().expect("not poisoned").body = body.into();
    }

    pub(crate) fn answer(&self, status: u16, content_type: &str) {
        let mut scene = self.scene.lock().expect("not poisoned");
        (scene.status, scene.content_type) = (status, content_type.into());
    }

    /// Heads of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.scene.lock().expect("not poisoned").requests.clone()
    }
}

async fn serve(listener: TcpListener, scene: Arc<Mutex<Scene>>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).await.is_ok() {
            head.push(byte[0]);
        }
        let answer = {
            let mut scene = scene.lock().expect("not poisoned");
            scene.requests.push(String::from_utf8_lossy(&head).into_owned());
            format!(
                "HTTP/1.1 {} X\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
                scene.status,
                scene.content_type,
                scene.body.len(),
                scene.body
            )
        };
        // The client may have gone; the next one is served all the same.
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}

/// Jobs of a piece of YAML: the value of `scrape_configs`.
pub(crate) fn jobs(yaml: &str) -> Vec<Job> {
    let configs: Vec<ScrapeConfig> = config::from_str(Path::new("prometheus.yml"), yaml).expect(yaml);
    scrape::resolve(&GlobalConfig::default(), &configs, Path::new("prometheus.yml")).expect(yaml)
}

/// One job `j` of one target, scraped every 50 ms, with `more` settings.
pub(crate) fn job_for(site: &Site, more: &str) -> Vec<Job> {
    let address = &site.address;
    jobs(&format!(
        "[{{job_name: j, scrape_interval: 50ms, scrape_timeout: 50ms, {more} static_configs: [{{targets: ['{address}'], labels: {{instance: i}}}}]}}]"
    ))
}

pub(crate) struct Rig {
    pub(crate) store: Arc<Recorder>,
    pub(crate) manager: ScrapeManager,
    registry: Registry,
}

impl Rig {
    pub(crate) fn start(jobs: Vec<Job>) -> Self {
        let store = Recorder::new();
        let mut registry = Registry::default();
        let metrics = Arc::new(Metrics::new(&mut registry));
        let client = Arc::new(Client::new(ClientOptions::named("test")).expect("a client"));
        let port = Arc::clone(&store) as Arc<dyn MetricAppend>;
        let manager = ScrapeManager::start(jobs, port, client, Arc::new(SystemClock), metrics);
        Self { store, manager, registry }
    }

    /// All of our own metrics, as they would be served.
    pub(crate) fn own_text(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).expect("to memory");
        text
    }

    /// The value of one of our own metrics, as text.
    pub(crate) fn own(&self, name: &str) -> Option<String> {
        self.own_text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned))
    }

    /// Waits for `count` more scrapes of `up` than there are now.
    pub(crate) async fn scrapes(&self, count: usize) {
        let up = r#"up{instance="i", job="j"}"#;
        let wanted = self.store.values(up).len() + count;
        wait("more scrapes", || self.store.values(up).len() >= wanted).await;
    }
}
