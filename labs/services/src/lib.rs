//! The services under observation: programs that a customer would run, instrumented as a customer would.
//!
//! A folder per service; what they share is in `common`. Nothing here knows the monitor.

pub mod common;
pub mod generic;
pub mod merchant;
pub mod orders;
pub mod payments;
pub mod web;

pub use common::frame::Basics;
pub use common::running::{Running, StartError};
