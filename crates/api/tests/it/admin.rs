//! The admin API: what it takes, what it answers, what it hands on.

use std::sync::{Arc, Mutex};

use api::Admin;
use columns::TimeRange;
use model::Matcher;
use promql::EngineOptions;

use crate::services::{Site, store};

/// Notes what it is asked, and fails when told to.
#[derive(Default)]
struct Notebook {
    calls: Mutex<Vec<String>>,
    fails: bool,
}

impl Notebook {
    fn note(&self, call: String) -> Result<(), String> {
        self.calls.lock().expect("not poisoned").push(call);
        if self.fails { Err("the disk is full".to_owned()) } else { Ok(()) }
    }
}

impl Admin for Notebook {
    fn delete(&self, matchers: &[Matcher], range: TimeRange) -> Result<(), String> {
        let matchers: Vec<String> = matchers.iter().map(ToString::to_string).collect();
        self.note(format!("delete {} {} {}", matchers.join(","), range.from.0, range.to.0))
    }

    fn clean_tombstones(&self) -> Result<(), String> {
        self.note("clean".to_owned())
    }

    fn snapshot(&self, skip_head: bool) -> Result<String, String> {
        self.note(format!("snapshot {skip_head}")).map(|()| "20260102T030405Z-00000000000000aa".to_owned())
    }
}

async fn site(notebook: &Arc<Notebook>) -> Site {
    let options = EngineOptions { threads: 2, ..EngineOptions::standard() };
    Site::with_admin(Arc::new(store()), options, Some(notebook.clone())).await
}

const DELETE: &str = "/api/v1/admin/tsdb/delete_series";

#[tokio::test]
async fn what_is_allowed_is_done() {
    let notebook = Arc::new(Notebook::default());
    let site = site(&notebook).await;
    let done = (204, String::new());
    let form = [("match[]", "up"), ("match[]", r#"{job="a"}"#), ("start", "1"), ("end", "2.5")];
    assert_eq!(site.post(DELETE, &form).await, done);
    assert_eq!(site.post(&format!("{DELETE}?match[]=up"), &[]).await, done);
    assert_eq!(site.post("/api/v1/admin/tsdb/clean_tombstones", &[]).await, done);
    let named = r#"{"status":"success","data":{"name":"20260102T030405Z-00000000000000aa"}}"#;
    let snapshot = "/api/v1/admin/tsdb/snapshot";
    assert_eq!(site.post(snapshot, &[]).await, (200, named.to_owned()));
    assert_eq!(site.post(&format!("{snapshot}?skip_head=true"), &[]).await, (200, named.to_owned()));
    let calls = notebook.calls.lock().expect("not poisoned").clone();
    let all = format!("{} {}", i64::MIN, i64::MAX);
    assert_eq!(
        calls,
        [
            r#"delete __name__="up" 1000 2500"#.to_owned(),
            r#"delete job="a" 1000 2500"#.to_owned(),
            format!(r#"delete __name__="up" {all}"#),
            "clean".to_owned(),
            "snapshot false".to_owned(),
            "snapshot true".to_owned(),
        ]
    );
    site.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_said_and_nothing_is_done() {
    let notebook = Arc::new(Notebook::default());
    let site = site(&notebook).await;
    let bad = |text: &str| {
        (400, format!(r#"{{"status":"error","errorType":"bad_data","error":{}}}"#, serde_json::json!(text)))
    };
    assert_eq!(site.post(DELETE, &[]).await, bad("no match[] parameter provided"));
    let (status, body) = site.post(DELETE, &[("match[]", "up"), ("match[]", "up{")]).await;
    assert!(status == 400 && body.contains("parse error"), "{body}");
    let (status, body) = site.post(DELETE, &[("match[]", r#"{a=~".*"}"#)]).await;
    assert!(status == 400 && body.contains("at least one non-empty matcher"), "{body}");
    assert_eq!(
        site.post(DELETE, &[("match[]", "up"), ("start", "2"), ("end", "1")]).await,
        bad(r#"invalid parameter "end": end timestamp must not be before start time"#)
    );
    assert_eq!(
        site.post("/api/v1/admin/tsdb/snapshot?skip_head=x", &[]).await,
        bad(
            r#"invalid parameter "skip_head": unable to parse boolean: strconv.ParseBool: parsing "x": invalid syntax"#
        )
    );
    assert_eq!(site.get(DELETE).await.0, 405);
    assert!(notebook.calls.lock().expect("not poisoned").is_empty());
    site.stop().await;
}

#[tokio::test]
async fn a_failure_is_told() {
    let notebook = Arc::new(Notebook { fails: true, ..Notebook::default() });
    let site = site(&notebook).await;
    let (status, body) = site.post("/api/v1/admin/tsdb/snapshot", &[]).await;
    assert_eq!(body, r#"{"status":"error","errorType":"internal","error":"the disk is full"}"#);
    assert_eq!(status, 500);
    site.stop().await;
}
