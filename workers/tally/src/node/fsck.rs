//! fsck: checks the log from its own bytes, and that everything the store says
//! of the log is so. It repairs nothing, but that what was erased stays so.

mod erasures;
mod payments;
mod shared;
mod statements;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;
use sha2::{Digest as _, Sha256};
use tally_core::canon::Canon as _;
use tally_core::claim::{Claim, ClaimId};
use tally_core::ledger::tree::{Frontier, leaf_hash};
use tally_core::ledger::{Entry, Subject, commit};
use tally_store::port::{
    Acts as _, FlagFilter, Log as _, OutcomeRow, Publications as _, Reading as _, Token, Work as _,
};
use tally_store::vault::RecordKey;
use tally_types::Money;

use super::Node;
use super::acts::{REVERSAL, SaltedReversal};
use super::detect::SaltedFlag;
use super::record::Record;
use super::work::{CLAIM, FLAG, RECORD};

/// How long what is first in the outbox may wait for whoever appends, and what is begun for
/// whoever ends it.
const MOMENT: Duration = Duration::from_secs(2);

/// Something that is not so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where: `entry 12`, `claim 0a1b…`.
    pub place: String,
    /// What is wrong.
    pub what: String,
}

/// What was checked.
#[derive(Debug, Clone, Default)]
pub struct Fscked {
    /// Entries of the log.
    pub entries: u64,
    /// Outcomes whose commitment opens at their entry.
    pub outcomes: u64,
    /// Flags whose commitment stands in their slot.
    pub flags: u64,
    /// Publications whose signature and policy hold.
    pub policies: u64,
    /// Statements whose entry stands at their place.
    pub statements: u64,
    /// Requests for prior authorisation that have come to what is on file.
    pub authorizations: u64,
    /// Payments whose sums agree with what they tell, and with the one before.
    pub payments: u64,
    /// Appeals whose events follow each other.
    pub appeals: u64,
    /// What is erased and cannot be opened.
    pub erased: u64,
    /// Leaves of the shared ledger whose rules and signatures hold.
    pub shared: u64,
    /// Disputes of others that open what stands on the shared ledger, or were erased.
    pub disputed: u64,
    /// Everything wrong.
    pub faults: Vec<Fault>,
    /// Whose entries have no place in the log yet.
    unplaced: Vec<String>,
}

impl Fscked {
    /// Whether an entry stands where it is said to. A node may be written to meanwhile: what
    /// stands after the entries that were read came later, and what has no place yet is
    /// looked at in the end.
    fn stands(
        &mut self,
        entries: &[Vec<u8>],
        (place, leaf): (&str, Option<u64>),
        entry: &[u8],
    ) -> bool {
        let Some(leaf) = leaf else {
            self.unplaced.push(place.to_owned());
            return true;
        };
        let at = usize::try_from(leaf)
            .ok()
            .and_then(|leaf| entries.get(leaf));
        at.is_none_or(|at| at == entry)
    }

    pub(super) fn fault(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.faults.push(Fault {
            place: place.into(),
            what: what.into(),
        });
    }
}

impl Node {
    /// Checks the log and what the store says of it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn fsck(&self) -> Result<Fscked> {
        let mut found = Fscked::default();
        let entries = self.check_log(&mut found).await?;
        self.check_outcomes(&entries, &mut found).await?;
        self.check_flags(&entries, &mut found).await?;
        self.check_publications(&entries, &mut found).await?;
        self.check_statements(&entries, &mut found).await?;
        self.check_erasures(&mut found).await?;
        self.check_shared(&mut found).await?;
        let (sound, faults) = self.check_disputed().await?;
        found.disputed = sound;
        for (place, what) in faults {
            found.fault(place, what);
        }
        self.check_authorizations(&mut found).await?;
        self.check_payments(&mut found).await?;
        let appeals = self.check_appeals().await?;
        found.appeals = appeals.appeals;
        for (place, what) in appeals.faults {
            found.fault(place, what);
        }
        self.check_waiting(&entries, &mut found).await?;
        self.audit("log-checked", &[]).await?;
        let waiting = self.store.waiting().await?;
        if waiting.held > 0 {
            found.fault(
                "queue",
                format!("{} claims are set aside after host faults", waiting.held),
            );
        }
        if waiting.unjudged > 0 {
            found.fault(
                "detection",
                "groups of facts wait to be judged: submit again, or open the node again",
            );
        }
        Ok(found)
    }

    /// What waits for the log is on its way there: something has to be in the outbox, and the
    /// first of it to go in a moment where somebody appends.
    async fn check_waiting(&self, entries: &[Vec<u8>], found: &mut Fscked) -> Result<()> {
        let size = self.store.head().await?.size;
        let first = self.store.outbox(1).await?.pop().map(|row| row.id);
        let Some(first) = first else {
            if size == entries.len() as u64 {
                for place in std::mem::take(&mut found.unplaced) {
                    found.fault(place, "its entry is not on the log, nor on its way there");
                }
            }
            return Ok(());
        };
        tokio::time::sleep(MOMENT).await;
        let now = self.store.outbox(1).await?.pop().map(|row| row.id);
        if now == Some(first) {
            found.fault("outbox", "entries wait to be appended: open the node again");
        }
        Ok(())
    }

    async fn check_log(&self, found: &mut Fscked) -> Result<Vec<Vec<u8>>> {
        let checkpoint = match self.checkpoint().await {
            Ok((_, checkpoint)) => checkpoint,
            Err(error) => {
                found.fault("checkpoint", format!("{error:#}"));
                return Ok(Vec::new());
            }
        };
        let head = self.store.head().await?;
        if head.size != checkpoint.size {
            found.fault(
                "checkpoint",
                format!(
                    "it is of {} entries, the log has {}",
                    checkpoint.size, head.size
                ),
            );
        }
        let entries = match self.all_entries(checkpoint.size).await {
            Ok(entries) => entries,
            Err(error) => {
                found.fault("log", format!("{error:#}"));
                return Ok(Vec::new());
            }
        };
        let mut frontier = Frontier::default();
        let mut adjudicated = 0u64;
        for (index, entry) in (0u64..).zip(&entries) {
            match Entry::from_canon(entry) {
                Ok(Entry::Adjudicated(_)) => adjudicated += 1,
                Ok(Entry::Genesis { origin, key }) => {
                    let ours = self.keys.log.verifier().public();
                    if index != 0 || origin != self.origin || key != ours {
                        found.fault(format!("entry {index}"), "a first entry of another log");
                    }
                }
                Ok(_) => {}
                Err(error) => found.fault(format!("entry {index}"), error.to_string()),
            }
            let nodes = frontier.append(leaf_hash(entry));
            let places: Vec<(u8, u64)> = nodes.iter().map(|n| (n.level, n.index)).collect();
            let stored = self.store.nodes(&places).await?;
            for (node, stored) in nodes.iter().zip(stored) {
                if stored != Some(node.hash) {
                    found.fault(
                        format!("node {} of level {}", node.index, node.level),
                        "it is not the hash of what is below it",
                    );
                }
            }
        }
        if frontier.root() != checkpoint.root {
            found.fault(
                "checkpoint",
                "the entries do not give the root that was signed",
            );
        }
        if adjudicated != head.adjudicated {
            found.fault(
                "log",
                format!(
                    "{adjudicated} adjudications, {} are counted",
                    head.adjudicated
                ),
            );
        }
        found.entries = entries.len() as u64;
        Ok(entries)
    }

    async fn check_outcomes(&self, entries: &[Vec<u8>], found: &mut Fscked) -> Result<()> {
        let rows = self.store.claims(&Default::default()).await?;
        let mut claimed = Claimed::default();
        let mut revised: BTreeSet<Token> = BTreeSet::new();
        for row in &rows {
            let Some(outcome) = &row.outcome else {
                continue;
            };
            // What came to another end has its entries told by its revisions.
            if outcome.revision > 0 || outcome.gone.is_some() {
                revised.insert(row.unit);
            } else {
                claimed.adjudicated(outcome.leaf);
            }
        }
        for chunk in rows.chunks(256) {
            let records: Vec<_> = chunk.iter().map(|row| row.sealed.record).collect();
            let keys = self.vault.keys(&records).await?;
            for row in chunk {
                let place = format!("claim {}", row.id);
                let Some(key) = keys.get(&row.sealed.record) else {
                    found.erased += 1;
                    continue;
                };
                let claim = key.open(CLAIM, &row.sealed).ok();
                if claim.is_none_or(|bytes| Claim::from_canon(&bytes).is_err()) {
                    found.fault(place.as_str(), "what was sent does not open");
                }
                let outcome = row.outcome.as_ref();
                let first = |o: &&OutcomeRow| o.revision == 0 && o.gone.is_none();
                if let Some(outcome) = outcome.filter(first) {
                    check_outcome(&place, row.charge, outcome, key, entries, found);
                }
            }
        }
        for unit in revised {
            self.check_revisions(unit, entries, &mut claimed, found)
                .await?;
        }
        claimed.check(entries, found);
        Ok(())
    }

    /// What was taken back, and what came in its place.
    async fn check_revisions(
        &self,
        unit: Token,
        entries: &[Vec<u8>],
        claimed: &mut Claimed,
        found: &mut Fscked,
    ) -> Result<()> {
        let rows = self.store.claims_of_unit(unit).await?;
        let records: Vec<_> = rows.iter().map(|row| row.sealed.record).collect();
        let keys = self.vault.keys(&records).await?;
        let of: BTreeMap<ClaimId, (Money, Option<&RecordKey>)> = rows
            .iter()
            .map(|row| (row.id, (row.charge, keys.get(&row.sealed.record))))
            .collect();
        for (id, outcome) in self.store.first_outcomes(unit).await? {
            claimed.adjudicated(outcome.leaf);
            if let Some((charge, Some(key))) = of.get(&id) {
                let place = format!("claim {id}, at first");
                check_outcome(&place, *charge, &outcome, key, entries, found);
            }
        }
        for revision in self.store.revisions(unit).await? {
            let place = format!("claim {}, revision {}", revision.claim, revision.number);
            claimed.reversed(revision.reversal_leaf);
            let (charge, key) = of.get(&revision.claim).copied().unwrap_or_default();
            if let Some(key) = key {
                let salted = key
                    .open(REVERSAL, &revision.reversal)
                    .ok()
                    .and_then(|bytes| SaltedReversal::from_canon(&bytes).ok());
                let at = (&*place, revision.reversal_leaf);
                if salted.is_none_or(|salted| !found.stands(entries, at, &salted.entry())) {
                    found.fault(place.as_str(), "its entry is not the commitment to it");
                }
            }
            if let Some(now) = &revision.now {
                claimed.adjudicated(now.leaf);
                if let Some(key) = key {
                    check_outcome(&place, charge, now, key, entries, found);
                }
            }
        }
        Ok(())
    }

    async fn check_flags(&self, entries: &[Vec<u8>], found: &mut Fscked) -> Result<()> {
        let listed = self.store.flags(&FlagFilter::default()).await?;
        let records: Vec<_> = listed.iter().map(|flag| flag.row.sealed.record).collect();
        let keys = self.vault.keys(&records).await?;
        for flag in listed {
            let place = format!("flag {}", flag.row.id);
            let Some(key) = keys.get(&flag.row.sealed.record) else {
                found.erased += 1;
                continue;
            };
            let salted = key
                .open(FLAG, &flag.row.sealed)
                .ok()
                .and_then(|bytes| SaltedFlag::from_canon(&bytes).ok());
            let Some(salted) = salted else {
                found.fault(place, "it does not open");
                continue;
            };
            if commit(Subject::Flag, &salted.salt, &salted.flag.0) != flag.row.commitment {
                found.fault(place, "its commitment is another's");
                continue;
            }
            let Some((leaf, slot)) = flag.place else {
                continue;
            };
            let entry = usize::try_from(leaf)
                .ok()
                .and_then(|leaf| entries.get(leaf));
            if entry.is_none() {
                // It came later.
                continue;
            }
            let stands = match entry.map(|entry| Entry::from_canon(entry)) {
                Some(Ok(Entry::Flags(batch))) => {
                    batch.slots.get(usize::from(slot)) == Some(&flag.row.commitment)
                }
                _ => false,
            };
            if stands {
                found.flags += 1;
            } else {
                found.fault(place, "its commitment does not stand where it should");
            }
        }
        Ok(())
    }

    async fn check_publications(&self, entries: &[Vec<u8>], found: &mut Fscked) -> Result<()> {
        for row in self.store.publications().await? {
            let place = format!("policy {}", super::keys::hex(&row.hash));
            if !found.stands(entries, (&place, row.leaf), &row.entry) {
                found.fault(place, "its entry is not on the log");
                continue;
            }
            let Ok(Entry::Policy(published)) = Entry::from_canon(&row.entry) else {
                found.fault(place, "its entry is no publication");
                continue;
            };
            if published.verify().is_err() {
                found.fault(place, "its signature does not hold");
                continue;
            }
            let hash = match self.store.component(row.hash).await? {
                Some(component) => <[u8; 32]>::from(Sha256::digest(&component)),
                None => {
                    found.fault(place, "it is not stored");
                    continue;
                }
            };
            if hash == row.hash && published.publication.policy == row.hash {
                found.policies += 1;
            } else {
                found.fault(place, "what is stored has another hash");
            }
        }
        Ok(())
    }
}

/// How many say of an entry that it is theirs.
#[derive(Default)]
struct Claimed {
    adjudicated: BTreeMap<u64, u64>,
    reversed: BTreeMap<u64, u64>,
}

impl Claimed {
    fn adjudicated(&mut self, leaf: Option<u64>) {
        if let Some(leaf) = leaf {
            *self.adjudicated.entry(leaf).or_default() += 1;
        }
    }

    fn reversed(&mut self, leaf: Option<u64>) {
        if let Some(leaf) = leaf {
            *self.reversed.entry(leaf).or_default() += 1;
        }
    }

    /// Each adjudication and each reversal of the log is somebody's.
    fn check(&self, entries: &[Vec<u8>], found: &mut Fscked) {
        for (index, entry) in (0u64..).zip(entries) {
            let (of, what) = match Entry::from_canon(entry) {
                Ok(Entry::Adjudicated(_)) => (&self.adjudicated, "an adjudication"),
                Ok(Entry::Reversed(_)) => (&self.reversed, "a reversal"),
                _ => continue,
            };
            match of.get(&index) {
                Some(1) => {}
                Some(_) => found.fault(format!("entry {index}"), "several claims say it is theirs"),
                None => found.fault(
                    format!("entry {index}"),
                    format!("{what}, and no claim of this node is the one: a claim is missing"),
                ),
            }
        }
    }
}

/// An outcome against its entry, and against what is noted beside it.
fn check_outcome(
    place: &str,
    charge: Money,
    outcome: &OutcomeRow,
    key: &RecordKey,
    entries: &[Vec<u8>],
    found: &mut Fscked,
) {
    let record = key
        .open(RECORD, &outcome.record)
        .ok()
        .and_then(|bytes| Record::from_canon(&bytes).ok());
    let Some(record) = record else {
        found.fault(place, "its record does not open");
        return;
    };
    match record.open() {
        Ok((body, opened)) => {
            let entry = record.entry_of(&opened, body.prefix);
            if !found.stands(entries, (place, outcome.leaf), &entry) {
                found.fault(place, "its entry is not the commitment to its outcome");
                return;
            }
            let hash: [u8; 32] = Sha256::digest(&body.outcome.0).into();
            let same = hash == outcome.outcome_hash
                && opened.status() == outcome.status
                && opened.charge() == charge
                && opened.allowed() == outcome.allowed
                && opened.paid() == outcome.paid
                && opened.patient() == outcome.patient
                && opened.policy() == outcome.policy;
            if same {
                found.outcomes += 1;
            } else {
                found.fault(
                    place,
                    "what is noted beside its outcome is not the outcome's",
                );
            }
        }
        Err(error) => found.fault(place, format!("its outcome: {error}")),
    }
}
