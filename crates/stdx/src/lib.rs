//! What the standard library lacks: a clock that tests can hold, variable-length integers, back-off, threads
//! that keep house, names that look like another.
//!
//! Knows nothing of observability.

pub mod background;
pub mod backoff;
pub mod clock;
pub mod near;
mod prefetch;
pub mod varint;

pub use background::Background;
pub use backoff::Backoff;
pub use clock::{Clock, ManualClock, SystemClock};
pub use prefetch::prefetch;
