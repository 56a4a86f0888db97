//! Scraping from outside: a real HTTP server and a recording store.

mod recorder;
mod scraping;
mod site;
