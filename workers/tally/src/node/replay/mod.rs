//! Replay: does everything again from the sealed inputs, on any backend, and
//! proves the context too: the sequence, the balances, the policy in force,
//! its tables.

mod acts;
mod detection;

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::num::NonZeroU64;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tally_core::adjudication::PastLine;
use tally_core::canon::Canon as _;
use tally_core::claim::{Claim, ClaimId, Contract};
use tally_core::ledger::Entry;
use tally_sandbox::{Backend, Sandbox};
use tally_store::port::{
    AccumulatorName, Acts as _, ClaimRow, Enrolment as _, OutcomeRow, Publications as _,
    Reading as _, RecordId, RevisionRow, Token, Work as _,
};
use tally_store::vault::RecordKey;

use super::Node;
use super::keyring::Key;
use super::past::{Occupant, Past};
use super::record::Record;
use super::work::{Adjudication, CLAIM, RECORD, UnitWork, is_decided, open_history};
use crate::policies::{Book, Loaded};
use detection::Redetected;

/// Something that does not follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// What kind: a stable short name.
    pub kind: &'static str,
    /// The claim, where it is one.
    pub claim: Option<ClaimId>,
    /// What was found, and what belongs there.
    pub detail: String,
}

/// What a replay came to.
#[derive(Debug, Clone, Default)]
pub struct Replayed {
    /// Outcomes done again.
    pub checked: u64,
    /// Those whose bytes are the same.
    pub same: u64,
    /// Those of them whose policy ran on the backend that was asked for.
    pub sampled: u64,
    /// Claims whose record was erased: they cannot be done again.
    pub erased: u64,
    /// Claims and acts that were decided with what was erased since, and that come out
    /// otherwise without it, or cannot be done again: of these nothing can be said.
    pub unchecked: Vec<ClaimId>,
    /// What does not follow.
    pub breaks: Vec<Break>,
}

impl Replayed {
    /// Whether every outcome came out the same.
    pub fn identical(&self) -> bool {
        self.checked == self.same
    }

    fn broke(&mut self, kind: &'static str, claim: Option<ClaimId>, detail: impl Into<String>) {
        self.breaks.push(Break {
            kind,
            claim,
            detail: detail.into(),
        });
    }
}

impl Node {
    /// Does every adjudication again on a backend.
    ///
    /// # Errors
    /// When the store cannot be read: what is read and does not follow is a
    /// [`Break`].
    pub async fn replay(&self, backend: Backend, progress: &dyn Fn(u64)) -> Result<Replayed> {
        self.replay_sampled(backend, NonZeroU64::MIN, progress)
            .await
    }

    /// Does every adjudication again, one of each `every` on a backend, the others on
    /// Cranelift.
    ///
    /// # Errors
    /// As [`Self::replay`].
    pub async fn replay_sampled(
        &self,
        backend: Backend,
        every: NonZeroU64,
        progress: &dyn Fn(u64),
    ) -> Result<Replayed> {
        let mut replayed = Replayed::default();
        let again = Again::of(self, backend, every, &mut replayed).await?;
        let mut detected = Redetected::default();
        for unit in self.store.all_units().await? {
            self.replay_unit(unit, &again, &mut replayed, &mut detected)
                .await?;
            progress(replayed.checked);
        }
        self.check_detection(detected, &mut replayed).await?;
        self.audit("replayed", &[]).await?;
        Ok(replayed)
    }

    /// The publications of the log itself, with the stored components under
    /// their hashes: neither the table of policies nor a cache is believed.
    async fn check_policies(
        &self,
        sandbox: &Arc<Sandbox>,
        replayed: &mut Replayed,
    ) -> Result<Book> {
        let (_, checkpoint) = self.checkpoint().await?;
        let entries = self.all_entries(checkpoint.size).await?;
        let mut publications = Vec::new();
        let mut components: BTreeMap<[u8; 32], Option<Arc<Loaded>>> = BTreeMap::new();
        for (index, entry) in (0u64..).zip(&entries) {
            let Ok(Entry::Policy(published)) = Entry::from_canon(entry) else {
                continue;
            };
            if published.verify().is_err() {
                replayed.broke(
                    "publication",
                    None,
                    format!("entry {index}: its signature does not hold"),
                );
            }
            if self.keys.of(Key::Insurer, &published.publisher).is_none() {
                replayed.broke(
                    "publication",
                    None,
                    format!("entry {index}: it is signed by another insurer than this node's"),
                );
            }
            let publication = published.publication;
            if let btree_map::Entry::Vacant(place) = components.entry(publication.policy) {
                let stored = self.stored_policy(publication.policy, sandbox).await?;
                if let Err(what) = &stored {
                    replayed.broke("policy", None, format!("entry {index}: {what}"));
                }
                place.insert(stored.ok());
            }
            if let Some(Some(loaded)) = components.get(&publication.policy) {
                if loaded.policy.hash() != publication.policy {
                    replayed.broke(
                        "policy",
                        None,
                        format!(
                            "entry {index}: the stored policy has another hash than was published"
                        ),
                    );
                }
                if loaded.hashes != publication.tables {
                    replayed.broke(
                        "table",
                        None,
                        format!(
                            "entry {index}: the stored tables are not those that were published"
                        ),
                    );
                }
            }
            publications.push((index, publication));
        }
        let mut book = Book::new(checkpoint.size, publications);
        for loaded in components.into_values().flatten() {
            book.add(loaded);
        }
        Ok(book)
    }

    /// The stored component under a hash, or what is wrong with it.
    async fn stored_policy(
        &self,
        hash: [u8; 32],
        sandbox: &Arc<Sandbox>,
    ) -> Result<Result<Arc<Loaded>, String>> {
        let Some(component) = self.store.component(hash).await? else {
            return Ok(Err("the policy it names is not stored".to_owned()));
        };
        Ok(Loaded::new(sandbox, component)
            .map(Arc::new)
            .map_err(|error| error.to_string()))
    }

    async fn replay_unit(
        &self,
        token: Token,
        machines: &Again,
        replayed: &mut Replayed,
        detected: &mut Redetected,
    ) -> Result<()> {
        let rows = self.store.claims_of_unit(token).await?;
        self.check_sequence(token, &rows, replayed).await?;
        let mut again = Unit::of(self, token, &rows).await?;
        for row in &rows {
            if row.act.is_some() {
                self.replay_act(row, &mut again, machines, replayed, detected)?;
                continue;
            }
            let Some(outcome) = again.first(row) else {
                continue;
            };
            let Some(key) = again.keys.get(&row.sealed.record) else {
                replayed.erased += 1;
                again.erased = true;
                again.past.push_erased(row.sequence, row.id);
                continue;
            };
            let Some((claim, record)) = opened(row, &outcome, key, replayed) else {
                continue;
            };
            let contract = again.contract(row.contract);
            let case = Case {
                row,
                outcome: &outcome,
                claim: &claim,
                record: &record,
                contract: contract.as_deref(),
            };
            let unit = (&mut again.unit, again.erased);
            self.replay_claim(&case, machines, unit, replayed)?;
            if let Ok((body, outcome)) = case.record.open() {
                again.check_prefix(row.id, body.prefix, case.outcome.leaf, replayed);
                detected.add(self.facts_by_group(&claim), row.member, &claim, &outcome);
                again.past.push(
                    row.sequence,
                    Occupant {
                        claim,
                        contract,
                        prefix: body.prefix,
                        review: None,
                        outcome: Some(outcome),
                    },
                );
            }
        }
        self.check_unit(token, &rows, &again.unit, again.erased, replayed)
            .await
    }

    fn replay_claim(
        &self,
        case: &Case<'_>,
        machines: &Again,
        (unit, erased): (&mut UnitWork, bool),
        replayed: &mut Replayed,
    ) -> Result<()> {
        let id = Some(case.row.id);
        replayed.checked += 1;
        let Ok((body, outcome)) = case.record.open() else {
            replayed.broke(
                "outcome",
                id,
                "the stored outcome does not balance or cannot be read",
            );
            return Ok(());
        };
        if case.outcome.policy != outcome.policy() {
            replayed.broke(
                "policy-choice",
                id,
                "the policy noted beside the outcome is not the outcome's",
            );
        }
        // The balances the outcome itself says it began from.
        for posting in outcome.lines().iter().flat_map(|line| line.postings()) {
            if posting.before < 0 || posting.amount <= 0 {
                replayed.broke("balance", id, "a posting that takes or begins below zero");
            }
        }
        // A call that broke its contract is done again where it breaks alike.
        let faulted = case.record.context.is_some() && body.execution.fuel.is_none();
        let machine = machines.machine(replayed.checked, faulted);
        replayed.sampled += u64::from(machine.backend == machines.backend);
        let again = self.adjudicate(
            &machine.book.at(body.prefix),
            case.claim,
            case.contract,
            unit,
            machine.backend,
        );
        let again = match again {
            Ok(again) => again,
            Err(error) => {
                replayed.broke(
                    "outcome",
                    id,
                    format!("it could not be done again: {error}"),
                );
                return Ok(());
            }
        };
        unit.advance(self, &again.settled);
        if erased && !is_borne_out(case.record, &again) {
            replayed.checked -= 1;
            replayed.sampled -= u64::from(machine.backend == machines.backend);
            replayed.unchecked.extend(id);
            return Ok(());
        }
        compare(id, case.record, &again, machine.backend, replayed);
        Ok(())
    }

    /// Numbers without a gap, over claims and events; and each claim after the
    /// last before it that was not discarded.
    async fn check_sequence(
        &self,
        token: Token,
        rows: &[ClaimRow],
        replayed: &mut Replayed,
    ) -> Result<()> {
        let events = self.store.events(token).await?;
        let mut numbers: BTreeMap<u64, Option<ClaimId>> =
            events.iter().map(|event| (event.sequence, None)).collect();
        let mut previous = 0;
        for row in rows {
            if numbers.insert(row.sequence, Some(row.id)).is_some() || row.previous != previous {
                replayed.broke(
                    "sequence",
                    Some(row.id),
                    format!(
                        "number {} of its unit after {}, where {previous} was before it",
                        row.sequence, row.previous
                    ),
                );
            }
            if !row.discarded {
                previous = row.sequence;
            }
        }
        for ((number, claim), expected) in numbers.into_iter().zip(1u64..) {
            if number != expected {
                replayed.broke(
                    "sequence",
                    claim,
                    format!("number {number} of its unit, where {expected} belongs"),
                );
                break;
            }
        }
        Ok(())
    }

    /// What is stored of the unit against what its claims come to.
    async fn check_unit(
        &self,
        token: Token,
        rows: &[ClaimRow],
        unit: &UnitWork,
        erased: bool,
        replayed: &mut Replayed,
    ) -> Result<()> {
        let Some(state) = self.store.units(&[token]).await?.pop() else {
            return Ok(());
        };
        let decided = rows.iter().filter(|row| is_decided(row));
        let decided = decided.map(|row| row.sequence).max().unwrap_or(0);
        if state.done != decided {
            replayed.broke(
                "sequence",
                rows.last().map(|row| row.id),
                format!(
                    "the unit is decided up to number {}, its claims up to {decided}",
                    state.done
                ),
            );
        }
        // What was erased counts in the balances still, and how much it was nobody knows.
        if erased {
            return Ok(());
        }
        let records: Vec<_> = state.history.iter().map(|sealed| sealed.record).collect();
        let keys = self.vault.keys(&records).await?;
        let stored: Option<Vec<Vec<PastLine>>> = state
            .history
            .iter()
            .map(|sealed| open_history(keys.get(&sealed.record)?, sealed).ok())
            .collect();
        let same = stored.is_some_and(|stored| {
            let stored: Vec<PastLine> = stored.into_iter().flatten().collect();
            stored == *unit.history
        });
        if !same {
            replayed.broke(
                "history",
                rows.last().map(|row| row.id),
                "the stored lines of the unit are not those of its claims",
            );
        }
        let stored: BTreeMap<AccumulatorName, i64> = state
            .accumulators
            .into_iter()
            .map(|row| (row.name, row.used))
            .collect();
        let names = stored.keys().chain(unit.balances().keys());
        let names: BTreeSet<&AccumulatorName> = names.collect();
        for name in names {
            let used = |balances: &BTreeMap<AccumulatorName, i64>| {
                balances.get(name).copied().unwrap_or(0)
            };
            let (is, was) = (used(&stored), used(unit.balances()));
            if is != was {
                replayed.broke(
                    "accumulator",
                    None,
                    format!(
                        "`{}` of {} in the period from {}: {is} is stored, the claims come to {was}",
                        name.name, name.product, name.period
                    ),
                );
            }
        }
        Ok(())
    }
}

/// A backend with the policies that were published, loaded on it.
struct Machine {
    backend: Backend,
    book: Book,
}

/// What does claims again: the backend that was asked for, and Cranelift for what is
/// not in the sample, or cannot be compared on that.
struct Again {
    backend: Backend,
    every: NonZeroU64,
    asked: Machine,
    others: Option<Machine>,
}

impl Again {
    async fn of(
        node: &Node,
        backend: Backend,
        every: NonZeroU64,
        replayed: &mut Replayed,
    ) -> Result<Self> {
        let own = node.shelf.sandbox();
        let on = |sandbox: Arc<Sandbox>, book| Machine {
            backend: sandbox.backend(),
            book,
        };
        if backend == own.backend() {
            let book = node.check_policies(own, replayed).await?;
            return Ok(Self {
                backend,
                every,
                asked: on(Arc::clone(own), book),
                others: None,
            });
        }
        let sandbox = Sandbox::new(backend)?;
        let book = node.check_policies(&sandbox, replayed).await?;
        let others = if every > NonZeroU64::MIN || !backend.is_exact() {
            // What is wrong with policies was said once.
            let book = node.check_policies(own, &mut Replayed::default()).await?;
            Some(on(Arc::clone(own), book))
        } else {
            None
        };
        Ok(Self {
            backend,
            every,
            asked: on(sandbox, book),
            others,
        })
    }

    /// What does the n-th again, from 1. What ended in a fault at first is not for a
    /// backend that ends in others.
    fn machine(&self, n: u64, faulted: bool) -> &Machine {
        let sampled = n % self.every == 0 && (self.backend.is_exact() || !faulted);
        match &self.others {
            Some(others) if !sampled => others,
            _ => &self.asked,
        }
    }
}

/// A claim to be done again.
struct Case<'a> {
    row: &'a ClaimRow,
    outcome: &'a OutcomeRow,
    claim: &'a Claim,
    record: &'a Record,
    contract: Option<&'a Contract>,
}

/// Whether a claim, done again without what was erased before it in its unit, was given and
/// answered what is on record: then what it came to has to be the same as well.
fn is_borne_out(record: &Record, again: &Adjudication) -> bool {
    let context = record.context.as_ref().map(|opening| &opening.bytes.0);
    let asked = record.open();
    again.context.as_ref() == context
        && asked.is_ok_and(|(body, _)| record.names(&body, &again.transcript))
}

/// What came out against what is on record of it.
fn compare(
    id: Option<ClaimId>,
    record: &Record,
    again: &Adjudication,
    backend: Backend,
    replayed: &mut Replayed,
) {
    let Ok((body, outcome)) = record.open() else {
        return;
    };
    if again.settled.outcome.policy() != outcome.policy() {
        replayed.broke(
            "policy-choice",
            id,
            "another policy was in force than the one that was run",
        );
    }
    if again.tables != body.tables {
        replayed.broke("table", id, "the tables are not those the receipt names");
    }
    let context = record.context.as_ref().map(|opening| &opening.bytes.0);
    if again.context.as_ref() != context {
        replayed.broke(
            "context",
            id,
            "the context it was given is not what its unit had come to",
        );
    }
    if !record.names(&body, &again.transcript) {
        replayed.broke("transcript", id, "its policy was answered otherwise");
    }
    if backend.is_exact()
        && body.execution.fuel.is_some()
        && again.execution.fuel != body.execution.fuel
    {
        replayed.broke("fuel", id, "it used another amount of fuel");
    }
    if again.settled.outcome.to_canon() == body.outcome.0 {
        replayed.same += 1;
    } else {
        replayed.broke("outcome", id, "it comes out otherwise");
    }
}

/// A claim and what is on record of an outcome of its, if both can be read.
fn opened(
    row: &ClaimRow,
    outcome: &OutcomeRow,
    key: &RecordKey,
    replayed: &mut Replayed,
) -> Option<(Claim, Record)> {
    let opened = (
        key.open(CLAIM, &row.sealed).ok(),
        key.open(RECORD, &outcome.record).ok(),
    );
    let (Some(claim), Some(record)) = opened else {
        replayed.broke("payload", Some(row.id), "a sealed payload does not open");
        return None;
    };
    match (Claim::from_canon(&claim), Record::from_canon(&record)) {
        (Ok(claim), Ok(record)) => Some((claim, record)),
        _ => {
            replayed.broke("payload", Some(row.id), "a sealed payload cannot be read");
            None
        }
    }
}

/// A unit that is done again.
struct Unit {
    unit: UnitWork,
    past: Past,
    keys: BTreeMap<RecordId, RecordKey>,
    /// The record of each claim.
    records: BTreeMap<ClaimId, RecordId>,
    contracts: BTreeMap<u32, Arc<Contract>>,
    /// What claims came to at first that came to something else later.
    firsts: BTreeMap<ClaimId, OutcomeRow>,
    /// What was taken back, by the act that did.
    revisions: BTreeMap<ClaimId, Vec<RevisionRow>>,
    erased: bool,
    prefix: u64,
}

impl Unit {
    async fn of(node: &Node, token: Token, rows: &[ClaimRow]) -> Result<Self> {
        let records: Vec<_> = rows.iter().map(|row| row.sealed.record).collect();
        let versions: BTreeSet<u32> = rows.iter().filter_map(|row| row.contract).collect();
        let wanted: Vec<_> = versions.iter().map(|v| (token, Some(*v))).collect();
        let mut contracts = BTreeMap::new();
        for (version, found) in versions.iter().zip(node.contracts_of(&wanted).await?) {
            let (_, contract) = found.context("the contract of a claim is missing")??;
            contracts.insert(*version, Arc::new(contract));
        }
        let mut unit = Self {
            unit: UnitWork::new(),
            past: Past::default(),
            keys: node.vault.keys(&records).await?,
            records: rows.iter().map(|r| (r.id, r.sealed.record)).collect(),
            contracts,
            firsts: BTreeMap::new(),
            revisions: BTreeMap::new(),
            erased: false,
            prefix: 0,
        };
        if rows.iter().any(|row| row.act.is_some()) {
            unit.firsts = node
                .store
                .first_outcomes(token)
                .await?
                .into_iter()
                .collect();
            for revision in node.store.revisions(token).await? {
                unit.revisions
                    .entry(revision.act)
                    .or_default()
                    .push(revision);
            }
        }
        Ok(unit)
    }

    /// What a claim came to at first.
    fn first(&self, row: &ClaimRow) -> Option<OutcomeRow> {
        self.firsts.get(&row.id).or(row.outcome.as_ref()).cloned()
    }

    fn contract(&self, version: Option<u32>) -> Option<Arc<Contract>> {
        self.contracts.get(&version?).map(Arc::clone)
    }

    /// The prefix of the log that a claim was decided under is of before its own
    /// entry, and never shorter than that of an earlier claim.
    fn check_prefix(
        &mut self,
        claim: ClaimId,
        prefix: u64,
        own: Option<u64>,
        replayed: &mut Replayed,
    ) {
        if prefix < self.prefix || own.is_some_and(|own| prefix > own) {
            replayed.broke(
                "prefix",
                Some(claim),
                format!(
                    "decided under the first {prefix} entries of the log, after {}",
                    self.prefix
                ),
            );
        }
        self.prefix = self.prefix.max(prefix);
    }
}
