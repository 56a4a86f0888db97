//! LogQL: parser with places, printer, and evaluation over the port of a log store.
//!
//! Stages over a line are `logstage`'s, vectors and windows those of `columns`. Parts of streams are read in parallel on a
//! pool of its own. Knows no store behind the port, no HTTP, no JSON.

pub mod ast;
mod compile;
pub mod detect;
pub mod engine;
pub mod error;
mod eval;
mod parser;

pub mod patterns;
mod printer;
pub mod script;

mod tail;

pub use ast::Expr;
pub use engine::{
    Engine, EngineOptions, Entry, LogAnswer, LogRequest, MetricAnswer, MetricRequest, MetricValue,
    ResultStream, Series, Stats, Together,
};
pub use error::{EvalError, Limit, Mistake, ParseError};
pub use parser::{DEPTH_MAX, QUERY_BYTES_MAX, parse, parse_filter, parse_matchers};
pub use tail::{Tailer, Taken, WAITING_BYTES_MAX, WAITING_MAX};
