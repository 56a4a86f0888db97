//! What end-to-end tests share: the built binary running as a lab on free ports, and patience with a limit.

mod browser;
mod look;
mod monitor;
mod receiver;
mod relay;
mod running;
mod target;
mod wait;

pub use browser::Browser;
pub use look::SIZES;
pub use monitor::RunningMonitor;
pub use receiver::{Received, Receiver, now_s};
pub use relay::Relay;
pub use running::{RunningLab, binary};
pub use target::{Sampled, Target, value_of};
pub use wait::until;
