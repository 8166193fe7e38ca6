//! Acts: what changes the past of a unit is worked on alone in it. Everything that
//! stands is decided anew, in order; what comes out otherwise is taken back and put
//! right, with the unit's balances as if it had always been so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use tally_core::adjudication::{Act, ActKind as PayersKind, Outcome, PastLine, key_of};
use tally_core::canon::{Canon, DecodeError, Reader};
use tally_core::claim::{Claim, ClaimId, Contract};
use tally_core::ledger::{Entry, Reversal, Salt, Subject, commit};
use tally_sandbox::Backend;
use tally_store::port::{
    AccumulatorName, ActDone, ActKind, Change, ClaimRow, Decided, Queued, Reading as _, RecordId,
    Revised, Sealed, Token, Work as _,
};
use tally_store::vault::{self, RecordKey};

use super::Node;
use super::past::{Changed, Doing, Occupant, Occupying, Past, Spot};
use super::record::Record;
use super::work::Failed;
use super::work::{CLAIM, Done, HISTORY, RECORD, make_done, passes, stop};
use crate::policies::Book;

/// What a payload is, so that none opens as another.
pub(super) const ACT: &str = "act";
pub(super) const ACT_DONE: &str = "act-done";
pub(super) const REVERSAL: &str = "reversal";

const NO_KEY: &str = "its key is missing from keys.db: restore it";

/// The version of the encoding of what an act came to, its first byte.
const VERSION: u8 = 1;

/// What an act came to.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ActRecord {
    /// The prefix of the log that said which policies there were.
    pub(super) prefix: u64,
    /// The claims that were taken back, in the order of their places.
    pub(super) reversed: Vec<ClaimId>,
}

impl Canon for ActRecord {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        self.prefix.put(out);
        self.reversed.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            VERSION => {}
            n => return Err(from.invalid("version of what an act came to", n.into())),
        }
        Ok(Self {
            prefix: Canon::take(from)?,
            reversed: Canon::take(from)?,
        })
    }
}

/// A reversal with the salt of its commitment, as it is sealed.
pub(super) struct SaltedReversal {
    pub(super) salt: Salt,
    pub(super) reversal: Reversal,
}

tally_core::canon_record!(SaltedReversal { salt, reversal });

impl SaltedReversal {
    /// The entry that stands on the ledger.
    pub(super) fn entry(&self) -> Vec<u8> {
        let committed = commit(Subject::Reversal, &self.salt, &self.reversal.to_canon());
        Entry::Reversed(committed).to_canon()
    }
}

/// SHA-256 of an outcome's canonical bytes.
pub(super) fn outcome_hash(outcome: &Outcome) -> [u8; 32] {
    Sha256::digest(outcome.to_canon()).into()
}

/// A unit as it is stored: its past up to an act, and what opens it.
pub(super) struct StoredPast {
    pub(super) past: Past,
    keys: BTreeMap<RecordId, RecordKey>,
    /// The records of claims that can be opened.
    records: BTreeMap<ClaimId, RecordId>,
    contracts: BTreeMap<u32, Arc<Contract>>,
    erased: bool,
}

impl StoredPast {
    fn contract(&self, version: Option<u32>) -> Result<Option<Arc<Contract>>> {
        let Some(version) = version else {
            return Ok(None);
        };
        let contract = self.contracts.get(&version).map(Arc::clone);
        Ok(Some(contract.context("its contract is missing")?))
    }
}

impl Node {
    /// What acts come to. One that cannot be done stops its own unit.
    pub(super) async fn acts(
        &self,
        book: &Book,
        queued: Vec<Queued>,
        failed: &mut BTreeMap<Token, Failed>,
    ) -> Result<Vec<ActDone>> {
        let mut done = Vec::with_capacity(queued.len());
        for queued in queued {
            match self.act(book, &queued).await {
                Ok(act) => done.push(act),
                Err(error) if passes(&error) => return Err(error),
                Err(error) => stop(failed, &queued, &error),
            }
        }
        Ok(done)
    }

    /// What one act comes to; nothing is stored but record keys.
    async fn act(&self, book: &Book, queued: &Queued) -> Result<ActDone> {
        let kind = queued.act.context("it is no act")?;
        let mut stored = self
            .stored_past(queued.unit, queued.sequence, queued.contract)
            .await?;
        let key = self.vault.key(queued.sealed.record).await?;
        let contract = stored.contract(queued.contract)?;
        let doing = meant(kind, &key, &queued.sealed, contract, book.prefix)?;
        let stand = self.balances_of(queued.unit).await?;
        let opening = self.opening(stand.clone(), &stored, book);
        let acted = stored
            .past
            .act(self, book, doing, &opening, Backend::Cranelift)?;
        let reversed = acted.changed.iter();
        let record = ActRecord {
            prefix: book.prefix,
            reversed: reversed
                .filter_map(|changed| Some(changed.before.as_ref()?.0.id))
                .collect(),
        };
        let mut done = ActDone {
            act: queued.claim,
            unit: queued.unit,
            sequence: queued.sequence,
            record: key.seal(ACT_DONE, &record.to_canon())?,
            changes: Vec::new(),
            histories: Vec::new(),
            movements: movements(&stand, &opening, &acted.balances),
            facts: Vec::new(),
            forgotten: Vec::new(),
            findings: Vec::new(),
        };
        let StoredPast {
            past,
            mut keys,
            mut records,
            ..
        } = stored;
        keys.insert(queued.sealed.record, key);
        records.insert(queued.claim, queued.sealed.record);
        let mut making = Making {
            node: self,
            queued,
            keys,
            records,
            made: Vec::new(),
        };
        for changed in acted.changed {
            let spot = past.spots.get(changed.at);
            let sequence = spot.context("a place of the unit")?.sequence;
            making.add(&mut done, sequence, changed)?;
        }
        let made = making.made;
        let own = made.iter().filter(|one| one.claim.id == queued.claim);
        for own in own {
            done.facts = self.facts(std::slice::from_ref(own))?;
        }
        // Where a claim has no findings now, it may have had some.
        let found = self.findings(&made).await?;
        let has = |claim| found.iter().any(|(of, _)| *of == claim);
        let none = made.iter().map(|one| one.claim.id);
        let none = none.filter(|claim| !has(*claim));
        done.findings.extend(none.map(|claim| (claim, Vec::new())));
        done.findings.extend(found);
        Ok(done)
    }

    /// A unit's claims before a number, as they stand, with what decides them.
    pub(super) async fn stored_past(
        &self,
        unit: Token,
        before: u64,
        contract: Option<u32>,
    ) -> Result<StoredPast> {
        let mut rows = self.store.claims_of_unit(unit).await?;
        rows.retain(|row| row.sequence < before && !row.discarded);
        self.past_of(unit, rows, contract).await
    }

    /// A unit's claims that stand, in the order of their places, with what they came
    /// to. Erased ones are left out, and so is what waits.
    pub(super) async fn standing_claims(&self, unit: Token) -> Result<Vec<(Claim, Outcome)>> {
        let stored = self.standing_past(unit).await?;
        let occupants = stored
            .past
            .spots
            .into_iter()
            .filter_map(|spot| spot.occupant);
        let claims = occupants.filter_map(|of| Some((of.claim, of.outcome?)));
        Ok(claims.collect())
    }

    /// A unit's claims as they stand, with what decides them. What waits is left out.
    pub(super) async fn standing_past(&self, unit: Token) -> Result<StoredPast> {
        let mut rows = self.store.claims_of_unit(unit).await?;
        rows.retain(|row| match &row.act {
            None => row.outcome.is_some(),
            Some(act) => act.done.is_some(),
        });
        self.past_of(unit, rows, None).await
    }

    async fn past_of(
        &self,
        unit: Token,
        rows: Vec<ClaimRow>,
        contract: Option<u32>,
    ) -> Result<StoredPast> {
        let records: BTreeSet<_> = rows.iter().map(|row| row.sealed.record).collect();
        let records: Vec<_> = records.into_iter().collect();
        let mut versions: BTreeSet<u32> = rows.iter().filter_map(|row| row.contract).collect();
        versions.extend(contract);
        let wanted: Vec<_> = versions.iter().map(|v| (unit, Some(*v))).collect();
        let mut stored = StoredPast {
            past: Past::default(),
            keys: self.vault.keys(&records).await?,
            records: rows.iter().map(|r| (r.id, r.sealed.record)).collect(),
            contracts: BTreeMap::new(),
            erased: false,
        };
        for (version, found) in versions.iter().zip(self.contracts_of(&wanted).await?) {
            let (_, contract) = found.context("a contract is missing")??;
            stored.contracts.insert(*version, Arc::new(contract));
        }
        for row in &rows {
            add(&mut stored, row)?;
        }
        Ok(stored)
    }

    /// What the unit's balances, which stand as they do, would be without the claims
    /// that are known: zero, unless a claim was erased.
    pub(super) fn opening(
        &self,
        stand: BTreeMap<AccumulatorName, i64>,
        stored: &StoredPast,
        book: &Book,
    ) -> BTreeMap<AccumulatorName, i64> {
        if !stored.erased {
            return BTreeMap::new();
        }
        let mut opening = stand;
        for spot in &stored.past.spots {
            for (name, amount) in self.posted(spot, book) {
                let used = opening.entry(name).or_insert(0);
                *used = used.saturating_sub(amount);
            }
        }
        opening
    }

    /// The balances of a unit before a place: what the claims that stand before it
    /// moved.
    pub(super) async fn balances_before(
        &self,
        unit: Token,
        stored: &StoredPast,
        book: &Book,
        at: usize,
    ) -> Result<BTreeMap<AccumulatorName, i64>> {
        let mut balances = self.opening(self.balances_of(unit).await?, stored, book);
        for spot in stored.past.spots.iter().take(at) {
            for (name, amount) in self.posted(spot, book) {
                let used = balances.entry(name).or_insert(0);
                *used = used.saturating_add(amount);
            }
        }
        Ok(balances)
    }

    /// What stands at a place posted.
    fn posted(&self, spot: &Spot, book: &Book) -> Vec<(AccumulatorName, i64)> {
        let of = || {
            let occupant = spot.occupant.as_ref()?;
            let outcome = occupant.outcome.as_ref()?;
            let description = book.loaded(&outcome.policy()?)?.policy.description();
            Some((occupant, outcome, description))
        };
        let Some((occupant, outcome, description)) = of() else {
            return Vec::new();
        };
        let member = &occupant.claim.member.identifier;
        let postings = outcome.lines().iter().flat_map(|line| line.postings());
        postings
            .filter_map(|posting| {
                let declared = description.accumulator(&posting.accumulator)?;
                let key = key_of(declared, &description.product, member, posting.period);
                Some((self.accumulator_name(&key), posting.amount))
            })
            .collect()
    }

    /// A unit's balances as they stand.
    pub(super) async fn balances_of(&self, unit: Token) -> Result<BTreeMap<AccumulatorName, i64>> {
        let states = self.store.units(&[unit]).await?;
        let rows = states.into_iter().flat_map(|state| state.accumulators);
        Ok(rows.map(|row| (row.name, row.used)).collect())
    }
}

/// The balances that change: from where they stand to where they are to.
fn movements(
    stand: &BTreeMap<AccumulatorName, i64>,
    opening: &BTreeMap<AccumulatorName, i64>,
    now: &BTreeMap<AccumulatorName, i64>,
) -> Vec<(AccumulatorName, i64, i64)> {
    let names: BTreeSet<&AccumulatorName> = stand.keys().chain(now.keys()).collect();
    names
        .into_iter()
        .map(|name| {
            let before = stand.get(name).copied().unwrap_or(0);
            let after = now.get(name).or_else(|| opening.get(name)).copied();
            (name.clone(), before, after.unwrap_or(0))
        })
        .filter(|(_, before, after)| before != after)
        .collect()
}

/// What an act does, as it was sent: a worker reads it, and a replay again.
pub(super) fn meant(
    kind: ActKind,
    key: &RecordKey,
    sealed: &Sealed,
    contract: Option<Arc<Contract>>,
    prefix: u64,
) -> Result<Doing> {
    let damaged = "an act's payload is damaged";
    if matches!(kind, ActKind::Readjudication | ActKind::Review) {
        let act = Act::from_canon(&key.open(ACT, sealed)?).context(damaged)?;
        return Ok(match act.kind {
            PayersKind::Readjudicate => Doing::Readjudicate { contract, prefix },
            PayersKind::Review(review) => Doing::Review(review),
        });
    }
    let claim = Claim::from_canon(&key.open(CLAIM, sealed)?).context(damaged)?;
    let original = claim.replaces.context("an act names no claim")?;
    Ok(match kind {
        ActKind::Void => Doing::Void(original),
        _ => Doing::Replace(
            original,
            Box::new(Occupying {
                claim,
                contract,
                prefix,
            }),
        ),
    })
}

/// Puts a row of a unit where it belongs.
fn add(stored: &mut StoredPast, row: &ClaimRow) -> Result<()> {
    let key = stored.keys.get(&row.sealed.record);
    let Some(act) = &row.act else {
        let Some(key) = key else {
            stored.erased = true;
            stored.past.push_erased(row.sequence, row.id);
            return Ok(());
        };
        let occupant = occupant(stored, row, key)?;
        stored.past.push(row.sequence, occupant);
        gone(stored, row);
        return Ok(());
    };
    let Some(key) = key else {
        stored.erased = true;
        return Ok(());
    };
    let done = act.done.as_ref().context("an act before it waits")?;
    let record = ActRecord::from_canon(&key.open(ACT_DONE, done)?)
        .context("what an act came to is damaged")?;
    match act.kind {
        // What stands no more says so itself.
        ActKind::Void => {}
        ActKind::Replacement => {
            let original = act.original.context("a replacement names no claim")?;
            let occupant = occupant(stored, row, key)?;
            stored.past.put(original, Some(occupant), row.id);
            gone(stored, row);
        }
        ActKind::Readjudication => {
            let contract = stored.contract(row.contract)?;
            stored.past.decide_by(contract.as_ref(), record.prefix);
        }
        ActKind::Review => {
            let doing = meant(act.kind, key, &row.sealed, None, record.prefix)?;
            if let Doing::Review(review) = doing {
                stored.past.review(review);
            }
        }
    }
    Ok(())
}

fn occupant(stored: &StoredPast, row: &ClaimRow, key: &RecordKey) -> Result<Occupant> {
    let outcome = row.outcome.as_ref().context("a claim before it waits")?;
    let claim =
        Claim::from_canon(&key.open(CLAIM, &row.sealed)?).context("a payload is damaged")?;
    let record =
        Record::from_canon(&key.open(RECORD, &outcome.record)?).context("a record is damaged")?;
    let (body, outcome) = record.open().context("a stored outcome is damaged")?;
    Ok(Occupant {
        claim,
        contract: stored.contract(row.contract)?,
        prefix: body.prefix,
        review: None,
        outcome: Some(outcome),
    })
}

/// A claim that was taken back for good leaves its place empty, until another is
/// put there.
fn gone(stored: &mut StoredPast, row: &ClaimRow) {
    let outcome = row.outcome.as_ref();
    if outcome.is_some_and(|outcome| outcome.gone.is_some()) {
        stored.past.put(row.id, None, row.id);
    }
}

/// What rows are made of.
struct Making<'a> {
    node: &'a Node,
    queued: &'a Queued,
    /// The keys of the unit's claims and of the act; that of a claim is taken when
    /// what it comes to is sealed.
    keys: BTreeMap<RecordId, RecordKey>,
    records: BTreeMap<ClaimId, RecordId>,
    /// What claims come to.
    made: Vec<Done>,
}

impl Making<'_> {
    /// Adds what changes at a place.
    fn add(&mut self, done: &mut ActDone, sequence: u64, changed: Changed) -> Result<()> {
        let before = match &changed.before {
            None => None,
            Some((claim, outcome)) => Some((claim, self.reversal(claim.id, outcome)?)),
        };
        let (now, lines) = match changed.now {
            None => (None, self.no_lines(self.key(self.queued.claim)?)?),
            Some((claim, adjudication, prefix)) => {
                let record = self.record(claim.id)?;
                let key = self.keys.remove(&record).context(NO_KEY)?;
                let of = (claim.id, self.queued.unit, self.queued.sequence);
                let one = make_done(of, key, claim, adjudication, prefix)?;
                let lines = one.row.history.clone();
                (Some(one), lines)
            }
        };
        done.histories.push((sequence, lines));
        if let Some((claim, (reversal, reversal_entry))) = before {
            let again = now.as_ref().filter(|now| now.claim.id == claim.id);
            if again.is_none() {
                for (group, fact) in self.node.facts_by_group(claim) {
                    done.forgotten.push((group, fact.claim, fact.line));
                }
                done.findings.push((claim.id, Vec::new()));
            }
            done.changes.push(Change::Revised(Box::new(Revised {
                claim: claim.id,
                reversal,
                reversal_entry,
                now: again.map(decided),
            })));
        }
        if let Some(now) = now {
            if now.claim.id == self.queued.claim {
                let mut row = now.row.clone();
                row.history = self.no_lines(&now.key)?;
                done.changes.push(Change::Own(Box::new(row)));
            }
            self.made.push(now);
        }
        Ok(())
    }

    fn record(&self, claim: ClaimId) -> Result<RecordId> {
        let record = self.records.get(&claim).copied();
        record.context("a claim of the unit")
    }

    fn key(&self, claim: ClaimId) -> Result<&RecordKey> {
        self.keys.get(&self.record(claim)?).context(NO_KEY)
    }

    /// That what a claim came to is taken back, sealed, and its entry.
    fn reversal(&self, claim: ClaimId, outcome: &Outcome) -> Result<(Sealed, Vec<u8>)> {
        let salted = SaltedReversal {
            salt: vault::random()?,
            reversal: Reversal {
                claim,
                outcome: outcome_hash(outcome),
                act: self.queued.claim,
            },
        };
        let key = self.key(claim)?;
        Ok((key.seal(REVERSAL, &salted.to_canon())?, salted.entry()))
    }

    fn no_lines(&self, key: &RecordKey) -> Result<Sealed> {
        let none: Vec<PastLine> = Vec::new();
        Ok(key.seal(HISTORY, &none.to_canon())?)
    }
}

fn decided(done: &Done) -> Decided {
    let row = &done.row;
    Decided {
        status: row.status,
        charge: row.charge,
        allowed: row.allowed,
        paid: row.paid,
        patient: row.patient,
        policy: row.policy,
        outcome_hash: row.outcome_hash,
        record: row.record.clone(),
        entry: row.entry.clone(),
    }
}
