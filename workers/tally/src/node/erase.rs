//! Erasing what is known of a claim: its keys and salts are destroyed, the log says
//! so, and still verifies. And what stands against it.

mod again;
mod reopened;
mod whole;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
use sha2::{Digest as _, Sha256};
use tally_core::canon::Canon as _;
use tally_core::claim::ClaimId;
use tally_core::ledger::erasure::{ErasureReceipt, Hold, Kept, Kind, Refused, may_erase};
use tally_core::ledger::tree::leaf_hash;
use tally_core::ledger::{Entry, Ground, kind};
use tally_store::port::{
    Acts as _, Appeals as _, ClaimRow, Disputed as _, HoldRow, Holds as _, Log as _, NewStatement,
    OutcomeRow, Payments as _, Reading as _, RecordId, Statements as _, StoreError,
};

use super::Node;
use again::Meant;
pub use reopened::Reopened;
use whole::{Whole, waits};

/// What was erased.
pub struct Erased {
    /// How many records' keys were destroyed.
    pub records: usize,
    /// A receipt for each entry that nobody can open any more, in their order.
    pub receipts: Vec<ErasureReceipt>,
}

/// All that is sealed of a claim, and where the log commits to it.
#[derive(Default)]
struct Parts {
    records: BTreeSet<RecordId>,
    /// Each entry, and the claim or the act that it is of.
    leaves: BTreeMap<u64, ClaimId>,
    /// Whether something of it is to be decided, or on its way to the log.
    waits: bool,
}

impl Parts {
    fn outcome(&mut self, of: ClaimId, row: &OutcomeRow) {
        self.records.insert(row.record.record);
        self.leaf(of, row.leaf);
    }

    fn leaf(&mut self, of: ClaimId, leaf: Option<u64>) {
        match leaf {
            Some(leaf) => {
                self.leaves.insert(leaf, of);
            }
            None => self.waits = true,
        }
    }
}

impl Node {
    /// Places a legal hold on a claim, or lifts it.
    ///
    /// # Errors
    /// When the claim is not known, or the hold stands already, or does not.
    pub async fn hold(&self, claim: ClaimId, name: &str, lift: bool) -> Result<()> {
        let _one = self.lock()?;
        if self.reexecuted_only(claim).await?.is_empty() {
            self.known(claim).await?;
        }
        ensure!(
            lift || !self.is_erased(&self.meant(claim).await?).await?,
            "claim {claim} was erased"
        );
        let length = name.chars().count();
        ensure!(
            (1..=64).contains(&length) && !name.chars().any(char::is_control),
            "a hold's name is 1 to 64 characters, as a case's number"
        );
        let stands = self.holds(claim).await?;
        let stands = stands
            .iter()
            .any(|hold| hold.id == name && hold.lifted.is_none());
        ensure!(
            stands == lift,
            "hold `{name}` {} claim {claim}",
            if stands { "is already on" } else { "is not on" }
        );
        self.note(if lift { "hold-lifted" } else { "hold-placed" }, claim)
            .await?;
        let row = HoldRow {
            claim,
            name: name.to_owned(),
            day: self.clock.today(),
            lifted: lift,
        };
        crate::failpoint::reach("before-hold");
        match self.store.hold(&row).await {
            // On another machine, meanwhile.
            Err(StoreError::Fenced { .. }) => bail!("claim {claim} was erased"),
            placed => Ok(placed?),
        }
    }

    /// The holds that are or were on a claim, in the order they were placed.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn holds(&self, claim: ClaimId) -> Result<Vec<Hold>> {
        let mut holds: Vec<Hold> = Vec::new();
        for row in self.store.holds(Some(claim)).await? {
            let open = |hold: &&mut Hold| hold.id == row.name && hold.lifted.is_none();
            match holds.iter_mut().find(open) {
                Some(hold) if row.lifted => hold.lifted = Some(row.day),
                Some(_) => {}
                None if row.lifted => {}
                None => holds.push(Hold {
                    id: row.name,
                    placed: row.day,
                    lifted: None,
                }),
            }
        }
        Ok(holds)
    }

    /// Whether a claim may be erased today, on a ground.
    ///
    /// # Errors
    /// What stands against it; or when the claim is not known, or the store fails.
    pub async fn may_erase(&self, claim: ClaimId, ground: Ground) -> Result<()> {
        self.unless_kept(&self.meant(claim).await?, ground).await
    }

    /// That nothing stands against erasing a claim on a ground. A hold on any of its
    /// numbers, or on what took it back, is a hold on it.
    async fn unless_kept(&self, meant: &Meant, ground: Ground) -> Result<()> {
        let mut holds = Vec::new();
        for id in meant.ids() {
            holds.extend(self.holds(id).await?);
        }
        let kept = match meant {
            Meant::Whole(whole) => self.kept_whole(whole, &holds).await?,
            Meant::Again(_, rows) => self.kept_again(rows, &holds).await?,
        };
        may_erase(self.clock.today(), ground, &kept, &self.retention)?;
        Ok(())
    }

    /// Since when a claim is kept.
    async fn kept_whole<'a>(&self, whole: &Whole, holds: &'a [Hold]) -> Result<Kept<'a>> {
        let numbers = whole.numbers();
        let mut last = whole.last_received().context("a claim has a row")?;
        let mut is_settled = whole.is_settled();
        for number in &numbers {
            for appeal in self.store.appeals_of(*number).await? {
                last = last.max(appeal.filed);
                is_settled &= !appeal.open;
            }
        }
        for told in self.store.told_of(&numbers).await? {
            last = last.max(told.day);
        }
        for number in &numbers {
            let (disputed, _) = self.store.disputed(Some(*number), 1).await?;
            last = disputed.iter().fold(last, |last, of| last.max(of.day));
        }
        Ok(Kept {
            kind: Kind::Claim,
            made: whole.made().unwrap_or(last),
            last_activity: last,
            last_in_effect: None,
            settled: is_settled,
            holds,
        })
    }

    /// Erases a claim, by every number that it has had: destroys the keys of all that is
    /// sealed of it, in what took it back or settled it by hand too, and enters that it
    /// did. Of another's claim, that this node ran again, what came of it and what the payer
    /// signed. What was begun and not ended is ended when it is asked for again.
    ///
    /// # Errors
    /// What stands against it ([`Refused`]); or when the claim is not known, waits for the
    /// log, or the store fails.
    pub async fn erase(&self, claim: ClaimId, ground: Ground) -> Result<Erased> {
        self.integrate(false).await?;
        // One at a time on this machine.
        let one = self.lock()?;
        let meant = self.meant(claim).await?;
        // Nothing but a hold keeps what is begun from being ended.
        let passing = match self.is_erased(&meant).await? {
            true => Ground::Order,
            false => ground,
        };
        self.unless_kept(&meant, passing).await?;
        let parts = self.sealed_of(&meant).await?;
        ensure!(
            !parts.waits && !parts.leaves.is_empty(),
            "claim {claim}, or an act about it, waits to be decided, or to be entered on the log: \
             erase it when it is (`tally queue dead list` shows what was set aside)"
        );
        self.note_all("claim-erased", meant.ids().into_iter())
            .await?;
        // Entered first: what is begun is seen, and ended when it is asked for again.
        let statements: Vec<NewStatement> = parts
            .leaves
            .iter()
            .map(|(leaf, of)| erased(*leaf, *of, ground))
            .collect();
        crate::failpoint::reach("before-erased");
        // With a look at what holds it: from here on nothing does, on no machine.
        let ids = meant.ids();
        if let Err(error) = self.store.state_unless_held(&statements, &ids).await {
            self.unless_kept(&meant, passing).await?;
            return Err(error.into());
        }
        crate::failpoint::reach("before-destroy");
        for record in &parts.records {
            self.vault.destroy(*record).await?;
        }
        drop(one);
        self.integrate(false).await?;
        Ok(Erased {
            records: parts.records.len(),
            receipts: self.receipts_of(&ids).await?,
        })
    }

    /// Which of these claims and acts the log says were erased. Of those nothing is shown,
    /// whatever keys there are: an older backup of them may have been put back.
    pub(crate) async fn erased_among(
        &self,
        of: impl IntoIterator<Item = ClaimId>,
    ) -> Result<BTreeSet<ClaimId>> {
        let about: Vec<Vec<u8>> = of.into_iter().map(|of| of.0.to_vec()).collect();
        let rows = self.store.statements_about(kind::ERASED, &about).await?;
        let about = rows.iter().filter_map(|row| row.about[..].try_into().ok());
        Ok(about.map(ClaimId).collect())
    }

    /// The receipts of a claim's erasure, under the present checkpoint; and on the shared
    /// ledger, once it is there.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn erasure_receipts(&self, claim: ClaimId) -> Result<Vec<ErasureReceipt>> {
        self.receipts_of(&self.meant(claim).await?.ids()).await
    }

    async fn receipts_of(&self, of: &[ClaimId]) -> Result<Vec<ErasureReceipt>> {
        let mut receipts = Vec::new();
        let prover = self.prover().await?;
        let prover = prover.as_ref();
        for (index, entry, place) in self.erasures(of).await? {
            let place = place.context("the erasure is on its way to the log: try again")?;
            let leaf = self.store.entries(index, 1).await?;
            let leaf = leaf
                .first()
                .context("the log is damaged: run `tally ledger fsck`")?;
            // Another process may append between the two.
            let ((stays, there), (erased, too)) = loop {
                let stays = self.proofs_by(prover, index).await?;
                let erased = self.proofs_by(prover, place).await?;
                if stays.0.checkpoint == erased.0.checkpoint {
                    break (stays, erased);
                }
            };
            let shared = match (prover, there, too) {
                (Some(prover), Some(stays), Some(erased)) => {
                    Some(prover.erasure(&self.store, erased, stays).await?)
                }
                _ => None,
            };
            receipts.push(ErasureReceipt {
                leaf: leaf_hash(leaf),
                entry,
                key: self.keys.log.verifier().clone(),
                stays,
                erased,
                shared,
            });
        }
        Ok(receipts)
    }

    /// The erasures of claims and acts: of which entry, the entry that says so, and where
    /// that stands, once it is on the log.
    async fn erasures(&self, of: &[ClaimId]) -> Result<Vec<(u64, Vec<u8>, Option<u64>)>> {
        let about: Vec<Vec<u8>> = of.iter().map(|of| of.0.to_vec()).collect();
        let mut found = Vec::new();
        for row in self.store.statements_about(kind::ERASED, &about).await? {
            if let Ok(Entry::Erased { index, .. }) = Entry::from_canon(&row.entry) {
                found.push((index, row.entry, row.leaf));
            }
        }
        Ok(found)
    }

    /// Whether the log says that a claim was erased, by every number that it has had.
    async fn is_erased(&self, meant: &Meant) -> Result<bool> {
        let numbers = match meant {
            Meant::Whole(whole) => whole.numbers(),
            // It may have been run again since.
            Meant::Again(claim, rows) => {
                let erased = self.erased_of(*claim, rows).await?;
                return Ok(erased.len() == rows.len());
            }
        };
        for number in numbers {
            if self.erasures(&[number]).await?.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// All that is sealed of a claim.
    async fn sealed_of(&self, meant: &Meant) -> Result<Parts> {
        let mut parts = Parts::default();
        match meant {
            Meant::Whole(whole) => {
                for row in whole.sealed() {
                    self.add_sealed(row, &mut parts).await?;
                }
            }
            Meant::Again(claim, rows) => {
                for row in rows {
                    let sealed = row.opening.as_ref();
                    parts.records.extend(sealed.map(|sealed| sealed.record));
                    parts.leaf(*claim, row.leaf);
                }
            }
        }
        Ok(parts)
    }

    /// What is sealed of a claim by one of its numbers, or in an act about it.
    async fn add_sealed(&self, row: &ClaimRow, parts: &mut Parts) -> Result<()> {
        // Without its key a worker could not decide it, nor anything of its unit after it.
        parts.waits |= waits(row);
        parts.records.insert(row.sealed.record);
        if let Some(outcome) = &row.outcome {
            parts.outcome(row.id, outcome);
        }
        for (claim, outcome) in self.store.first_outcomes(row.unit).await? {
            if claim == row.id {
                parts.outcome(row.id, &outcome);
            }
        }
        if let Some(received) = self.received_statement(row.id).await? {
            parts.leaf(row.id, received.leaf);
        }
        let revisions = self.store.revisions(row.unit).await?;
        for revision in revisions.iter().filter(|of| of.claim == row.id) {
            parts.records.insert(revision.reversal.record);
            parts.leaf(row.id, revision.reversal_leaf);
            if let Some(now) = &revision.now {
                parts.outcome(row.id, now);
            }
        }
        Ok(())
    }

    async fn known(&self, claim: ClaimId) -> Result<ClaimRow> {
        let row = self.store.claim(claim).await?;
        row.with_context(|| {
            format!("no claim {claim} on this node: `tally claim export` lists those there are")
        })
    }
}

/// The statement that an entry of a claim or an act was erased.
fn erased(leaf: u64, of: ClaimId, ground: Ground) -> NewStatement {
    let entry = Entry::Erased {
        index: leaf,
        ground,
    };
    NewStatement {
        kind: entry.kind(),
        about: of.0.to_vec(),
        once: Some(Sha256::digest(leaf.to_be_bytes()).into()),
        entry: entry.to_canon(),
        opening: None,
    }
}

/// Why a claim may not be erased, where that is what an error says.
#[must_use]
pub fn refused(error: &anyhow::Error) -> Option<&Refused> {
    error.downcast_ref()
}
