//! Who is published to apart from all others for a while.
//!
//! A queue that is full refuses what it gets; one without a leader says nothing,
//! and may hold up whatever is published over the same channel after it. Nobody
//! else is to wait for it: its messages are left out, and now and then some of
//! them are tried over a channel of their own, that is given little time.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::{Duration, Instant};

use tally_queue::{Fate, Outgoing, Publisher, QueueError};

/// How long somebody is left alone, from and to.
const PAUSE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(120));

/// Who is aside.
pub struct Aside<K> {
    what: &'static str,
    /// When each is tried next, and how long it was left alone before that.
    until: BTreeMap<K, (Instant, Duration)>,
}

impl<K: Ord + Clone + Debug> Aside<K> {
    /// Nobody; `what` they are, for the log.
    pub fn new(what: &'static str) -> Self {
        Self {
            what,
            until: BTreeMap::new(),
        }
    }

    /// All who are aside.
    pub fn all(&self) -> Vec<K> {
        self.until.keys().cloned().collect()
    }

    /// Whose time has come to be tried.
    pub fn due(&self) -> Vec<K> {
        let now = Instant::now();
        let due = self.until.iter().filter(|(_, (until, _))| *until <= now);
        due.map(|(key, _)| key.clone()).collect()
    }

    /// Publishes a message for each of `keys`, and notes who takes theirs. None
    /// when whoever is tried `apart` was not answered.
    ///
    /// # Errors
    /// As [`Publisher::publish`].
    pub async fn publish(
        &mut self,
        publisher: &Publisher,
        messages: &[Outgoing],
        keys: &[K],
        apart: bool,
    ) -> Result<Option<Vec<Fate>>, QueueError> {
        let fates = match publisher.publish(messages).await {
            Err(error @ QueueError::Slow { .. }) => {
                for key in keys {
                    match apart {
                        true => self.not_taken(key.clone()),
                        false => self.doubted(key.clone()),
                    }
                }
                return if apart { Ok(None) } else { Err(error) };
            }
            answered => answered?,
        };
        for (key, fate) in keys.iter().zip(&fates) {
            match fate {
                Fate::Confirmed => self.taken(key),
                Fate::Refused | Fate::Unanswered => self.not_taken(key.clone()),
                // It has no queue: that is no matter of what the queue takes.
                Fate::Returned => {}
            }
        }
        Ok(Some(fates))
    }

    /// Nobody was answered, which this one may be to blame for: it is to be tried
    /// apart, now.
    fn doubted(&mut self, key: K) {
        let now = Instant::now();
        self.until.entry(key).or_insert((now, Duration::ZERO));
    }

    /// It takes what it gets: it is as all others again. If the broker was away
    /// as a whole, others may be well too.
    fn taken(&mut self, key: &K) {
        if self.until.remove(key).is_some() {
            let now = Instant::now();
            for (until, _) in self.until.values_mut() {
                *until = now.min(*until);
            }
        }
    }

    /// It does not: it is left alone, for longer than the last time. Of several
    /// messages at once only the first counts.
    fn not_taken(&mut self, key: K) {
        let now = Instant::now();
        let pause = match self.until.get(&key) {
            Some((until, _)) if *until > now => return,
            Some((_, pause)) => pause.saturating_mul(2).clamp(PAUSE.0, PAUSE.1),
            None => PAUSE.0,
        };
        tracing::error!(
            who = ?key,
            seconds = pause.as_secs(),
            "the queue of {} does not take what is published: tried again later, apart from all others; docs/operations.md says what to do",
            self.what
        );
        self.until.insert(key, (now + pause, pause));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Its time has come.
    fn pass(aside: &mut Aside<u32>, key: u32) {
        let over = Instant::now();
        aside
            .until
            .entry(key)
            .and_modify(|(until, _)| *until = over);
    }

    #[test]
    fn who_does_not_take_anything_is_left_alone_for_ever_longer() {
        let mut aside = Aside::new("a partition");
        assert_eq!(aside.all(), [0; 0]);
        aside.not_taken(3);
        aside.not_taken(3);
        assert_eq!((aside.all(), aside.due()), (vec![3], vec![]));
        for times in 1..9u32 {
            assert_eq!(
                aside.until[&3].1,
                (PAUSE.0 * 2u32.pow(times - 1)).min(PAUSE.1)
            );
            pass(&mut aside, 3);
            assert_eq!(aside.due(), [3]);
            aside.not_taken(3);
        }
        aside.taken(&3);
        assert_eq!(aside.all(), [0; 0]);
        aside.not_taken(3);
        assert_eq!(aside.until[&3].1, PAUSE.0);
    }

    #[test]
    fn when_one_is_well_again_the_others_are_tried() {
        let mut aside = Aside::new("a partition");
        (1..4).for_each(|key| aside.doubted(key));
        assert_eq!(aside.due(), [1, 2, 3]);
        (1..4).for_each(|key| aside.not_taken(key));
        assert_eq!(aside.due(), [0; 0]);
        // Whoever is aside already stays where it is.
        aside.doubted(1);
        assert_eq!(aside.due(), [0; 0]);
        pass(&mut aside, 2);
        aside.taken(&2);
        assert_eq!(aside.due(), [1, 3]);
        // One that was never aside changes nothing.
        aside.not_taken(1);
        aside.taken(&9);
        assert_eq!(aside.due(), [3]);
    }
}
