//! The crate from outside: tables of bodies, the shared conformance cases, random bytes.

mod conformance;
mod properties;
mod rows;
