//! Rules against other people's test data.

mod conformance;
