//! What is submitted: the demo's population, by several hands at once, one in
//! ten twice; and references that nobody asked for.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tally::demo::generate::{Population, generate};
use tally::node::clock::Clock;
use tally::node::{Delivery, Node, Reused};
use tally_core::claim::{ClaimId, Frequency, UnitKey};
use tally_core::interchange::{Format, Source, detect, read_claims};
use tally_queue::envelope::{self, Envelope, NodeKey, NodePublicKey, Sealing};
use tally_queue::{Headers, Outgoing, Place, Publisher};
use tally_types::Money;
use tokio::task::JoinSet;

use crate::acts;
use crate::dice::Dice;
use crate::site::{PARTITIONS, PAYER, SUBMITTER, Site, signer};

/// Hands that submit at once.
pub const HANDS: usize = 4;
/// How many of a hundred are sent twice.
const TWICE: u64 = 10;
/// How long a submitter tries.
const PATIENCE: Duration = Duration::from_secs(180);

/// Does it until it is done, as a submitter would.
macro_rules! surely {
    ($attempt:expr) => {{
        let begun = std::time::Instant::now();
        loop {
            let attempt: Result<_> = $attempt;
            match attempt {
                Err(error) if !error.is::<Reused>() && begun.elapsed() < PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                answer => break answer,
            }
        }
    }};
}

/// A claim as it is submitted.
#[derive(Clone)]
pub struct Sent {
    pub id: ClaimId,
    pub unit: UnitKey,
    pub charge: Money,
    /// Its file.
    pub file: usize,
    /// The claim that it voids or replaces.
    pub act: Option<(Frequency, ClaimId)>,
}

/// All that is submitted in a round.
pub struct Load {
    pub population: Population,
    /// The claims of all files, in order.
    pub claims: Vec<Sent>,
}

impl Load {
    /// Of a seed; with voids and replacements, or without.
    pub fn of(seed: u64, claims: usize, with_acts: bool) -> Self {
        let mut population = generate(seed, claims);
        if with_acts {
            acts::add(&mut population, seed);
        }
        let mut sent = Vec::new();
        for (at, file) in population.files.iter().enumerate() {
            let number = number(at);
            let source = Source {
                submitter: SUBMITTER,
                interchange: &number,
                received: file.received,
            };
            for claim in read_claims(&file.bytes, None, &source).claims {
                let contract = population
                    .contracts
                    .iter()
                    .find(|contract| contract.find(&claim.member).is_some());
                let unit = match contract {
                    Some(contract) => UnitKey::contract(&contract.id),
                    None => UnitKey::unknown(SUBMITTER, &claim.member),
                };
                sent.push(Sent {
                    id: claim.id,
                    unit,
                    charge: claim.charge,
                    file: at,
                    act: claim.replaces.map(|named| (claim.frequency, named)),
                });
            }
        }
        Self {
            population,
            claims: sent,
        }
    }

    /// Voids and replacements, with the claims that they name.
    pub fn acts(&self) -> impl Iterator<Item = (&Sent, Frequency, ClaimId)> {
        let acts = self.claims.iter();
        acts.filter_map(|sent| sent.act.map(|(frequency, named)| (sent, frequency, named)))
    }

    /// A claim to be harmed: no other has its charge, and others of its unit
    /// come after it, by the same hand, whatever the others have done by then.
    pub fn victim(&self, dice: &mut Dice) -> Result<Sent> {
        let count = |charge: Money| self.claims.iter().filter(|c| c.charge == charge).count();
        let behind = |sent: &Sent| {
            let others = self.claims.iter().filter(|c| c.unit == sent.unit);
            others
                .filter(|other| other.file > sent.file && other.file % HANDS == sent.file % HANDS)
                .count()
        };
        let named: BTreeSet<ClaimId> = self.acts().map(|(_, _, named)| named).collect();
        let fit: Vec<&Sent> = self
            .claims
            .iter()
            .filter(|sent| count(sent.charge) == 1 && behind(sent) > 0)
            .filter(|sent| sent.act.is_none() && !named.contains(&sent.id))
            .collect();
        ensure!(!fit.is_empty(), "no claim can be harmed alone");
        Ok((*dice.pick(&fit)).clone())
    }

    /// The contracts as a file.
    pub fn contracts_json(&self) -> String {
        let contracts = self.population.contracts.iter();
        let contracts: Vec<String> = contracts
            .map(tally_core::interchange::contract_json)
            .collect();
        format!("[{}]", contracts.join(","))
    }
}

/// A file's control number.
pub fn number(file: usize) -> String {
    format!("F{file:05}")
}

/// Submits in the background. `pace` is the longest between two files of one
/// hand, in milliseconds.
pub struct Submitting {
    tasks: JoinSet<Result<()>>,
    ended: bool,
}

impl Submitting {
    /// As a node's own process does, into the database.
    pub fn directly(site: &Site, load: &Arc<Load>, seed: u64, pace: u64) -> Result<Self> {
        let mut tasks = JoinSet::new();
        let extras = Arc::new(Mutex::new(Vec::new()));
        for hand in 0..HANDS {
            let config = site.read_config(true)?;
            let (load, extras) = (Arc::clone(load), Arc::clone(&extras));
            let dice = Dice::new(seed, &format!("hand {hand}"));
            tasks.spawn(async move {
                let files = &load.population.files;
                let name = format!("hand {hand}");
                let clock = || Clock::simulated(files[0].received);
                let node = surely!(Node::connect(&config, &name, clock()).await)?;
                submit(&node, &load, hand, dice, pace, &extras).await
            });
        }
        tasks.spawn(references(
            site,
            extras,
            Dice::new(seed, "references"),
            pace,
        )?);
        Ok(Self {
            tasks,
            ended: false,
        })
    }

    /// As outside systems do, by envelopes.
    pub fn by_envelope(site: &Site, load: &Arc<Load>, seed: u64, pace: u64) -> Result<Self> {
        let mut tasks = JoinSet::new();
        for hand in 0..HANDS {
            let (load, broker) = (Arc::clone(load), site.through.clone());
            let mut dice = Dice::new(seed, &format!("hand {hand}"));
            let node = node_key(&site.envelope_key()?)?;
            let topology = site.topology(PARTITIONS);
            tasks.spawn(async move {
                let publisher = Publisher::new(broker);
                for (at, file) in load
                    .population
                    .files
                    .iter()
                    .enumerate()
                    .skip(hand)
                    .step_by(HANDS)
                {
                    let body = sealed(at, &file.bytes, &node)?;
                    let message = topology.to_intake(body, &number(at))?;
                    for _ in 0..1 + u64::from(dice.percent(TWICE)) {
                        surely!(publisher.publish_surely(&message).await.map_err(Into::into))?;
                    }
                    pause(&mut dice, pace).await;
                }
                Ok(())
            });
        }
        Ok(Self {
            tasks,
            ended: false,
        })
    }

    /// Whether all is submitted.
    pub fn ended(&mut self) -> Result<bool> {
        while let Some(ended) = self.tasks.try_join_next() {
            ended??;
        }
        self.ended |= self.tasks.is_empty();
        Ok(self.ended)
    }
}

async fn submit(
    node: &Node,
    load: &Load,
    hand: usize,
    mut dice: Dice,
    pace: u64,
    extras: &Mutex<Vec<Sent>>,
) -> Result<()> {
    for (at, file) in load
        .population
        .files
        .iter()
        .enumerate()
        .skip(hand)
        .step_by(HANDS)
    {
        node.clock().set(file.received);
        let number = number(at);
        let delivery = Delivery {
            submitter: SUBMITTER,
            interchange: Some(&number),
            bytes: &file.bytes,
            format: None,
            succeeds: None,
        };
        let first = surely!(node.submit(delivery).await)?;
        let ours: Vec<&Sent> = load.claims.iter().filter(|sent| sent.file == at).collect();
        ensure!(
            first.claims.iter().eq(ours.iter().map(|sent| &sent.id)),
            "file {at} came to other claims than it holds"
        );
        if dice.percent(TWICE) {
            let again = surely!(node.submit(delivery).await)?;
            ensure!(
                again.again && again.claims == first.claims,
                "file {at} came to something else the second time"
            );
        }
        for sent in ours {
            if dice.percent(TWICE) {
                extras.lock().unwrap().push(sent.clone());
            }
        }
        pause(&mut dice, pace).await;
    }
    Ok(())
}

/// Publishes references that stand in the partitions already, or did, or will,
/// in any order: as a broker may that lost its memory.
fn references(
    site: &Site,
    extras: Arc<Mutex<Vec<Sent>>>,
    mut dice: Dice,
    pace: u64,
) -> Result<impl Future<Output = Result<()>> + use<>> {
    let (key, broker) = (site.queue_key()?, site.through.clone());
    let topology = site.topology(PARTITIONS);
    Ok(async move {
        let publisher = Publisher::new(broker);
        let mut idle = 0;
        while idle < 3 {
            pause(&mut dice, pace.max(100)).await;
            let mut sent = std::mem::take(&mut *extras.lock().unwrap());
            idle = if sent.is_empty() { idle + 1 } else { 0 };
            dice.shuffle(&mut sent);
            let messages: Vec<Outgoing> =
                sent.iter()
                    .map(|sent| {
                        let place = place(&sent.unit);
                        Ok(topology.to_partition(
                            place,
                            key.seal(place, &[sent.id.0])?,
                            Headers::new(),
                        ))
                    })
                    .collect::<Result<_>>()?;
            // Once will do: nothing depends on them.
            let _ = publisher.publish(&messages).await;
        }
        Ok(())
    })
}

/// A unit's place among the first partitions.
pub fn place(unit: &UnitKey) -> Place {
    let partitions = NonZeroU32::from(std::num::NonZeroU16::new(PARTITIONS).unwrap());
    Place {
        partitions: PARTITIONS,
        partition: u16::try_from(unit.partition(partitions)).unwrap(),
    }
}

/// The public half of the node's key of envelopes.
pub fn node_key(secret: &[u8; 32]) -> Result<NodePublicKey> {
    Ok(NodeKey::new(secret).context("no key")?.public())
}

/// A file in an envelope.
pub fn sealed(file: usize, bytes: &[u8], node: &NodePublicKey) -> Result<Vec<u8>> {
    let format = match written_in(bytes) {
        Format::FhirJson => envelope::Format::Fhir,
        Format::FhirNdjson => envelope::Format::FhirNdjson,
        _ => envelope::Format::Tally,
    };
    let sealing = Sealing {
        payer: PAYER,
        submitter: SUBMITTER,
        interchange: &number(file),
        format,
        created: "2026-01-01T00:00:00Z",
        payload: bytes,
    };
    Ok(Envelope::seal(&sealing, node, &signer())?)
}

/// What a file is said to be written in.
pub fn written_in(bytes: &[u8]) -> Format {
    match detect(bytes) {
        Some(format @ (Format::FhirJson | Format::FhirNdjson)) => format,
        _ => Format::TallyJson,
    }
}

async fn pause(dice: &mut Dice, pace: u64) {
    tokio::time::sleep(Duration::from_millis(dice.between(0, pace))).await;
}
