//! Replay: does everything again from the sealed inputs, on any backend, and
//! proves the context too: the sequence, the balances, the policy in force,
//! its tables.

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tally_core::adjudication::{Outcome, PastLine};
use tally_core::canon::Canon as _;
use tally_core::claim::{Claim, ClaimId, Contract};
use tally_core::fraud::{self, DetectorId, Fact, Flag, Parameters};
use tally_core::ledger::Entry;
use tally_sandbox::{Backend, Sandbox};
use tally_store::port::{
    AccumulatorName, ClaimRow, Detection as _, Enrolment as _, FlagGroup, Group, Publications as _,
    Reading as _, Token, Work as _,
};

use super::Node;
use super::detect::open_fact;
use super::record::Record;
use super::work::{CLAIM, RECORD, UnitWork, open_history};
use crate::policies::{Book, Loaded};

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
    /// Claims whose record was erased: they cannot be done again.
    pub erased: u64,
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
        let mut replayed = Replayed::default();
        let sandbox = if backend == self.shelf.sandbox().backend() {
            Arc::clone(self.shelf.sandbox())
        } else {
            Sandbox::new(backend)?
        };
        let book = self.check_policies(&sandbox, &mut replayed).await?;
        let mut detected = Redetected::default();
        for unit in self.store.all_units().await? {
            self.replay_unit(unit, &book, backend, &mut replayed, &mut detected)
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
            if published.publisher != self.keys.insurer.verifier().public() {
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
        book: &Book,
        backend: Backend,
        replayed: &mut Replayed,
        detected: &mut Redetected,
    ) -> Result<()> {
        let rows = self.store.claims_of_unit(token).await?;
        let mut prefix = 0;
        let mut erased = false;
        let records: Vec<_> = rows.iter().map(|row| row.sealed.record).collect();
        let keys = self.vault.keys(&records).await?;
        let mut unit = UnitWork::new();
        let mut contracts: BTreeMap<u32, Arc<Contract>> = BTreeMap::new();
        self.check_sequence(token, &rows, replayed).await?;
        for row in &rows {
            let Some(outcome) = &row.outcome else {
                continue;
            };
            let Some(key) = keys.get(&row.sealed.record) else {
                replayed.erased += 1;
                erased = true;
                continue;
            };
            let opened = (
                key.open(CLAIM, &row.sealed).ok(),
                key.open(RECORD, &outcome.record).ok(),
            );
            let (Some(claim), Some(record)) = opened else {
                replayed.broke("payload", Some(row.id), "a sealed payload does not open");
                continue;
            };
            let (Ok(claim), Ok(record)) = (Claim::from_canon(&claim), Record::from_canon(&record))
            else {
                replayed.broke("payload", Some(row.id), "a sealed payload cannot be read");
                continue;
            };
            let contract = match row.contract {
                None => None,
                Some(version) => {
                    if let btree_map::Entry::Vacant(place) = contracts.entry(version) {
                        let (_, contract) = self
                            .contract_of(token, Some(version))
                            .await?
                            .context("the contract of a claim is missing")?;
                        place.insert(Arc::new(contract));
                    }
                    contracts.get(&version).map(Arc::clone)
                }
            };
            let case = Case {
                row,
                claim: &claim,
                record: &record,
                contract: contract.as_deref(),
            };
            self.replay_claim(&case, book, backend, &mut unit, replayed)?;
            // The prefix of the log that was decided under is of before the
            // claim's own entry, and never shorter than that of an earlier claim.
            if let Ok((body, outcome)) = case.record.open() {
                let own = case.row.outcome.as_ref().and_then(|outcome| outcome.leaf);
                if body.prefix < prefix || own.is_some_and(|own| body.prefix > own) {
                    replayed.broke(
                        "prefix",
                        Some(row.id),
                        format!(
                            "decided under the first {} entries of the log, after {prefix}",
                            body.prefix
                        ),
                    );
                }
                prefix = prefix.max(body.prefix);
                detected.add(self.facts_by_group(&claim), row.member, &claim, &outcome);
            }
        }
        self.check_unit(token, &rows, &unit, erased, replayed).await
    }

    fn replay_claim(
        &self,
        case: &Case<'_>,
        book: &Book,
        backend: Backend,
        unit: &mut UnitWork,
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
        let stored = case.row.outcome.as_ref();
        if stored.is_some_and(|stored| stored.policy != outcome.policy()) {
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
        let again = self.adjudicate(
            &book.at(body.prefix),
            case.claim,
            case.contract,
            unit,
            backend,
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
        let context = case.record.context.as_ref().map(|opening| &opening.bytes.0);
        if again.context.as_ref() != context {
            replayed.broke(
                "context",
                id,
                "the context it was given is not what its unit had come to",
            );
        }
        if again.transcript.hash() != body.transcript {
            replayed.broke("transcript", id, "its policy was answered otherwise");
        }
        if body.execution.fuel.is_some() && again.execution.fuel != body.execution.fuel {
            replayed.broke("fuel", id, "it used another amount of fuel");
        }
        if again.settled.outcome.to_canon() == body.outcome.0 {
            replayed.same += 1;
        } else {
            replayed.broke("outcome", id, "it comes out otherwise");
        }
        unit.advance(self, &again.settled);
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
        let decided = rows.iter().filter(|row| row.outcome.is_some());
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
        if !erased {
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

/// What detectors would remember and flag, from the claims alone.
#[derive(Default)]
struct Redetected {
    groups: BTreeMap<Group, Vec<Fact>>,
    /// Whose death a group is judged by.
    members: BTreeMap<Group, Token>,
    findings: BTreeMap<FlagGroup, Vec<Flag>>,
}

impl Redetected {
    fn add(&mut self, facts: Vec<(Group, Fact)>, member: Token, claim: &Claim, outcome: &Outcome) {
        for (group, fact) in facts {
            if group.detector == DetectorId::ServiceAfterDeath {
                self.members.insert(group, member);
            }
            self.groups.entry(group).or_default().push(fact);
        }
        let flags = fraud::flags_of_findings(claim, outcome);
        if !flags.is_empty() {
            self.findings.insert(FlagGroup::Findings(claim.id), flags);
        }
    }
}

impl Node {
    /// What detectors remember, and the flags that stand, against what follows
    /// from the claims.
    async fn check_detection(&self, detected: Redetected, replayed: &mut Replayed) -> Result<()> {
        let Redetected {
            groups,
            members,
            findings,
        } = detected;
        let parameters = Parameters::default();
        let mut expected = findings;
        let wanted: Vec<Group> = groups.keys().copied().collect();
        for chunk in wanted.chunks(512) {
            let stored = self.store.facts(chunk).await?;
            let records: Vec<_> = stored.iter().map(|row| row.sealed.record).collect();
            let keys = self.vault.keys(&records).await?;
            let mut remembered: BTreeMap<Group, Vec<Option<Fact>>> = BTreeMap::new();
            let mut erased: BTreeSet<Group> = BTreeSet::new();
            for row in &stored {
                match keys.get(&row.sealed.record) {
                    None => {
                        erased.insert(row.group);
                    }
                    Some(key) => remembered
                        .entry(row.group)
                        .or_default()
                        .push(open_fact(key, row)),
                }
            }
            for group in chunk {
                let facts = groups.get(group).map(Vec::as_slice).unwrap_or_default();
                // An erased claim's part in a flag cannot be had again.
                if erased.contains(group) {
                    continue;
                }
                let order = |fact: &Fact| (fact.claim, fact.line);
                let mut ours: Vec<&Fact> = facts.iter().collect();
                ours.sort_by_key(|fact| order(fact));
                let stored: Option<Vec<Fact>> = remembered
                    .remove(group)
                    .unwrap_or_default()
                    .into_iter()
                    .collect();
                let same = stored.is_some_and(|mut stored| {
                    stored.sort_by_key(order);
                    stored.iter().eq(ours)
                });
                if !same {
                    replayed.broke(
                        "fact",
                        facts.first().map(|fact| fact.claim),
                        format!(
                            "what {} remembers is not what the claims say",
                            group.detector.as_str()
                        ),
                    );
                }
                let death = match members.get(group) {
                    Some(member) => {
                        let deaths = self.deaths_of([*member]).await.unwrap_or_default();
                        deaths.get(member).copied().flatten()
                    }
                    None => None,
                };
                let facts = fraud::with_death(facts, death);
                let flags = fraud::flags_of(group.detector, &facts, &parameters);
                expected.insert(FlagGroup::Facts(*group), flags);
            }
        }
        self.check_flags_stand(expected, replayed).await
    }

    async fn check_flags_stand(
        &self,
        expected: BTreeMap<FlagGroup, Vec<Flag>>,
        replayed: &mut Replayed,
    ) -> Result<()> {
        let groups: Vec<FlagGroup> = expected.keys().copied().collect();
        for chunk in groups.chunks(512) {
            let rows = self.store.flags_in(chunk).await?;
            let ids: BTreeMap<_, _> = rows.iter().map(|(group, row)| (row.id, *group)).collect();
            let open = self
                .open_flags(rows.into_iter().map(|(_, row)| row).collect())
                .await?;
            let mut stand: BTreeMap<FlagGroup, Vec<Flag>> = BTreeMap::new();
            for (row, flag) in open {
                if let Some(group) = ids.get(&row.id) {
                    stand.entry(*group).or_default().push(flag);
                }
            }
            for group in chunk {
                let mut ours: Vec<&Flag> = expected.get(group).into_iter().flatten().collect();
                let mut theirs = stand.remove(group).unwrap_or_default();
                ours.sort_by_key(|flag| flag.id);
                theirs.sort_by_key(|flag| flag.id);
                if !theirs.iter().eq(ours.iter().copied()) {
                    let claim = ours.iter().copied().chain(&theirs).next();
                    replayed.broke(
                        "flag",
                        claim
                            .and_then(|flag| flag.claims.first())
                            .map(|(claim, _)| *claim),
                        format!(
                            "{} flags stand where {} follow from the claims, or they say otherwise",
                            theirs.len(),
                            ours.len()
                        ),
                    );
                }
            }
        }
        Ok(())
    }
}

/// A claim to be done again.
struct Case<'a> {
    row: &'a ClaimRow,
    claim: &'a Claim,
    record: &'a Record,
    contract: Option<&'a Contract>,
}
