//! Both servers from the installed packages, started and ended for real.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dbserver::{Account, DATABASE, Engine, Error, Log, Options, Server, password_file};

/// A limit for what must not hang; nothing takes this long when it works.
const PATIENCE: Duration = Duration::from_secs(180);

fn start(engine: Engine) -> Server {
    Server::start(Options::temporary(engine)).unwrap_or_else(|error| panic!("{engine:?}: {error}"))
}

fn is_alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// Runs in `orders_db` as the administrator.
fn rows(server: &Server, sql: &str) -> String {
    server.admin(DATABASE, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

fn survives_kill_and_stop(engine: Engine) {
    let mut server = start(engine);
    rows(&server, "CREATE TABLE kept (n int);");
    for (n, end) in [(1, Server::kill as fn(&Server)), (2, Server::stop)] {
        rows(&server, &format!("INSERT INTO kept VALUES ({n});"));
        let (pid, at) = (server.pid(), server.address());
        end(&server);
        assert!(!is_alive(pid), "{engine:?}");
        server.start_again().unwrap_or_else(|error| panic!("{engine:?}: {error}"));
        assert_eq!(server.address(), at);
        assert_eq!(rows(&server, "SELECT count(*) FROM kept;"), n.to_string(), "{engine:?}");
    }
    server.create_database("another").expect("made");
    assert_eq!(server.admin("another", "SELECT 7;").expect("there"), "7");
    let (pid, folder) = (server.pid(), server.folder().to_owned());
    drop(server);
    assert!(!is_alive(pid) && !folder.exists(), "{engine:?}: {}", folder.display());
}

#[test]
fn mariadb_survives_kill_and_stop_and_leaves_nothing() {
    survives_kill_and_stop(Engine::Mysql);
}

#[test]
fn postgres_survives_kill_and_stop_and_leaves_nothing() {
    survives_kill_and_stop(Engine::Postgres);
}

#[test]
fn passwords_are_private_and_not_on_command_lines_and_urls_hold_them() {
    for engine in Engine::ALL {
        let server = start(engine);
        let line = std::fs::read_to_string(format!("/proc/{}/cmdline", server.pid())).expect("it runs");
        let log = std::fs::read_to_string(server.folder().join("server.log")).expect("a log");
        for account in [Account::App, Account::Exporter, Account::Admin] {
            let file = password_file(server.folder(), account);
            assert_eq!(std::fs::metadata(&file).expect("there").mode() & 0o777, 0o600);
            let password = std::fs::read_to_string(&file).expect("read");
            assert!(!line.contains(&password) && !log.contains(&password), "{engine:?} {account:?}");
            let url = server.url(account, DATABASE).expect("a URL");
            assert!(url.contains(&format!(":{password}@127.0.0.1:")), "{engine:?}");
            assert_eq!(url.replace(&format!(":{password}"), ""), server.public_url(account, DATABASE));
        }
    }
}

#[test]
fn a_kept_folder_goes_on_and_belongs_to_one_engine() {
    let folder = tempfile::tempdir().expect("a folder");
    // PostgreSQL's user has to pass.
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o711))
        .expect("opened");
    let options = |engine| Options {
        folder: Some(folder.path().join("db")),
        settings: Vec::new(),
        log: Log::File,
        ..Options::temporary(engine)
    };
    let first = Server::start(options(Engine::Postgres)).expect("starts");
    rows(&first, "CREATE TABLE kept (n int);");
    let url = |server: &Server| server.url(Account::App, DATABASE).expect("a URL");
    let password = |url: String| url.split([':', '@']).nth(2).map(str::to_owned);
    let before = password(url(&first));
    first.stop();
    drop(first);
    let second = Server::start(options(Engine::Postgres)).expect("starts again");
    assert_eq!(rows(&second, "SELECT count(*) FROM kept;"), "0");
    assert_eq!(password(url(&second)), before);
    drop(second);
    let refused = Server::start(options(Engine::Mysql)).expect_err("another's");
    assert!(matches!(&refused, Error::OtherEngine { found, .. } if found == "postgres"), "{refused}");
}

/// Set in a second process of this test, which is killed.
const DOOMED: &str = "DBSERVER_TEST_DOOMED";
/// What it prints before the server's process; the test harness prints other lines.
const SAYS: &str = "server is ";

#[test]
fn a_server_ends_with_who_started_it() {
    if let Some(engine) = std::env::var_os(DOOMED) {
        let engine = Engine::ALL.into_iter().find(|it| engine == it.name()).expect("one of both");
        let server = start(engine);
        println!("{SAYS}{} {}", server.pid(), server.folder().display());
        std::thread::sleep(Duration::from_secs(3600));
    }
    for engine in Engine::ALL {
        let mut doomed = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "a_server_ends_with_who_started_it", "--nocapture"])
            .env(DOOMED, engine.name())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let lines = BufReader::new(doomed.stdout.take().expect("piped")).lines();
        let said = lines.map_while(Result::ok).find_map(|line| Some(line.split_once(SAYS)?.1.to_owned()));
        let said = said.expect("it says something before it ends");
        let (pid, folder) = said.split_once(' ').expect("two words");
        let pid = pid.parse().expect("a number");
        assert!(is_alive(pid), "{engine:?}");
        doomed.kill().expect("killed");
        doomed.wait().expect("gone");
        let deadline = Instant::now() + PATIENCE;
        while is_alive(pid) {
            assert!(Instant::now() < deadline, "{engine:?} lives on");
            std::thread::sleep(Duration::from_millis(5));
        }
        std::fs::remove_dir_all(folder).expect("nobody was left to remove it");
    }
}

#[test]
fn what_cannot_start_says_why() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    for engine in Engine::ALL {
        let options = Options { listen: taken.local_addr().expect("bound"), ..Options::temporary(engine) };
        let error = Server::start(options).expect_err("taken");
        assert!(
            matches!(&error, Error::Ended { said, .. } if said.contains("ddress already in use")),
            "{error}"
        );
    }
}
