//! Who may log in.

use std::fmt;

/// A database user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// `app_user`: owns everything in the database of the application and nothing else.
    App,
    /// `exporter`: reads what `db/exporter-*.sql` grants it.
    Exporter,
    /// `root` or `postgres`: may do everything. For tests and for setting up.
    Admin,
}

impl Account {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::App, Self::Exporter, Self::Admin];

    /// The name of its password's file, without the ending.
    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::App => "app_user",
            Self::Exporter => "exporter",
            Self::Admin => "admin",
        }
    }
}

/// A password: random letters and digits, so that it needs no quoting anywhere. Debug output does not show it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password(String);

/// 24 characters of 62 are 142 bits.
const LENGTH: usize = 24;

impl Password {
    pub(crate) fn random() -> Self {
        Self(std::iter::repeat_with(fastrand::alphanumeric).take(LENGTH).collect())
    }

    /// Takes what a file of ours holds; none when it was tampered with in a way that would need quoting.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let good = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
        good.then(|| Self(text.to_owned()))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_plain_and_hide() {
        let password = Password::random();
        assert_eq!(Password::parse(&format!("{}\n", password.reveal())), Some(password.clone()));
        assert_ne!(password, Password::random());
        assert_eq!(format!("{password:?}"), "Password");
        assert_eq!((Password::parse("it's"), Password::parse(" \n")), (None, None));
    }
}
