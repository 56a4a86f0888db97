//! Scraping from outside: a real HTTP server, a recording store, and the configuration files of Prometheus.

mod conformance;
mod recorder;
mod scraping;
mod site;
