//! The supervisor: restarts, refusals, and nothing left behind.

use std::process::Command;
use std::time::Duration;

use e2e::{RunningLab, binary, until};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_crashed_role_comes_back_on_its_ports() {
    let mut lab = RunningLab::start(&[]).await;
    let before = lab.endpoints().0["orders-1"].clone();
    lab.kill("orders-1").await;
    let after = until("orders-1 is back", LIMIT, async || {
        let now = lab.endpoints().0["orders-1"].clone();
        if now.pid.is_none() || now.pid == before.pid { Err("the old process") } else { Ok(now) }
    })
    .await;
    assert_eq!(after.urls, before.urls);
    let health = format!("{}/health", after.urls["http"]);
    until("it answers", LIMIT, async || lab.json(&health).await).await;
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_child_outlives_a_killed_supervisor() {
    let lab = RunningLab::start(&[]).await;
    let children: Vec<u32> =
        lab.endpoints().0.iter().filter(|(role, _)| *role != "up").filter_map(|(_, e)| e.pid).collect();
    assert_eq!(children.len(), lab.roles().len());
    kill_process(pid(lab.pid()), Signal::KILL).expect("it runs");
    until("all children are gone", LIMIT, async || {
        let left: Vec<_> = children.iter().filter(|c| test_kill_process(pid(**c)).is_ok()).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_start_says_why() {
    let holder = net::bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
    let taken = holder.local_addr().expect("bound").port().to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let choice = format!("gateway.http={taken}");
    let said =
        up_fails(&["--data-dir", &folder.path().display().to_string(), "--ports", "auto", "--port", &choice]);
    for word in ["gateway", &taken, "--port gateway.http=PORT"] {
        assert!(said.contains(word), "{word} is missing in: {said}");
    }
    let said = up_fails(&[
        "--data-dir",
        &folder.path().display().to_string(),
        "--ports",
        "auto",
        "--hold",
        "orders-9",
    ]);
    assert!(said.contains("orders-9") && said.contains("orders-2"), "{said}");
    let wrong = folder.path().join("lab.yml");
    std::fs::write(&wrong, "services:\n  - {name: a, kind: web, memory: 1MB}\n").expect("written");
    let said = up_fails(&["--lab", &wrong.display().to_string()]);
    assert!(said.contains("lab.yml:2:26: unknown field memory"), "{said}");
    assert!(up_fails(&["--check", "--lab", &wrong.display().to_string()]).contains("lab.yml:2:26"));
    let checked = Command::new(binary()).args(["up", "--check"]).output().expect("the binary starts");
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success() && said.contains("17 roles"), "{said}");

    let lab = RunningLab::start(&[]).await;
    let said = up_fails(&["--data-dir", &lab.data_dir().display().to_string(), "--ports", "auto"]);
    assert!(said.contains(&lab.data_dir().display().to_string()), "{said}");
    lab.stop().await;
}

fn up_fails(arguments: &[&str]) -> String {
    let output = Command::new(binary()).arg("up").args(arguments).output().expect("the binary starts");
    assert!(!output.status.success(), "up {arguments:?} started");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn pid(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).expect("a pid")).expect("not zero")
}
