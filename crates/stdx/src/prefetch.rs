//! Telling the processor what memory is needed soon.

/// What a processor fetches at a time, on all that we know.
const LINE_BYTES: usize = 64;

/// Has the memory of `value` fetched while other work goes on. Where very many small things lie all over memory, waiting for
/// each is most of the work.
#[inline]
pub fn prefetch<T: ?Sized>(value: &T) {
    let begin = std::ptr::from_ref(value).cast::<u8>();
    for at in (0..size_of_val(value)).step_by(LINE_BYTES) {
        line(begin.wrapping_add(at));
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[allow(unsafe_code, reason = "there is no safe way to say this")]
fn line(at: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a hint. It reads nothing that the program sees and cannot fail, whatever the address.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn line(_: *const u8) {}
