//! See tests/fuzz/src/lib.rs.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (fuzzing::target("head_file").run)(bytes));
