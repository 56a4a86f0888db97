//! The load generator: users that read and write orders over raw HTTP/1.1, and what they saw.
//!
//! The model is closed (`closed.rs`): each user waits for its answer and thinks before it sends again. Beside the stage,
//! small groups of users may keep the rest of a fleet busy (`traffic/`). It speaks to the
//! system under load as any client would, and knows nothing of the monitor.

mod closed;
mod connection;
mod known;
mod metrics;
mod orders;
mod outcome;
mod probe;
mod recorder;
mod response;
mod run;
mod snapshot;
mod stage;
mod target;
mod traffic;

pub use metrics::{LATENCY_BUCKETS_S, Metrics};
pub use outcome::{Outcome, RequestKind};
pub use run::{Options, Running, StartError, start};
pub use snapshot::{KindSnapshot, LatencySnapshot, Snapshot};
pub use stage::{Stage, StageError, ThinkTime, USERS_MAX};
pub use target::TargetError;
pub use traffic::{GroupConfig, RequestConfig, TrafficConfig, TrafficError, TrafficSnapshot};
