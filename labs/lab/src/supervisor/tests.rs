//! The supervisor over children that are shell scripts.

use std::os::unix::fs::PermissionsExt;

use super::*;

/// Longest that anything here may take; a supervisor that waits for itself waits for ever.
const LIMIT: Duration = Duration::from_secs(180);

/// Is ready at once and stays until told to end.
const WELL: &str =
    r#"echo '{"role":"a","pid":'$$',"urls":{"http":"http://127.0.0.1:1"}}'; exec cat >/dev/null"#;

struct Bench {
    folder: tempfile::TempDir,
    give_up: CancellationToken,
    /// Kept so that the lab may talk.
    heard: mpsc::UnboundedReceiver<Event>,
    events: mpsc::UnboundedSender<Event>,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (events, heard) = mpsc::unbounded_channel();
        Self { folder, give_up: CancellationToken::new(), heard, events }
    }

    /// Starts a lab whose children run `script`, with the role's arguments as `$*`.
    async fn start(&self, script: &str) -> Result<Lab, LabError> {
        let program = self.folder.path().join("child");
        // Written by another process: a child of another test that is forked while we have it open holds it for a moment, and a
        // program that is open for writing is not run.
        let written = std::process::Command::new("sh")
            .args(["-c", "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$2\"", "sh", script])
            .arg(&program)
            .status();
        assert!(written.expect("it runs").success());
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("executable");
        let options = LabOptions {
            program,
            data_dir: self.data_dir(),
            ports: PortPlan { ip: [127, 0, 0, 1].into(), auto: true, chosen: [].into() },
            hold: Vec::new(),
            lab: LabConfig::builtin(),
        };
        let started = Lab::start(options, self.events.clone(), self.give_up.clone());
        tokio::time::timeout(LIMIT, started).await.expect("start ends in time")
    }

    fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn has_endpoints(&self) -> bool {
        self.data_dir().join(files::ENDPOINTS).exists()
    }
}

#[tokio::test]
async fn a_role_that_fails_is_named_and_nothing_stays() {
    let bench = Bench::new();
    let script = format!("case \"$*\" in *orders-2*) echo 'error: no database' >&2; exit 1;; esac\n{WELL}");
    let error = bench.start(&script).await.expect_err("orders-2 fails").to_string();
    assert_eq!(error, "orders-2 did not start: no database");
    assert!(!bench.has_endpoints());
}

#[tokio::test]
async fn giving_up_while_starting_stops_what_has_started() {
    let mut bench = Bench::new();
    // The gateway never gets ready.
    let script = format!("case \"$*\" in *gateway*) exec cat >/dev/null;; esac\n{WELL}");
    let give_up = bench.give_up.clone();
    let (_, mut heard) = mpsc::unbounded_channel();
    std::mem::swap(&mut heard, &mut bench.heard);
    let watcher = tokio::spawn(async move {
        while let Some(event) = heard.recv().await {
            if matches!(&event, Event::Ready { role, .. } if role == "orders-1") {
                give_up.cancel();
            }
        }
    });
    assert!(matches!(bench.start(&script).await, Err(LabError::Stopped)));
    assert!(!bench.has_endpoints());
    watcher.abort();
}

#[tokio::test]
async fn a_lab_that_is_ready_has_said_so_and_can_be_found() {
    let mut bench = Bench::new();
    let lab = bench.start(WELL).await.expect("ready");
    let mut ready: Vec<String> = Vec::new();
    while let Ok(Event::Ready { role, .. }) = bench.heard.try_recv() {
        ready.push(role);
    }
    let roles: Vec<&str> = lab.roles().iter().map(|r| r.name.as_str()).collect();
    assert_eq!(ready.len(), roles.len(), "{ready:?}");
    let written = crate::Endpoints::read(&bench.data_dir()).expect("written");
    assert!(roles.iter().all(|role| written.0.contains_key(*role)), "{written:?}");
    let gateway = std::fs::read_to_string(files::run_dir(&bench.data_dir()).join(files::GATEWAY));
    let gateway = gateway.expect("written");
    assert!(gateway.contains("orders-1") && gateway.contains("orders-2"), "{gateway}");
    tokio::time::timeout(LIMIT, lab.stop()).await.expect("stops in time");
    assert!(!bench.has_endpoints());
}

#[tokio::test]
async fn endpoints_that_could_not_be_written_are_written_later() {
    let bench = Bench::new();
    let lab = bench.start(WELL).await.expect("ready");
    let file = bench.data_dir().join(files::ENDPOINTS);
    // A folder in its place: nothing can be renamed onto it.
    std::fs::remove_file(&file).expect("removed");
    std::fs::create_dir_all(file.join("in the way")).expect("made");
    lab.shared.publish();
    std::fs::remove_dir_all(&file).expect("removed");
    let written = async {
        while crate::Endpoints::read(&bench.data_dir()).is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, written).await.expect("written again");
    lab.stop().await;
}
