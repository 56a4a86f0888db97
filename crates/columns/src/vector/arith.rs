//! Operators on two numbers.

use super::BinaryOp;

/// An arithmetic or comparison operator as a function; comparisons answer 1 or 0.
pub fn function(op: BinaryOp) -> fn(f64, f64) -> f64 {
    fn truth(holds: bool) -> f64 {
        if holds { 1.0 } else { 0.0 }
    }
    match op {
        BinaryOp::Add => |a, b| a + b,
        BinaryOp::Sub => |a, b| a - b,
        BinaryOp::Mul => |a, b| a * b,
        BinaryOp::Div => |a, b| a / b,
        BinaryOp::Mod => |a, b| a % b,
        BinaryOp::Pow => f64::powf,
        BinaryOp::Atan2 => f64::atan2,
        BinaryOp::Eq => |a, b| truth(a == b),
        BinaryOp::Ne => |a, b| truth(a != b),
        BinaryOp::Gt => |a, b| truth(a > b),
        BinaryOp::Lt => |a, b| truth(a < b),
        BinaryOp::Ge => |a, b| truth(a >= b),
        BinaryOp::Le => |a, b| truth(a <= b),
        // Set operators never come to single values.
        BinaryOp::And | BinaryOp::Or | BinaryOp::Unless => |_, _| f64::NAN,
    }
}
