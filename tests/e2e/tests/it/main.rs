//! The built binary, end to end: real processes, real sockets, a real browser.

mod alertmanager;
mod alerts;
mod behaviour;
mod clients;
mod dashboard;
mod databases;
mod fleet;
mod full_disk;
mod kills;
mod log_clients;
mod orders;
mod pages;
mod panels;
mod queries;
mod shipped;
mod storage;
mod supervisor;
