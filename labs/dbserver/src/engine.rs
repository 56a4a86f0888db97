//! Which server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use crate::account::Account;
use crate::error::Error;
use crate::folder::Folder;
use crate::process::Call;
use crate::{mariadb, postgres};

/// A kind of database server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Engine {
    /// MariaDB, which speaks MySQL's protocol.
    Mysql,
    /// PostgreSQL.
    Postgres,
}

impl Engine {
    /// Both, for tests that run over each.
    pub const ALL: [Self; 2] = [Self::Mysql, Self::Postgres];

    /// The word for it in URLs, flags and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mysql => "mysql",
            Self::Postgres => "postgres",
        }
    }

    /// The port that it is looked for at.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Mysql => 3306,
            Self::Postgres => 5432,
        }
    }

    /// Debian's package that brings it.
    pub fn package(self) -> &'static str {
        match self {
            Self::Mysql => "mariadb-server",
            Self::Postgres => "postgresql",
        }
    }

    /// The name by which `account` logs in.
    pub fn login(self, account: Account) -> &'static str {
        match (account, self) {
            (Account::App, _) => "app_user",
            (Account::Exporter, _) => "exporter",
            (Account::Admin, Self::Mysql) => "root",
            (Account::Admin, Self::Postgres) => "postgres",
        }
    }

    /// The database to log in to where no other is meant.
    pub(crate) fn first_database(self) -> &'static str {
        match self {
            Self::Mysql => "mysql",
            Self::Postgres => "postgres",
        }
    }

    /// The URL without a password, for people and for `endpoints.json`.
    pub fn public_url(self, account: Account, database: &str, address: SocketAddr) -> String {
        format!("{}://{}@{}/{database}", self.name(), self.login(account), reached_at(address))
    }

    /// Fills `data` of a new folder.
    pub(crate) fn initialise(self, folder: &Folder, data: &Path) -> Result<(), Error> {
        match self {
            Self::Mysql => mariadb::initialise(folder, data),
            Self::Postgres => postgres::initialise(folder, data),
        }
    }

    /// The server's command line.
    pub(crate) fn server(self, folder: &Folder, at: SocketAddr, settings: &[String]) -> Result<Call, Error> {
        match self {
            Self::Mysql => mariadb::server(folder, at, settings),
            Self::Postgres => postgres::server(folder, at, settings),
        }
    }

    /// The package's own client, as the administrator; it reads statements from its standard input.
    pub(crate) fn client(self, folder: &Folder, at: SocketAddr, database: &str) -> Result<Call, Error> {
        match self {
            Self::Mysql => mariadb::client(folder, at, database),
            Self::Postgres => postgres::client(folder, at, database),
        }
    }

    /// Whether what is left of a server that was killed stands in the way of a new one.
    pub(crate) fn is_still_ending(self, folder: &Folder) -> bool {
        self == Self::Postgres && postgres::is_still_ending(folder)
    }

    /// Statements that make accounts and database, and change nothing where they are there.
    pub(crate) fn provision(self, folder: &Folder) -> Result<String, Error> {
        match self {
            Self::Mysql => mariadb::provision(folder),
            Self::Postgres => postgres::provision(folder),
        }
    }

    /// Statements that make one more database, owned by the application's user.
    pub(crate) fn create_database(self, name: &str) -> String {
        match self {
            Self::Mysql => mariadb::create_database(name),
            Self::Postgres => postgres::create_database(name),
        }
    }
}

/// Where a server that listens on `address` is found: one that listens everywhere, on this machine.
pub(crate) fn reached_at(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_for_people_have_no_password() {
        let at = |text: &str| text.parse().expect("an address");
        let url = Engine::Mysql.public_url(Account::App, crate::DATABASE, at("0.0.0.0:3306"));
        assert_eq!(url, "mysql://app_user@127.0.0.1:3306/orders_db");
        let url = Engine::Postgres.public_url(Account::Admin, "postgres", at("[::1]:5432"));
        assert_eq!(url, "postgres://postgres@[::1]:5432/postgres");
    }
}
