//! The API over a store in memory, asked over real HTTP: answers are compared byte for byte.

mod admin;
mod alertmanager;
mod golden;
mod limits;
mod live;
mod log_dashboards;
mod loki;
mod loki_tail;
mod rules_and_targets;
mod services;
mod streams;
mod ui;
mod why;
mod wire;
