//! The gateway in front of toy backends that count, die and come back.

mod balancing;
mod faults;
mod passing;
mod toys;
