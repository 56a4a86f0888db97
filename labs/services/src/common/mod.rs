//! What every service shares: money, error bodies, measuring, logs, starting and stopping.

pub mod access_log;
pub(crate) mod body;
pub mod money;
pub mod observe;
pub mod reply;
pub mod running;
