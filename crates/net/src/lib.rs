//! HTTP plumbing for every role: bounded servers, a client with caps, self-metrics, the line a ready child prints.
//!
//! Knows HTTP and nothing of observability: who answers what is decided above.

pub mod bind;
pub mod client;
pub mod metrics;
pub mod process;
pub mod ready;
pub mod server;
pub mod tls;
pub mod websocket;

pub use bind::{BindError, bind};
pub use client::{Client, ClientError, ClientOptions, Fetched, TlsOptions};
pub use ready::Ready;
pub use server::{Server, ServerLimits, ServerMetrics, Stopping};
