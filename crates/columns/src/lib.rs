//! Values over steps: the shape in which engines answer and languages compute, and the kernels that slide windows.
//!
//! A column holds one `f64` a step. "Nothing here" is the bit pattern [`ABSENT`], which arithmetic never makes, so a
//! column needs no second array and loops stay plain. Knows no engine, no language, no HTTP.

pub mod edges;
pub mod falls;
pub mod rate;
pub mod spread;
pub mod steps;
pub mod vector;
pub mod window;

pub use edges::{Edges, Spans, SpansId};
pub use falls::Falls;
pub use steps::{ABSENT, Steps, TimeRange, is_absent};
pub use window::{WindowOp, WindowSteps, compensated_add, two_sum};
