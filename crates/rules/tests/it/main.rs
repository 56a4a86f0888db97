//! Rules against other people's test data.

#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]

mod conformance;
