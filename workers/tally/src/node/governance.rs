//! Who is on the shared ledger: proposals and votes of this node's organisation.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use tally_core::canon::Canon as _;
use tally_core::ledger::Entry;
use tally_core::ledger::shared::{
    Authorities, Change, Motion, MotionId, OrganisationId, Proposal, Snapshot,
};
use tally_store::port::{NewStatement, SharedLedger as _, Statements as _};

use super::Node;

/// The shared ledger as it was last decoded.
#[derive(Default)]
pub(super) struct Decoded {
    at: Option<Arc<Snapshot>>,
    /// How often it was.
    pub times: u64,
}

impl Node {
    /// What the store has of the shared ledger; `None` where this node is on none. It is
    /// decoded once a block, whoever asks how often.
    ///
    /// # Errors
    /// When the store is damaged.
    pub async fn shared_at(&self) -> Result<Option<Arc<Snapshot>>> {
        let Some(place) = self.store.shared_height().await? else {
            return Ok(None);
        };
        let mut decoded = self.decoded.lock().await;
        let kept = decoded.at.as_ref();
        if let Some(at) = kept.filter(|at| (at.height, at.frontier.size()) == place) {
            return Ok(Some(Arc::clone(at)));
        }
        let Some(head) = self.store.shared_head().await? else {
            return Ok(None);
        };
        let snapshot = Snapshot::from_canon(&head.snapshot)
            .context("what is stored of the shared ledger is damaged: run `tally ledger fsck`")?;
        let at = Arc::new(snapshot);
        decoded.at = Some(Arc::clone(&at));
        decoded.times = decoded.times.saturating_add(1);
        Ok(Some(at))
    }

    /// The same, for who changes it.
    ///
    /// # Errors
    /// When the store is damaged.
    pub async fn shared_snapshot_if_any(&self) -> Result<Option<Snapshot>> {
        Ok(self.shared_at().await?.map(|at| (*at).clone()))
    }

    /// What the store has of the shared ledger.
    ///
    /// # Errors
    /// When this node is on none, or the store is damaged.
    pub async fn shared_snapshot(&self) -> Result<Snapshot> {
        self.shared_snapshot_if_any().await?.context(
            "this node is on no shared ledger: say `[ledger]` in its configuration and run it",
        )
    }

    /// How this node's organisation is called on the shared ledger.
    ///
    /// # Errors
    /// When it is on none.
    pub fn organisation_of(&self, snapshot: &Snapshot) -> Result<OrganisationId> {
        let log = self.keys.log.verifier().public();
        let member = snapshot.state.member_of_log(&log);
        member
            .map(|member| member.organisation.id.clone())
            .context("this node's log is on no organisation of the shared ledger")
    }

    /// Proposes a change among the organisations; who proposes is for it. Answers how the
    /// proposal is known.
    ///
    /// # Errors
    /// The rule of the ledger that it would break.
    pub async fn propose(&self, change: Change) -> Result<MotionId> {
        let snapshot = self.shared_snapshot().await?;
        let by = self.organisation_of(&snapshot)?;
        let proposal = Proposal {
            epoch: snapshot.state.authorities.epoch,
            change,
        };
        // The ledger refuses it as well, and does not say what to do.
        anyhow::ensure!(
            !makes_two_of_one(&snapshot.state.authorities, &proposal.change),
            "a ledger of one authority takes in no other: found one of several, with `tally org found`"
        );
        snapshot.state.may_propose(&by, &proposal)?;
        let id = proposal.id();
        self.enter(Entry::Proposed(Box::new(proposal)), &id, Some(id))
            .await?;
        Ok(id)
    }

    /// Votes on a proposal.
    ///
    /// # Errors
    /// The rule of the ledger that it would break.
    pub async fn vote(&self, motion: Motion) -> Result<()> {
        let snapshot = self.shared_snapshot().await?;
        let by = self.organisation_of(&snapshot)?;
        snapshot.state.may_vote(&by, motion)?;
        self.enter(
            Entry::Voted(motion),
            &motion.proposal,
            Some(motion.proposal),
        )
        .await
    }

    /// Puts an entry that commits to nothing on the node's own log.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn enter(
        &self,
        entry: Entry,
        about: &[u8],
        once: Option<[u8; 32]>,
    ) -> Result<()> {
        let statement = NewStatement {
            kind: entry.kind(),
            about: about.to_vec(),
            once,
            entry: entry.to_canon(),
            opening: None,
        };
        self.store.state(&[statement]).await?;
        self.integrate(false).await?;
        Ok(())
    }
}

/// Whether a change gives a set of one a second authority: one runs no consensus, and so
/// cannot hand over to several.
fn makes_two_of_one(set: &Authorities, change: &Change) -> bool {
    let (Change::Join { organisation, .. } | Change::Rotate { organisation, .. }) = change else {
        return false;
    };
    let is_another = set.of(&organisation.id).is_none();
    set.members.len() == 1 && organisation.authority.is_some() && is_another
}
