//! What every service shares: the frame it stands in, error bodies, measuring, logs, faults, chance, money.

pub mod access_log;
pub(crate) mod account;
pub(crate) mod body;
pub mod chance;
pub(crate) mod cpu;
pub mod faults;
pub mod frame;
pub mod literal;
pub(crate) mod merchants;
pub mod money;
pub mod observe;
pub mod reply;
pub mod running;
