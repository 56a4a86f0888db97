//! The folder of a server: who may enter, its passwords, its data.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::account::{Account, Password};
use crate::engine::Engine;
use crate::error::{AtPath, Error};

/// What only PostgreSQL's data has.
const POSTGRES_MARK: &str = "PG_VERSION";

/// The user that a server runs as when it may not be ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServerUser {
    pub(crate) name: &'static str,
    uid: u32,
    gid: u32,
}

/// A folder that is prepared: the server's data is there, and a password for each account.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    engine: Engine,
    user: Option<ServerUser>,
    keeping: Keeping,
}

/// How long a folder is to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// What a transaction has committed survives a power cut.
    Durable,
    /// For tests, which kill processes and not machines: nothing waits for the disk.
    Temporary,
}

/// Where the password of `account` lies in the folder at `path`; for its owner only.
pub fn password_file(path: &Path, account: Account) -> PathBuf {
    path.join(format!("{}.password", account.file()))
}

impl Folder {
    /// Makes the folder at `path` a home of `engine`, or takes it as it is when it is one already.
    ///
    /// # Errors
    /// When programs are missing, the folder cannot be used, or holds something else.
    pub fn prepare(engine: Engine, path: &Path, keeping: Keeping) -> Result<Self, Error> {
        let path = std::path::absolute(path).at(path)?;
        let user = server_user(engine)?;
        fs::create_dir_all(&path).at(&path)?;
        // Others may pass through to `data`, which is theirs, and see nothing.
        let mode = if user.is_some() { 0o711 } else { 0o700 };
        fs::set_permissions(&path, Permissions::from_mode(mode)).at(&path)?;
        let folder = Self { path, engine, user, keeping };
        folder.can_be_reached()?;
        folder.make_passwords()?;
        folder.initialise()?;
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn user(&self) -> Option<&'static str> {
        self.user.map(|user| user.name)
    }

    pub(crate) fn is_temporary(&self) -> bool {
        self.keeping == Keeping::Temporary
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    pub(crate) fn password(&self, account: Account) -> Result<Password, Error> {
        let file = password_file(&self.path, account);
        let text = fs::read_to_string(&file).at(&file)?;
        let odd = || std::io::Error::other("must hold letters and digits only");
        Password::parse(&text).ok_or_else(odd).at(file)
    }

    /// Writes a file that only the server may read.
    pub(crate) fn write_for_server(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let path = self.path.join(name);
        write_private(&path, text)?;
        self.give_to_server(&path)?;
        Ok(path)
    }

    fn give_to_server(&self, path: &Path) -> Result<(), Error> {
        let Some(user) = self.user else { return Ok(()) };
        std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid)).at(path)
    }

    /// All folders above must let the server's user pass.
    fn can_be_reached(&self) -> Result<(), Error> {
        let Some(user) = self.user else { return Ok(()) };
        for folder in self.path.ancestors().skip(1) {
            let metadata = fs::metadata(folder).at(folder)?;
            let needed = match metadata.uid() == user.uid {
                true => 0o100,
                false => 0o001,
            };
            if metadata.mode() & needed == 0 {
                return Err(Error::Unreachable { user: user.name, closed: folder.to_owned() });
            }
        }
        Ok(())
    }

    fn make_passwords(&self) -> Result<(), Error> {
        for account in Account::ALL {
            let file = password_file(&self.path, account);
            if !file.exists() {
                write_private(&file, Password::random().reveal())?;
            }
        }
        Ok(())
    }

    /// Beside its place first, then moved there: a start that is interrupted begins anew.
    fn initialise(&self) -> Result<(), Error> {
        let data = self.data();
        if data.exists() {
            return self.is_ours(&data);
        }
        let new = self.path.join("data.new");
        if new.exists() {
            fs::remove_dir_all(&new).at(&new)?;
        }
        fs::create_dir(&new).at(&new)?;
        fs::set_permissions(&new, Permissions::from_mode(0o700)).at(&new)?;
        self.give_to_server(&new)?;
        self.engine.initialise(self, &new)?;
        fs::rename(&new, &data).at(data)
    }

    fn is_ours(&self, data: &Path) -> Result<(), Error> {
        let found = match data.join(POSTGRES_MARK).exists() {
            true => Engine::Postgres,
            false => Engine::Mysql,
        };
        if found == self.engine {
            return Ok(());
        }
        let (found, wanted) = (found.name().to_owned(), self.engine.name());
        Err(Error::OtherEngine { folder: self.path.clone(), found, wanted })
    }
}

/// PostgreSQL does not run as root.
fn server_user(engine: Engine) -> Result<Option<ServerUser>, Error> {
    if engine != Engine::Postgres || !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").at("/etc/passwd")?;
    let found = find_user(&users, "postgres");
    found.map(Some).ok_or(Error::Missing { program: "user postgres", package: engine.package() })
}

fn find_user(users: &str, name: &'static str) -> Option<ServerUser> {
    let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    let mut number = || fields.next()?.parse().ok();
    Some(ServerUser { name, uid: number()?, gid: number()? })
}

/// The mode is set when the file is made: at no moment can others read it.
fn write_private(path: &Path, text: &str) -> Result<(), Error> {
    // One that is there might be another user's, or open to others.
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error).at(path),
        _ => {}
    }
    let mut file = File::options().create_new(true).write(true).mode(0o600).open(path).at(path)?;
    file.write_all(text.as_bytes()).at(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_whole_name() {
        let users =
            "root:x:0:0:root:/root:/bin/sh\npostgres2:x:7:7::/:\npostgres:x:101:104:,,,:/var:/bin/sh\n";
        let found = ServerUser { name: "postgres", uid: 101, gid: 104 };
        assert_eq!((find_user(users, "postgres"), find_user(users, "mysql")), (Some(found), None));
    }

    #[test]
    fn private_files_are_private_and_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("secret");
        fs::write(&file, "open to all, and longer").expect("written");
        write_private(&file, "hidden").expect("written");
        assert_eq!(fs::metadata(&file).expect("there").mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(&file).expect("read"), "hidden");
    }
}
