//! Whether this node's own log is still what the shared ledger has of it. It is not where the
//! store lost its latest entries (a backup was put back, a standby that lagged was promoted)
//! after they were on the ledger, or where somebody else signs with the `signing` key. Then
//! nothing more is appended: every entry would be a second history under the log's key.
//!
//! Nothing is kept for that. What the store has says it anew after each start.

use anyhow::Result;
use tally_core::ledger::{Entry, kind};
use tally_store::port::{Log, SharedLedger};

use super::Node;

/// How many entries before the last on the ledger are compared at first. Once its own log was
/// found to be another, a node sends nothing more: what comes to the ledger afterwards was on
/// its way, eight envelopes of 250.
const BACK: u64 = 4_096;
/// Entries compared at once.
const AT_ONCE: u32 = 512;

/// The shared ledger has another log than this node's as this organisation's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the shared ledger has {what} as entry {entry} of `{organisation}`'s log: nothing more is appended here or sent on, \
     also after a start, and what is decided now gets no receipt. Either the store lost its latest entries (a backup was \
     put back, or a standby that lagged was promoted): put one back that has them; where there is none, this log has \
     ended: leave, and join under another name with a new folder (docs/shared-ledger.md#to-take-part). Or somebody \
     else signs with its `signing` key: tell the other organisations at once (docs/operations.md#keys)"
)]
pub struct Forked {
    /// How this node's organisation is called there.
    pub organisation: String,
    /// The index of the first entry that is another, in the organisation's own log.
    pub entry: u64,
    /// How it is another.
    pub what: &'static str,
}

/// How far the two were compared.
pub(super) struct Level {
    organisation: String,
    /// The first entry that was not.
    next: u64,
    /// The one before it, as both had it.
    last: Option<Vec<u8>>,
}

impl Level {
    /// Compares what came to the ledger since. What was level and is no more on this node's
    /// log is seen too, before the ledger says so: the ledger does not forget.
    async fn compare(
        &mut self,
        store: &(impl Log + SharedLedger + Sync),
    ) -> Result<Option<Forked>> {
        if let Some(last) = &self.last {
            let at = self.next - 1;
            let own = store.entries(at, 1).await?;
            if own.first() != Some(last) {
                return Ok(Some(self.forked(at, own.is_empty())));
            }
        }
        while let Some(leaf) = store.shared_place(&self.organisation, self.next).await? {
            let mut there = store.shared_leaves(leaf, AT_ONCE).await?;
            // Up to the next envelope.
            let ends = |leaf: &Vec<u8>| Entry::kind_of(leaf) == Some(kind::ENVELOPE);
            there.truncate(there.iter().position(ends).unwrap_or(there.len()));
            let own = store.entries(self.next, AT_ONCE).await?;
            let mut both = (self.next..).zip(&there).zip(0..);
            if let Some(((at, _), _)) = both.find(|((_, leaf), n)| own.get(*n) != Some(*leaf)) {
                let is_missing = at >= self.next + own.len() as u64;
                return Ok(Some(self.forked(at, is_missing)));
            }
            anyhow::ensure!(
                !there.is_empty(),
                "what is stored of the shared ledger is damaged: run `tally ledger fsck`"
            );
            self.next += there.len() as u64;
            self.last = there.pop();
        }
        Ok(None)
    }

    fn forked(&self, entry: u64, is_missing: bool) -> Forked {
        let what = match is_missing {
            true => "what this node's log lacks",
            false => "something else than this node's log has",
        };
        Forked {
            organisation: self.organisation.clone(),
            entry,
            what,
        }
    }
}

impl Node {
    /// What the shared ledger has as this node's log that this node's log has not, as far as
    /// the store knows; `None` where all is well, or this node is on no shared ledger.
    ///
    /// # Errors
    /// When the store fails or is damaged.
    pub async fn forked(&self) -> Result<Option<Forked>> {
        let mut level = self.level.lock().await;
        if level.is_none() {
            *level = self.begin_level().await?;
        }
        match &mut *level {
            Some(level) => level.compare(&self.store).await,
            None => Ok(None),
        }
    }

    async fn begin_level(&self) -> Result<Option<Level>> {
        let Some(at) = self.shared_at().await? else {
            return Ok(None);
        };
        let log = self.keys.log.verifier().public();
        let member = at.state.member_of_log(&log);
        Ok(member.map(|member| Level {
            organisation: member.organisation.id.to_string(),
            next: member.next.saturating_sub(BACK),
            last: None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tally_core::ledger::SigningKey;
    use tally_core::ledger::shared::{
        Change, Charter, Envelope, OrganisationId, Snapshot, Witness, build,
    };

    use super::*;
    use crate::config::PoliciesConfig;
    use crate::node::applying::tests::{applicant, copy};
    use crate::node::clock::Clock;
    use crate::shared::{Scribe, found};

    /// Brings to the ledger what the own log has from an entry on.
    async fn brought(node: &Node, charter: &Charter, first: u64) {
        let genesis = Arc::new(Snapshot::found(charter).unwrap());
        let scribe = Scribe::open(&node.store, charter, &genesis, Arc::default()).await;
        let mut scribe = scribe.unwrap();
        let entries = node.store.entries(first, 9).await.unwrap();
        let (id, key) = (
            OrganisationId::parse("one").unwrap(),
            node.signing_key().unwrap(),
        );
        let envelope = Envelope::seal("ledger.example", id, first, entries, &key);
        let (block, next) = build(scribe.at(), &[envelope]).unwrap();
        let next = Arc::new(next);
        let written = scribe.write(&node.store, &block, &next, next.id).await;
        written.unwrap();
    }

    async fn entered(node: &Node, name: &str) {
        let key = SigningKey::cosigner(name, &[9; 32]).unwrap();
        let change = Change::Witnesses(vec![Witness {
            name: name.to_owned(),
            key: key.verifier().public(),
        }]);
        node.propose(change).await.unwrap();
    }

    /// A running node whose database was put back, a standby's that lagged, knows by itself
    /// that its own log was longer, before it appends and before the ledger tells it.
    #[tokio::test]
    async fn a_store_that_went_back_is_seen_before_the_ledger_tells() {
        let folder = tempfile::tempdir().unwrap();
        let (home, older) = (folder.path().join("one"), folder.path().join("older"));
        let (node, one) = applicant(&home, "one").await;
        let charter = found("ledger.example", &[one], Vec::new()).unwrap();
        assert_eq!(node.forked().await.unwrap(), None, "on no ledger");
        brought(&node, &charter, 0).await;
        drop(node);
        copy(&home, &older);

        let open = |home| Node::open_with(home, Clock::System, PoliciesConfig::None);
        let node = open(&home).await.unwrap();
        entered(&node, "first").await;
        entered(&node, "second").await;
        assert_eq!(node.forked().await.unwrap(), None, "ahead of the ledger");
        brought(&node, &charter, 1).await;
        assert_eq!(node.forked().await.unwrap(), None);
        let mut level = node.level.lock().await.take().unwrap();
        assert_eq!(level.next, 3);

        let promoted = open(&older).await.unwrap();
        for other in ["third", "fourth", "fifth"] {
            let forked = level.compare(&promoted.store).await.unwrap().unwrap();
            assert_eq!(forked.entry, 2);
            entered(&promoted, other).await;
        }
        let forked = level.compare(&promoted.store).await.unwrap().unwrap();
        assert_eq!(forked.what, "something else than this node's log has");
        // The one that has all goes on.
        assert_eq!(level.compare(&node.store).await.unwrap(), None);
    }
}
