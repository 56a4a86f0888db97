//! The services as their clients see them: started on free ports, spoken to over HTTP.

mod accounting;
mod bench;
mod databases;
mod fleet;
mod requests;
mod running;
mod sharing;
