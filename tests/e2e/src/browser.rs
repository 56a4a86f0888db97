//! A real browser: headless Chromium driven through its own driver, both from Debian's packages.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use thirtyfour::{Capabilities, ChromiumLikeCapabilities, DesiredCapabilities, WebDriver};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const START_LIMIT: Duration = Duration::from_secs(180);
/// A browser that does not come up says nothing of us: another one may.
const BROWSER_TRIES: usize = 3;
/// The driver takes any free port of one family of addresses and then wants the same of the other, where another program may have
/// it: then it ends at once, and the next try takes another.
const DRIVER_TRIES: usize = 10;

/// A browser with one window; ended when dropped.
pub struct Browser {
    /// The window.
    pub page: WebDriver,
    driver: Driver,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts a browser with a window of this size.
    ///
    /// # Panics
    /// When Chromium or its driver is missing or does not start.
    pub async fn start(width: u32, height: u32) -> Self {
        net::tls::install();
        let mut said = Vec::new();
        for _ in 0..BROWSER_TRIES {
            let (driver, port) = start_driver().await;
            let profile = tempfile::tempdir().expect("a folder");
            let capabilities = capabilities(profile.path(), width, height);
            let starting = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities);
            let driver = Driver(driver);
            match tokio::time::timeout(START_LIMIT, starting).await {
                Ok(Ok(page)) => return Self { page, driver, _profile: profile },
                other => said.push(format!("{:?}", other.map(|page| page.map(drop)))),
            }
        }
        panic!("the browser does not start: {said:?}");
    }

    /// Writes a picture of the window to `target/screens/NAME.png` and gives its path.
    pub async fn picture(&self, name: &str) -> PathBuf {
        let test = std::env::current_exe().expect("a test has a path");
        let folder = test.ancestors().nth(3).expect("target/PROFILE/deps").join("screens");
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join(format!("{name}.png"));
        self.page.screenshot(&path).await.expect("a picture");
        path
    }

    /// Closes the window and ends the driver.
    pub async fn stop(mut self) {
        self.page.clone().quit().await.expect("the window closes");
        self.driver.0.kill().await.expect("the driver ends");
    }
}

/// The browser's driver, and with it the browser.
struct Driver(Child);

impl Drop for Driver {
    /// A test that fails does not close its window: the browser would go on without its driver, for ever if the page hangs.
    fn drop(&mut self) {
        let group = self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(group) = group {
            // It may have ended by itself; then there is nobody to tell.
            kill_process_group(group, Signal::KILL).ok();
        }
    }
}

/// A driver, and the port on which it listens.
async fn start_driver() -> (Child, u16) {
    for _ in 0..DRIVER_TRIES {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver starts; it comes with Debian's package chromium-driver");
        let port = tokio::time::timeout(START_LIMIT, port_of(&mut driver)).await;
        if let Some(port) = port.expect("chromedriver says its port or ends") {
            return (driver, port);
        }
    }
    panic!("chromedriver ended {DRIVER_TRIES} times before it listened");
}

/// The port that it says; nothing when it has ended without.
async fn port_of(driver: &mut Child) -> Option<u16> {
    let output = driver.stdout.take().expect("piped above");
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next_line().await.expect("readable") {
        if let Some(port) = line.strip_prefix("ChromeDriver was started successfully on port ") {
            return Some(port.trim_end_matches('.').parse().expect("a port"));
        }
    }
    None
}

fn capabilities(profile: &Path, width: u32, height: u32) -> Capabilities {
    let mut capabilities = DesiredCapabilities::chrome();
    capabilities.set_binary("/usr/bin/chromium").expect("a string");
    for argument in [
        "--headless=new",
        // Chromium refuses to sandbox as root, which is what continuous integration runs as.
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        &format!("--window-size={width},{height}"),
        &format!("--user-data-dir={}", profile.display()),
    ] {
        capabilities.add_arg(argument).expect("a string");
    }
    capabilities.into()
}
