//! The built binary, end to end: real processes, real sockets, a real browser.

mod alerts;
mod clients;
mod dashboard;
mod fleet;
mod orders;
mod queries;
mod supervisor;
