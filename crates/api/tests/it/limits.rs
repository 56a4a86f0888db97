//! What is too much is refused, soon and in words; one dashboard leaves room for others.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use model::TimestampMs;
use promql::EngineOptions;
use promql::script::MemoryStore;
use serde_json::{Value, json};
use storage::{MetricQuery, QueryError, Selection, SeriesSet};

use crate::services::{NOW_MS, Site, encoded, store};

#[tokio::test]
async fn too_much_is_refused() {
    let site = Site::start().await;
    let selectors: Vec<(&str, &str)> = vec![("match[]", "up"); 1001];
    let (status, body) = site.post("/api/v1/series", &selectors).await;
    assert_eq!(status, 400);
    assert!(body.contains("1001 selectors are more than the 1000 allowed"), "{body}");
    let million: Vec<(&str, &str)> = vec![("match[]", "a"); 100_000];
    let (status, body) = site.post("/api/v1/series", &million).await;
    assert_eq!(status, 400);
    assert!(body.contains("parameters are more than the 10000 allowed"), "{body}");
    let long = "a".repeat(3 << 20);
    let (status, body) = site.post("/api/v1/query", &[("query", &long)]).await;
    assert_eq!(status, 413);
    assert!(
        body.starts_with(r#"{"status":"error","errorType":"bad_data","error":"error parsing form values"#),
        "{body}"
    );
    let (status, body) = site.post("/api/v1/query", &[("query", &long[..300 << 10])]).await;
    assert_eq!(status, 400, "{body}");
    // A pattern that would take a gigabyte once compiled, and one of the kind that takes other engines ages.
    let bomb = encoded(r#"{__name__=~"((a{1000}){1000}){1000}"}"#);
    let (status, body) = site.get(&format!("/api/v1/series?match[]={bomb}")).await;
    assert_eq!(status, 400, "{body}");
    let slow = encoded(r#"{__name__=~"(a*)*b"}"#);
    assert_eq!(site.get(&format!("/api/v1/series?match[]={slow}")).await.0, 200);
    site.stop().await;
}

#[tokio::test]
async fn no_path_leads_out_of_the_interface() {
    let site = Site::start().await;
    for path in
        ["/ui/..%2F..%2FCargo.toml", "/ui/%2e%2e/Cargo.toml", "/ui//etc/passwd", "/ui/..%5c..%5cCargo.toml"]
    {
        let (status, body) = site.get_ui(path).await;
        assert!(status == 404 && !body.contains("[package]"), "{path}: {status} {body}");
    }
    site.stop().await;
}

#[tokio::test]
async fn columns_for_panels() {
    let site = Site::start().await;
    let (from, to) = (NOW_MS - 30_000, NOW_MS);
    let target = |id: &str, expr: &str, instant: bool| json!({"id": id, "expr": expr, "step_ms": 15_000, "instant": instant});
    let request = json!({"from": from, "to": to, "targets": [
        target("A", "up", false),
        target("B", "up{", false),
        target("A2", "up", false),
        target("C", "1/0", true),
        target("D", "up[1m]", false),
        target("E", "label_replace(up, \"a\", \"b\", \"c\", \"(\")", false),
    ]});
    let (status, body) = site.post_ui("/api/ui/query", &request).await;
    let mut answer: Value = serde_json::from_str(&body).unwrap_or_else(|e| panic!("{e}: {body}"));
    assert_eq!(status, 200);
    let results = answer["results"].as_array_mut().expect("results");
    for result in results.iter_mut() {
        // Measured, so different each time.
        if let Some(took) = result.get_mut("took_ms") {
            assert!(took.take().is_f64());
        }
        result.as_object_mut().expect("an object").remove("samples_read");
    }
    let up = |instance: &str| json!({"__name__": "up", "instance": instance, "job": "api"});
    let shown = |id: &str| {
        json!({
            "id": id, "start": from, "step": 15_000, "count": 3, "warnings": [], "took_ms": null, "series_read": 2,
            "series": [{"labels": up("a:1"), "values": [1, 1, 1]}, {"labels": up("b:2"), "values": [0, 0, 0]}],
        })
    };
    assert_eq!(results[0], shown("A"));
    assert_eq!(results[1]["error"]["column"], 4, "{body}");
    assert_eq!(results[2], shown("A2"));
    assert_eq!(results[3]["series"], json!([{"labels": {}, "values": ["+Inf"]}]));
    assert!(results[4]["error"]["message"].as_str().is_some_and(|m| m.contains("range vector")), "{body}");
    assert!(results[5]["error"]["start"].is_u64(), "{body}");
    let (status, body) = site.post_ui("/api/ui/query", &json!({"from": 0, "to": 1, "targets": []})).await;
    assert_eq!((status, body.as_str()), (200, r#"{"results":[]}"#));
    site.stop().await;
}

/// A store that counts how many searches go on at once; the first wait for one another.
#[derive(Default)]
struct Busy {
    store: MemoryStore,
    counts: Mutex<Counts>,
    moved: Condvar,
}

#[derive(Default)]
struct Counts {
    now: usize,
    most: usize,
    total: usize,
}

/// How many wait for one another; should more be let in, they would be seen as well.
const TOGETHER: usize = 4;

impl MetricQuery for Busy {
    fn select(&self, selection: &Selection<'_>) -> Result<Box<dyn SeriesSet>, QueryError> {
        let mut counts = self.counts.lock().expect("no panic");
        counts.now += 1;
        counts.total += 1;
        counts.most = counts.most.max(counts.now);
        self.moved.notify_all();
        let enough = |counts: &mut Counts| counts.most < TOGETHER;
        let (mut counts, _) =
            self.moved.wait_timeout_while(counts, Duration::from_secs(10), enough).expect("no panic");
        counts.now -= 1;
        drop(counts);
        self.store.select(selection)
    }

    fn label_names(&self, selection: &Selection<'_>) -> Result<Vec<String>, QueryError> {
        self.store.label_names(selection)
    }

    fn label_values(&self, name: &str, selection: &Selection<'_>) -> Result<Vec<String>, QueryError> {
        self.store.label_values(name, selection)
    }

    fn time_span(&self) -> Option<(TimestampMs, TimestampMs)> {
        self.store.time_span()
    }
}

#[tokio::test]
async fn a_large_dashboard_is_evaluated_a_few_targets_at_a_time() {
    let busy = Arc::new(Busy { store: store(), ..Busy::default() });
    let site = Site::with(busy.clone(), EngineOptions { threads: 8, ..EngineOptions::standard() }).await;
    // Fifty questions, each asked twice.
    let target = |i: usize| json!({"id": i.to_string(), "expr": format!("up + {}", i % 50), "step_ms": 1000});
    let targets: Vec<Value> = (0..100).map(target).collect();
    let request = json!({"from": NOW_MS - 60_000, "to": NOW_MS, "targets": targets});
    let (status, body) = site.post_ui("/api/ui/query", &request).await;
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    for (i, result) in answer["results"].as_array().expect("results").iter().enumerate() {
        assert_eq!(result["id"], i.to_string());
        assert_eq!(result["series"][0]["values"][60], 1 + i % 50, "{result}");
    }
    let seen = {
        let counts = busy.counts.lock().expect("no panic");
        (counts.most, counts.total)
    };
    assert_eq!(seen, (TOGETHER, 50));
    let too_many: Vec<Value> = (0..101).map(target).collect();
    let request = json!({"from": 0, "to": 1, "targets": too_many});
    assert_eq!(site.post_ui("/api/ui/query", &request).await.0, 400);
    site.stop().await;
}
