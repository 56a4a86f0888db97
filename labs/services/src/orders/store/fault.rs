//! How an attempt at the database failed, and what may be done about it.

use sqlx::error::DatabaseError;

use super::StoreError;

/// A failed attempt. Its connection is closed, so whatever was not committed is undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// The connection is gone. Not answered, so an attempt that had not come to its commit may be made again.
    Lost(String),
    /// The database gave this transaction up in favour of another; it may be made again.
    Conflict(String),
    /// Nothing that another attempt would better.
    Final(StoreError),
}

/// The error codes of a database that have a meaning for us; each stands for all that begin with it.
#[derive(Debug)]
pub(super) struct Codes {
    /// The connection was ended by the server.
    pub(super) lost: &'static [&'static str],
    /// See [`Fault::Conflict`].
    pub(super) conflict: &'static [&'static str],
    /// A later request may be served: too many connections, no room, a lock that was not given.
    pub(super) busy: &'static [&'static str],
}

impl Fault {
    /// What a driver's error means. `code` reads the code of an error that the database itself has sent.
    pub(super) fn of(
        error: &sqlx::Error,
        codes: &Codes,
        code: impl FnOnce(&dyn DatabaseError) -> String,
    ) -> Self {
        let text = error.to_string();
        match error {
            sqlx::Error::Database(inside) => {
                let (code, text) = (code(inside.as_ref()), inside.message().to_owned());
                let is_in = |list: &[&str]| list.iter().any(|known| code.starts_with(known));
                if is_in(codes.lost) {
                    Self::Lost(text)
                } else if is_in(codes.conflict) {
                    Self::Conflict(text)
                } else if is_in(codes.busy) {
                    Self::Final(StoreError::Unavailable(text))
                } else {
                    Self::Final(StoreError::Failed(text))
                }
            }
            // Half an answer is what a server leaves that was killed while it wrote.
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => Self::Lost(text),
            _ => Self::Final(StoreError::Failed(text)),
        }
    }

    /// The meaning of a failed commit: where the connection is lost nobody knows whether it was done.
    pub(super) fn at_commit(self) -> Self {
        match self {
            Self::Lost(text) | Self::Final(StoreError::TimedOut(text)) => {
                Self::Final(StoreError::InDoubt(text))
            }
            known => known,
        }
    }

    /// What is told when it is not tried again.
    pub(super) fn told(self) -> StoreError {
        match self {
            Self::Lost(text) | Self::Conflict(text) => StoreError::Unavailable(text),
            Self::Final(error) => error,
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Final(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lost_commit_is_in_doubt() {
        let (lost, text) = (Fault::Lost("cut".to_owned()), "cut".to_owned());
        assert_eq!(lost.clone().told(), StoreError::Unavailable(text.clone()));
        assert_eq!(lost.at_commit().told(), StoreError::InDoubt(text.clone()));
        let refused = Fault::Final(StoreError::Failed(text));
        assert_eq!(refused.clone().at_commit(), refused);
    }
}
