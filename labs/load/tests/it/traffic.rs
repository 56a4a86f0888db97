//! Traffic against the real services of the lab: what the clients sent is what the services counted.

use std::path::Path;
use std::time::{Duration, Instant};

use load::{Options, TrafficConfig, TrafficSnapshot};
use services::common::access_log::Rotation;
use services::payments::Bank;
use services::{Basics, Running, merchant, payments, web};

use crate::shop::Shop;
use crate::{fetch, hurried, within};

fn basics(folder: &Path, instance: &str) -> Basics {
    let any_port = "127.0.0.1:0".parse().expect("an address");
    Basics {
        instance: instance.to_owned(),
        listen: any_port,
        metrics_listen: any_port,
        log_dir: folder.to_owned(),
        log_rotation: Rotation::standard(),
        faults: false,
        memory_limit_bytes: 256 << 20,
    }
}

/// Sum of the samples whose line begins with `series` and holds `label`.
fn sum(text: &str, series: &str, label: &str) -> f64 {
    let lines = text.lines().filter(|line| line.starts_with(series) && line.contains(label));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

/// Payments, merchant and web, with more failures than usual, so that each kind is there.
async fn services(folder: &Path) -> [Running; 3] {
    let at = |name: &str| basics(folder, name);
    let timeout = Duration::from_millis(30);
    let bank = Bank { failed_share: 0.1, timeout_share: 0.02, timeout, ..Bank::standard() };
    let merchant = merchant::Options { basics: at("merchant"), error_share: 0.1, seed: 1 };
    let web = web::Options { basics: at("web"), application_log: "app.log".into(), seed: 1 };
    [
        payments::start(payments::Options { basics: at("payments"), bank, seed: 1 }).await.expect("starts"),
        merchant::start(merchant).await.expect("starts"),
        web::start(web).await.expect("starts"),
    ]
}

/// How long requests under way are waited for at a stop.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// Six hurried users for each.
fn traffic(running: &[Running; 3]) -> TrafficConfig {
    let [pay, merchant, web] = running.each_ref().map(|service| service.urls()["http"].clone());
    let common = "users: 6, ramp_per_second: 1000, think_min: 1ms, think_max: 5ms";
    let body = r#"{"merchant":"${shop|acme}","amount":${1.00..99.99}}"#;
    let text = format!(
        "groups:\n\
         - {{target: payments, url: '{pay}', {common}, requests: [\
             {{name: pay, method: POST, path: /api/payments, body: '{body}'}}]}}\n\
         - {{target: merchant, url: '{merchant}', {common}, requests: [\
             {{path: '/api/merchants/${{shop|acme}}'}}, {{path: /api/merchants/acme/payouts, method: POST}}]}}\n\
         - {{target: web, url: '{web}', {common}, requests: [\
             {{path: /api/data, weight: 9}}, {{name: error, path: /api/error}}]}}\n"
    );
    config::from_str(Path::new("traffic.yml"), &text).expect("reads")
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_and_services_count_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = services(folder.path()).await;
    let shop = Shop::start().await;
    let traffic = Some(traffic(&running));
    let options = crate::options(&shop.server.url(), vec![hurried("test", None)]);
    let load = load::start(Options { traffic, ..options }).await.expect("starts");
    let enough = async {
        while load.snapshot().traffic.values().any(|target| target.requests_total < 150) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within("enough traffic", enough).await;
    let exported = String::from_utf8(fetch(&load, "/metrics").await.body.to_vec()).expect("text");
    for series in [
        "load_traffic_users{target=\"web\"} 6",
        "# TYPE load_traffic_late_starts_total counter",
        "load_traffic_requests_total{target=\"web\",request=\"error\",outcome=\"ok\"} 0",
    ] {
        assert!(exported.lines().any(|line| line == series), "{series} is not in\n{exported}");
    }
    // Stopping lets requests under way finish: from here on both sides stand still.
    let stopping = Instant::now();
    let snapshot = load.snapshot_after_stop().await;
    // Unless the machine is halted meanwhile: then they are cut, and one side alone has counted them.
    if stopping.elapsed() < STOP_GRACE {
        for (service, name) in running.iter().zip(["payments", "merchant", "web"]) {
            check_same(service, name, snapshot.traffic[name]).await;
        }
    }
    for service in running {
        service.stop().await;
    }
}

/// What `service` counted is what its users sent, under every name.
async fn check_same(service: &Running, name: &str, sent: TrafficSnapshot) {
    let client = net::Client::new(net::ClientOptions::named("test")).expect("a client");
    let url = format!("{}/metrics", service.urls()["metrics"]);
    let answer = client.get(&url, &[], crate::PATIENCE, 1 << 20).await.expect("an answer");
    let text = String::from_utf8(answer.body.to_vec()).expect("text");
    let all = sent.requests_total as f64;
    assert_eq!(sum(&text, "http_requests_total{", ""), all, "{name}");
    let good = sum(&text, "http_requests_total{", "status=\"2");
    assert_eq!(good, (sent.requests_total - sent.failures_total) as f64, "{name}");
    match name {
        "payments" => {
            assert_eq!(sum(&text, "payment_transactions_total{", ""), all);
            let success = sum(&text, "payment_transactions_total{", "\"success\"");
            assert!(success == good && sum(&text, "payment_transactions_total{", "\"failed\"") > 0.0);
        }
        "merchant" => assert_eq!(sum(&text, "merchant_api_calls_total{", ""), all),
        _ => assert_eq!(sum(&text, "flask_app_request_count{", ""), all),
    }
}
