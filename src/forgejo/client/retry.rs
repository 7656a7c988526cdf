//! How long to wait before a call is tried again. Whoever waits owns the loop.
//!
//! The wait doubles from one second and never passes five minutes, whatever the forge asks for: a
//! revoke must not hang on a wrong header. A random half of it spreads those who wait.

use std::time::Duration;

/// The longest wait.
pub const LONGEST: Duration = Duration::from_secs(5 * 60);

/// The first wait.
const FIRST: Duration = Duration::from_secs(1);

/// The wait after failure number `attempt` (from 0), given what the forge asked for and any random
/// number. It is at least what the forge asked for, and at most [`LONGEST`].
pub fn backoff(attempt: u32, retry_after: Option<Duration>, jitter: u64) -> Duration {
    let doubled = FIRST
        .saturating_mul(2_u32.saturating_pow(attempt))
        .min(LONGEST);
    let half = doubled / 2;
    let spread = u64::try_from(half.as_millis()).unwrap_or(u64::MAX);
    let wait = half + Duration::from_millis(jitter % (spread + 1));
    wait.max(retry_after.unwrap_or(Duration::ZERO)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_between_half_and_whole() {
        for (attempt, whole) in [(0, 1), (1, 2), (2, 4), (8, 256), (9, 300), (4_000_000, 300)] {
            let whole = Duration::from_secs(whole);
            let least = backoff(attempt, None, 0);
            assert_eq!(least, whole / 2, "{attempt}");
            for jitter in [1, 499, 500, 12_345, u64::MAX] {
                let wait = backoff(attempt, None, jitter);
                assert!(least <= wait && wait <= whole, "{attempt} {wait:?}");
            }
        }
        assert_ne!(backoff(3, None, 1), backoff(3, None, 2));
    }

    #[test]
    fn what_the_forge_asks_for_is_kept_up_to_five_minutes() {
        let asked = |seconds| backoff(0, Some(Duration::from_secs(seconds)), 0);
        assert_eq!(asked(20), Duration::from_secs(20));
        assert_eq!(asked(0), Duration::from_millis(500));
        assert_eq!(asked(86_400), LONGEST);
        assert_eq!(asked(u64::MAX), LONGEST);
    }
}
