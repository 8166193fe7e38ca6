//! Other keys in the place of those that a node has.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use tally_store::port::Publications as _;
use tally_store::vault::Rewrapped;

use super::Node;
use super::applying::on_ledger;
use super::keyring::{Key, Keyring, Place};
use crate::shared::Application;

/// What became of a rotation.
pub enum Rotated {
    /// The new key waits until the authorities voted for the application.
    ToBeVoted(Box<Application>),
    /// It is in its place, and the old one is put aside.
    Done,
}

/// How a key is rotated.
#[derive(Debug, Clone, Copy, Default)]
pub struct How {
    /// Another key in the place of one that was made and not voted in.
    pub anew: bool,
    /// All processes of the node are stopped and its queues in the broker are empty.
    pub stopped: bool,
}

/// Why a key cannot be rotated at all, and what to do instead.
#[must_use]
pub fn never(key: Key) -> Option<&'static str> {
    match key {
        Key::Log => Some(
            "`log` cannot be rotated: it is who this log is, for every receipt and on the shared ledger, which \
             takes no log that goes on under another key (L124). When it is lost or known to others: end this \
             log, keep it for its receipts, and begin a new one in a new folder (docs/operations.md#keys); on a \
             shared ledger the organisation leaves and joins anew under another name",
        ),
        Key::Tokens => Some(
            "`tokens` cannot be rotated: every row of the store names people by tokens that it made, and the \
             same person would be two. When it is lost, restore it from the backup. When it is known to others, \
             keep the database from them: with both they can try names and numbers; move to a new node to have \
             other tokens",
        ),
        _ => None,
    }
}

impl Node {
    /// Makes another key, and puts it in its place, or says what has to be voted for that.
    /// A key that was made and not voted in is kept, unless another is asked for.
    ///
    /// # Errors
    /// When it cannot be done; nothing has changed then.
    pub async fn rotate(&self, key: Key, how: How) -> Result<Rotated> {
        if let Some(reason) = never(key) {
            bail!(reason);
        }
        ensure!(key != Key::Wrap, "`wrap` is rotated by wrapping anew");
        ensure!(
            key != Key::Queue || how.stopped || !self.beside_broker(),
            "what stands in the broker is sealed to `queue`, and no process reads what another key sealed: stop \
             all processes of this node, purge its queues (`rabbitmqctl purge_queue` on each `tally.claims.*`: the \
             relay publishes what was in them again, from the store), run this with `--stopped`, copy `queue.key` \
             to the node's other machines, and start them"
        );
        // No policy is published meanwhile.
        let _publishing = match key {
            Key::Insurer => Some(self.lock()?),
            _ => None,
        };
        let snapshot = self.shared_snapshot_if_any().await?;
        let voted = match &snapshot {
            Some(snapshot) => {
                let member = snapshot
                    .state
                    .member_of_log(&self.keys.log.verifier().public());
                let of = &member
                    .context("this node's log is on no organisation of the shared ledger")?
                    .organisation;
                self.settle_keys(of)?;
                on_ledger(of, key).is_some()
            }
            None => false,
        };
        if key == Key::Authority && !voted {
            bail!(
                "this organisation is no authority of a ledger: `tally org init --authority` makes the key, \
                 with `--new-key` another in its place"
            );
        }
        if key == Key::Insurer
            && let Some(snapshot) = &snapshot
        {
            let next = snapshot.state.next(&self.organisation_of(snapshot)?);
            let rows = self.store.publications().await?;
            let taken = |leaf: Option<u64>| leaf.is_some_and(|leaf| Some(leaf) < next);
            ensure!(
                !voted || rows.iter().all(|row| taken(row.leaf)),
                "a policy that was published is not on the shared ledger yet, and would not be taken under \
                 another `insurer` key: wait until it is there"
            );
        }
        let ring = &self.keys.ring;
        {
            let _one = ring.lock()?;
            if how.anew && ring.has(key, Place::Next) {
                ring.put_aside(key, Place::Next)?;
            }
            ring.make_next(key)?;
            if !voted {
                ring.promote(key, Place::Next)?;
            }
            // Nothing is left that these have authenticated or sealed.
            if matches!(key, Key::Artefact | Key::Queue) {
                ring.forget(key)?;
            }
        }
        self.note_of("rotated", key.as_str()).await?;
        match snapshot.filter(|_| voted) {
            Some(snapshot) => {
                let application = self.rotated(&snapshot.state)?;
                Ok(Rotated::ToBeVoted(Box::new(application)))
            }
            None => Ok(Rotated::Done),
        }
    }

    /// Wraps all record keys with another key, which then takes the place of the one that
    /// is there. What was begun goes on.
    ///
    /// # Errors
    /// When somebody else does the same, or the key store fails: then it may be done again.
    pub async fn rotate_wrap(&self, told: &(dyn Fn(u64, u64) + Sync)) -> Result<Rewrapped> {
        let ring = &self.keys.ring;
        let lock = ring.try_lock()?;
        let _one =
            lock.context("another process changes this node's keys: wait until it has ended")?;
        ring.make_next(Key::Wrap)?;
        let done = self.vault.rewrap(told).await?;
        ring.promote(Key::Wrap, Place::Next)?;
        self.note_of("rotated", Key::Wrap.as_str()).await?;
        Ok(done)
    }

    /// Whether a wrapping key is to come: it was made, and can have been copied.
    #[must_use]
    pub fn has_next_wrap(&self) -> bool {
        self.keys.ring.has(Key::Wrap, Place::Next)
    }

    /// Makes the wrapping key that is to come, to be copied to the node's other machines
    /// before anything is wrapped with it. Answers whether it was made now.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn make_next_wrap(&self) -> Result<bool> {
        let _one = self.keys.ring.lock()?;
        self.keys.ring.make_next(Key::Wrap)
    }
}

/// The files of a node's keys.
#[must_use]
pub fn ring_of(folder: &Path) -> Keyring {
    Keyring::new(&folder.join("keys"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tally_core::ledger::shared::Snapshot;
    use tally_types::ServiceDate;

    use super::*;
    use crate::node::applying::tests::applicant;
    use crate::shared::{Pool, Scribe, found};

    /// A policy and another key of the insurer do not pass each other on the way to the
    /// ledger: one of them waits.
    #[tokio::test]
    async fn nothing_is_published_while_the_insurers_key_waits() {
        let folder = tempfile::tempdir().unwrap();
        let (node, application) = applicant(folder.path(), "one").await;
        let was = application.organisation.publisher;
        let charter = found("ledger.example", &[application], Vec::new()).unwrap();
        let genesis = Arc::new(Snapshot::found(&charter).unwrap());
        let pool = Arc::new(Pool::default());
        let scribe = Scribe::open(node.store(), &charter, &genesis, pool).await;
        drop(scribe.unwrap());

        let this = &node;
        let rotated = |how| async move {
            match this.rotate(Key::Insurer, how).await.unwrap() {
                Rotated::ToBeVoted(application) => application.organisation.publisher,
                Rotated::Done => None,
            }
        };
        let next = rotated(How::default()).await;
        assert!(next.is_some() && next != was);
        assert_eq!(rotated(How::default()).await, next, "it is asked for again");
        let anew = How {
            anew: true,
            ..How::default()
        };
        let other = rotated(anew).await;
        assert!(other.is_some() && other != next);
        let publish = || async {
            let policy = tally_bundled::all().first().unwrap();
            let effective = ServiceDate::parse(policy.effective).unwrap();
            node.publish(policy.component.to_vec(), effective).await
        };
        let refused = publish().await.err().unwrap().to_string();
        assert!(refused.contains("not voted in yet"), "{refused}");

        // The other way round: what is published has to be on the ledger first.
        node.keys()
            .ring
            .put_aside(Key::Insurer, Place::Next)
            .unwrap();
        publish().await.unwrap();
        let refused = node.rotate(Key::Insurer, How::default()).await;
        let refused = refused.err().unwrap().to_string();
        assert!(
            refused.contains("not on the shared ledger yet"),
            "{refused}"
        );
        assert!(!node.keys().ring.has(Key::Insurer, Place::Next));
    }
}
