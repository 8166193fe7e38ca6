//! Any schedule of submissions, batches, faults and relays, against a store
//! and against a model of it: they come to the same after every step.

mod steps;

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::test_runner::{Config, TestRunner};
use tally_core::adjudication::Status;

use super::statements::{all, marked, statement};
use super::world::{
    PARTITIONS, accumulator, adjudicated, batch, change, claim, claim_id, facts, flag, group,
    integration, leaves, moved, note, restated, sealed, submission, unit,
};
use super::{Fixture, assert_fenced};
use steps::{Step, step};

use crate::port::{
    AccumulatorRow, Adjudicated, Batch, Head, Judged, NewStatement, Queued, Store, SubmissionRow,
    Totals, UnitState, Unjudged, Waiting,
};

const UNITS: u64 = 5;
const GROUPS: u64 = 3;
/// A claim is set aside at this many faults.
const FAULTS: u32 = 2;

/// Runs the schedules.
///
/// # Panics
/// When a store differs from the model; the shortest schedule is shown.
pub fn any_schedule<F: Fixture>(fixture: &F) {
    let mut runner = TestRunner::new(Config {
        cases: 48,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&vec(step(), 1..50), |steps| {
            super::run(async {
                let store = super::ready(fixture).await;
                let mut model = Model::default();
                for step in &steps {
                    model.step(&store, step).await;
                    model.compare(&store, step).await;
                }
            });
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

#[derive(Clone)]
struct Waits {
    n: u64,
    of: u64,
    sequence: u64,
    attempts: u32,
    held: bool,
}

#[derive(Default, Clone)]
struct Unit {
    given: u64,
    done: Vec<Adjudicated>,
    used: Option<i64>,
}

struct Version {
    group: u64,
    n: u64,
    version: u64,
    standing: bool,
    place: Option<(u64, u16)>,
}

/// What an entry of the outbox is of.
#[derive(Clone, Copy)]
enum Of {
    Claim(u64),
    Statement(usize),
}

#[derive(Default)]
struct Model {
    submissions: Vec<SubmissionRow>,
    claims: u64,
    queue: Vec<Waits>,
    units: BTreeMap<u64, Unit>,
    batches: Vec<Batch>,
    outbox: Vec<(Of, Vec<u8>)>,
    /// Each with its place.
    statements: Vec<(NewStatement, Option<u64>)>,
    /// Of statements.
    stated: BTreeSet<u64>,
    flags: Vec<Version>,
    log: Vec<Vec<u8>>,
    places: BTreeMap<u64, u64>,
    last: Option<crate::port::Integration>,
    /// By group and claim, the version last stated.
    facts: BTreeMap<(u64, u64), u64>,
    /// Groups, once for each mark.
    marks: Vec<u64>,
    /// Claims given up: number, unit, sequence.
    discarded: Vec<(u64, u64, u64)>,
}

impl Model {
    async fn step<S: Store>(&mut self, store: &S, step: &Step) {
        match step {
            Step::Accept(units) => self.accept(store, units).await,
            Step::Again(which) => {
                let Some(n) = which.checked_rem(self.submissions.len()) else {
                    return;
                };
                let again = submission(u64::try_from(n).unwrap(), &[]);
                let row = store.accept(&again).await.unwrap();
                assert_eq!(row, self.submissions[n]);
            }
            Step::Commit { partition, limit } => self.commit(store, *partition, *limit).await,
            Step::Late(which) => {
                if let Some(n) = which.checked_rem(self.batches.len()) {
                    assert_fenced(store.commit(&self.batches[n]).await);
                }
            }
            Step::Fail(which) => {
                let Some(n) = which.checked_rem(self.queue.len()) else {
                    return;
                };
                let waits = &mut self.queue[n];
                if !waits.held {
                    waits.attempts += 1;
                    waits.held = waits.attempts >= FAULTS;
                }
                let held = store
                    .failed(claim_id(waits.n), FAULTS, "a fault")
                    .await
                    .unwrap();
                assert_eq!(held, waits.held);
            }
            Step::Flags { group, flags } => self.replace(store, *group, flags).await,
            Step::Integrate { entries, flags } => self.integrate(store, *entries, *flags).await,
            Step::Relay => {
                if let Some(last) = &self.last {
                    let size = last.from + u64::try_from(last.leaves.len()).unwrap();
                    if size != last.from {
                        assert_fenced(store.integrate(last).await);
                    }
                }
            }
            Step::Release => self.release(store).await,
            Step::State {
                group: of,
                claim,
                version,
            } => {
                let claim = u64::try_from(*claim).unwrap().checked_rem(self.claims);
                if let Some(claim) = claim {
                    let fact = restated(group(*of), claim, 1, *version);
                    store.commit(&facts(vec![fact])).await.unwrap();
                    self.facts.insert((*of, claim), *version);
                    self.marks.push(*of);
                }
            }
            Step::Make(marks) => self.state(store, marks).await,
            Step::Judge(limit) => self.judge(store, *limit).await,
            Step::Discard(which) => self.discard(store, *which).await,
            Step::Let(which) => {
                let Some(n) = which.checked_rem(self.queue.len()) else {
                    return;
                };
                let waits = &mut self.queue[n];
                let held = u64::from(waits.held);
                if waits.held {
                    waits.held = false;
                    waits.attempts = 0;
                }
                let claim = claim_id(waits.n);
                assert_eq!(store.release(Some(claim)).await.unwrap(), held);
            }
        }
    }

    async fn state<S: Store>(&mut self, store: &S, marks: &[u64]) {
        let new: Vec<_> = marks
            .iter()
            .map(|mark| match mark {
                0 => statement(11, 0),
                mark => marked(6, *mark),
            })
            .collect();
        let ids = store.state(&new).await.unwrap();
        for ((new, mark), id) in new.into_iter().zip(marks).zip(ids) {
            let made = *mark == 0 || self.stated.insert(*mark);
            assert_eq!(id.is_some(), made);
            if made {
                let of = Of::Statement(self.statements.len());
                self.outbox.push((of, new.entry.clone()));
                self.statements.push((new, None));
            }
        }
    }

    async fn release<S: Store>(&mut self, store: &S) {
        let behind: Vec<_> = self.queue.iter().map(|waits| self.behind(waits)).collect();
        let mut held = 0;
        for (waits, behind) in self.queue.iter_mut().zip(behind) {
            held += u64::from(waits.held);
            if waits.held || behind {
                waits.held = false;
                waits.attempts = 0;
            }
        }
        assert_eq!(store.release(None).await.unwrap(), held);
    }

    /// Takes marks off; the flags of the groups stay as they are.
    async fn judge<S: Store>(&mut self, store: &S, limit: u32) {
        let mut judged = Vec::new();
        for Unjudged { group: of, marks } in store.unjudged(limit).await.unwrap() {
            let n = (0..GROUPS).find(|n| group(*n) == of).unwrap();
            let expected = self.marks.iter().filter(|marked| **marked == n).count();
            assert_eq!(marks.len(), expected);
            self.marks.retain(|marked| *marked != n);
            let flags = self
                .flags
                .iter()
                .filter(|flag| flag.standing && flag.group == n)
                .map(|model| flag(model.n, model.version))
                .collect();
            judged.push(Judged {
                group: of,
                marks,
                flags,
            });
        }
        store.judge(&judged).await.unwrap();
        if !judged.is_empty() {
            assert_fenced(store.judge(&judged).await);
        }
    }

    async fn discard<S: Store>(&mut self, store: &S, which: usize) {
        let Some(n) = which.checked_rem(self.queue.len()) else {
            return;
        };
        let waits = self.queue[n].clone();
        let claim = claim_id(waits.n);
        let done = store.discard(claim, &note("claim-discarded")).await;
        assert_eq!(done.unwrap(), waits.held);
        if waits.held {
            self.queue.remove(n);
            self.discarded.push((waits.n, waits.of, waits.sequence));
        }
    }

    async fn accept<S: Store>(&mut self, store: &S, units: &[u64]) {
        let n = u64::try_from(self.submissions.len()).unwrap();
        let claims: Vec<_> = (self.claims..).zip(units.iter().copied()).collect();
        let new = submission(n, &claims);
        let row = store.accept(&new).await.unwrap();
        let expected = SubmissionRow {
            content: new.content,
            read: new.read,
            refusals: new.refusals,
            refused: new.refused,
            claims: new.claims.iter().map(|claim| claim.id).collect(),
        };
        assert_eq!(row, expected);
        self.submissions.push(expected);
        for (n, of) in claims {
            let unit = self.units.entry(of).or_default();
            unit.given += 1;
            self.queue.push(Waits {
                n,
                of,
                sequence: unit.given,
                attempts: 0,
                held: false,
            });
            self.claims += 1;
        }
    }

    /// Whether a queued claim comes after one of its unit that is set aside.
    fn behind(&self, waits: &Waits) -> bool {
        self.queue
            .iter()
            .any(|held| held.held && held.of == waits.of && held.sequence < waits.sequence)
    }

    fn ready(&self, partition: u32) -> Vec<Waits> {
        self.queue
            .iter()
            .filter(|waits| waits.of % PARTITIONS == u64::from(partition))
            .filter(|waits| !waits.held && !self.behind(waits))
            .cloned()
            .collect()
    }

    async fn commit<S: Store>(&mut self, store: &S, partition: u32, limit: usize) {
        let mut claims = Vec::new();
        for waits in self.ready(partition).into_iter().take(limit) {
            let unit = self.units.get_mut(&waits.of).unwrap();
            let plain = adjudicated(claim_id(waits.n), waits.of, waits.sequence);
            let (claim, used) = moved(plain, unit.used.unwrap_or(0));
            unit.used = Some(used);
            unit.done.push(claim.clone());
            self.outbox.push((Of::Claim(waits.n), claim.entry.clone()));
            self.queue.retain(|queued| queued.n != waits.n);
            claims.push(claim);
        }
        let batch = batch(claims);
        store.commit(&batch).await.unwrap();
        if !batch.claims.is_empty() {
            self.batches.push(batch);
        }
    }

    async fn replace<S: Store>(&mut self, store: &S, group: u64, new: &BTreeMap<u64, u64>) {
        let rows = new
            .iter()
            .map(|(n, version)| flag(group * 10 + n, *version))
            .collect();
        store.judge(&[change(group, rows)]).await.unwrap();
        for stored in self.flags.iter_mut().filter(|flag| flag.group == group) {
            stored.standing = new.get(&(stored.n - group * 10)) == Some(&stored.version);
        }
        for (n, version) in new {
            let n = group * 10 + n;
            let known = self
                .flags
                .iter()
                .any(|flag| flag.n == n && flag.version == *version);
            if !known {
                self.flags.push(Version {
                    group,
                    n,
                    version: *version,
                    standing: true,
                    place: None,
                });
            }
        }
    }

    async fn integrate<S: Store>(&mut self, store: &S, entries: usize, flags: usize) {
        let outbox = store.outbox(u32::try_from(entries).unwrap()).await.unwrap();
        let pending = store
            .pending_flags(u32::try_from(flags).unwrap())
            .await
            .unwrap();
        let new = integration(store, leaves(&outbox, &pending)).await.unwrap();
        store.integrate(&new).await.unwrap();
        for leaf in &new.leaves {
            let place = u64::try_from(self.log.len()).unwrap();
            if leaf.outbox.is_some() {
                let (of, entry) = self.outbox.remove(0);
                assert_eq!(leaf.entry, entry);
                match of {
                    Of::Claim(n) => drop(self.places.insert(n, place)),
                    Of::Statement(at) => self.statements[at].1 = Some(place),
                }
            } else {
                let waiting = self
                    .flags
                    .iter_mut()
                    .filter(|flag| flag.standing && flag.place.is_none());
                for (version, slot) in waiting.take(leaf.flags.len()).zip(0..) {
                    version.place = Some((place, slot));
                }
            }
            self.log.push(leaf.entry.clone());
        }
        self.last = Some(new);
    }

    async fn compare<S: Store>(&self, store: &S, step: &Step) {
        let behind = self
            .queue
            .iter()
            .filter(|waits| !waits.held && self.behind(waits));
        let held = self.queue.iter().filter(|waits| waits.held).count();
        let behind = behind.count();
        let expected = Waiting {
            ready: u64::try_from(self.queue.len() - held - behind).unwrap(),
            held: u64::try_from(held).unwrap(),
            behind: u64::try_from(behind).unwrap(),
            unjudged: u64::try_from(self.marks.len()).unwrap(),
        };
        assert_eq!(store.waiting().await.unwrap(), expected, "{step:?}");
        for partition in 0..u32::try_from(PARTITIONS).unwrap() {
            let ready = self.ready(partition);
            let expected: Vec<_> = ready.iter().map(|waits| self.queued(waits)).collect();
            let found = store.next(partition, 1000).await.unwrap();
            assert_eq!(found, expected, "{step:?}");
        }
        self.compare_units(store, step).await;
        self.compare_log(store, step).await;
        self.compare_flags(store, step).await;
        self.compare_facts(store, step).await;
        assert_eq!(store.totals().await.unwrap(), self.totals(), "{step:?}");
    }

    async fn compare_units<S: Store>(&self, store: &S, step: &Step) {
        let units: Vec<_> = (0..UNITS).map(unit).collect();
        let stand: Vec<_> = (0..UNITS).map(|of| (unit(of), self.stands(of))).collect();
        let at = store.units_at(&stand).await.unwrap();
        let states = store.units(&units).await.unwrap();
        assert_eq!(at, states, "{step:?}");
        for (of, state) in (0..).zip(states) {
            let model = self.units.get(&of).cloned().unwrap_or_default();
            let used = model.used.map(|used| AccumulatorRow {
                name: accumulator(None, "paid"),
                used,
            });
            let expected = UnitState {
                unit: unit(of),
                done: model.done.last().map_or(0, |claim| claim.sequence),
                accumulators: used.into_iter().collect(),
                history: model
                    .done
                    .iter()
                    .map(|claim| claim.history.clone())
                    .collect(),
            };
            assert_eq!(state, expected, "{step:?}");
            let rows = store.claims_of_unit(unit(of)).await.unwrap();
            assert_eq!(u64::try_from(rows.len()), Ok(model.given), "{step:?}");
            for (row, sequence) in rows.iter().zip(1..) {
                assert_eq!(row.sequence, sequence, "{step:?}");
            }
            let gone = |sequence| {
                let gone = |it: &(u64, u64, u64)| (it.1, it.2) == (of, sequence);
                self.discarded.iter().any(gone)
            };
            for row in &rows {
                assert_eq!(row.discarded, gone(row.sequence), "{step:?}");
                assert_eq!(row.previous, self.previous(of, row.sequence), "{step:?}");
            }
            let kept: Vec<_> = rows.iter().filter(|row| !row.discarded).collect();
            for (row, claim) in kept.iter().zip(&model.done) {
                let outcome = row.outcome.as_ref().expect("an outcome");
                assert_eq!(row.id, claim.claim);
                assert_eq!(outcome.outcome_hash, claim.outcome_hash);
                assert_eq!(outcome.record, claim.record);
            }
            let mut waiting = kept.iter().skip(model.done.len());
            assert!(waiting.all(|row| row.outcome.is_none()));
            assert!(
                rows.iter()
                    .all(|row| row.outcome.is_none() || !row.discarded)
            );
        }
    }

    async fn compare_log<S: Store>(&self, store: &S, step: &Step) {
        let outbox = store.outbox(1000).await.unwrap();
        let entries: Vec<_> = outbox.into_iter().map(|row| row.entry).collect();
        let expected: Vec<_> = self.outbox.iter().map(|(_, entry)| entry.clone()).collect();
        assert_eq!(entries, expected, "{step:?}");
        assert_eq!(store.entries(0, 1000).await.unwrap(), self.log, "{step:?}");
        let size = u64::try_from(self.log.len()).unwrap();
        let expected = self.last.as_ref().map_or_else(Head::default, |_| Head {
            size,
            adjudicated: u64::try_from(self.places.len()).unwrap(),
            checkpoint: Some(format!("checkpoint {size}")),
        });
        assert_eq!(store.head().await.unwrap(), expected, "{step:?}");
        let found: Vec<_> = all(store)
            .await
            .into_iter()
            .map(|row| (row.kind, row.entry, row.opening, row.leaf))
            .collect();
        let expected: Vec<_> = self
            .statements
            .iter()
            .map(|(new, leaf)| (new.kind, new.entry.clone(), new.opening.clone(), *leaf))
            .collect();
        assert_eq!(found, expected, "{step:?}");
        for n in 0..self.claims {
            let row = store.claim(claim_id(n)).await.unwrap().expect("a claim");
            let leaf = row.outcome.and_then(|outcome| outcome.leaf);
            assert_eq!(leaf, self.places.get(&n).copied(), "{step:?}");
            assert_eq!(row.charge, claim(n, 0).charge);
        }
    }

    async fn compare_flags<S: Store>(&self, store: &S, step: &Step) {
        let listed = store.flags(&Default::default()).await.unwrap();
        let mut found: Vec<_> = listed
            .into_iter()
            .map(|listed| (listed.row, listed.place))
            .collect();
        let standing = || self.flags.iter().filter(|flag| flag.standing);
        let mut expected: Vec<_> = standing()
            .map(|model| (flag(model.n, model.version), model.place))
            .collect();
        found.sort_by_key(|(row, _)| row.id);
        expected.sort_by_key(|(row, _)| row.id);
        assert_eq!(found, expected, "{step:?}");
        let pending = store.pending_flags(1000).await.unwrap();
        let found: Vec<_> = pending.iter().map(|flag| flag.commitment).collect();
        let expected: Vec<_> = standing()
            .filter(|model| model.place.is_none())
            .map(|model| flag(model.n, model.version).commitment)
            .collect();
        assert_eq!(found, expected, "{step:?}");
    }

    async fn compare_facts<S: Store>(&self, store: &S, step: &Step) {
        let groups: Vec<_> = (0..GROUPS).map(group).collect();
        let mut expected: Vec<_> = self
            .facts
            .iter()
            .map(|((of, claim), version)| (*of, restated(group(*of), *claim, 1, *version)))
            .collect();
        expected.sort_by_key(|(of, fact)| (*of, fact.claim));
        let expected: Vec<_> = expected.into_iter().map(|(_, fact)| fact).collect();
        assert_eq!(store.facts(&groups).await.unwrap(), expected, "{step:?}");
    }

    /// The number of the claim before, of those not given up.
    fn previous(&self, of: u64, sequence: u64) -> u64 {
        (1..sequence)
            .rev()
            .find(|before| {
                !self
                    .discarded
                    .iter()
                    .any(|it| (it.1, it.2) == (of, *before))
            })
            .unwrap_or(0)
    }

    /// The number of the last adjudicated claim of a unit.
    fn stands(&self, of: u64) -> u64 {
        let done = self.units.get(&of).and_then(|unit| unit.done.last());
        done.map_or(0, |claim| claim.sequence)
    }

    fn queued(&self, waits: &Waits) -> Queued {
        Queued {
            claim: claim_id(waits.n),
            unit: unit(waits.of),
            sequence: waits.sequence,
            previous: self.previous(waits.of, waits.sequence),
            act: None,
            contract: None,
            attempts: waits.attempts,
            trace: None,
            sealed: sealed("claim", waits.n),
        }
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for row in &self.submissions {
            totals.read += u64::from(row.read);
            totals.refused += u64::from(row.refused);
        }
        for claim in self.units.values().flat_map(|unit| &unit.done) {
            match claim.status {
                Status::Paid => totals.paid += 1,
                Status::Denied => totals.denied += 1,
                Status::Pended => totals.pended += 1,
            }
            for (sum, amount) in [
                (&mut totals.charge, claim.charge),
                (&mut totals.allowed, claim.allowed),
                (&mut totals.paid_amount, claim.paid),
                (&mut totals.patient, claim.patient),
            ] {
                *sum = sum.checked_add(amount).expect("small amounts");
            }
        }
        let standing = self.flags.iter().filter(|flag| flag.standing).count();
        totals.flags = u64::try_from(standing).unwrap();
        totals
    }
}
