//! Switches over a small router, by the same HTTP that a drill uses.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use tower::ServiceExt;

use super::*;

struct Bench {
    faults: Arc<Faults>,
    service: Router,
    switches: Router,
}

impl Bench {
    fn new() -> Self {
        let faults = Faults::register(&mut Registry::default(), 4 << 30);
        let service = Router::new()
            .route("/work", get(async || "done"))
            .route("/health", get(async || "ok"))
            .layer(axum::middleware::from_fn_with_state(faults.clone(), inject));
        Self { service, switches: router(faults.clone()), faults }
    }

    async fn work(&self, path: &str) -> (u16, Duration) {
        let began = Instant::now();
        let request = Request::builder().uri(path).body(Body::empty()).expect("a request");
        let response = self.service.clone().oneshot(request).await.expect("always an answer");
        (response.status().as_u16(), began.elapsed())
    }

    async fn switch(&self, method: &str, path: &str, body: &str) -> u16 {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let request = request.body(Body::from(body.to_owned())).expect("a request");
        self.switches.clone().oneshot(request).await.expect("always an answer").status().as_u16()
    }

    fn active(&self, fault: &'static str) -> i64 {
        self.faults.active.get_or_create(&KindLabels { fault }).get()
    }
}

#[tokio::test(start_paused = true)]
async fn latency_and_errors_are_felt_until_the_lease_ends_and_health_is_spared() {
    let bench = Bench::new();
    assert_eq!(bench.work("/work").await.0, 200);
    assert_eq!(bench.switch("PUT", "/latency", r#"{"lease_s":60,"ms":300}"#).await, 204);
    assert_eq!(bench.switch("PUT", "/errors", r#"{"lease_s":30,"status":503}"#).await, 204);
    let (status, took) = bench.work("/work").await;
    assert_eq!(status, 503);
    assert!(took >= Duration::from_millis(300), "{took:?}");
    let (status, took) = bench.work("/health").await;
    assert!(status == 200 && took < Duration::from_millis(100), "{took:?}");
    assert_eq!((bench.active("latency"), bench.active("errors")), (1, 1));

    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(bench.work("/work").await.0, 200, "the errors' lease is over");
    assert_eq!((bench.active("latency"), bench.active("errors")), (1, 0));
    assert_eq!(bench.switch("DELETE", "/latency", "").await, 204);
    assert!(bench.work("/work").await.1 < Duration::from_millis(100));
    assert_eq!(bench.active("latency"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_share_hits_a_share() {
    let bench = Bench::new();
    assert_eq!(bench.switch("PUT", "/errors", r#"{"lease_s":60,"share":0.3}"#).await, 204);
    let mut failed = 0;
    for _ in 0..1000 {
        failed += u32::from(bench.work("/work").await.0 == 500);
    }
    assert!((220..380).contains(&failed), "{failed}");
}

#[tokio::test]
async fn nonsense_is_refused() {
    let bench = Bench::new();
    for (path, body, status) in [
        ("/latency", r#"{"ms":5}"#, 422),
        ("/latency", r#"{"lease_s":0,"ms":5}"#, 422),
        ("/latency", r#"{"lease_s":3601,"ms":5}"#, 422),
        ("/latency", r#"{"lease_s":60,"ms":600000}"#, 422),
        ("/latency", r#"{"lease_s":60,"ms":5,"percent":1}"#, 422),
        ("/errors", r#"{"lease_s":60,"share":1.5}"#, 422),
        ("/errors", r#"{"lease_s":60,"status":200}"#, 422),
        ("/memory", r#"{"lease_s":60,"percent":100}"#, 422),
        ("/cpu", r#"{"lease_s":60,"cores":100000}"#, 422),
        ("/disk", r#"{"lease_s":60}"#, 404),
    ] {
        assert_eq!(bench.switch("PUT", path, body).await, status, "{path} {body}");
    }
    let untyped = Request::builder().method("PUT").uri("/errors").body(Body::from(r#"{"lease_s":60}"#));
    let answer = bench.switches.clone().oneshot(untyped.expect("a request")).await.expect("an answer");
    assert_eq!(answer.status(), 415, "a page in a browser could send this");
    assert!(KINDS.iter().all(|kind| bench.active(kind) == 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_grows_and_comes_back() {
    let bench = Bench::new();
    let before = burn::resident_bytes().expect("Linux");
    // Two percent of 4 GiB on top of what the test has.
    let percent = (before as f64 / (4u64 << 30) as f64).mul_add(100.0, 2.0);
    let body = format!(r#"{{"lease_s":60,"percent":{percent}}}"#);
    assert_eq!(bench.switch("PUT", "/memory", &body).await, 204);
    let grown = before + (60 << 20);
    let growing = async {
        while burn::resident_bytes().expect("Linux") < grown {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), growing).await.expect("it grows");
    bench.faults.clear();
    assert_eq!(bench.active("memory"), 0);
    let shrinking = async {
        while burn::resident_bytes().expect("Linux") >= grown {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), shrinking).await.expect("it is given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_core_is_kept_busy_and_let_go() {
    let bench = Bench::new();
    assert_eq!(bench.switch("PUT", "/cpu", r#"{"lease_s":60,"cores":1}"#).await, 204);
    let threads = || {
        let tasks = std::fs::read_dir("/proc/self/task").expect("Linux").filter_map(Result::ok);
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
        names.filter(|name| name.trim() == "cpu-fault").count()
    };
    let until = async |count: usize| {
        while threads() != count {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), until(1)).await.expect("it burns");
    assert_eq!(bench.switch("DELETE", "/", "").await, 204);
    tokio::time::timeout(Duration::from_secs(20), until(0)).await.expect("it rests");
}
