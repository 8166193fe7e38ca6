//! The worker: takes what is queued, runs it through the policy in force and
//! commits all that follows, a batch a transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use tally_core::adjudication::{
    AccumulatorKey, Balances, Decision, Inputs, Outcome, OutcomeError, PastLine, Settled,
    Transcript, decide, settle,
};
use tally_core::canon::Canon as _;
use tally_core::claim::{Claim, ClaimId, Contract};
use tally_core::ledger::{Entry, Execution, TableHash};
use tally_sandbox::{Backend, FUEL_COST_TABLE, HostFault, Limits};
use tally_store::port::{
    AccumulatorName, ActDone, Acts as _, Adjudicated, Batch, ClaimRow, Log as _, Publications as _,
    Queued, Reading as _, Sealed, StoreError, Token, Waiting, Work as _,
};
use tally_store::vault::{self, RecordKey, VaultError};
use thiserror::Error;

use super::record::{Making, Record};
use super::{Node, is_fenced};
use crate::failpoint;
use crate::policies::{Book, Desk};

/// What a payload is, so that none opens as another.
pub(super) const CLAIM: &str = "claim";
pub(super) const CONTRACT: &str = "contract";
pub(super) const RECORD: &str = "record";
pub(super) const HISTORY: &str = "history";
pub(super) const FACT: &str = "fact";
pub(super) const FLAG: &str = "flag";

/// Claims of a batch.
const BATCH: u32 = 128;
/// Host faults after which a claim is set aside.
const ATTEMPTS: u32 = 3;
/// How long a drain waits before it tries again what failed; five times as long
/// each time.
const PAUSE: Duration = Duration::from_millis(100);

/// How long no claim may be decided before one who waits gives up.
const HEADWAY: Duration = Duration::from_secs(30);

/// The engine, as an execution note names it.
pub const ENGINE: &str = concat!("tallystick/", env!("CARGO_PKG_VERSION"), " wasmtime/48");

/// What draining the queue came to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Drained {
    /// Claims adjudicated.
    pub adjudicated: u64,
    /// What still waits, set aside after host faults.
    pub waiting: Waiting,
}

/// What became of a batch.
struct Batched {
    adjudicated: u64,
    faults: usize,
}

/// What a batch comes to.
pub struct Planned {
    /// What is to be committed.
    pub batch: Batch,
    /// What is to be committed after that, each by itself.
    pub acts: Vec<ActDone>,
    /// Whether something was left for another time: what stands before or after an
    /// act in its unit.
    pub left: bool,
    /// Claims that a host fault stopped.
    pub failed: Vec<Failed>,
}

impl Planned {
    /// Claims and acts.
    pub(crate) fn decided(&self) -> u64 {
        (self.batch.claims.len() + self.acts.len()) as u64
    }
}

/// Takes apart what is queued: claims, and acts, which are worked on alone in
/// their unit. What stands behind an act waits, and an act waits for the claims
/// before it.
fn apart(queued: Vec<Queued>) -> (Vec<Queued>, Vec<Queued>, bool) {
    let (mut claims, mut acts, mut left) = (Vec::with_capacity(queued.len()), Vec::new(), false);
    // Whether a unit's claims may still go along.
    let mut units: BTreeMap<Token, bool> = BTreeMap::new();
    for queued in queued {
        let first = !units.contains_key(&queued.unit);
        let open = units.entry(queued.unit).or_insert(true);
        match queued.act {
            None if *open => claims.push(queued),
            Some(_) if first => {
                *open = false;
                acts.push(queued);
            }
            _ => {
                *open = false;
                left = true;
            }
        }
    }
    (claims, acts, left)
}

/// A claim that a host fault stopped.
#[derive(Clone)]
pub struct Failed {
    /// The claim.
    pub claim: ClaimId,
    /// What stopped it; nothing identifying in it.
    pub reason: String,
}

/// A unit as the claims of a batch move it.
pub(super) struct UnitWork {
    balances: BTreeMap<AccumulatorName, i64>,
    pub(super) history: Arc<Vec<PastLine>>,
}

impl UnitWork {
    /// A unit before its first claim.
    pub(super) fn new() -> Self {
        Self {
            balances: BTreeMap::new(),
            history: Arc::default(),
        }
    }

    /// A unit that has come to this.
    pub(super) fn of(balances: BTreeMap<AccumulatorName, i64>, history: Vec<PastLine>) -> Self {
        Self {
            balances,
            history: Arc::new(history),
        }
    }

    /// The balances.
    pub(super) fn balances(&self) -> &BTreeMap<AccumulatorName, i64> {
        &self.balances
    }

    /// Takes in what a claim came to; answers the balances it moved.
    pub(super) fn advance(
        &mut self,
        node: &Node,
        settled: &Settled,
    ) -> Vec<(AccumulatorName, i64, i64)> {
        Arc::make_mut(&mut self.history).extend(settled.lines.iter().cloned());
        settled
            .movements
            .iter()
            .map(|movement| {
                let name = node.accumulator_name(&movement.key);
                self.balances.insert(name.clone(), movement.after);
                (name, movement.before, movement.after)
            })
            .collect()
    }
}

/// A unit's balances as the core asks for them.
struct Tokened<'a> {
    node: &'a Node,
    unit: &'a UnitWork,
}

impl Balances for Tokened<'_> {
    fn used(&self, key: &AccumulatorKey) -> i64 {
        let name = self.node.accumulator_name(key);
        self.unit.balances.get(&name).copied().unwrap_or(0)
    }
}

/// Why a claim could not be brought to an outcome: nothing to do with what it
/// says. It is tried again, then set aside; it never becomes an outcome.
#[derive(Debug, Error)]
pub(crate) enum Halt {
    /// The sandbox failed.
    #[error(transparent)]
    Host(#[from] HostFault),
    /// Not even an outcome of the engine's own could be made, which a claim
    /// that passed intake never brings about.
    #[error("no outcome could be made: {0}")]
    Outcome(#[from] OutcomeError),
    /// The policy in force is not at hand.
    #[error("the policy in force is not loaded")]
    NotLoaded,
}

/// One claim through the engine.
pub(crate) struct Adjudication {
    pub(crate) settled: Settled,
    pub(crate) context: Option<Vec<u8>>,
    pub(crate) transcript: Transcript,
    pub(crate) tables: Vec<TableHash>,
    pub(crate) execution: Execution,
}

/// A claim of the batch with all it needs.
struct Ready {
    queued: Queued,
    key: RecordKey,
    claim: Claim,
    contract: Option<Arc<Contract>>,
}

/// A claim of the batch with all it came to.
pub(super) struct Done {
    pub(super) key: RecordKey,
    pub(super) claim: Claim,
    pub(super) outcome: Outcome,
    pub(super) row: Adjudicated,
}

impl Node {
    pub(super) fn accumulator_name(&self, key: &AccumulatorKey) -> AccumulatorName {
        AccumulatorName {
            member: key.member.as_deref().map(|id| self.member_token(id)),
            product: key.product.clone(),
            name: key.name.clone(),
            period: key.period,
        }
    }

    /// The publications in the log, with their policies loaded.
    ///
    /// # Errors
    /// When one is damaged.
    pub async fn book(&self) -> Result<Book> {
        let prefix = self.store.head().await?.size;
        let mut publications = Vec::new();
        for row in self.store.publications().await? {
            let Some(leaf) = row.leaf.filter(|leaf| *leaf < prefix) else {
                continue;
            };
            let Ok(Entry::Policy(published)) = Entry::from_canon(&row.entry) else {
                anyhow::bail!("a stored publication is damaged: run `tally ledger fsck`");
            };
            publications.push((leaf, published.publication));
        }
        publications.sort_by_key(|(leaf, _)| *leaf);
        let hashes: BTreeSet<[u8; 32]> = publications.iter().map(|(_, p)| p.policy).collect();
        let mut book = Book::new(prefix, publications);
        book.tampering = self.tampering;
        for hash in hashes {
            let loaded = match self.shelf.get(&hash) {
                Some(loaded) => loaded,
                None => {
                    let component = self
                        .store
                        .component(hash)
                        .await?
                        .context("a published policy is missing: run `tally ledger fsck`")?;
                    let loaded = self.shelf.load(component)?;
                    anyhow::ensure!(
                        loaded.policy.hash() == hash,
                        "a published policy is not the one stored: run `tally ledger fsck`"
                    );
                    loaded
                }
            };
            book.add(loaded);
        }
        Ok(book)
    }

    /// Adjudicates everything that is queued. `progress` is told how many
    /// claims are done.
    ///
    /// # Errors
    /// When the store fails. What was committed stays.
    pub async fn drain(&self, progress: &(dyn Fn(u64) + Sync)) -> Result<Drained> {
        let released = self.store.release(None).await?;
        if released > 0 {
            tracing::warn!(
                claims = released,
                "claims set aside after host faults are tried again"
            );
        }
        self.drain_ready(progress).await
    }

    /// The same, without trying again what was set aside.
    ///
    /// # Errors
    /// When the store fails. What was committed stays.
    pub async fn drain_ready(&self, progress: &(dyn Fn(u64) + Sync)) -> Result<Drained> {
        let mut adjudicated = 0;
        let mut pause = PAUSE;
        loop {
            let mut idle = true;
            let mut faults = 0;
            for partition in 0..self.partitions_in_use().await? {
                let queued = self.store.next(partition, BATCH).await?;
                if queued.is_empty() {
                    continue;
                }
                idle = false;
                match self.batch(queued).await {
                    Ok(batch) => {
                        adjudicated += batch.adjudicated;
                        faults += batch.faults;
                        progress(adjudicated);
                    }
                    // Another process was first: what is left is loaded again.
                    Err(error) if is_fenced(&error) => {}
                    Err(error) => return Err(error),
                }
            }
            // Flags first: they fill the batches that the log is due.
            self.judge().await?;
            self.integrate_if_level(false).await?;
            if idle {
                break;
            }
            // What failed may fail for a moment only: wait before it is tried again.
            if faults > 0 {
                tokio::time::sleep(pause).await;
                pause = pause.saturating_mul(5);
            }
        }
        if self.lacks_last_batch().await? {
            self.integrate_if_level(true).await?;
        }
        Ok(Drained {
            adjudicated,
            waiting: self.store.waiting().await?,
        })
    }

    /// Sees claims through to their outcomes: adjudicates what is queued, or,
    /// beside a broker, waits for the workers, as long as they make headway.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn see_through(
        &self,
        claims: &[ClaimId],
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Drained> {
        if !self.beside_broker() {
            return self.drain(progress).await;
        }
        let mut waiting = claims.to_vec();
        let mut moved = Instant::now();
        loop {
            let mut decided = BTreeSet::new();
            for chunk in waiting.chunks(256) {
                let rows = self.store.claims_by_id(chunk).await?;
                let done = rows.iter().filter(|row| is_decided(row));
                decided.extend(done.map(|row| row.id));
            }
            if !decided.is_empty() {
                moved = Instant::now();
                waiting.retain(|claim| !decided.contains(claim));
            }
            let adjudicated = claims.len().saturating_sub(waiting.len()) as u64;
            progress(adjudicated);
            if waiting.is_empty() || moved.elapsed() > HEADWAY {
                return Ok(Drained {
                    adjudicated,
                    waiting: self.store.waiting().await?,
                });
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Adjudicates one batch.
    async fn batch(&self, queued: Vec<Queued>) -> Result<Batched> {
        let planned = self.plan(queued).await?;
        let batched = Batched {
            adjudicated: planned.decided(),
            faults: planned.failed.len(),
        };
        failpoint::reach("before-commit");
        self.commit(&planned).await?;
        failpoint::reach("after-commit");
        self.note_faults(&planned.failed).await?;
        Ok(batched)
    }

    /// Commits what was planned: the claims together, then each act.
    ///
    /// # Errors
    /// When the store fails, or another process was first at one of them: what was
    /// committed before it stays.
    pub(crate) async fn commit(&self, planned: &Planned) -> Result<()> {
        if !planned.batch.claims.is_empty() || planned.acts.is_empty() {
            self.store.commit(&planned.batch).await?;
        }
        for act in &planned.acts {
            self.store.commit_act(act).await?;
            failpoint::reach("act-committed");
        }
        Ok(())
    }

    /// Counts host faults; a claim that has had its share is set aside.
    pub(crate) async fn note_faults(&self, failed: &[Failed]) -> Result<()> {
        for Failed { claim, reason } in failed {
            if self.store.failed(*claim, ATTEMPTS, reason).await? {
                tracing::error!(%claim, "set aside after {ATTEMPTS} host faults; later claims of its unit wait: `tally queue dead list`");
            }
        }
        Ok(())
    }

    /// One more than the greatest partition that something may wait in.
    async fn partitions_in_use(&self) -> Result<u32> {
        let queued = self.store.generations().await?;
        Ok(queued.into_iter().fold(self.partitions().get(), u32::max))
    }

    /// All that a batch comes to; nothing is stored but record keys.
    ///
    /// # Errors
    /// When the store fails or something stored is damaged.
    pub async fn plan(&self, queued: Vec<Queued>) -> Result<Planned> {
        let book = self.book().await?;
        let mut failed: BTreeMap<Token, Failed> = BTreeMap::new();
        let (queued, waiting, left) = apart(queued);
        let acts = self.acts(&book, waiting, &mut failed).await?;
        let ready = self.make_ready(queued, &mut failed).await?;
        let mut units = self.units_of(&ready, &mut failed).await?;
        let mut done: Vec<Done> = Vec::with_capacity(ready.len());
        for ready in ready {
            if failed.contains_key(&ready.queued.unit) {
                continue;
            }
            let unit = units.entry(ready.queued.unit).or_insert_with(UnitWork::new);
            let enrolled = ready.contract.as_deref();
            failpoint::adjudicating(ready.claim.charge);
            let ran = self.adjudicate(&book, &ready.claim, enrolled, unit, Backend::Cranelift);
            match ran {
                Ok(adjudication) => {
                    failpoint::reach("adjudicated");
                    let movements = unit.advance(self, &adjudication.settled);
                    let of = (ready.queued.claim, ready.queued.unit, ready.queued.sequence);
                    let mut one = make_done(of, ready.key, ready.claim, adjudication, book.prefix)?;
                    one.row.movements = movements;
                    done.push(one);
                }
                Err(fault) => stop(&mut failed, &ready.queued, &fault.into()),
            }
        }
        Ok(Planned {
            batch: Batch {
                facts: self.facts(&done)?,
                findings: self.findings(&done).await?,
                claims: done.into_iter().map(|done| done.row).collect(),
            },
            acts,
            left,
            failed: failed.into_values().collect(),
        })
    }

    /// Opens what is queued. What does not open stops its own unit, no other.
    async fn make_ready(
        &self,
        queued: Vec<Queued>,
        failed: &mut BTreeMap<Token, Failed>,
    ) -> Result<Vec<Ready>> {
        let records: Vec<_> = queued.iter().map(|claim| claim.sealed.record).collect();
        let mut keys = self.vault.keys(&records).await?;
        let contracts = self.contracts_for(&queued).await?;
        let mut ready = Vec::with_capacity(queued.len());
        for queued in queued {
            if failed.contains_key(&queued.unit) {
                continue;
            }
            let key = keys.remove(&queued.sealed.record);
            match open_queued(&queued, key, &contracts) {
                Ok((key, claim, contract)) => ready.push(Ready {
                    queued,
                    key,
                    claim,
                    contract,
                }),
                // The world's fault, not the claim's: it is not counted.
                Err(error) if passes(&error) => return Err(error),
                Err(error) => stop(failed, &queued, &error),
            }
        }
        Ok(ready)
    }

    /// The contracts that queued claims were resolved with, by unit and version.
    async fn contracts_for(&self, queued: &[Queued]) -> Result<Contracts> {
        let wanted: BTreeSet<(Token, u32)> = queued
            .iter()
            .filter_map(|queued| Some((queued.unit, queued.contract?)))
            .collect();
        let of: Vec<_> = wanted.iter().map(|(unit, at)| (*unit, Some(*at))).collect();
        let found = self.contracts_of(&of).await?;
        Ok(wanted
            .into_iter()
            .zip(found)
            .filter_map(|(of, found)| Some((of, found?.map(|(_, contract)| Arc::new(contract)))))
            .collect())
    }

    /// The state of the units, opened. What does not open stops its own unit.
    async fn units_of(
        &self,
        ready: &[Ready],
        failed: &mut BTreeMap<Token, Failed>,
    ) -> Result<BTreeMap<Token, UnitWork>> {
        // As it stands before the first claim of each: what the commit is fenced
        // by.
        let mut wanted: BTreeMap<Token, u64> = BTreeMap::new();
        for Ready { queued, .. } in ready {
            wanted.entry(queued.unit).or_insert(queued.previous);
        }
        let wanted: Vec<(Token, u64)> = wanted.into_iter().collect();
        let states = self.store.units_at(&wanted).await?;
        let records: Vec<_> = states
            .iter()
            .flat_map(|state| state.history.iter().map(|sealed| sealed.record))
            .collect();
        let keys = self.vault.keys(&records).await?;
        let mut units = BTreeMap::new();
        for state in states {
            // An erased claim's lines are gone: later claims see none.
            let history: Result<Vec<Vec<PastLine>>> = state
                .history
                .iter()
                .filter_map(|sealed| Some(open_history(keys.get(&sealed.record)?, sealed)))
                .collect();
            let history = match history {
                Ok(history) => history.into_iter().flatten().collect(),
                Err(error) => {
                    let first = ready.iter().find(|r| r.queued.unit == state.unit);
                    if let Some(first) = first {
                        stop(failed, &first.queued, &error);
                    }
                    continue;
                }
            };
            let balances = state
                .accumulators
                .into_iter()
                .map(|row| (row.name, row.used))
                .collect();
            units.insert(
                state.unit,
                UnitWork {
                    balances,
                    history: Arc::new(history),
                },
            );
        }
        Ok(units)
    }

    /// Runs one claim through the engine and, where that leaves something to
    /// decide, through the policy in force.
    pub(super) fn adjudicate(
        &self,
        book: &Book,
        claim: &Claim,
        contract: Option<&Contract>,
        unit: &UnitWork,
        backend: Backend,
    ) -> Result<Adjudication, Halt> {
        let balances = Tokened { node: self, unit };
        adjudicate(book, claim, contract, &unit.history, &balances, backend)
    }
}

/// Runs one claim through the engine and, where that leaves something to
/// decide, through the policy in force.
pub(crate) fn adjudicate(
    book: &Book,
    claim: &Claim,
    contract: Option<&Contract>,
    history: &Arc<Vec<PastLine>>,
    balances: &dyn Balances,
    backend: Backend,
) -> Result<Adjudication, Halt> {
    let enrolled = contract.and_then(|contract| Some((contract, contract.find(&claim.member)?)));
    let inputs = Inputs {
        claim,
        enrolled,
        policies: book,
        history: history.as_slice(),
        balances,
    };
    let mut execution = Execution {
        engine: ENGINE.to_owned(),
        backend: String::new(),
        fuel: None,
        fuel_limit: 0,
        fuel_costs: FUEL_COST_TABLE,
    };
    let run = match decide(&inputs)? {
        Decision::Done(settled) => {
            return Ok(Adjudication {
                settled: *settled,
                context: None,
                transcript: Transcript::default(),
                tables: Vec::new(),
                execution,
            });
        }
        Decision::Run(run) => run,
    };
    let Some(loaded) = book.loaded(&run.policy.hash) else {
        return Err(Halt::NotLoaded);
    };
    let on = run
        .context
        .lines
        .first()
        .map_or(claim.received, |line| line.from);
    let fuel = book
        .publication(&run.policy.description.product, on)
        .map_or(Limits::FUEL, |publication| publication.fuel);
    let desk = Desk {
        loaded: Arc::clone(loaded),
        history: Arc::clone(history),
        member: claim.member.identifier.clone(),
        tampering: book.tampering,
    };
    let ran = loaded.policy.run(&run.context, Arc::new(desk), fuel)?;
    execution.backend = backend.as_str().to_owned();
    execution.fuel = ran.fuel;
    execution.fuel_limit = fuel;
    let settled = settle(claim, &run, ran.determined)?;
    if let Some(fault) = &settled.fault {
        tracing::warn!(claim = %claim.id, policy = %super::keys::hex(&run.policy.hash), rule = %fault.rule().id(), "contract fault: the claim is pended");
    }
    Ok(Adjudication {
        settled,
        context: Some(run.context.to_canon()),
        transcript: ran.transcript,
        tables: loaded.hashes.clone(),
        execution,
    })
}

/// What a claim of a unit, at a number, came to; no balances are moved.
pub(super) fn make_done(
    (id, unit, sequence): (ClaimId, Token, u64),
    key: RecordKey,
    claim: Claim,
    adjudication: Adjudication,
    prefix: u64,
) -> Result<Done> {
    let Adjudication {
        settled,
        context,
        transcript,
        tables,
        execution,
    } = adjudication;
    let outcome = settled.outcome;
    let record = Record::make(
        Making {
            outcome: &outcome,
            context,
            transcript,
            prefix,
            tables,
            execution,
        },
        vault::random()?,
        vault::random()?,
    );
    let row = Adjudicated {
        claim: id,
        unit,
        sequence,
        status: outcome.status(),
        charge: outcome.charge(),
        allowed: outcome.allowed(),
        paid: outcome.paid(),
        patient: outcome.patient(),
        policy: outcome.policy(),
        outcome_hash: Sha256::digest(outcome.to_canon()).into(),
        record: key.seal(RECORD, &record.to_canon())?,
        history: key.seal(HISTORY, &settled.lines.to_canon())?,
        movements: Vec::new(),
        entry: record.entry_of(&outcome, prefix),
    };
    Ok(Done {
        key,
        claim,
        outcome,
        row,
    })
}

/// Contracts by unit and version; an error in the place of one that does not
/// open.
type Contracts = BTreeMap<(Token, u32), Result<Arc<Contract>>>;

fn open_queued(
    queued: &Queued,
    key: Option<RecordKey>,
    contracts: &Contracts,
) -> Result<(RecordKey, Claim, Option<Arc<Contract>>)> {
    let key = key.context("its key is missing from keys.db: restore it")?;
    let claim =
        Claim::from_canon(&key.open(CLAIM, &queued.sealed)?).context("its payload is damaged")?;
    let Some(version) = queued.contract else {
        return Ok((key, claim, None));
    };
    match contracts.get(&(queued.unit, version)) {
        Some(Ok(contract)) => Ok((key, claim, Some(Arc::clone(contract)))),
        Some(Err(error)) => Err(anyhow::anyhow!("{error:#}")),
        None => Err(anyhow::anyhow!("its contract is missing")),
    }
}

/// Whether a claim or an act has come to something.
#[must_use]
pub fn is_decided(row: &ClaimRow) -> bool {
    let act = row.act.as_ref();
    row.outcome.is_some() || act.is_some_and(|act| act.done.is_some())
}

/// Whether a store could not be reached, or was out of something.
pub(crate) fn passes(error: &anyhow::Error) -> bool {
    let store = error.downcast_ref::<StoreError>();
    let vault = error.downcast_ref::<VaultError>();
    store.is_some_and(StoreError::is_transient) || vault.is_some_and(VaultError::is_transient)
}

/// A host fault: the claim is tried again, and its unit waits for it.
pub(super) fn stop(failed: &mut BTreeMap<Token, Failed>, queued: &Queued, error: &anyhow::Error) {
    tracing::error!(claim = %queued.claim, error = format!("{error:#}"), "host fault; the claim is tried again");
    failed.entry(queued.unit).or_insert_with(|| Failed {
        claim: queued.claim,
        reason: format!("{error:#}"),
    });
}

pub(super) fn open_claim(key: &RecordKey, sealed: &Sealed) -> Result<Claim> {
    Claim::from_canon(&key.open(CLAIM, sealed)?)
        .context("the stored claim is damaged: run `tally ledger fsck`")
}

pub(super) fn open_history(key: &RecordKey, sealed: &Sealed) -> Result<Vec<PastLine>> {
    Vec::from_canon(&key.open(HISTORY, sealed)?).context("a stored history is damaged")
}
