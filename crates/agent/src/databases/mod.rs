//! What a database server tells of itself, under the names of mysqld_exporter and postgres_exporter.
//!
//! Each engine is a list of parts. A part is a query and a pure function from its answer to families, so that asking, with
//! its limits of time and memory, is in one place ([`exporter`]) and what the answers mean can be tested without a server.
//! One connection is kept for each server and used by one scrape at a time; each server has a port of its own, so that one
//! that hangs holds up nobody else.

mod answer;
mod client;
mod exporter;
mod mysql;
mod part;
mod postgres;
mod serve;

pub use client::{DatabaseUrl, UrlError};
pub(crate) use serve::{Options, serve};

use part::Part;

/// A database server that we know how to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// MySQL and MariaDB.
    Mysql,
    /// PostgreSQL.
    Postgres,
}

impl Engine {
    fn parts(self) -> &'static [Part] {
        match self {
            Self::Mysql => mysql::PARTS,
            Self::Postgres => postgres::PARTS,
        }
    }

    /// Names of what can be collected, and whether it is by default.
    pub fn collectors(self) -> impl Iterator<Item = (&'static str, bool)> {
        self.parts().iter().map(|part| (part.name, part.is_standard))
    }

    /// As a person calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mysql => "mysql",
            Self::Postgres => "postgres",
        }
    }
}
