//! How long to wait before the next attempt to connect.

use std::time::Duration;

use tokio::time::Instant;

/// Doubles from 100 ms to 5 s with every failure in a row.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    not_before: Option<Instant>,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(5);

    /// Waits until the next attempt may be made.
    pub async fn wait(&self) {
        if let Some(at) = self.not_before {
            tokio::time::sleep_until(at).await;
        }
    }

    pub fn failed(&mut self) {
        let delay = Self::FIRST
            .saturating_mul(1 << self.failures.min(6))
            .min(Self::LONGEST);
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(Instant::now() + delay);
    }

    pub fn went_well(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_five_seconds() {
        let mut backoff = Backoff::default();
        let mut waits = Vec::new();
        for _ in 0..8 {
            let now = Instant::now();
            backoff.failed();
            let wait = backoff.not_before.unwrap() - now;
            waits.push((wait.as_millis() / 100) * 100);
        }
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        backoff.went_well();
        assert!(backoff.not_before.is_none());
    }
}
