//! The configuration that ships with the program, on lines as the services write them.

use std::path::Path;

use shipper::Settings;

const ACCESS: &str = r#"{"time":"2026-01-01T00:00:00.120003Z","level":"ERROR","instance":"orders-1","method":"GET","path":"/api/order/5","endpoint":"/api/order/{id}","view":"get_order","status":500,"duration_ms":1.234}"#;
const PROFILER: &str = "[profiler] GET get_order 1.234 200";
const APPLICATION: &str = "2026-01-01T00:00:00.120003Z WARN GET /api/error 404 1.234 ms";

fn provision(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/provision").join(name);
    std::fs::read_to_string(path).expect("it ships")
}

#[test]
fn each_kind_of_log_becomes_its_own_streams() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().display().to_string();
    for (name, line) in [
        ("orders-1.access.log", ACCESS),
        ("orders-1.profiler.log", PROFILER),
        ("app.log", APPLICATION),
        ("orders-1.access.log.1", ACCESS),
        ("monitor.log", "of no service"),
    ] {
        std::fs::write(folder.path().join(name), format!("{line}\n")).expect("written");
    }
    let targets = provision("log-targets.yml").replace("/var/log/watchfire", &root);
    std::fs::write(folder.path().join("log-targets.yml"), targets).expect("written");
    let text = provision("promtail.yml")
        .replace("${LOG_DIR:-/var/log/watchfire}", &root)
        .replace("${LOG_TARGETS:-/etc/promtail/log-targets.yml}", &format!("{root}/log-targets.yml"))
        .replace("${LOKI_URL:-http://127.0.0.1:3100}", "http://127.0.0.1:3100");
    let settings =
        Settings::parse(&folder.path().join("promtail.yml"), &text).unwrap_or_else(|error| panic!("{error}"));
    let mut got = Vec::new();
    shipper::dry_run(&settings, |line| got.push(line.replace(&root, ""))).expect("read");
    got.sort();
    // The profiler's line has no time of its own.
    let profiler = got.iter().position(|line| line.contains("profiler.log")).expect("a profiler's line");
    let profiler = got.remove(profiler);
    let labels = r#"{filename="/orders-1.profiler.log", instance="orders-1", job="profiler", service="order-service"}"#;
    assert!(profiler.ends_with(&format!("\t{labels}\t{PROFILER}")), "{profiler}");
    let time = "2026-01-01T00:00:00.120003Z";
    let access =
        r#"{filename="/orders-1.access.log", instance="orders-1", job="access", service="order-service"}"#;
    let application = r#"{filename="/app.log", instance="web", job="flask-app", service="flask-app"}"#;
    assert_eq!(
        got,
        [
            format!("{time}\t{application} level=\"WARN\"\t{APPLICATION}"),
            format!("{time}\t{access} level=\"ERROR\"\t{ACCESS}"),
        ]
    );
}
