//! MariaDB: its programs, their options, its SQL.

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
const EXPORTER: &str = include_str!("../../../db/exporter-mysql.sql");

/// Small, as befits a lab beside twenty other processes; the default redo log alone would be 96 MB on disk.
const SETTINGS: [&str; 3] =
    ["--innodb-buffer-pool-size=64M", "--innodb-log-file-size=32M", "--character-set-server=utf8mb4"];

/// Of a folder that goes with its test. One that is killed still finds all it wrote: the system has it.
const TEMPORARY: [&str; 2] = ["--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=2"];

fn settings(folder: &Folder) -> Vec<OsString> {
    let temporary = TEMPORARY.iter().filter(|_| folder.is_temporary());
    SETTINGS.iter().chain(temporary).map(OsString::from).collect()
}

pub(crate) fn initialise(folder: &Folder, data: &Path) -> Result<(), Error> {
    let mut arguments = vec![OsString::from("--no-defaults"), option("--datadir=", data)];
    // No test database and nobody without a name; `root` cannot log in before the server's first start sets its password.
    arguments.extend(["--skip-test-db", "--auth-root-authentication-method=socket"].map(OsString::from));
    if rustix::process::geteuid().is_root() {
        arguments.push("--user=root".into());
    }
    arguments.extend(self::settings(folder));
    call(folder, "mariadb-install-db", arguments)?.run("mariadb-install-db", "").map(drop)
}

pub(crate) fn server(folder: &Folder, at: SocketAddr, settings: &[String]) -> Result<Call, Error> {
    // Read before anybody may log in, at each start.
    let password = folder.password(Account::Admin)?;
    let statement = format!("ALTER USER 'root'@'localhost' IDENTIFIED BY '{}';\n", password.reveal());
    let init_file = folder.write_for_server("init.sql", &statement)?;
    let mut arguments = vec![
        "--no-defaults".into(),
        option("--datadir=", &folder.data()),
        option("--init-file=", &init_file),
        option("--pid-file=", &folder.path().join("server.pid")),
        format!("--bind-address={}", at.ip()).into(),
        format!("--port={}", at.port()).into(),
        // A socket's path has a limit of about a hundred characters, which folders of data do not know of.
        "--socket=".into(),
    ];
    if rustix::process::geteuid().is_root() {
        arguments.push("--user=root".into());
    }
    arguments.extend(self::settings(folder));
    arguments.extend(settings.iter().map(OsString::from));
    call(folder, "mariadbd", arguments)
}

pub(crate) fn client(folder: &Folder, at: SocketAddr, database: &str) -> Result<Call, Error> {
    let at = reached_at(at);
    let arguments = [
        "--no-defaults".to_owned(),
        "--protocol=tcp".to_owned(),
        // Something else may listen there and never say a word.
        format!("--connect-timeout={CONNECT_TIMEOUT_S}"),
        format!("--host={}", at.ip()),
        format!("--port={}", at.port()),
        "--user=root".to_owned(),
        "--batch".to_owned(),
        "--skip-column-names".to_owned(),
        "--default-character-set=utf8mb4".to_owned(),
        format!("--database={database}"),
    ];
    let mut client = call(folder, "mariadb", arguments.map(OsString::from).into())?;
    client.environment = vec![("MYSQL_PWD", folder.password(Account::Admin)?.reveal().to_owned())];
    Ok(client)
}

pub(crate) fn provision(folder: &Folder) -> Result<String, Error> {
    let user = Engine::Mysql.login(Account::App);
    let password = folder.password(Account::App)?;
    let exporter = EXPORTER.replace("change-me", folder.password(Account::Exporter)?.reveal());
    Ok(format!(
        "CREATE USER IF NOT EXISTS '{user}'@'%';\n\
         ALTER USER '{user}'@'%' IDENTIFIED BY '{password}';\n{database}\n{exporter}",
        password = password.reveal(),
        database = create_database(DATABASE),
    ))
}

pub(crate) fn create_database(name: &str) -> String {
    let user = Engine::Mysql.login(Account::App);
    format!(
        "CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4;\n\
         GRANT ALL PRIVILEGES ON `{name}`.* TO '{user}'@'%';"
    )
}

fn option(name: &str, path: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push(path);
    option
}

fn call(folder: &Folder, program: &'static str, arguments: Vec<OsString>) -> Result<Call, Error> {
    Ok(Call {
        program: programs::find(Engine::Mysql, program)?,
        arguments,
        // A server that starts removes all temporary tables of its folder for such, those of its neighbours too where they share one.
        environment: vec![("TMPDIR", folder.path().display().to_string())],
        user: folder.user(),
        working_folder: folder.path().to_owned(),
    })
}
