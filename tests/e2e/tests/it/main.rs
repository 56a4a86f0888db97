//! The built binary, end to end: real processes, real sockets, a real browser.

mod alertmanager;
mod alerts;
mod behaviour;
mod clients;
mod dashboard;
mod databases;
mod delivery;
mod fleet;
mod full_disk;
mod kills;
mod log_clients;
mod log_kills;
mod logs;
mod orders;
mod pages;
mod pair;
mod panels;
mod queries;
mod shipped;
mod shipping;
mod storage;
mod supervisor;
