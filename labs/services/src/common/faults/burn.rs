//! The faults that eat a resource: memory that grows to a share of the limit, cores that are kept busy.

use std::time::Duration;

use memmap2::MmapMut;
use tokio::time::Instant;

/// Memory is taken in pieces of this size, so that growth is a slope and not a cliff.
const PIECE_BYTES: u64 = 1 << 20;
/// Pause between two looks at how much memory there should be.
const MEMORY_STEP: Duration = Duration::from_millis(100);
/// Most pieces taken between two looks: 640 MB a second, so that a sudden fault does not hold up requests.
const PIECES_MAX: u64 = 64;
/// A core is kept busy for a part of each such window, then rests for the remainder.
const CPU_WINDOW: Duration = Duration::from_millis(50);

/// Grows this process' resident memory to `target_bytes` over `over`, holds it until `until`, gives it back.
pub(super) async fn memory(target_bytes: u64, over: Duration, until: Instant) {
    let began = Instant::now();
    let first_bytes = resident_bytes().unwrap_or(0);
    // Mapped, not allocated: an allocator would keep what is given back.
    let mut held: Vec<MmapMut> = Vec::new();
    while Instant::now() < until {
        let share = (began.elapsed().as_secs_f64() / over.as_secs_f64().max(0.001)).min(1.0);
        let wanted = first_bytes + (target_bytes.saturating_sub(first_bytes) as f64 * share) as u64;
        // What the service itself needs goes up and down: the resident size is what counts, so follow that.
        let missing = wanted.saturating_sub(resident_bytes().unwrap_or(u64::MAX));
        for _ in 0..missing.div_ceil(PIECE_BYTES).min(PIECES_MAX) {
            match MmapMut::map_anon(PIECE_BYTES as usize) {
                Ok(mut piece) => {
                    // Written to, as untouched memory is not resident.
                    piece.fill(0xA5);
                    held.push(piece);
                }
                Err(error) => tracing::warn!(%error, "no memory for the memory fault"),
            }
        }
        tokio::time::sleep(MEMORY_STEP).await;
    }
}

/// Keeps `cores` cores busy for `share` of the time until `until`. Each has a thread, which ends soon after the future
/// that awaits it is dropped.
pub(super) async fn cpu(cores: usize, share: f64, until: Instant) {
    let alive = std::sync::Arc::new(());
    let busy = CPU_WINDOW.mul_f64(share);
    for _ in 0..cores {
        let watched = std::sync::Arc::downgrade(&alive);
        let spin = move || {
            while watched.strong_count() > 0 && std::time::Instant::now() < until.into_std() {
                let window = std::time::Instant::now();
                while window.elapsed() < busy {
                    std::hint::spin_loop();
                }
                std::thread::sleep(CPU_WINDOW.saturating_sub(window.elapsed()));
            }
        };
        // A thread that cannot be had makes the fault weaker, which `cpu_usage_percent` shows.
        if let Err(error) = std::thread::Builder::new().name("cpu-fault".to_owned()).spawn(spin) {
            tracing::warn!(%error, "no thread for the cpu fault");
        }
    }
    tokio::time::sleep_until(until).await;
}

/// What the kernel says is in memory.
pub(super) fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}
