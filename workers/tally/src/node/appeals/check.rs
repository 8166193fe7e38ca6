//! What fsck says of appeals.

use std::collections::BTreeSet;

use anyhow::Result;
use tally_core::claim::ClaimId;
use tally_store::port::{Acts as _, AppealFilter, AppealRow, Appeals as _, ClaimRow, Reading as _};

use super::{ActStand, Opened};
use crate::node::Node;

/// Appeals that are read at a time.
const PAGE: u32 = 256;

/// What was found of the appeals of a node.
#[derive(Default)]
pub(in crate::node) struct Found {
    /// Appeals whose events follow each other.
    pub(in crate::node) appeals: u64,
    /// Where something is wrong, and what.
    pub(in crate::node) faults: Vec<(String, &'static str)>,
}

impl Node {
    /// Checks that every event of every appeal opens and follows those before it, that it
    /// was filed in its time and is listed so, that what is appealed is an outcome of the
    /// claim, and that what was overturned has its act. Those of erased claims are left out.
    pub(in crate::node) async fn check_appeals(&self) -> Result<Found> {
        let mut found = Found::default();
        let mut claims: BTreeSet<ClaimId> = BTreeSet::new();
        let mut filter = AppealFilter {
            open: false,
            after: 0,
            limit: PAGE,
        };
        loop {
            let page = self.store.appeals(&filter).await?;
            claims.extend(page.iter().map(|row| row.claim));
            match page.last() {
                Some(last) if page.len() == PAGE as usize => filter.after = last.place,
                _ => break,
            }
        }
        let claims: Vec<ClaimId> = claims.into_iter().collect();
        for chunk in claims.chunks(PAGE as usize) {
            for row in self.store.claims_by_id(chunk).await? {
                self.check_appeals_of(&row, &mut found).await?;
            }
        }
        Ok(found)
    }

    async fn check_appeals_of(&self, row: &ClaimRow, found: &mut Found) -> Result<()> {
        let keys = self.vault.keys(&[row.sealed.record]).await?;
        let Some(key) = keys.get(&row.sealed.record) else {
            return Ok(());
        };
        let events = self.store.appeal_events(&[row.id]).await?;
        let Ok(opened) = Opened::of(&events.iter().collect::<Vec<_>>(), key) else {
            let what = "what happened to its appeals does not open, or does not follow";
            found.faults.push((format!("claim {}", row.id), what));
            return Ok(());
        };
        let mut outcomes: BTreeSet<[u8; 32]> = BTreeSet::new();
        outcomes.extend(row.outcome.iter().map(|outcome| outcome.outcome_hash));
        let revisions = self.store.revisions(row.unit).await?;
        let own = revisions.iter().filter(|revision| revision.claim == row.id);
        outcomes.extend(own.filter_map(|revision| Some(revision.now.as_ref()?.outcome_hash)));
        let firsts = self.store.first_outcomes(row.unit).await?;
        let own = firsts.iter().filter(|(claim, _)| *claim == row.id);
        outcomes.extend(own.map(|(_, outcome)| outcome.outcome_hash));
        let listed = self.store.appeals_of(row.id).await?;
        let last = opened.docket.appeals().last().map(|(id, _)| *id);
        let outcome = row.outcome.as_ref();
        let stands = outcome.is_some_and(|outcome| outcome.gone.is_none());
        for (id, appeal) in opened.docket.appeals() {
            found.appeals += 1;
            let place = format!("appeal {id}");
            if !outcomes.contains(&appeal.as_filed().appealed.outcome) {
                let what = "what is appealed is no outcome of its claim";
                found.faults.push((place.clone(), what));
            }
            let filed = appeal.as_filed();
            if !(filed.known..=filed.last_day).contains(&appeal.on()) {
                let what = "it was filed on a day on which it could not be";
                found.faults.push((place.clone(), what));
            }
            let as_listed = |of: &&AppealRow| of.level == filed.level && of.filed == appeal.on();
            if !listed.iter().filter(as_listed).any(|of| of.id == *id) {
                let what = "its level or its day is listed otherwise than it was filed";
                found.faults.push((place.clone(), what));
            }
            let waits = appeal.is_open() && !opened.docket.is_overtaken(*id);
            let own = listed.iter().find(|of| of.id == *id);
            if own.is_some_and(|of| of.open) != waits {
                let what = "the list of open appeals has it otherwise than what happened to it";
                found.faults.push((place.clone(), what));
            }
            let put_right = self.put_right(*id, appeal).await?;
            match put_right.map(|of| of.stand) {
                Some(ActStand::Missing) => {
                    let what = "the act it was decided by was not taken in: `tally appeal decide` it again";
                    found.faults.push((place, what));
                }
                // Where nothing of the claim stands, or another appeal was filed since, it is
                // taken in no more.
                Some(ActStand::GivenUp) if stands && last == Some(*id) => {
                    let what =
                        "the act it was decided by was discarded: `tally appeal decide` it again";
                    found.faults.push((place, what));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
