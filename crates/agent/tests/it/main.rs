//! The agent as a whole: against real servers, and beside the programs whose names it answers to.

#![expect(clippy::print_stderr, reason = "a part that is skipped is skipped aloud")]

mod compare;
mod database;
mod database_peers;
mod exposed;
mod host;
mod peer;
mod replica;
