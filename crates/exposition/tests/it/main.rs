//! The crate from outside: tables of bodies, random bytes. Other people's cases: `cargo xtask conformance exposition`.

mod properties;
mod rows;
