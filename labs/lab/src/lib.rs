//! The lab behind `watchfire up`: real child processes of this binary under one supervisor.
//!
//! [`Lab::start`] brings the roles of [`roles`] up in order, writes the files that let them find each other, restarts
//! what crashes (unless it is held) and stops everything in reverse order.

mod child;
mod control;
mod endpoints;
mod files;
mod inbox;
mod ports;
mod roles;
mod state;
mod supervisor;

pub use endpoints::{Endpoint, Endpoints};
pub use ports::{PortPlan, PortsError};
pub use roles::{Role, roles};
pub use state::{Event, RoleState};
pub use supervisor::{Lab, LabError, LabOptions};
