//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);
/// The least that is waited, whatever is asked for. A test says how long it takes where all is well, and a machine that does much
/// else, or is halted for a while, takes many times that; what is broken stays so.
const LEAST: Duration = Duration::from_secs(180);

/// Asks again and again until there is an answer, for `limit` or three minutes, whichever is longer.
///
/// # Panics
/// When there is none within that; the message says for what it waited and what it saw last.
pub async fn until<T, E: std::fmt::Debug>(
    what: &str,
    limit: Duration,
    mut ask: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let (started, limit) = (Instant::now(), limit.max(LEAST));
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(seen) if started.elapsed() > limit => {
                panic!("{what}: not within {limit:?}; last seen: {seen:?}")
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
