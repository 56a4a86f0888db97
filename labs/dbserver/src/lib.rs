//! A real database server, MariaDB or PostgreSQL from the installed packages, in a folder of ours.
//!
//! [`Server::start`] initialises the folder if it is new, runs the server as a child process, waits until it answers and makes
//! sure that [`Account`]s and the database `orders_db` are there. Everything is blocking and needs no runtime, so that tests,
//! tooling and the command line can use it alike.
//!
//! **The folder** holds `data/` (the server's own), `NAME.password` of each account (random, for its owner only) and `server.log`
//! where it was asked for. No password is ever on a command line or in a log.
//!
//! **Nothing outlives us.** A thread of ours starts the server and waits for its end; the kernel stops the server when that thread
//! dies with our process, however that ends (`setpriv --pdeathsig`).
//!
//! PostgreSQL refuses to run as root: then it runs as the package's user `postgres`, who owns `data/`. MariaDB runs as whoever
//! runs us.

mod account;
mod engine;
mod error;
mod folder;
mod mariadb;
mod postgres;
mod process;
mod programs;
mod server;

pub use account::Account;
pub use engine::Engine;
pub use error::Error;
pub use folder::{Folder, Keeping, password_file};
pub use process::End;
pub use server::{Log, Options, Server};

/// The database that the order service keeps its tables in.
pub const DATABASE: &str = "orders_db";
