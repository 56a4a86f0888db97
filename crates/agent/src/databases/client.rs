//! A connection to a server, and the questions asked over it: plain text both ways, nothing prepared, nothing logged.

use std::fmt;
use std::pin::Pin;
use std::str::FromStr;

use config::Secret;
use futures_core::Stream;
use futures_core::stream::BoxStream;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::{
    AssertSqlSafe, ColumnIndex, ConnectOptions, Connection as _, Decode, MySqlConnection, PgConnection, Row,
    SqlSafeStr,
};

use super::Engine;
use super::answer::Answer;

/// Said to the server, so that its list of connections tells who we are.
const APPLICATION: &str = "watchfire-agent";

/// The longest that a server works on one of our statements, in milliseconds: just above the longest scrape, so that a
/// statement that we gave up does not go on for ever over there.
const STATEMENT_MAX_MS: u32 = 6000;

/// The longest that a statement of ours waits for somebody's lock, in seconds: monitoring stands last in the queue.
const LOCK_WAIT_MAX_S: u32 = 2;

/// Where a server is, and as whom to ask it. Shows no password.
#[derive(Clone)]
pub struct DatabaseUrl {
    target: Target,
    has_password: bool,
}

#[derive(Clone)]
enum Target {
    Mysql(MySqlConnectOptions),
    Postgres(PgConnectOptions),
}

/// An address that cannot be used. Says nothing of its text, which may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum UrlError {
    /// Of another kind of server.
    #[error("a {expected} URL starts with {}", .schemes.join(" or "))]
    Scheme {
        /// The kind that was asked for.
        expected: &'static str,
        /// What it may start with.
        schemes: &'static [&'static str],
    },
    /// Not to be understood.
    #[error("a {expected} URL looks like {example}: {reason}")]
    Unreadable {
        /// The kind that was asked for.
        expected: &'static str,
        /// A good one.
        example: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl DatabaseUrl {
    /// Reads `mysql://user:password@host:port/database` or `postgres://…`; what the driver calls parameters may follow.
    ///
    /// # Errors
    /// When it is of another kind, or cannot be understood.
    pub fn parse(engine: Engine, url: &str) -> Result<Self, UrlError> {
        let expected = engine.name();
        let (schemes, example): (&'static [&'static str], _) = match engine {
            Engine::Mysql => (&["mysql://", "mariadb://"], "mysql://exporter@db.internal:3306"),
            Engine::Postgres => {
                (&["postgres://", "postgresql://"], "postgres://exporter@db.internal:5432/orders_db")
            }
        };
        if !schemes.iter().any(|scheme| url.starts_with(scheme)) {
            return Err(UrlError::Scheme { expected, schemes });
        }
        let unreadable =
            |error: sqlx::Error| UrlError::Unreadable { expected, example, reason: reason(&error) };
        let target = match engine {
            Engine::Mysql => MySqlConnectOptions::from_str(url).map(Target::Mysql),
            Engine::Postgres => PgConnectOptions::from_str(url).map(Target::Postgres),
        };
        Ok(Self { target: target.map_err(unreadable)?, has_password: has_password(url) })
    }

    /// Whether the text had a password in it.
    pub fn has_password(&self) -> bool {
        self.has_password
    }

    /// The same with the password from elsewhere.
    #[must_use]
    pub fn with_password(self, password: &Secret) -> Self {
        let target = match self.target {
            Target::Mysql(options) => Target::Mysql(options.password(password.expose())),
            Target::Postgres(options) => Target::Postgres(options.password(password.expose())),
        };
        Self { target, has_password: true }
    }

    pub(super) async fn connect(&self) -> Result<Connection, AskError> {
        match &self.target {
            Target::Mysql(options) => {
                let options = options.clone().disable_statement_logging();
                let connection = MySqlConnection::connect_with(&options).await.map_err(AskError::from)?;
                let mut connection = Connection::Mysql(connection);
                // MariaDB and MySQL have different names for the same limit: one of the two is refused.
                connection
                    .limit(&[
                        format!("SET SESSION lock_wait_timeout = {LOCK_WAIT_MAX_S}"),
                        format!("SET SESSION max_statement_time = {}", STATEMENT_MAX_MS / 1000),
                        format!("SET SESSION max_execution_time = {STATEMENT_MAX_MS}"),
                    ])
                    .await?;
                Ok(connection)
            }
            Target::Postgres(options) => {
                let options = options.clone().application_name(APPLICATION).disable_statement_logging();
                let mut connection = Connection::Postgres(PgConnection::connect_with(&options).await?);
                // Set afterwards and not at the start, so that `pg_settings` still knows the server's own.
                connection
                    .limit(&[
                        format!("SET statement_timeout = {STATEMENT_MAX_MS}"),
                        format!("SET lock_timeout = {}", LOCK_WAIT_MAX_S * 1000),
                    ])
                    .await?;
                Ok(connection)
            }
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Mysql(o) => write!(f, "mysql://{}@{}:{}", o.get_username(), o.get_host(), o.get_port()),
            Target::Postgres(o) => {
                write!(f, "postgres://{}@{}:{}", o.get_username(), o.get_host(), o.get_port())
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Whether there is `user:password@` before the host, with something behind the colon.
fn has_password(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default();
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    user.split_once(':').is_some_and(|(_, password)| !password.is_empty())
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// The server said no; the connection is as good as before.
    #[error("{message} ({code})")]
    Refused {
        /// MySQL's number or PostgreSQL's SQLSTATE.
        code: String,
        message: String,
    },
    /// The connection cannot be used, or could not be had.
    #[error("{0}")]
    Lost(String),
}

impl From<sqlx::Error> for AskError {
    fn from(error: sqlx::Error) -> Self {
        let sqlx::Error::Database(said) = &error else { return Self::Lost(reason(&error)) };
        let mysql = said.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>();
        let code = match mysql {
            Some(said) => said.number().to_string(),
            None => said.code().unwrap_or_default().into_owned(),
        };
        let message = said.message().to_owned();
        if ends_connection(&code) {
            return Self::Lost(format!("{message} ({code})"));
        }
        Self::Refused { code, message }
    }
}

/// Errors after which a server hangs up. MySQL: going down, killed, idle for too long. PostgreSQL: its class of
/// connections, and of an operator's doing.
fn ends_connection(code: &str) -> bool {
    const MYSQL: [&str; 5] = ["1053", "1077", "1079", "1927", "4031"];
    MYSQL.contains(&code) || code.starts_with("08") || (code.starts_with("57P") && code.len() == 5)
}

/// What went wrong, without the driver's words around it. A server's own message names the user and never the password.
fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Configuration(error) | sqlx::Error::Tls(error) => error.to_string(),
        sqlx::Error::Database(said) => said.message().to_owned(),
        other => other.to_string(),
    }
}

/// An open connection.
#[derive(Debug)]
pub(super) enum Connection {
    Mysql(MySqlConnection),
    Postgres(PgConnection),
}

impl Connection {
    /// Whether somebody is there.
    pub(super) async fn ping(&mut self) -> Result<(), AskError> {
        match self {
            Self::Mysql(connection) => connection.ping().await?,
            Self::Postgres(connection) => connection.ping().await?,
        }
        Ok(())
    }

    /// The answer to one query.
    pub(super) async fn ask(&mut self, query: impl SqlSafeStr) -> Result<Answer, AskError> {
        match self {
            Self::Mysql(connection) => read(sqlx::raw_sql(query).fetch(connection)).await,
            Self::Postgres(connection) => read(sqlx::raw_sql(query).fetch(connection)).await,
        }
    }

    /// Sets limits for this connection; what the server does not know is passed over.
    async fn limit(&mut self, limits: &[String]) -> Result<(), AskError> {
        for limit in limits {
            match self.ask(AssertSqlSafe(limit.clone())).await {
                Err(error @ AskError::Lost(_)) => return Err(error),
                Ok(_) | Err(AskError::Refused { .. }) => {}
            }
        }
        Ok(())
    }
}

/// Rows as they come, up to the limit of an answer; the rest is read and counted.
async fn read<R: Row>(mut rows: BoxStream<'_, Result<R, sqlx::Error>>) -> Result<Answer, AskError>
where
    usize: ColumnIndex<R>,
    for<'r> Option<&'r str>: Decode<'r, R::Database>,
{
    use sqlx::Column as _;
    let mut answer = Answer::default();
    while let Some(row) = next(&mut rows).await {
        let row = row?;
        if !answer.has_columns() {
            answer.set_columns(row.columns().iter().map(|column| column.name().to_owned()).collect());
        }
        if answer.has_room() {
            for place in 0..answer.n_columns() {
                // A cell that is no UTF-8 counts as nothing: it can be neither a number nor a label.
                answer.push(row.try_get_unchecked::<Option<&str>, _>(place).unwrap_or_default());
            }
        }
    }
    Ok(answer)
}

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    std::future::poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_show_no_password() {
        for (engine, url, shown) in [
            (Engine::Mysql, "mysql://exporter:s3cret@db:3307/orders_db", "mysql://exporter@db:3307"),
            (Engine::Mysql, "mariadb://exporter:s3cret@db", "mysql://exporter@db:3306"),
            (Engine::Postgres, "postgres://exporter:s3cret@db/orders_db", "postgres://exporter@db:5432"),
        ] {
            let url = DatabaseUrl::parse(engine, url).expect("a URL");
            assert!(url.has_password());
            assert_eq!((url.to_string(), format!("{url:?}")), (shown.to_owned(), shown.to_owned()));
        }
    }

    #[test]
    fn bad_urls_are_told_without_their_text() {
        for (engine, url, expected) in [
            (Engine::Mysql, "postgres://u:s3cret@db", "a mysql URL starts with mysql:// or mariadb://"),
            (Engine::Postgres, "u:s3cret@db", "a postgres URL starts with postgres:// or postgresql://"),
            (
                Engine::Mysql,
                "mysql://u:s3cret@db:port",
                "a mysql URL looks like mysql://exporter@db.internal:3306: invalid port number",
            ),
        ] {
            let error = DatabaseUrl::parse(engine, url).expect_err("not a URL").to_string();
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn a_password_is_seen_where_it_stands() {
        for (url, expected) in [
            ("mysql://u:p@h/d", true),
            ("mysql://u:@h/d", false),
            ("mysql://u@h:3306/d", false),
            ("mysql://h:3306", false),
            ("mysql://u:p%40x@h", true),
        ] {
            assert_eq!(has_password(url), expected, "{url}");
        }
    }
}
