//! What is to be told of claims: what they stand at, against what was told.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use tally_core::adjudication::{Outcome, Status};
use tally_core::claim::{Claim, ClaimId};
use tally_store::port::{ClaimRow, PartKind, Payments as _, Reading as _, Token, ToldRow};
use tally_types::interest::InterestError;
use tally_types::{Money, ServiceDate};

use super::{RemitError, Remitting};
use crate::node::moved::moved_as;
use crate::node::{Node, Stage};

/// Claims whose parts are read at a time.
const CHUNK: usize = 256;

/// What is told of a claim: as it stands, or as it stood and is taken back.
pub(in crate::node) struct Part {
    pub(in crate::node) row: ClaimRow,
    pub(in crate::node) claim: Claim,
    pub(in crate::node) outcome: Outcome,
    /// The how-manieth outcome of the claim it is.
    pub(in crate::node) revision: u32,
    pub(in crate::node) kind: PartKind,
    /// With it or, of a reversal, back with it.
    pub(in crate::node) interest: Money,
    /// What is left with the payee, or was left and is taken.
    pub(in crate::node) withheld: Money,
    /// Of the place in the unit's order that it is at.
    pub(in crate::node) place: Place,
}

/// A place in the order of a unit.
pub(in crate::node) type Place = (Token, u64);

/// What is to be told of a claim's place.
#[derive(Default)]
pub(in crate::node) struct Due {
    /// The parts, those of a place together, in order.
    pub(in crate::node) parts: Vec<Part>,
    /// Claims of which there may be more to tell after the day of the payment.
    pub(in crate::node) later: BTreeSet<ClaimId>,
    /// Claims whose record was erased, so that they, or what replaces them, cannot be
    /// told of.
    pub(in crate::node) erased: BTreeSet<ClaimId>,
    /// Why other places cannot be told of.
    pub(in crate::node) failed: Vec<RemitError>,
    /// Places that cannot be told of.
    pub(in crate::node) kept: BTreeSet<Place>,
    /// The places of the claims that were asked for.
    pub(in crate::node) places: BTreeMap<ClaimId, Place>,
}

/// What a place was told, as it stands.
#[derive(Default)]
pub(super) struct Before<'a> {
    /// What stands paid.
    standing: Option<&'a ToldRow>,
    /// What was left with the payee.
    withheld: Vec<&'a ToldRow>,
    /// What the payee has of it, the earliest first: how much, and since when.
    layers: Vec<(Money, ServiceDate)>,
}

impl<'a> Before<'a> {
    /// Of all that was told of the claims of a place, in order.
    pub(super) fn of(told: impl IntoIterator<Item = &'a ToldRow>) -> Self {
        let mut before = Self::default();
        // Money that goes back with a payment, unless it tells a correction as well.
        let mut back: Option<&str> = None;
        for row in told {
            if back.is_some_and(|trace| trace != row.trace) {
                before.layers.clear();
                back = None;
            }
            match row.part.kind {
                PartKind::Payment => {
                    before.standing = Some(row);
                    before.paid(row.part.paid, row.day);
                    back = None;
                }
                PartKind::Reversal => {
                    before.standing = None;
                    back = Some(&row.trace);
                }
                PartKind::ReversalAhead => {
                    before.standing = None;
                    if !row.part.withheld.is_zero() {
                        before.withheld.push(row);
                    }
                }
                PartKind::Recovery => {
                    let of = (row.part.claim, row.part.revision);
                    let other = |was: &&ToldRow| (was.part.claim, was.part.revision) != of;
                    before.withheld.retain(other);
                    back = Some(&row.trace);
                }
            }
        }
        if back.is_some() {
            before.layers.clear();
        }
        before
    }

    /// The payee has so much from a day on: more is of that day, less goes from the
    /// latest.
    fn paid(&mut self, paid: Money, day: ServiceDate) {
        let (kept, more) = keep(&self.layers, paid);
        self.layers = kept;
        if !more.is_zero() {
            self.layers.push((more, day));
        }
    }
}

/// What stays of layers when so much is paid, and what is more.
fn keep(layers: &[(Money, ServiceDate)], paid: Money) -> (Vec<(Money, ServiceDate)>, Money) {
    let mut left = paid;
    let mut kept = Vec::with_capacity(layers.len());
    for (amount, day) in layers {
        let amount = amount.lesser(left);
        if amount.is_zero() {
            break;
        }
        kept.push((amount, *day));
        left = left.checked_sub(amount).unwrap_or_default();
    }
    (kept, left)
}

impl Node {
    /// What is to be told of claims on a day: each place in a unit's order once, and
    /// none of `done`, to which they are added. A place that cannot be told of stops no
    /// other. All claims at these places are opened, and no others: for a purpose each
    /// leaves an audit entry; without one nothing is noted, and who shows something of
    /// what is told notes that.
    ///
    /// # Errors
    /// When the store fails.
    pub(in crate::node) async fn due_of(
        &self,
        ids: &[ClaimId],
        remitting: &Remitting<'_>,
        purpose: Option<&str>,
        done: &mut BTreeSet<Place>,
    ) -> Result<Due> {
        let mut due = Due::default();
        let mut changed: BTreeMap<Token, BTreeSet<ClaimId>> = BTreeMap::new();
        let mut plain = Vec::new();
        for chunk in ids.chunks(CHUNK) {
            for row in self.store().claims_by_id(chunk).await? {
                match is_changed(&row) {
                    true => drop(changed.entry(row.unit).or_default().insert(row.id)),
                    false => plain.push(row),
                }
            }
        }
        self.plain(plain, remitting, purpose, done, &mut due)
            .await?;
        for (unit, of_unit) in changed {
            let (stages, places) = self.placed_stages(unit, &of_unit, purpose).await?;
            let mut wanted: BTreeMap<Place, Vec<ClaimId>> = BTreeMap::new();
            for id in of_unit {
                if let Some(place) = places.get(&id) {
                    due.places.insert(id, (unit, *place));
                    wanted.entry((unit, *place)).or_default().push(id);
                }
            }
            for (place, asked) in wanted {
                if !done.insert(place) {
                    continue;
                }
                let here: Vec<&Stage> = stages.iter().filter(|s| s.place == place.1).collect();
                if here.is_empty() {
                    due.erased.extend(asked);
                    due.kept.insert(place);
                    continue;
                }
                // What was told of a claim stays, whatever was erased of it.
                let of = places.iter().filter(|(_, at)| **at == place.1);
                let ids: Vec<ClaimId> = of.map(|(id, _)| *id).collect();
                let told = self.store().told_of(&ids).await?;
                let parts = due.parts.len();
                match at_place(place, &here, &told, remitting, &mut due) {
                    Ok(true) => continue,
                    Ok(false) => {
                        let opened = |id: &ClaimId| here.iter().any(|stage| stage.row.id == *id);
                        let told = told.iter().map(|row| row.part.claim);
                        due.erased.extend(told.filter(|id| !opened(id)));
                    }
                    Err(error) => due.failed.push(error),
                }
                due.parts.truncate(parts);
                due.kept.insert(place);
            }
        }
        // In the order in which they were asked for, place by place.
        let order: BTreeMap<ClaimId, usize> = ids.iter().copied().zip(0..).collect();
        let mut places: BTreeMap<Place, usize> = BTreeMap::new();
        for part in &due.parts {
            let at = order.get(&part.row.id).copied().unwrap_or(usize::MAX);
            let place = places.entry(part.place).or_insert(usize::MAX);
            *place = at.min(*place);
        }
        // What takes a claim back that went to another contract comes before that.
        let of: BTreeMap<ClaimId, Place> = due.parts.iter().map(|p| (p.row.id, p.place)).collect();
        let mut went: BTreeSet<Place> = BTreeSet::new();
        for part in &due.parts {
            let Some(now) = of.get(&moved_as(&part.row)) else {
                continue;
            };
            went.insert(*now);
            if let Some(at) = places.get(now).copied() {
                let place = places.entry(part.place).or_insert(at);
                *place = at.min(*place);
            }
        }
        let place = |part: &Part| {
            let at = places.get(&part.place).copied();
            (at, went.contains(&part.place), part.place)
        };
        due.parts.sort_by_key(place);
        Ok(due)
    }

    /// Of claims that no act has changed.
    async fn plain(
        &self,
        rows: Vec<ClaimRow>,
        remitting: &Remitting<'_>,
        purpose: Option<&str>,
        done: &mut BTreeSet<Place>,
        due: &mut Due,
    ) -> Result<()> {
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let chunk: Vec<ClaimRow> = rows.by_ref().take(CHUNK).collect();
            let ids: Vec<ClaimId> = chunk.iter().map(|row| row.id).collect();
            let told = self.store().told_of(&ids).await?;
            let told: BTreeSet<ClaimId> = told.iter().map(|row| row.part.claim).collect();
            let mut untold = Vec::with_capacity(chunk.len());
            for row in chunk {
                due.places.insert(row.id, (row.unit, row.sequence));
                let settled = row.outcome.as_ref();
                let settled = settled.is_some_and(|of| of.status != Status::Pended);
                if !settled || told.contains(&row.id) || done.contains(&(row.unit, row.sequence)) {
                    continue;
                }
                match row.received <= remitting.on {
                    true => untold.push(row),
                    false => drop(due.later.insert(row.id)),
                }
            }
            let mut erased: BTreeSet<ClaimId> = untold.iter().map(|row| row.id).collect();
            for read in self.open_noted(untold, purpose).await? {
                let Some(outcome) = read.outcome else {
                    continue;
                };
                erased.remove(&read.row.id);
                let place = (read.row.unit, read.row.sequence);
                done.insert(place);
                // What no act changed never waited.
                let (id, clean) = (read.row.id, read.claim.received);
                let interest = match owed(remitting, remitting.on, id, outcome.paid(), clean) {
                    Ok(interest) => interest,
                    Err(error) => {
                        due.failed.push(error);
                        due.kept.insert(place);
                        continue;
                    }
                };
                due.parts.push(Part {
                    interest,
                    row: read.row,
                    claim: read.claim,
                    outcome,
                    revision: 0,
                    kind: PartKind::Payment,
                    withheld: Money::ZERO,
                    place,
                });
            }
            due.erased.append(&mut erased);
        }
        Ok(())
    }
}

/// Whether a claim is not simply what it came to at first.
fn is_changed(row: &ClaimRow) -> bool {
    let outcome = row.outcome.as_ref();
    row.act.is_some() || outcome.is_some_and(|o| o.revision > 0 || o.gone.is_some())
}

/// What is to be told of a place: what was told and stands no more is taken back, then
/// what stands is told. False, when what is to be reversed cannot be opened any more.
pub(super) fn at_place(
    place: Place,
    stages: &[&Stage],
    told: &[ToldRow],
    remitting: &Remitting<'_>,
    due: &mut Due,
) -> Result<bool, RemitError> {
    let on = remitting.on;
    // What was told after that day is not taken back before it was.
    if told.iter().any(|row| row.day > on) {
        due.later.extend(stages.iter().map(|stage| stage.row.id));
        return Ok(true);
    }
    let before = Before::of(told);
    let after = |stage: &&&Stage| {
        stage.since > on || stage.taken_back.is_some_and(|(back, _)| back.on > on)
    };
    due.later
        .extend(stages.iter().filter(after).map(|stage| stage.row.id));
    let stages: Vec<&Stage> = stages.iter().copied().filter(|s| s.since <= on).collect();
    let gone = |stage: &Stage| stage.taken_back.is_some_and(|(back, _)| back.on <= on);
    let stands = stages.iter().copied().rfind(|stage| !gone(stage));
    let part = |stage: &Stage, kind, interest, withheld| Part {
        row: stage.row.clone(),
        claim: stage.claim.clone(),
        outcome: stage.outcome.clone(),
        revision: stage.number,
        kind,
        interest,
        withheld,
        place,
    };
    let found = |row: &ToldRow| {
        let same =
            |stage: &&&Stage| stage.row.id == row.part.claim && stage.number == row.part.revision;
        stages.iter().find(same).copied()
    };
    let waits = stands.is_some_and(|stage| stage.outcome.status() == Status::Pended);
    if let Some(was) = before.standing {
        let Some(stage) = found(was) else {
            return Ok(false);
        };
        // Decided anew with other balances before it, it is the same to whoever is paid.
        let same = |stands: &Stage| stands.outcome.is_told_alike(&stage.outcome);
        if stands.is_some_and(same) {
            return Ok(true);
        }
        // Until the correction comes the money stays.
        let (kind, withheld) = match waits {
            true => (PartKind::ReversalAhead, was.part.paid),
            false => (PartKind::Reversal, Money::ZERO),
        };
        due.parts
            .push(part(stage, kind, was.part.interest, withheld));
    }
    if waits {
        return Ok(true);
    }
    for left in &before.withheld {
        // It says which claim the money was left for, and how much: of one that was
        // erased, that is known, and who is paid is the same at the whole place.
        let Some(stage) = found(left).or(stands).or(stages.last().copied()) else {
            return Ok(false);
        };
        let mut recovery = part(stage, PartKind::Recovery, Money::ZERO, left.part.withheld);
        recovery.row.id = left.part.claim;
        recovery.revision = left.part.revision;
        due.parts.push(recovery);
    }
    if let Some(stands) = stands {
        let interest = interest(&before.layers, &stages, stands, remitting)?;
        due.parts
            .push(part(stands, PartKind::Payment, interest, Money::ZERO));
    }
    Ok(true)
}

/// The interest of what stands: what was paid before and stays was late by then, each
/// part of it; the rest is late by now.
fn interest(
    layers: &[(Money, ServiceDate)],
    stages: &[&Stage],
    stands: &Stage,
    remitting: &Remitting<'_>,
) -> Result<Money, RemitError> {
    let (claim, clean) = (stands.row.id, clean(stages, stands));
    let (kept, more) = keep(layers, stands.outcome.paid());
    let mut sum = Money::ZERO;
    for (amount, day) in kept.into_iter().chain([(more, remitting.on)]) {
        let of = owed(remitting, day, claim, amount, clean)?;
        sum = sum.checked_add(of).ok_or(RemitError::Interest {
            claim,
            source: InterestError::OutOfRange,
        })?;
    }
    Ok(sum)
}

/// The day on which a claim was clean: when it was received, or when an act settled it
/// after it had waited.
fn clean(stages: &[&Stage], stage: &Stage) -> ServiceDate {
    let own = stages
        .iter()
        .filter(|one| one.row.id == stage.row.id && one.number <= stage.number);
    let mut day = stage.claim.received;
    let mut waited = false;
    for one in own {
        let waits = one.outcome.status() == Status::Pended;
        if waited && !waits {
            day = one.since;
        }
        waited = waits;
    }
    day
}

fn owed(
    remitting: &Remitting<'_>,
    on: ServiceDate,
    claim: ClaimId,
    paid: Money,
    clean: ServiceDate,
) -> Result<Money, RemitError> {
    let interest = remitting.payer.prompt_pay.interest(paid, clean, on);
    interest.map_err(|source| RemitError::Interest { claim, source })
}
