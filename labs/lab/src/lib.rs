//! The lab behind `watchfire up`: real child processes of this binary under one supervisor.
//!
//! A `lab.yml` says what runs ([`LabConfig`]). [`Lab::start`] brings its roles up in order, writes the files that let them find each other, restarts
//! what crashes (unless it is held) and stops everything in reverse order.

mod child;
mod config;
mod control;
pub mod deadman;
mod endpoints;
mod files;
mod inbox;
mod ports;
mod roles;
mod state;
mod supervisor;

pub use config::{DatabaseKind, LabConfig};
pub use endpoints::{Endpoint, Endpoints};
pub use files::ChildFiles;
pub use ports::{PortPlan, PortsError};
pub use roles::{Group, Role, RolePort, ScrapeTarget, roles, roles_of};
pub use state::{Event, RoleState};
pub use supervisor::{Lab, LabError, LabOptions};
