//! PromQL: lexer, parser, syntax tree, printer, and evaluation by columns over the storage port.
//!
//! Evaluation goes series by series over all steps at once, never step by step over all series. Knows no engine
//! behind the port, no HTTP, no JSON.

pub mod ast;
pub mod engine;
pub mod error;
mod eval;
pub mod functions;
mod parser;
mod pretty;
mod printer;
pub mod script;

pub use ast::{Expr, Span, ValueKind};
pub use engine::{Answer, Cancel, Engine, EngineOptions, QueryRequest, RawSeries, Series, Stats, Value};
pub use error::{EvalError, Limit, Mistake, ParseError};
pub use parser::{DEPTH_MAX, QUERY_BYTES_MAX, line_col, parse, parse_metric, parse_metric_selector};
pub use pretty::pretty;
