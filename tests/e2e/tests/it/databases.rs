//! The lab on a real database server, started and stopped by itself.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use e2e::{RunningLab, until};
use lab::DatabaseKind;
use serde_json::json;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(60);

/// A folder that another user may pass through: PostgreSQL does not run as root.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("watchfire-e2e-").tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711)).expect("opened");
    folder
}

async fn lives_on(kind: DatabaseKind, name: &str, up: &str) {
    let mut lab = RunningLab::start_on(kind, folder()).await;
    let orders = format!("{}/api/order", lab.url("gateway", "http"));
    let basket = json!({"customer_id": 4711, "items": [{"product_id": 1, "quantity": 3, "unit_price": 0.1}]});
    let (status, placed) = lab.post(&orders, &basket).await.expect("an answer");
    assert_eq!(status, 201, "{placed}");
    let order = format!("{orders}/{}", placed["order_id"]);
    assert_eq!(lab.json(&order).await.as_ref(), Ok(&placed));
    until("the agent tells of the database", LIMIT, async || {
        let value = lab.query(&format!("{up}{{job=\"{name}\",instance=\"db\"}}")).await?;
        if value == 1.0 { Ok(()) } else { Err(format!("{up} is {value}")) }
    })
    .await;
    passwords_are_in_files_only(&lab, name);

    let before = lab.endpoints().0["db"].clone();
    assert_eq!(
        before.urls[name],
        format!("{name}://app_user@{}/orders_db", before.address(name).expect("a place"))
    );
    lab.kill("db").await;
    until("the database is back", LIMIT, async || {
        let now = lab.endpoints().0["db"].clone();
        if now.pid.is_some() && now.pid != before.pid && now.urls == before.urls {
            Ok(())
        } else {
            Err("not yet")
        }
    })
    .await;
    until("the order is read again", LIMIT, async || lab.json(&order).await).await;

    let server = lab.endpoints().0["db"].pid.expect("it runs");
    let folder = lab.stop().await;
    assert!(!Path::new(&format!("/proc/{server}")).exists(), "the server outlived the lab");
    let lab = RunningLab::start_on(kind, folder).await;
    let order = format!("{}/api/order/{}", lab.url("gateway", "http"), placed["order_id"]);
    assert_eq!(lab.json(&order).await.as_ref(), Ok(&placed));
    lab.stop().await;
}

fn passwords_are_in_files_only(lab: &RunningLab, name: &str) {
    let words: Vec<String> = ["app_user", "exporter", "admin"]
        .map(|user| {
            let file = lab.data_dir().join(name).join(format!("{user}.password"));
            std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
        })
        .into();
    let check = |what: &str, text: &str| {
        assert!(!words.iter().any(|word| text.contains(word)), "{what} shows a password");
    };
    for (role, endpoint) in lab.endpoints().0 {
        let line = format!("/proc/{}/cmdline", endpoint.pid.expect("it runs"));
        let line = std::fs::read(line).unwrap_or_default();
        check(&format!("the command line of {role}"), &String::from_utf8_lossy(&line));
        let log = std::fs::read_to_string(lab.data_dir().join(format!("log/{role}.log"))).unwrap_or_default();
        check(&format!("the log of {role}"), &log);
    }
    check("endpoints.json", &std::fs::read_to_string(lab.data_dir().join("endpoints.json")).expect("read"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lab_lives_on_mariadb() {
    lives_on(DatabaseKind::Mysql, "mysql", "mysql_up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lab_lives_on_postgres() {
    lives_on(DatabaseKind::Postgres, "postgres", "pg_up").await;
}
