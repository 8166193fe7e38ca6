//! What a round came to, beside an undisturbed run of the same files in the
//! order in which they got their numbers.
//!
//! Several hands submit at once, so that the order of two files of a unit is
//! whatever came about. Claims take their places while their units are locked:
//! the files in order of their first claims' places are in the order of every
//! unit, and a run that takes them in so must give each claim the same number.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use tally::node::clock::Clock;
use tally::node::{ClaimRead, Delivery, Node};
use tally_core::canon::Canon as _;
use tally_core::claim::{ClaimId, Contract, Frequency, UnitKey};
use tally_core::fraud::Flag;
use tally_core::ledger::Entry;
use tally_sandbox::Backend;
use tally_store::port::{
    AccumulatorRow, ClaimFilter, DeadLetters as _, FlagFilter, Log as _, Reading as _, Token,
    Work as _,
};
use tally_types::ServiceDate;

use crate::load::{Load, number, written_in};
use crate::payer;
use crate::servers::Servers;
use crate::site::{PARTITIONS, SUBMITTER, Site};

/// What a round should have come to, beyond outcomes.
#[derive(Default)]
pub struct Planted {
    /// Dead letters by their codes.
    pub letters: BTreeMap<String, usize>,
    /// A claim that an operator gave up.
    pub discarded: Option<ClaimId>,
    /// Whether files said what they are written in, as envelopes do.
    pub by_envelope: bool,
    /// Whether the payer's office paid meanwhile.
    pub pays: bool,
}

/// What differs.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Found {
    /// Claims compared.
    pub claims: u64,
    /// Submitted and without an outcome, or not told to the submitter.
    pub lost: u64,
    /// With more than one effect.
    pub doubled: u64,
    /// Balances that are not what they should be.
    pub wrong_accumulators: u64,
    /// Outcomes that are not, byte for byte, what they should be.
    pub wrong_outcomes: u64,
    /// Out of order in the log, or under another number.
    pub inversions: u64,
    /// Dead letters and claims set aside that nobody planted.
    pub innocents: u64,
    /// Everything else.
    pub others: u64,
    /// In words.
    pub said: Vec<String>,
}

impl Found {
    pub fn violations(&self) -> u64 {
        self.lost
            + self.doubled
            + self.wrong_accumulators
            + self.wrong_outcomes
            + self.inversions
            + self.innocents
            + self.others
    }

    pub fn say(&mut self, what: impl Into<String>) {
        if self.said.len() < 40 {
            self.said.push(what.into());
        }
    }
}

/// Where a claim stands in a store.
struct Stands {
    place: i64,
    received: i32,
}

pub async fn compare(
    servers: &Servers,
    site: &Site,
    load: &Load,
    planted: &Planted,
) -> Result<Found> {
    let mut found = Found::default();
    let config = site.read_config(false)?;
    let node = Node::connect(&config, "comparison", Clock::System).await?;
    let reads = by_claim(
        node.read_claims(&ClaimFilter::default(), "comparison")
            .await?,
    );
    let stands = stands(servers, site)?;
    in_order(load, &reads, &mut found);
    let folder = tempfile::tempdir()?;
    let other = undisturbed(site, folder.path(), load, &stands, planted).await?;
    let others = by_claim(
        other
            .read_claims(&ClaimFilter::default(), "comparison")
            .await?,
    );
    every_claim(load, planted, &reads, &others, &mut found);
    acts(load, &node, &other, &mut found).await?;
    outcomes(&reads, &others, &mut found);
    if planted.pays {
        payer::paid(&node, &reads, &mut found).await?;
    }
    for contract in &load.population.contracts {
        let ours = balances(&node, contract).await?;
        let theirs = balances(&other, contract).await?;
        if ours != theirs {
            found.wrong_accumulators += 1;
            found.say("a contract's balances differ");
        }
    }
    log(&node, &other, &mut found).await?;
    flags(&node, &other, &mut found).await?;
    submissions(&node, &other, load, &mut found).await?;
    letters(&node, planted, &mut found).await?;
    Ok(found)
}

fn by_claim(reads: Vec<ClaimRead>) -> BTreeMap<ClaimId, ClaimRead> {
    reads.into_iter().map(|read| (read.row.id, read)).collect()
}

fn stands(servers: &Servers, site: &Site) -> Result<BTreeMap<ClaimId, Stands>> {
    let sql = "select encode(id, 'hex'), place, received from tally.claim";
    let said = tokio::task::block_in_place(|| servers.postgres.ask(&site.database, sql))?;
    let mut stands = BTreeMap::new();
    for line in said.lines() {
        let mut fields = line.split('|');
        let mut next = || fields.next().context("a field is missing");
        let id = ClaimId::parse(next()?).context("no claim's id")?;
        let (place, received) = (next()?.parse()?, next()?.parse()?);
        stands.insert(id, Stands { place, received });
    }
    Ok(stands)
}

/// None lost, none that nobody submitted. What a file holds depends on the day it
/// is received: a service that has not happened yet is refused. So it is what
/// the undisturbed run found in it, on the same day.
fn every_claim(
    load: &Load,
    planted: &Planted,
    reads: &BTreeMap<ClaimId, ClaimRead>,
    others: &BTreeMap<ClaimId, ClaimRead>,
    found: &mut Found,
) {
    let generated = load.claims.iter().map(|sent| sent.id);
    let mut sent: BTreeSet<ClaimId> = generated.chain(others.keys().copied()).collect();
    found.claims = sent.len() as u64;
    // A void comes to nothing of its own.
    for (void, ..) in load.acts().filter(|(_, what, _)| *what == Frequency::Void) {
        sent.remove(&void.id);
    }
    for id in &sent {
        let read = reads.get(id);
        let given_up = planted.discarded == Some(*id);
        match read {
            Some(read) if read.outcome.is_some() != given_up => {}
            _ => {
                found.lost += 1;
                let file = load.claims.iter().find(|sent| sent.id == *id);
                let file = file.map_or_else(String::new, |sent| format!(" of file {}", sent.file));
                found.say(format!("claim {id}{file} is lost"));
            }
        }
    }
    for id in reads.keys().filter(|id| !sent.contains(id)) {
        found.doubled += 1;
        found.say(format!("claim {id} was never submitted"));
    }
}

/// Each act is done, under the same number.
async fn acts(load: &Load, ours: &Node, theirs: &Node, found: &mut Found) -> Result<()> {
    let done = async |node: &Node, id| -> Result<Option<u64>> {
        let row = node.store().claim(id).await?;
        Ok(row.and_then(|row| row.act?.done.map(|_| row.sequence)))
    };
    for (sent, ..) in load.acts() {
        let (our, their) = (done(ours, sent.id).await?, done(theirs, sent.id).await?);
        if our.is_none() {
            found.lost += 1;
            found.say(format!("act {} is lost", sent.id));
        } else if our != their {
            found.inversions += 1;
            found.say(format!(
                "act {} has number {our:?}, undisturbed {their:?}",
                sent.id
            ));
        }
    }
    Ok(())
}

/// Each unit's outcomes are in sequence in the log, but for what acts put in their
/// place, which is of later.
fn in_order(load: &Load, reads: &BTreeMap<ClaimId, ClaimRead>, found: &mut Found) {
    let acts: BTreeSet<ClaimId> = load.acts().map(|(act, ..)| act.id).collect();
    let mut units: BTreeMap<Token, Vec<(u64, Option<u64>)>> = BTreeMap::new();
    for read in reads.values() {
        if let Some(outcome) = &read.row.outcome
            && outcome.revision == 0
            && !acts.contains(&read.row.id)
        {
            let unit = units.entry(read.row.unit).or_default();
            unit.push((read.row.sequence, outcome.leaf));
        }
    }
    for outcomes in units.values_mut() {
        outcomes.sort_unstable();
        for pair in outcomes.windows(2) {
            if pair[0].1.is_none() || pair[0].1 >= pair[1].1 {
                found.inversions += 1;
                found.say(format!(
                    "numbers {} and {} of a unit stand at {:?} and {:?} in the log",
                    pair[0].0, pair[1].0, pair[0].1, pair[1].1
                ));
            }
        }
    }
}

/// The same files in the same order, with nothing in the way.
async fn undisturbed(
    site: &Site,
    folder: &std::path::Path,
    load: &Load,
    stands: &BTreeMap<ClaimId, Stands>,
    planted: &Planted,
) -> Result<Node> {
    let files = &load.population.files;
    let mut order: Vec<(i64, usize, ServiceDate)> = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let first = load.claims.iter().filter(|sent| sent.file == at);
        let first = first
            .filter_map(|sent| stands.get(&sent.id))
            .min_by_key(|s| s.place);
        let day = first.and_then(|first| ServiceDate::from_days(first.received));
        order.push((
            first.map_or(i64::MAX, |first| first.place),
            at,
            day.unwrap_or(file.received),
        ));
    }
    order.sort_unstable();
    // Under the same keys, so that tokens, and what is named by them, are equal;
    // and with what is compiled already. It is another log, of another name.
    for name in ["keys", "cache"] {
        let to = folder.join("node").join(name);
        std::fs::create_dir_all(&to)?;
        for entry in std::fs::read_dir(site.keys_folder().with_file_name(name))? {
            let entry = entry?;
            if entry.file_name() == "log-begun" {
                continue;
            }
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    let identity = serde_json::json!({
        "format": "tallystick-node/v1",
        "origin": "tallystick.example/node/undisturbed",
        "partitions": PARTITIONS,
    });
    std::fs::write(folder.join("node/node.json"), identity.to_string())?;
    let node = Node::open(&folder.join("node"), Clock::simulated(files[0].received)).await?;
    for contract in &load.population.contracts {
        node.enrol(contract, false).await?;
    }
    for (_, at, day) in order {
        node.clock().set(day);
        let bytes = &files[at].bytes;
        let format = planted.by_envelope.then(|| written_in(bytes));
        node.submit(Delivery {
            submitter: SUBMITTER,
            interchange: Some(&number(at)),
            bytes,
            format,
            succeeds: None,
        })
        .await?;
    }
    if let Some(claim) = planted.discarded {
        node.store().failed(claim, 1, "planted").await?;
        node.discard(claim).await?;
    }
    node.drain(&|_| ()).await?;
    Ok(node)
}

fn outcomes(
    ours: &BTreeMap<ClaimId, ClaimRead>,
    theirs: &BTreeMap<ClaimId, ClaimRead>,
    found: &mut Found,
) {
    for (id, read) in ours {
        let Some(other) = theirs.get(id) else {
            found.others += 1;
            found.say(format!("claim {id} is not in the undisturbed run"));
            continue;
        };
        if read.row.sequence != other.row.sequence {
            found.inversions += 1;
            found.say(format!(
                "claim {id} has number {}, undisturbed {}",
                read.row.sequence, other.row.sequence
            ));
        }
        let bytes = |read: &ClaimRead| read.body.as_ref().map(|body| body.outcome.0.clone());
        if bytes(read) != bytes(other) {
            found.wrong_outcomes += 1;
            found.say(format!("claim {id} came to another outcome"));
        }
        let stands = |read: &ClaimRead| {
            let outcome = read.row.outcome.as_ref();
            outcome.map(|outcome| (outcome.revision, outcome.gone))
        };
        if stands(read) != stands(other) {
            found.wrong_outcomes += 1;
            found.say(format!(
                "claim {id} was taken back otherwise: {:?}, undisturbed {:?}",
                stands(read),
                stands(other)
            ));
        }
    }
}

/// A contract's balances, with members by their position in it.
async fn balances(
    node: &Node,
    contract: &Contract,
) -> Result<BTreeMap<(Option<usize>, String, String, i32), i64>> {
    let unit = node.unit_token(&UnitKey::contract(&contract.id));
    let states = node.store().units(&[unit]).await?;
    let member = |token: Token| {
        let mut members = contract.members.iter();
        members.position(|member| node.member_token(&member.id) == token)
    };
    let named = |row: AccumulatorRow| {
        let name = row.name;
        let member = name.member.map(|token| member(token).unwrap_or(usize::MAX));
        (
            (member, name.product, name.name, name.period.days()),
            row.used,
        )
    };
    Ok(states
        .into_iter()
        .flat_map(|state| state.accumulators)
        .filter(|row| row.used != 0)
        .map(named)
        .collect())
}

/// The log checks, has every adjudication and every reversal once, and can be done
/// again.
async fn log(node: &Node, other: &Node, found: &mut Found) -> Result<()> {
    for fault in node.fsck().await?.faults {
        found.others += 1;
        found.say(format!("fsck: {}: {}", fault.place, fault.what));
    }
    let (ours, theirs) = (entries(node).await?, entries(other).await?);
    let kinds = ["adjudications", "reversals"];
    for ((kind, ours), theirs) in kinds.into_iter().zip(ours).zip(theirs) {
        if ours != theirs {
            found.doubled += ours.abs_diff(theirs);
            found.say(format!("{ours} {kind} in the log, undisturbed {theirs}"));
        }
    }
    let replayed = node.replay(Backend::Cranelift, &|_| ()).await?;
    if !replayed.identical() {
        found.wrong_outcomes += replayed.checked - replayed.same;
        found.say("a replay came to other outcomes");
    }
    for broken in replayed.breaks {
        found.others += 1;
        found.say(format!("replay: {}: {}", broken.kind, broken.detail));
    }
    Ok(())
}

/// How many adjudications and reversals are in a log.
async fn entries(node: &Node) -> Result<[u64; 2]> {
    let size = node.store().head().await?.size;
    let mut counts = [0; 2];
    let mut from = 0;
    while from < size {
        let entries = node.store().entries(from, 1000).await?;
        from += entries.len() as u64;
        for entry in &entries {
            match Entry::from_canon(entry) {
                Ok(Entry::Adjudicated(_)) => counts[0] += 1,
                Ok(Entry::Reversed(_)) => counts[1] += 1,
                _ => {}
            }
        }
        if entries.is_empty() {
            break;
        }
    }
    Ok(counts)
}

async fn flags(ours: &Node, theirs: &Node, found: &mut Found) -> Result<()> {
    let all = async |node: &Node| -> Result<BTreeMap<Vec<u8>, Flag>> {
        let flags = node
            .read_flags(&FlagFilter::default(), "comparison")
            .await?;
        let keyed = flags.into_iter();
        Ok(keyed
            .map(|read| (read.flag.to_canon(), read.flag))
            .collect())
    };
    let (ours, theirs) = (all(ours).await?, all(theirs).await?);
    for (flags, others, whose) in [(&ours, &theirs, "its"), (&theirs, &ours, "the undisturbed")] {
        for (key, flag) in flags.iter().filter(|(key, _)| !others.contains_key(*key)) {
            found.others += 1;
            found.say(format!(
                "{whose} run alone has flag {} of {}, score {}, {} lines, {} bytes",
                flag.id,
                flag.pattern.as_str(),
                flag.score,
                flag.claims.len(),
                key.len()
            ));
        }
    }
    Ok(())
}

/// Every submission came to the same claims and refusals.
async fn submissions(ours: &Node, theirs: &Node, load: &Load, found: &mut Found) -> Result<()> {
    for (at, _) in load.population.files.iter().enumerate() {
        let number = number(at);
        let ours = ours.submission(SUBMITTER, &number).await?;
        let theirs = theirs.submission(SUBMITTER, &number).await?;
        if ours != theirs {
            found.others += 1;
            found.say(format!("submission {number} came to something else"));
        }
    }
    Ok(())
}

/// The dead are those that were planted.
async fn letters(node: &Node, planted: &Planted, found: &mut Found) -> Result<()> {
    let store = node.store().postgres().context("PostgreSQL")?;
    let mut letters: BTreeMap<String, usize> = BTreeMap::new();
    for row in store.dead(true, 10_000).await? {
        *letters.entry(row.letter.code).or_default() += 1;
    }
    if letters != planted.letters {
        let count = |letters: &BTreeMap<String, usize>| letters.values().sum::<usize>() as u64;
        found.innocents += count(&letters).abs_diff(count(&planted.letters)).max(1);
        found.say(format!(
            "dead letters: {letters:?}, planted: {:?}",
            planted.letters
        ));
    }
    let held = node.store().held().await?;
    found.innocents += held.len() as u64;
    for held in held {
        found.say(format!(
            "claim {} is set aside: {}",
            held.claim, held.reason
        ));
    }
    Ok(())
}
