//! All that claims ever came to: each outcome with what brought it about, and what
//! took it back.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use tally_core::adjudication::Outcome;
use tally_core::canon::Canon as _;
use tally_core::claim::{Claim, ClaimId};
use tally_store::port::{
    ActKind, Acts as _, ClaimRow, OutcomeRow, Reading as _, RevisionRow, Token,
};
use tally_store::vault::RecordKey;
use tally_types::ServiceDate;

use super::Node;
use super::record::Record;
use super::statement::{Stood, TakenBack};
use super::work::{RECORD, open_claim};

/// An outcome of a claim, from when it stands until it is taken back.
pub struct Stage {
    /// The claim.
    pub claim: Claim,
    /// Its row.
    pub row: ClaimRow,
    /// The number, in the unit, of the place that it has in the order.
    pub place: u64,
    /// The how-manieth outcome of the claim it is, from zero.
    pub number: u32,
    /// What it came to.
    pub outcome: Outcome,
    /// The index of its entry; `None` while it waits in the outbox.
    pub leaf: Option<u64>,
    /// The day from which it stands.
    pub since: ServiceDate,
    /// What brought it about, when not the claim itself.
    pub by: Option<ClaimId>,
    /// What took it back, and the index of the reversal's entry.
    pub taken_back: Option<(TakenBack, Option<u64>)>,
}

impl Stage {
    /// As a statement has it.
    pub(crate) fn stood(&self) -> Stood<'_> {
        Stood {
            claim: &self.claim,
            number: self.place,
            outcome: &self.outcome,
            since: self.since,
            taken_back: self.taken_back.map(|(back, _)| back),
        }
    }
}

impl Node {
    /// All that the claims of a unit ever came to: in the order of their places, and
    /// at each in the order of time. Each claim leaves an audit entry; erased ones
    /// are left out.
    ///
    /// # Errors
    /// When the store fails or a payload is damaged.
    pub async fn stages(&self, unit: Token, purpose: &str) -> Result<Vec<Stage>> {
        let rows = self.store.claims_of_unit(unit).await?;
        let (stages, _) = self.stages_of(unit, rows, |_| true).await?;
        self.note_stages(&stages, Some(purpose)).await?;
        Ok(stages)
    }

    /// The same, of some claims of the unit alone: no other is opened, nor noted.
    /// Without a purpose none is: who shows something of them notes that.
    ///
    /// # Errors
    /// As [`Self::stages`].
    pub async fn stages_of_claims(
        &self,
        unit: Token,
        claims: &BTreeSet<ClaimId>,
        purpose: Option<&str>,
    ) -> Result<Vec<Stage>> {
        let rows = self.store.claims_of_unit(unit).await?;
        let asked = |row: &ClaimRow| claims.contains(&row.id);
        let (stages, _) = self.stages_of(unit, rows, asked).await?;
        self.note_stages(&stages, purpose).await?;
        Ok(stages)
    }

    /// The same, of all claims at the places of some; and the place of each claim of the
    /// unit, of erased ones too.
    pub(super) async fn placed_stages(
        &self,
        unit: Token,
        of: &BTreeSet<ClaimId>,
        purpose: Option<&str>,
    ) -> Result<(Vec<Stage>, BTreeMap<ClaimId, u64>)> {
        let rows = self.store.claims_of_unit(unit).await?;
        let at = places(&rows);
        let asked: BTreeSet<u64> = of.iter().filter_map(|id| at.get(id).copied()).collect();
        let here = |row: &ClaimRow| at.get(&row.id).is_some_and(|place| asked.contains(place));
        let (stages, places) = self.stages_of(unit, rows, here).await?;
        self.note_stages(&stages, purpose).await?;
        Ok((stages, places))
    }

    /// Notes claims that were opened for a purpose, each once.
    async fn note_stages(&self, stages: &[Stage], purpose: Option<&str>) -> Result<()> {
        let Some(purpose) = purpose else {
            return Ok(());
        };
        let claims: BTreeSet<ClaimId> = stages.iter().map(|stage| stage.row.id).collect();
        self.note_all(purpose, claims.into_iter()).await
    }

    /// The claims at the place of one: itself, what it replaces and what replaces it, in
    /// the order in which they came.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn claims_at_place(&self, of: &ClaimRow) -> Result<Vec<ClaimRow>> {
        let mut rows = self.store.claims_of_unit(of.unit).await?;
        let here = at_place_of(&rows, of.id);
        rows.retain(|row| is_claim(row) && here.contains(&row.id));
        Ok(rows)
    }

    /// The claims of a unit that acts changed.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn changed_by(
        &self,
        unit: Token,
        acts: &BTreeSet<ClaimId>,
    ) -> Result<BTreeSet<ClaimId>> {
        let revisions = self.store.revisions(unit).await?.into_iter();
        let changed = revisions.filter(|revision| acts.contains(&revision.act));
        Ok(changed.map(|revision| revision.claim).collect())
    }

    /// The claims and acts that are named to who reads a claim: those at its own place, and
    /// those that they are a party to. Others are of other care.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn named_beside(
        &self,
        of: &ClaimRow,
        is_party: impl Fn(&ClaimRow) -> bool,
    ) -> Result<BTreeSet<ClaimId>> {
        let rows = self.store.claims_of_unit(of.unit).await?;
        let mut named = at_place_of(&rows, of.id);
        named.extend(rows.iter().filter(|row| is_party(row)).map(|row| row.id));
        Ok(named)
    }

    /// All that one claim ever came to, with what it replaces and what replaces it.
    ///
    /// # Errors
    /// As [`Self::history_with`].
    pub async fn claim_history(&self, of: &ClaimRow, purpose: &str) -> Result<Vec<Stage>> {
        let here = self.claims_at_place(of).await?;
        let others = here.iter().map(|row| row.id).collect();
        self.history_with(of, others, purpose).await
    }

    /// All that one claim ever came to, with those of the claims at its place that are said.
    /// No other claim is opened. Each of those others leaves an audit entry; the caller has
    /// noted that the claim is read, and decided who is shown what.
    ///
    /// # Errors
    /// When the store fails or a payload is damaged.
    pub async fn history_with(
        &self,
        of: &ClaimRow,
        mut claims: BTreeSet<ClaimId>,
        purpose: &str,
    ) -> Result<Vec<Stage>> {
        claims.insert(of.id);
        let stages = self.stages_of_claims(of.unit, &claims, None).await?;
        let others: BTreeSet<ClaimId> = stages.iter().map(|stage| stage.row.id).collect();
        let others = others.into_iter().filter(|id| *id != of.id);
        self.note_all(purpose, others).await?;
        Ok(stages)
    }

    /// What the claims of a unit that are asked for ever came to, and the place of each
    /// claim of it. Only those are opened; nothing is noted.
    async fn stages_of(
        &self,
        unit: Token,
        rows: Vec<ClaimRow>,
        asked: impl Fn(&ClaimRow) -> bool,
    ) -> Result<(Vec<Stage>, BTreeMap<ClaimId, u64>)> {
        let (mut firsts, mut revisions) = (BTreeMap::new(), BTreeMap::new());
        if rows.iter().any(|row| row.act.is_some()) {
            firsts = self.store.first_outcomes(unit).await?.into_iter().collect();
            for revision in self.store.revisions(unit).await? {
                let of: &mut Vec<RevisionRow> = revisions.entry(revision.claim).or_default();
                of.push(revision);
            }
        }
        let days: BTreeMap<ClaimId, ServiceDate> =
            rows.iter().map(|row| (row.id, row.received)).collect();
        let places = places(&rows);
        let rows: Vec<_> = rows.into_iter().filter(|row| asked(row)).collect();
        let records: Vec<_> = rows.iter().map(|row| row.sealed.record).collect();
        let keys = self.vault.keys(&records).await?;
        let erased = self.erased_among(rows.iter().map(|row| row.id)).await?;
        let mut stages = Vec::new();
        for row in rows {
            let is_shown = is_claim(&row) && !erased.contains(&row.id);
            let (Some(key), true) = (keys.get(&row.sealed.record), is_shown) else {
                continue;
            };
            let first = firsts.get(&row.id).or(row.outcome.as_ref()).cloned();
            let Some(first) = first else { continue };
            let claim = open_claim(key, &row.sealed)?;
            let place = places.get(&row.id).copied().unwrap_or(row.sequence);
            let of = Of {
                row: &row,
                claim: &claim,
                place,
                key,
                days: &days,
            };
            let of_claim = revisions.remove(&row.id).unwrap_or_default();
            stages.append(&mut of.stages(&first, &of_claim)?);
        }
        stages.sort_by_key(|stage| (stage.place, stage.row.sequence, stage.number));
        Ok((stages, places))
    }
}

/// The claims and acts of a unit that are at the place of one.
fn at_place_of(rows: &[ClaimRow], of: ClaimId) -> BTreeSet<ClaimId> {
    let places = places(rows);
    let place = places.get(&of).copied();
    let here = places.iter().filter(|(_, at)| Some(**at) == place);
    here.map(|(id, _)| *id).collect()
}

/// Whether a row is a claim that comes to something.
pub(super) fn is_claim(row: &ClaimRow) -> bool {
    let act = row.act.as_ref();
    act.is_none_or(|act| act.kind == ActKind::Replacement)
}

/// The place of each claim: its own number, or that of the claim it replaces.
pub(super) fn places(rows: &[ClaimRow]) -> BTreeMap<ClaimId, u64> {
    let mut places: BTreeMap<ClaimId, u64> = BTreeMap::new();
    for row in rows {
        let original = row.act.as_ref().and_then(|act| act.original);
        let place = original.and_then(|original| places.get(&original).copied());
        places.insert(row.id, place.unwrap_or(row.sequence));
    }
    places
}

/// A claim of a unit.
struct Of<'a> {
    row: &'a ClaimRow,
    claim: &'a Claim,
    place: u64,
    key: &'a RecordKey,
    days: &'a BTreeMap<ClaimId, ServiceDate>,
}

impl Of<'_> {
    fn stages(&self, first: &OutcomeRow, revisions: &[RevisionRow]) -> Result<Vec<Stage>> {
        let mut stages = vec![self.stage(first, 0, None)?];
        for revision in revisions {
            let back = TakenBack {
                on: self.day(revision.act),
                by: revision.act,
            };
            if let Some(last) = stages.last_mut() {
                last.taken_back = Some((back, revision.reversal_leaf));
            }
            if let Some(now) = &revision.now {
                stages.push(self.stage(now, revision.number, Some(revision.act))?);
            }
        }
        Ok(stages)
    }

    fn day(&self, act: ClaimId) -> ServiceDate {
        self.days.get(&act).copied().unwrap_or(self.row.received)
    }

    fn stage(&self, stored: &OutcomeRow, number: u32, by: Option<ClaimId>) -> Result<Stage> {
        let record = Record::from_canon(&self.key.open(RECORD, &stored.record)?)
            .context("a stored record is damaged")?;
        let (_, outcome) = record.open().context("a stored outcome is damaged")?;
        Ok(Stage {
            claim: self.claim.clone(),
            row: self.row.clone(),
            place: self.place,
            number,
            outcome,
            leaf: stored.leaf,
            since: by.map_or(self.row.received, |by| self.day(by)),
            by,
            taken_back: None,
        })
    }
}
