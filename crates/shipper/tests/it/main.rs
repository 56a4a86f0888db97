//! The shipper as a whole, against a receiver that can be slow, down, or of another opinion.

mod outages;
mod receiver;
mod roads;
mod rotation;
mod shipped;
