//! How quick the overview of twelve services is, over a day of samples at 15 s: what the monitor takes to answer all panels, and
//! what a browser takes from the address to the last drawing.
//!
//! The limits are those of a release build; for figures: `WATCHFIRE_E2E_BINARY=target/release/watchfire cargo test -p e2e speed
//! -- --nocapture`. A build without optimisation, on a machine of which nothing is known, gets sixty times as long, so that the test finds
//! what is slower by nature.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use e2e::{Browser, RunningMonitor};
use serde_json::Value;
use thirtyfour::error::WebDriverResult;

/// What the monitor may take for one round of all panels, and the browser from the address to the last drawing.
const SERVER_MS_MAX: f64 = 300.0;
const BROWSER_MS_MAX: f64 = 1000.0;
const UNOPTIMISED: f64 = 60.0;

const DAY_S: i64 = 86_400;
const SCRAPE_S: i64 = 15;
const REPEATS: usize = 9;

const SERVICES: [&str; 12] = [
    "order-service",
    "flask-app",
    "payment-processor",
    "merchant-api",
    "catalog-service",
    "cart-service",
    "inventory-service",
    "user-service",
    "shipping-service",
    "notification-service",
    "search-service",
    "review-service",
];

/// What recording rules keep of each service, and about how large it is.
const RECORDED: [(&str, f64); 11] = [
    ("job:health:level", 0.0),
    ("job:up:ratio", 1.0),
    ("job:http_requests:rate1m", 80.0),
    ("job:http_requests_errors:rate1m", 0.4),
    ("job:http_requests_errors:ratio_rate1m", 0.005),
    ("job:http_request_duration_seconds:p50_rate1m", 0.02),
    ("job:http_request_duration_seconds:p95_rate1m", 0.1),
    ("job:http_request_duration_seconds:p99_rate1m", 0.2),
    ("job:process_cpu_seconds:rate1m", 0.3),
    ("job:process_resident_memory_bytes:sum", 3e7),
    ("job:http_requests_in_progress:sum", 4.0),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_twelve_services() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, config) = (folder.path().join("data"), folder.path().join("prometheus.yml"));
    std::fs::write(&config, "scrape_configs: []\n").expect("written");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs().cast_signed();
    let samples = import(folder.path(), &data, now);
    let monitor = RunningMonitor::start_on(&config, &data, &[]).await;
    let ui = monitor.ui_url().to_owned();
    let page =
        format!("{ui}/d/operations-overview?from={}&to={}&refresh=off", (now - DAY_S) * 1000, now * 1000);
    let slack = if std::env::var_os("WATCHFIRE_E2E_BINARY").is_some() { 1.0 } else { UNOPTIMISED };

    let browser = Browser::start(1440, 1400).await;
    let first_ms = drawn_ms(&browser, &page).await;
    let mut loads = Vec::new();
    for _ in 0..REPEATS {
        loads.push(drawn_ms(&browser, &page).await);
    }
    let request = last_request(&browser).await.expect("a round of queries");
    let targets = request["targets"].as_array().map_or(0, Vec::len);
    assert!(targets >= 15, "only {targets} targets: {request}");
    let mut rounds = Vec::new();
    for _ in 0..REPEATS {
        let started = Instant::now();
        let (status, answer) = monitor.post_to(&ui, "/api/ui/query", &request).await.expect("an answer");
        rounds.push(started.elapsed().as_secs_f64() * 1000.0);
        assert_eq!(status, 200, "{answer}");
        let results: Value = serde_json::from_str(&answer).expect("JSON");
        let all = results["results"].as_array().expect("results");
        let with_data =
            all.iter().filter(|one| one["series"].as_array().is_some_and(|s| !s.is_empty())).count();
        assert_eq!(with_data, targets, "every panel has data");
    }
    let (load_ms, round_ms) = (median(&mut loads), median(&mut rounds));
    println!(
        "{samples} samples; {targets} targets in {round_ms:.0} ms; drawn after {load_ms:.0} ms, the first time {first_ms:.0} ms"
    );
    assert!(round_ms < SERVER_MS_MAX * slack, "the monitor took {round_ms} ms");
    assert!(load_ms < BROWSER_MS_MAX * slack, "the browser took {load_ms} ms");
    browser.picture("overview-of-a-day").await;
    browser.stop().await;
    drop(monitor);
}

/// From the address to the last panel on the screen, by the browser's own clock.
async fn drawn_ms(browser: &Browser, page: &str) -> f64 {
    browser.open("about:blank").await;
    browser.open(page).await;
    let shown = "(() => { const all = [...document.querySelectorAll('.panel')].filter((panel) => panel.getBoundingClientRect().top < innerHeight);
        const ready = all.length > 6 && all.every((panel) => panel.dataset.state === 'ok' && panel.querySelector('[data-points], [data-rows], [data-series]'));
        if (ready) window.drawnAt ??= performance.now();
        return ready; })()";
    // Looked for on every frame, so that the time is the page's and not ours.
    let watch =
        format!("const look = () => {{ if (!{shown}) requestAnimationFrame(look); }}; look(); return null;");
    browser.eval::<Value>(&watch).await.expect("it looks");
    browser.wait("all panels are drawn", "window.drawnAt > 0").await;
    browser.eval("return window.drawnAt;").await.expect("a time")
}

/// What the page asked for, as it would be asked again: the body of a round is not in the browser's records, so it is asked once more.
async fn last_request(browser: &Browser) -> WebDriverResult<Value> {
    let script = "const done = arguments[arguments.length - 1];
        const real = window.fetch;
        window.fetch = (path, init) => { if (String(path).includes('/api/ui/query')) { window.fetch = real; done(JSON.parse(init.body)); } return real(path, init); };
        document.dispatchEvent(new KeyboardEvent('keydown', { key: 'r', bubbles: true }));";
    browser.page.execute_async(script, vec![]).await?.convert()
}

fn median(all: &mut [f64]) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Writes a day of samples as text and has the binary put them into blocks; gives how many.
fn import(folder: &Path, data: &Path, now: i64) -> usize {
    let file = folder.join("day.txt");
    let mut out = BufWriter::new(std::fs::File::create(&file).expect("made"));
    let mut random = fastrand::Rng::with_seed(12);
    let mut samples = 0;
    for (name, series) in families() {
        writeln!(out, "# TYPE {name} gauge").expect("written");
        for (labels, size) in series {
            let mut text = String::new();
            for at in ((now - DAY_S)..=now).step_by(usize::try_from(SCRAPE_S).expect("above zero")) {
                let wave = 1.0 + 0.3 * (at as f64 / 9000.0).sin() + 0.1 * random.f64();
                writeln!(text, "{name}{{{labels}}} {} {at}", size * wave).expect("a string");
                samples += 1;
            }
            out.write_all(text.as_bytes()).expect("written");
        }
    }
    writeln!(out, "# EOF").expect("written");
    drop(out);
    let status = std::process::Command::new(e2e::binary())
        .args(["tsdb", "import", "--data-dir"])
        .args([data, file.as_path()])
        .stdout(std::process::Stdio::null())
        .status();
    assert!(status.expect("it runs").success(), "the import failed");
    std::fs::remove_file(file).expect("removed");
    samples
}

type Family = (&'static str, Vec<(String, f64)>);

/// What rules recorded, who is up, and raw counters beside them: ten endpoints a service.
fn families() -> Vec<Family> {
    let recorded = RECORDED
        .iter()
        .map(|(name, size)| (*name, SERVICES.iter().map(|job| (format!("job=\"{job}\""), *size)).collect()));
    let up = SERVICES
        .iter()
        .map(|job| (format!("instance=\"{job}-1\",job=\"{job}\",tier=\"service\""), 1.0))
        .collect();
    let raw = SERVICES.iter().flat_map(|job| {
        (0..10).map(move |i| {
            (format!("endpoint=\"/api/{i}\",instance=\"{job}-1\",job=\"{job}\",status=\"200\""), 1e4)
        })
    });
    let alerts = ["critical", "warning"].map(|severity| {
        (format!("alertname=\"Some\",alertstate=\"firing\",job=\"flask-app\",severity=\"{severity}\""), 1.0)
    });
    recorded
        .chain([("up", up), ("http_requests_total", raw.collect()), ("ALERTS", alerts.to_vec())])
        .collect()
}
