//! Erasing what is known of a claim: its keys and salts are destroyed, the log says
//! so, and still verifies. And what stands against it.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};
use tally_core::adjudication::Status;
use tally_core::canon::Canon as _;
use tally_core::claim::ClaimId;
use tally_core::ledger::erasure::{ErasureReceipt, Hold, Kept, Kind, Refused, may_erase};
use tally_core::ledger::tree::leaf_hash;
use tally_core::ledger::{Entry, Ground, kind};
use tally_store::port::{
    Acts as _, Appeals as _, ClaimRow, HoldRow, Holds as _, Log as _, NewStatement, OutcomeRow,
    Payments as _, Reading as _, RecordId, StatementFilter, Statements as _,
};

use super::Node;

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
    leaves: BTreeSet<u64>,
    /// Whether something of it is on its way to the log.
    waits: bool,
}

impl Parts {
    fn outcome(&mut self, row: &OutcomeRow) {
        self.records.insert(row.record.record);
        self.leaf(row.leaf);
    }

    fn leaf(&mut self, leaf: Option<u64>) {
        match leaf {
            Some(leaf) => {
                self.leaves.insert(leaf);
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
        self.row(claim).await?;
        ensure!(
            lift || self.erasures(claim).await?.is_empty(),
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
        Ok(self.store.hold(&row).await?)
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
        let row = self.row(claim).await?;
        let holds = self.holds(claim).await?;
        let acts = self.store.claims_of_unit(row.unit).await?;
        let acts = acts.iter().filter(|other| {
            let act = other.act.as_ref();
            act.is_some_and(|act| act.original == Some(claim))
        });
        let (mut last, mut waits) = (row.received, false);
        for act in acts {
            last = last.max(act.received);
            waits |= act.act.as_ref().is_some_and(|act| act.done.is_none());
        }
        for appeal in self.store.appeals_of(claim).await? {
            last = last.max(appeal.filed);
            waits |= appeal.open;
        }
        for told in self.store.told_of(&[claim]).await? {
            last = last.max(told.day);
        }
        let outcome = row.outcome.as_ref();
        let decided = outcome.is_some_and(|of| of.status != Status::Pended || of.gone.is_some());
        let kept = Kept {
            kind: Kind::Claim,
            made: row.received,
            last_activity: last,
            last_in_effect: None,
            settled: (decided || row.discarded) && !waits,
            holds: &holds,
        };
        may_erase(self.clock.today(), ground, &kept, &self.retention)?;
        Ok(())
    }

    /// Erases a claim: destroys the keys of all that is sealed of it, and enters that it
    /// did. What was begun and not ended is ended when it is asked for again.
    ///
    /// # Errors
    /// What stands against it ([`Refused`]); or when the claim is not known, waits for the
    /// log, or the store fails.
    pub async fn erase(&self, claim: ClaimId, ground: Ground) -> Result<Erased> {
        self.integrate(false).await?;
        // One at a time, and no hold is placed meanwhile.
        let one = self.lock()?;
        let row = self.row(claim).await?;
        if self.erasures(claim).await?.is_empty() {
            self.may_erase(claim, ground).await?;
        }
        let parts = self.sealed_of(&row).await?;
        ensure!(
            !parts.waits && !parts.leaves.is_empty(),
            "claim {claim} waits to be decided, or to be entered on the log: erase it when it is"
        );
        self.note("claim-erased", claim).await?;
        // Entered first: what is begun is seen, and ended when it is asked for again.
        let mut statements = Vec::new();
        for leaf in &parts.leaves {
            let entry = Entry::Erased {
                index: *leaf,
                ground,
            };
            statements.push(NewStatement {
                kind: entry.kind(),
                about: claim.0.to_vec(),
                once: Some(Sha256::digest(leaf.to_be_bytes()).into()),
                entry: entry.to_canon(),
                opening: None,
            });
        }
        self.store.state(&statements).await?;
        for record in &parts.records {
            self.vault.destroy(*record).await?;
        }
        drop(one);
        self.integrate(false).await?;
        Ok(Erased {
            records: parts.records.len(),
            receipts: self.erasure_receipts(claim).await?,
        })
    }

    /// The receipts of a claim's erasure, under the present checkpoint.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn erasure_receipts(&self, claim: ClaimId) -> Result<Vec<ErasureReceipt>> {
        let mut receipts = Vec::new();
        for (index, entry, place) in self.erasures(claim).await? {
            let place = place.context("the erasure is on its way to the log: try again")?;
            let leaf = self.store.entries(index, 1).await?;
            let leaf = leaf
                .first()
                .context("the log is damaged: run `tally ledger fsck`")?;
            // Another process may append between the two.
            let (stays, erased) = loop {
                let ((stays, _), (erased, _)) =
                    (self.proofs(index).await?, self.proofs(place).await?);
                if stays.checkpoint == erased.checkpoint {
                    break (stays, erased);
                }
            };
            receipts.push(ErasureReceipt {
                leaf: leaf_hash(leaf),
                entry,
                key: self.keys.log.verifier().clone(),
                stays,
                erased,
            });
        }
        Ok(receipts)
    }

    /// The erasures of a claim: of which entry, the entry that says so, and where that
    /// stands, once it is on the log.
    async fn erasures(&self, claim: ClaimId) -> Result<Vec<(u64, Vec<u8>, Option<u64>)>> {
        let filter = StatementFilter {
            kinds: vec![kind::ERASED],
            about: Some(claim.0.to_vec()),
            ..StatementFilter::default()
        };
        let mut found = Vec::new();
        for row in self.store.statements(&filter).await? {
            if let Ok(Entry::Erased { index, .. }) = Entry::from_canon(&row.entry) {
                found.push((index, row.entry, row.leaf));
            }
        }
        Ok(found)
    }

    /// All that is sealed of a claim.
    async fn sealed_of(&self, row: &ClaimRow) -> Result<Parts> {
        let mut parts = Parts::default();
        parts.records.insert(row.sealed.record);
        if let Some(outcome) = &row.outcome {
            parts.outcome(outcome);
        }
        for (claim, outcome) in self.store.first_outcomes(row.unit).await? {
            if claim == row.id {
                parts.outcome(&outcome);
            }
        }
        if let Some(received) = self.received_statement(row.id).await? {
            parts.leaf(received.leaf);
        }
        let revisions = self.store.revisions(row.unit).await?;
        for revision in revisions.iter().filter(|of| of.claim == row.id) {
            parts.records.insert(revision.reversal.record);
            parts.leaf(revision.reversal_leaf);
            if let Some(now) = &revision.now {
                parts.outcome(now);
            }
        }
        Ok(parts)
    }

    async fn row(&self, claim: ClaimId) -> Result<ClaimRow> {
        let row = self.store.claim(claim).await?;
        row.with_context(|| {
            format!("no claim {claim} on this node: `tally claim export` lists those there are")
        })
    }
}

/// Why a claim may not be erased, where that is what an error says.
#[must_use]
pub fn refused(error: &anyhow::Error) -> Option<&Refused> {
    error.downcast_ref()
}
