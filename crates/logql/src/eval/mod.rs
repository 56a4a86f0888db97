//! Evaluation: which parts of which streams are read, and what becomes of their lines.

mod logs;
mod metric;
mod range;
mod samples;
mod scan;

use columns::vector::{BinaryOp, arith};

pub(crate) use logs::{collected, logs};
pub(crate) use metric::metric;
pub(crate) use scan::LogFilter;

/// An operator on two numbers. What is divided by zero is no number, as in Loki.
pub(crate) fn scalar(op: BinaryOp) -> fn(f64, f64) -> f64 {
    match op {
        BinaryOp::Div => |a, b| if b == 0.0 { f64::NAN } else { a / b },
        BinaryOp::Mod => |a, b| if b == 0.0 { f64::NAN } else { a % b },
        other => arith::function(other),
    }
}
