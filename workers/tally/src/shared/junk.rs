//! What other authorities say beside the chain and asks for a bound of its own: what cannot
//! be read is logged once a minute of each, and each is answered now and then.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tally_core::canon::DecodeError;

/// How often it is told of one authority that what it says cannot be read.
const TOLD: Duration = Duration::from_secs(60);

/// Messages of one authority that cannot be read.
struct Unread {
    /// Since it was told last.
    count: u64,
    /// Why the last of them.
    why: DecodeError,
    told: Option<Instant>,
}

/// Messages that cannot be read, by the key of who said them.
#[derive(Default)]
pub struct Junk(BTreeMap<[u8; 32], Unread>);

impl Junk {
    /// One more.
    pub fn heard(&mut self, from: [u8; 32], why: DecodeError) {
        let unread = self.0.entry(from).or_insert(Unread {
            count: 0,
            why,
            told: None,
        });
        unread.count = unread.count.saturating_add(1);
        unread.why = why;
    }

    /// What is to be told now: of whom, how many, and why the last. Of each once a minute.
    pub fn take(&mut self, now: Instant) -> Vec<([u8; 32], u64, DecodeError)> {
        let mut due = Vec::new();
        self.0.retain(|from, unread| {
            if unread
                .told
                .is_some_and(|told| now.duration_since(told) < TOLD)
            {
                return true;
            }
            if unread.count > 0 {
                due.push((*from, std::mem::take(&mut unread.count), unread.why));
                unread.told = Some(now);
                return true;
            }
            false
        });
        due
    }
}

/// Who was answered, and when last.
#[derive(Default)]
pub struct Answered(BTreeMap<[u8; 32], Instant>);

impl Answered {
    /// Whether one is to be answered: once in so long.
    pub fn is_due(&mut self, to: [u8; 32], now: Instant, every: Duration) -> bool {
        self.0.retain(|_, last| now.duration_since(*last) < every);
        if self.0.contains_key(&to) {
            return false;
        }
        self.0.insert(to, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_told_once_a_minute_of_each() {
        let (mut junk, begun) = (Junk::default(), Instant::now());
        let after = |seconds| begun + Duration::from_secs(seconds);
        let why = DecodeError::Trailing(1);
        let (mut told, mut count) = (0, 0);
        for second in 0..150 {
            for _ in 0..1_000 {
                junk.heard([1; 32], why);
            }
            for (from, of, _) in junk.take(after(second)) {
                assert_eq!(from, [1; 32]);
                (told, count) = (told + 1, count + of);
            }
        }
        assert_eq!((told, count), (3, 121_000));
        // Another is told at once; who says no more of it is forgotten.
        junk.heard([2; 32], why);
        assert_eq!(junk.take(after(150)), [([2; 32], 1, why)]);
        assert_eq!(junk.take(after(190)), [([1; 32], 29_000, why)]);
        assert!(junk.take(after(300)).is_empty() && junk.0.is_empty());
    }

    #[test]
    fn each_is_answered_now_and_then() {
        let (mut answered, begun) = (Answered::default(), Instant::now());
        let every = Duration::from_secs(1);
        let due: Vec<_> = (0..40)
            .filter(|at| answered.is_due([1; 32], begun + every * *at / 10, every))
            .collect();
        assert_eq!(due, [0, 10, 20, 30]);
        assert!(answered.is_due([2; 32], begun, every));
    }
}
