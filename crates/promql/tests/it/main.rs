//! The crate from outside: scripts of our own, Prometheus' scripts where they are at hand, and properties of the
//! parser.

mod conformance;
mod fuzz;
mod hostile;
mod limits;
mod memory;
mod properties;
mod scripts;
