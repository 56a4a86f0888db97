//! PostgreSQL: its programs, their options, its SQL.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;

use crate::account::Account;
use crate::engine::{Engine, reached_at};
use crate::error::Error;
use crate::folder::Folder;
use crate::process::Call;
use crate::server::CONNECT_TIMEOUT_S;
use crate::{DATABASE, programs};

/// The exporter's rights, as somebody would load them by hand; the word in it stands for the password.
const EXPORTER: &str = include_str!("../../../db/exporter-postgres.sql");

/// Who may log in from where: with a password, from wherever the server listens.
const HOST_RULES: &str = "# Written at each start.\nhost all all all scram-sha-256\n\
    host replication all all scram-sha-256\n";

/// Small, as befits a lab beside twenty other processes.
const SETTINGS: [&str; 1] = ["shared_buffers=64MB"];

/// Of a folder that goes with its test. One that is killed still finds all it wrote: the system has it.
const TEMPORARY: [&str; 2] = ["fsync=off", "full_page_writes=off"];

pub(crate) fn initialise(folder: &Folder, data: &Path) -> Result<(), Error> {
    let password = folder.password(Account::Admin)?;
    let file = folder.write_for_server("init.password", password.reveal())?;
    let mut arguments = vec![
        option("--pgdata=", data),
        option("--pwfile=", &file),
        format!("--username={}", Engine::Postgres.login(Account::Admin)).into(),
        "--auth=scram-sha-256".into(),
        "--encoding=UTF8".into(),
        // Sorts by code point: the same on each machine.
        "--locale=C".into(),
    ];
    if folder.is_temporary() {
        arguments.push("--no-sync".into());
    }
    let done = call(folder, "initdb", arguments)?.run("initdb", "");
    // What is left behind is readable by the server alone.
    let _ = std::fs::remove_file(file);
    done.map(drop)
}

pub(crate) fn server(folder: &Folder, at: SocketAddr, settings: &[String]) -> Result<Call, Error> {
    let rules = folder.write_for_server("pg_hba.conf", HOST_RULES)?;
    let mut all = vec![
        OsString::from(format!("listen_addresses={}", at.ip())),
        format!("port={}", at.port()).into(),
        option("hba_file=", &rules),
        // A socket's path has a limit of about a hundred characters, which folders of data do not know of.
        "unix_socket_directories=".into(),
    ];
    let temporary = TEMPORARY.iter().filter(|_| folder.is_temporary());
    all.extend(SETTINGS.iter().chain(temporary).map(OsString::from));
    all.extend(settings.iter().map(OsString::from));
    let mut arguments = vec!["-D".into(), folder.data().into_os_string()];
    all.into_iter().for_each(|setting| arguments.extend(["-c".into(), setting]));
    call(folder, "postgres", arguments)
}

pub(crate) fn client(folder: &Folder, at: SocketAddr, database: &str) -> Result<Call, Error> {
    let at = reached_at(at);
    let arguments = [
        "--no-psqlrc".to_owned(),
        "--quiet".to_owned(),
        "--no-align".to_owned(),
        "--tuples-only".to_owned(),
        "--set=ON_ERROR_STOP=1".to_owned(),
        format!("--host={}", at.ip()),
        format!("--port={}", at.port()),
        format!("--username={}", Engine::Postgres.login(Account::Admin)),
        format!("--dbname={database}"),
    ];
    let mut client = call(folder, "psql", arguments.map(OsString::from).into())?;
    let password = folder.password(Account::Admin)?.reveal().to_owned();
    client.environment.extend([
        ("PGPASSWORD", password),
        ("PGCLIENTENCODING", "UTF8".to_owned()),
        // Something else may listen there and never say a word.
        ("PGCONNECT_TIMEOUT", CONNECT_TIMEOUT_S.to_string()),
    ]);
    // It reads nothing of the server's.
    client.user = None;
    Ok(client)
}

pub(crate) fn provision(folder: &Folder) -> Result<String, Error> {
    let user = Engine::Postgres.login(Account::App);
    let password = folder.password(Account::App)?;
    let exporter = EXPORTER.replace("change-me", folder.password(Account::Exporter)?.reveal());
    Ok(format!(
        "SELECT 'CREATE ROLE {user} LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{user}') \\gexec\n\
         ALTER ROLE {user} PASSWORD '{password}';\n{database}\n{exporter}",
        password = password.reveal(),
        database = create_database(DATABASE),
    ))
}

pub(crate) fn create_database(name: &str) -> String {
    let user = Engine::Postgres.login(Account::App);
    format!(
        "SELECT 'CREATE DATABASE \"{name}\" OWNER {user}' \
         WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{name}') \\gexec"
    )
}

/// Whether processes of a server that was killed still hold its memory; a new one refuses to start meanwhile.
pub(crate) fn is_still_ending(folder: &Folder) -> bool {
    let left = std::fs::read_to_string(folder.data().join("postmaster.pid"));
    let segments = std::fs::read_to_string("/proc/sysvipc/shm");
    match (left, segments) {
        (Ok(left), Ok(segments)) => is_attached(&left, &segments),
        _ => false,
    }
}

/// The seventh line that a server leaves names its segment by key and id; the system counts who is attached to it.
fn is_attached(left: &str, segments: &str) -> bool {
    let id = left.lines().nth(6).and_then(|line| line.split_whitespace().nth(1));
    segments.lines().skip(1).any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // key shmid perms size cpid lpid nattch …
        fields.get(1).copied() == id && fields.get(6).is_some_and(|count| *count != "0")
    })
}

fn option(name: &str, path: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push(path);
    option
}

fn call(folder: &Folder, program: &'static str, arguments: Vec<OsString>) -> Result<Call, Error> {
    Ok(Call {
        program: programs::find(Engine::Postgres, program)?,
        arguments,
        // Messages in English, whatever the machine speaks.
        environment: vec![("LC_ALL", "C".to_owned())],
        user: folder.user(),
        working_folder: folder.path().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_in_use_is_found_by_its_id() {
        let left = "10\n/data\n1\n5432\n\n127.0.0.1\n  10569070     98323\nready\n";
        let segments = |id: &str, attached: &str| {
            let head = "key shmid perms size cpid lpid nattch uid";
            format!("{head}\n 10569070 {id} 600 56 10 11 {attached} 101\n 7 7 600 1 1 1 5 0\n")
        };
        assert!(is_attached(left, &segments("98323", "2")));
        assert!(!is_attached(left, &segments("98323", "0")));
        assert!(!is_attached(left, &segments("98324", "2")));
        assert!(!is_attached("10\n/data\n", &segments("98323", "2")));
    }
}
