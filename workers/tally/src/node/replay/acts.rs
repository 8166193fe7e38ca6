//! Acts, done again: what they took back and what they put in its place.

use anyhow::Result;
use tally_core::adjudication::Outcome;
use tally_core::canon::Canon as _;
use tally_core::claim::Claim;
use tally_core::ledger::Reversal;
use tally_sandbox::Backend;
use tally_store::port::{ClaimRow, OutcomeRow, RevisionRow};
use tally_store::vault::RecordKey;

use super::detection::Redetected;
use super::{Again, Machine, Replayed, Unit, compare};
use crate::node::Node;
use crate::node::acts::{ACT_DONE, ActRecord, REVERSAL, SaltedReversal, meant, outcome_hash};
use crate::node::past::Changed;
use crate::node::record::Record;
use crate::node::work::RECORD;

impl Node {
    /// Does an act again.
    pub(super) fn replay_act(
        &self,
        row: &ClaimRow,
        again: &mut Unit,
        machines: &Again,
        replayed: &mut Replayed,
        detected: &mut Redetected,
    ) -> Result<()> {
        let Some((kind, done)) = row
            .act
            .as_ref()
            .and_then(|act| Some((act.kind, act.done.clone()?)))
        else {
            return Ok(());
        };
        let key = again.keys.get(&row.sealed.record);
        let Some(key) = key.filter(|_| !again.erased) else {
            // Without what a claim was, what follows from it cannot be done again.
            match key {
                Some(_) => replayed.unchecked.push(row.id),
                None => replayed.erased += 1,
            }
            again.erased = true;
            return Ok(());
        };
        let read = key
            .open(ACT_DONE, &done)
            .ok()
            .and_then(|bytes| ActRecord::from_canon(&bytes).ok())
            .and_then(|record| {
                let contract = again.contract(row.contract);
                let doing = meant(kind, key, &row.sealed, contract, record.prefix);
                Some((doing.ok()?, record))
            });
        let Some((doing, record)) = read else {
            replayed.broke("payload", Some(row.id), "an act's payload cannot be read");
            return Ok(());
        };
        again.check_prefix(row.id, record.prefix, None, replayed);
        let opening = Default::default();
        // One act decides many claims, and some may have ended in a fault.
        let Machine { backend, book } = machines.machine(replayed.checked + 1, true);
        let acted = match again.past.act(self, book, doing, &opening, *backend) {
            Ok(acted) => acted,
            Err(error) => {
                let detail = format!("it could not be done again: {error}");
                replayed.broke("act", Some(row.id), detail);
                return Ok(());
            }
        };
        let stored = again.revisions.remove(&row.id).unwrap_or_default();
        let reversed: Vec<_> = acted
            .changed
            .iter()
            .filter_map(|changed| Some(changed.before.as_ref()?.0.id))
            .collect();
        if !stored
            .iter()
            .map(|revision| revision.claim)
            .eq(reversed.iter().copied())
            || record.reversed != reversed
        {
            let detail = format!(
                "it takes back {} claims, {} are on record",
                reversed.len(),
                stored.len()
            );
            replayed.broke("act", Some(row.id), detail);
        }
        let before = replayed.checked;
        for changed in &acted.changed {
            let own = changed.before.as_ref().map(|(claim, _)| claim.id);
            let revision = stored.iter().find(|revision| Some(revision.claim) == own);
            self.check_change(row, changed, revision, (again, *backend), replayed)?;
            if let Some((claim, _)) = &changed.before
                && changed
                    .now
                    .as_ref()
                    .is_none_or(|(now, ..)| now.id != claim.id)
            {
                detected.forget(claim.id);
            }
            if let Some((claim, adjudication, _)) = &changed.now {
                let outcome = &adjudication.settled.outcome;
                if claim.id == row.id {
                    let facts = self.facts_by_group(claim);
                    detected.add(facts, row.member, claim, outcome);
                } else {
                    detected.judge(claim, outcome);
                }
            }
        }
        if *backend == machines.backend {
            replayed.sampled += replayed.checked - before;
        }
        again.unit = acted.unit();
        Ok(())
    }

    /// What changes at a place against what is on record of it.
    fn check_change(
        &self,
        act: &ClaimRow,
        changed: &Changed,
        revision: Option<&RevisionRow>,
        (again, backend): (&mut Unit, Backend),
        replayed: &mut Replayed,
    ) -> Result<()> {
        if let (Some((claim, outcome)), Some(revision)) = (&changed.before, revision) {
            let key = again
                .records
                .get(&claim.id)
                .and_then(|record| again.keys.get(record));
            let same = key.is_some_and(|key| is_reversal(key, revision, claim, outcome, act));
            if !same {
                let detail = "its reversal is not of what it had come to";
                replayed.broke("reversal", Some(claim.id), detail);
            }
        }
        let Some((claim, adjudication, prefix)) = &changed.now else {
            return Ok(());
        };
        let own = claim.id == act.id;
        let stored: Option<OutcomeRow> = match own {
            true => again.first(act),
            false => revision.and_then(|revision| revision.now.clone()),
        };
        let key = match own {
            true => again.keys.get(&act.sealed.record),
            false => again
                .records
                .get(&claim.id)
                .and_then(|record| again.keys.get(record)),
        };
        let record = stored.as_ref().zip(key).and_then(|(stored, key)| {
            Record::from_canon(&key.open(RECORD, &stored.record).ok()?).ok()
        });
        replayed.checked += 1;
        let (Some(record), Some(stored)) = (record, stored) else {
            replayed.broke(
                "outcome",
                Some(claim.id),
                "what it came to is not on record",
            );
            return Ok(());
        };
        if record.open().is_ok_and(|(body, _)| body.prefix != *prefix) {
            let detail = "it was decided by other policies than those of its time";
            replayed.broke("prefix", Some(claim.id), detail);
        }
        if stored.policy != adjudication.settled.outcome.policy() {
            let detail = "the policy noted beside the outcome is not the outcome's";
            replayed.broke("policy-choice", Some(claim.id), detail);
        }
        compare(Some(claim.id), &record, adjudication, backend, replayed);
        Ok(())
    }
}

/// Whether what is sealed of a reversal is what was taken back.
fn is_reversal(
    key: &RecordKey,
    revision: &RevisionRow,
    claim: &Claim,
    outcome: &Outcome,
    act: &ClaimRow,
) -> bool {
    let opened = key.open(REVERSAL, &revision.reversal).ok();
    let salted = opened.and_then(|bytes| SaltedReversal::from_canon(&bytes).ok());
    salted.is_some_and(|salted| {
        salted.reversal
            == Reversal {
                claim: claim.id,
                outcome: outcome_hash(outcome),
                act: act.id,
            }
    })
}
