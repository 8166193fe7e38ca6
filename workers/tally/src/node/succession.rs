//! Replacements and voids at intake: whether the claim that is named can be
//! replaced or voided by this one, and where it belongs then.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use anyhow::Result;
use tally_core::claim::{Claim, ClaimId, Frequency, UnitKey};
use tally_core::interchange::IntakeRule;
use tally_store::port::{ActKind, ClaimRow, NewAct, Reading as _, Token};

use super::Node;
use super::resolve::Known;

/// Where a replacement or a void is sequenced: in the unit of the claim it names.
pub(super) struct Succeeding {
    pub(super) unit: Token,
    pub(super) partition: u32,
    pub(super) contract: Option<Known>,
    pub(super) act: NewAct,
}

/// Why a claim does not succeed another: by rule, nothing identifying in it.
pub(super) struct Unable {
    pub(super) rule: IntakeRule,
    pub(super) reason: &'static str,
}

/// Whether the place of a claim was voided, by whichever of the numbers that it has had:
/// of the claim itself, of what replaced it, or of what it replaced. What is not done yet
/// counts, and what was given up does not.
fn is_voided(claim: ClaimId, rows: &[ClaimRow]) -> bool {
    let act = |row: &ClaimRow| {
        let act = row.act.as_ref().filter(|_| !row.discarded)?;
        Some((row.id, act.kind, act.original?))
    };
    let acts: Vec<_> = rows.iter().filter_map(act).collect();
    let replaced = |by: ClaimId| {
        let of = |(id, kind, original): &(ClaimId, ActKind, ClaimId)| {
            (*id == by && *kind == ActKind::Replacement).then_some(*original)
        };
        acts.iter().find_map(of)
    };
    let mut first = claim;
    while let Some(original) = replaced(first) {
        first = original;
    }
    let mut names = BTreeSet::from([first]);
    // In the order of the unit: what is named stands before what names it.
    for (id, kind, original) in &acts {
        if !names.contains(original) {
            continue;
        }
        match kind {
            ActKind::Void => return true,
            ActKind::Replacement => drop(names.insert(*id)),
            ActKind::Readjudication | ActKind::Review => {}
        }
    }
    false
}

const fn unable(reason: &'static str) -> Unable {
    Unable {
        rule: IntakeRule::NotReplaceable,
        reason,
    }
}

impl Node {
    /// Where a replacement or a void belongs, or why nowhere; none for an original.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn succession(
        &self,
        claim: &mut Claim,
        submitter: &str,
        partitions: NonZeroU32,
    ) -> Result<Option<Result<Succeeding, Unable>>> {
        let kind = match claim.frequency {
            Frequency::Original => return Ok(None),
            Frequency::Replacement => ActKind::Replacement,
            Frequency::Void => ActKind::Void,
        };
        let Some(original) = claim.replaces else {
            return Ok(Some(Err(Unable {
                rule: IntakeRule::NoReplaced,
                reason: "it names no claim that it replaces or voids",
            })));
        };
        let unknown = unable(
            "this payer has no claim of that number from this sender: give the number of the \
             remittance or receipt",
        );
        let Some(row) = self.store.claim(original).await? else {
            return Ok(Some(Err(unknown)));
        };
        if row.submitter != submitter {
            return Ok(Some(Err(unknown)));
        }
        // One that was moved to its member's contract goes by its old number too.
        let row = self.moved_to(row).await?;
        claim.replaces = Some(row.id);
        if let Some(why) = self.obstacle(claim, &row).await? {
            return Ok(Some(Err(why)));
        }
        self.placed(claim, &row, kind, partitions).await.map(Some)
    }

    /// What keeps a claim from being replaced or voided by another.
    async fn obstacle(&self, claim: &Claim, row: &ClaimRow) -> Result<Option<Unable>> {
        if row.provider != self.provider_token(&claim.billing.identifier) {
            return Ok(Some(unable(
                "the claim it names was billed by another provider: void that one and send this \
                 as an original",
            )));
        }
        if row
            .act
            .as_ref()
            .is_some_and(|act| act.kind != ActKind::Replacement)
        {
            return Ok(Some(unable("it names a void: name the claim itself")));
        }
        if row.discarded {
            return Ok(Some(unable(
                "the claim it names was given up: send this as an original",
            )));
        }
        if is_voided(row.id, &self.store.claims_of_unit(row.unit).await?) {
            return Ok(Some(unable(
                "the claim it names was voided: send this as an original",
            )));
        }
        let keys = self.vault.keys(&[row.sealed.record]).await?;
        if keys.is_empty() {
            return Ok(Some(unable("the record of the claim it names was erased")));
        }
        Ok(None)
    }

    /// In the unit of the claim that it names, by that unit's latest contract.
    async fn placed(
        &self,
        claim: &mut Claim,
        row: &ClaimRow,
        kind: ActKind,
        partitions: NonZeroU32,
    ) -> Result<Result<Succeeding, Unable>> {
        let act = NewAct {
            kind,
            original: Some(row.id),
        };
        let another = unable(
            "it is of a member of another contract than the claim it names: void that one and \
             send this as an original",
        );
        let (key, contract) = match row.contract {
            None => (UnitKey::unknown(&row.submitter, &claim.member), None),
            Some(_) => {
                let Some((latest, contract)) = self.contract_of(row.unit, None).await? else {
                    return Ok(Err(another));
                };
                let latest = (latest, Arc::new(contract));
                // Who has left may be named no more.
                let naming = self.last_naming(row.unit, latest.clone(), &claim.member);
                let naming = naming.await?;
                if kind == ActKind::Replacement && naming.is_none() {
                    return Ok(Err(another));
                }
                let (version, contract) = naming.unwrap_or(latest);
                claim.member.resolve(Some(&contract));
                (UnitKey::contract(&contract.id), Some((version, contract)))
            }
        };
        if self.unit_token(&key) != row.unit {
            return Ok(Err(another));
        }
        if self.member_token(&claim.member.identifier) != row.member {
            tracing::warn!(
                claim = %claim.id,
                replaces = %row.id,
                "it is of another patient of the same contract than the claim whose place it takes"
            );
        }
        Ok(Ok(Succeeding {
            unit: row.unit,
            partition: key.partition(partitions),
            contract,
            act,
        }))
    }
}
