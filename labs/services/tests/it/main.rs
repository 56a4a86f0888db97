//! The services as their clients see them: started on free ports, spoken to over HTTP.

mod bench;
mod requests;
mod running;
mod sharing;
