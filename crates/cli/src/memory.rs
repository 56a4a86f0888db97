//! How every role asks for memory, and gives it back.

use libmimalloc_sys::{mi_option_set, mi_option_t};

/// Quick for small objects, and gives memory back to the system.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// mimalloc's `purge_delay`, which the bindings do not name: milliseconds until memory that is free goes back to the system.
const PURGE_DELAY: mi_option_t = 15;

/// With the allocator's own second, what a round of queries or a push of logs has used is still held when the next one comes, by other threads:
/// after 300 MB of logs 229 MB were held, with this 110, and with no delay at all 64, but pushes then took a quarter more of the processor.
const PURGE_DELAY_MS: std::ffi::c_long = 100;

/// Asks for small pages and gives back early. To be called while there is one thread.
pub(crate) fn keep_small() {
    keep_pages_small();
    give_back_early();
}

/// Asks the kernel not to give memory in pages of two mebibytes, as the allocator would have it: what is used of each and what
/// is not then stays together. The lab takes 96 MB so instead of 349, and 100,000 series 100 instead of 150.
fn keep_pages_small() {
    // A kernel that cannot has no such pages, or it costs memory and nothing else.
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "huge pages stay in use");
    }
}

#[allow(unsafe_code, reason = "the allocator's options have no safe door")]
fn give_back_early() {
    // SAFETY: it sets a number; "not thread safe" means that others might see it late, and there are none yet.
    unsafe { mi_option_set(PURGE_DELAY, PURGE_DELAY_MS) };
}
