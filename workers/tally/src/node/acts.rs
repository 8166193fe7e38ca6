//! Acts: what changes the past of a unit is worked on alone in it. Everything that
//! stands is decided anew, in order; what comes out otherwise is taken back and put
//! right, with the unit's balances as if it had always been so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use tally_core::adjudication::{Act, Outcome, PastLine, key_of};
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
use super::past::{Changed, Doing, Occupant, Occupying, Past, doing};
use super::record::Record;
use super::work::Failed;
use super::work::{CLAIM, Done, HISTORY, RECORD, make_done, passes, stop};
use crate::policies::Book;

/// What a payload is, so that none opens as another.
pub(super) const ACT: &str = "act";
pub(super) const ACT_DONE: &str = "act-done";
pub(super) const REVERSAL: &str = "reversal";

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
    fn record(&self, claim: ClaimId) -> Result<RecordId> {
        let record = self.records.get(&claim).copied();
        record.context("a claim of the unit")
    }

    fn key(&self, claim: ClaimId) -> Result<&RecordKey> {
        let key = self.keys.get(&self.record(claim)?);
        key.context("its key is missing from keys.db: restore it")
    }

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
        let doing = self.doing(&stored, queued, kind, book.prefix).await?;
        let opening = self.opening(queued.unit, &stored, book).await?;
        let own = match &doing {
            Doing::Replace(_, new) => Some(new.claim.id),
            _ => None,
        };
        let acted = stored
            .past
            .act(self, book, doing, &opening, Backend::Cranelift)?;
        let act_key = self.vault.key(queued.sealed.record).await?;
        let made = Making {
            node: self,
            queued,
            stored: &stored,
            own,
            act_key: &act_key,
        };
        let mut done = ActDone {
            act: queued.claim,
            unit: queued.unit,
            sequence: queued.sequence,
            record: act_key.seal(
                ACT_DONE,
                &ActRecord {
                    prefix: book.prefix,
                    reversed: acted
                        .changed
                        .iter()
                        .filter_map(|changed| Some(changed.before.as_ref()?.0.id))
                        .collect(),
                }
                .to_canon(),
            )?,
            changes: Vec::new(),
            histories: Vec::new(),
            movements: self
                .movements(queued.unit, &opening, &acted.balances)
                .await?,
            facts: Vec::new(),
            forgotten: Vec::new(),
            findings: Vec::new(),
        };
        for changed in acted.changed {
            made.add(&mut done, changed).await?;
        }
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

    /// What an act does.
    async fn doing(
        &self,
        stored: &StoredPast,
        queued: &Queued,
        kind: ActKind,
        prefix: u64,
    ) -> Result<Doing> {
        let key = self.vault.key(queued.sealed.record).await?;
        let contract = stored.contract(queued.contract)?;
        if matches!(kind, ActKind::Readjudication | ActKind::Review) {
            let act = Act::from_canon(&key.open(ACT, &queued.sealed)?)
                .context("its payload is damaged")?;
            return Ok(doing(&act, contract, prefix));
        }
        let claim = Claim::from_canon(&key.open(CLAIM, &queued.sealed)?)
            .context("its payload is damaged")?;
        let original = claim.replaces.context("it names no claim")?;
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

    /// What the unit's balances would be without the claims that are known: zero,
    /// unless a claim was erased.
    pub(super) async fn opening(
        &self,
        unit: Token,
        stored: &StoredPast,
        book: &Book,
    ) -> Result<BTreeMap<AccumulatorName, i64>> {
        if !stored.erased {
            return Ok(BTreeMap::new());
        }
        let mut opening = self.balances_of(unit).await?;
        for spot in &stored.past.spots {
            let Some(occupant) = &spot.occupant else {
                continue;
            };
            let Some(outcome) = &occupant.outcome else {
                continue;
            };
            let loaded = outcome.policy().and_then(|hash| book.loaded(&hash));
            let Some(loaded) = loaded else { continue };
            let description = loaded.policy.description();
            for posting in outcome.lines().iter().flat_map(|line| line.postings()) {
                let declared = description
                    .accumulators
                    .iter()
                    .find(|declared| declared.name == posting.accumulator);
                let Some(declared) = declared else { continue };
                let member = &occupant.claim.member.identifier;
                let key = key_of(declared, &description.product, member, posting.period);
                let used = opening.entry(self.accumulator_name(&key)).or_insert(0);
                *used = used.saturating_sub(posting.amount);
            }
        }
        Ok(opening)
    }

    async fn balances_of(&self, unit: Token) -> Result<BTreeMap<AccumulatorName, i64>> {
        let states = self.store.units(&[unit]).await?;
        let rows = states.into_iter().flat_map(|state| state.accumulators);
        Ok(rows.map(|row| (row.name, row.used)).collect())
    }

    /// The balances that change: from where they stand to where they are to.
    async fn movements(
        &self,
        unit: Token,
        opening: &BTreeMap<AccumulatorName, i64>,
        now: &BTreeMap<AccumulatorName, i64>,
    ) -> Result<Vec<(AccumulatorName, i64, i64)>> {
        let stand = self.balances_of(unit).await?;
        let names: BTreeSet<&AccumulatorName> = stand.keys().chain(now.keys()).collect();
        let used = |of: &BTreeMap<AccumulatorName, i64>, name| of.get(name).copied();
        Ok(names
            .into_iter()
            .map(|name| {
                let after = used(now, name).or_else(|| used(opening, name));
                let before = used(&stand, name).unwrap_or(0);
                (name.clone(), before, after.unwrap_or(0))
            })
            .filter(|(_, before, after)| before != after)
            .collect())
    }
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
        return gone(stored, row);
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
            return gone(stored, row);
        }
        ActKind::Readjudication => {
            let contract = stored.contract(row.contract)?;
            stored.past.decide_by(contract.as_ref(), record.prefix);
        }
        ActKind::Review => {
            let act = Act::from_canon(&key.open(ACT, &row.sealed)?)
                .context("an act's payload is damaged")?;
            if let Doing::Review(review) = doing(&act, None, record.prefix) {
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
fn gone(stored: &mut StoredPast, row: &ClaimRow) -> Result<()> {
    let outcome = row.outcome.as_ref();
    if outcome.is_some_and(|outcome| outcome.gone.is_some()) {
        stored.past.put(row.id, None, row.id);
    }
    Ok(())
}

/// What rows are made of.
struct Making<'a> {
    node: &'a Node,
    queued: &'a Queued,
    stored: &'a StoredPast,
    /// The act, when it is a claim that comes to stand somewhere.
    own: Option<ClaimId>,
    act_key: &'a RecordKey,
}

impl Making<'_> {
    /// Adds what changes at a place.
    async fn add(&self, done: &mut ActDone, changed: Changed) -> Result<()> {
        let spot = self.stored.past.spots.get(changed.at);
        let sequence = spot.context("a place of the unit")?.sequence;
        let reversal = match &changed.before {
            None => None,
            Some((claim, outcome)) => Some((claim, self.reversal(claim.id, outcome)?)),
        };
        let stands = changed.now.is_some();
        let now = match changed.now {
            None => None,
            Some((claim, adjudication, prefix)) => {
                let own = self.own == Some(claim.id);
                let record = match own {
                    true => self.queued.sealed.record,
                    false => self.stored.record(claim.id)?,
                };
                let key = self.node.vault.key(record).await?;
                let of = (claim.id, self.queued.unit, self.queued.sequence);
                let mut one = make_done(of, key, claim, adjudication, prefix)?;
                done.histories.push((sequence, one.row.history.clone()));
                if own {
                    one.row.history = self.no_lines()?;
                    done.facts = self.node.facts(std::slice::from_ref(&one))?;
                }
                let mut findings = self.node.findings(std::slice::from_ref(&one)).await?;
                if findings.is_empty() {
                    findings.push((one.claim.id, Vec::new()));
                }
                done.findings.append(&mut findings);
                Some(one)
            }
        };
        if let Some((claim, (reversal, reversal_entry))) = reversal {
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
        if !stands {
            done.histories.push((sequence, self.no_lines()?));
        }
        if let Some(now) = now.filter(|now| self.own == Some(now.claim.id)) {
            done.changes.push(Change::Own(Box::new(now.row)));
        }
        Ok(())
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
        let key = self.stored.key(claim)?;
        Ok((key.seal(REVERSAL, &salted.to_canon())?, salted.entry()))
    }

    fn no_lines(&self) -> Result<Sealed> {
        let none: Vec<PastLine> = Vec::new();
        Ok(self.act_key.seal(HISTORY, &none.to_canon())?)
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
