//! The claims, and what each comes to without being adjudicated: the rows of
//! the store's own benchmark, near in size to what the demo's claims make.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use tally::node::{Node, Planned};
use tally::roles::Planner;
use tally_core::adjudication::Status;
use tally_core::claim::ClaimId;
use tally_store::port::{
    AccumulatorName, Adjudicated, Batch, NewClaim, Queued, RecordId, Sealed, Submission, Token,
    UnitState, Work as _,
};
use tally_store::vault::random;
use tally_types::{Money, ServiceDate};

use crate::commits::Commits;

const CLAIM: usize = 320;
const RECORD: usize = 2000;
const HISTORY: usize = 280;
const ENTRY: usize = 70;
/// Balances a claim moves.
pub const MOVES: usize = 3;
/// The submitter, who does not listen on the broker unless it says so.
pub const SUBMITTER: &str = "bench";

pub fn day(n: i32) -> ServiceDate {
    ServiceDate::from_days(20_454 + n).unwrap_or(ServiceDate::MIN)
}

/// Random bytes, as sealed ones are, from which payloads are cut.
pub struct Filler(Vec<u8>);

impl Filler {
    pub fn new() -> Result<Self> {
        let mut bytes = Vec::new();
        while bytes.len() < 1 << 20 {
            bytes.extend_from_slice(&random::<4096>()?);
        }
        Ok(Self(bytes))
    }

    /// A piece that depends on what it is for.
    fn cut(&self, seed: &[u8; 16], length: usize) -> Vec<u8> {
        let at = u64::from_le_bytes([
            seed[0], seed[1], seed[2], seed[3], seed[4], seed[5], seed[6], seed[7],
        ]) as usize;
        let at = at % (self.0.len() - length);
        self.0[at..at + length].to_vec()
    }

    fn sealed(&self, seed: &[u8; 16], length: usize) -> Sealed {
        Sealed {
            record: RecordId(*seed),
            bytes: self.cut(seed, length),
        }
    }
}

/// A file of claims, the first of them of the unit at `at`.
pub fn submission(
    filler: &Filler,
    units: &[Token],
    partitions: u32,
    size: usize,
    at: usize,
) -> Result<Submission> {
    let ids: Vec<[u8; 16]> = (0..size).map(|_| random()).collect::<Result<_, _>>()?;
    let claims = ids
        .into_iter()
        .enumerate()
        .map(|(i, id)| {
            // Each unit once before any of them again, in another order each time.
            let lap = (at + i) / units.len();
            let unit = ((at + i) % units.len() * 7919 + lap * 104_729) % units.len();
            NewClaim {
                id: ClaimId(id),
                unit: units[unit],
                partition: partition_of(&units[unit], partitions),
                contract: None,
                former: false,
                member: units[unit],
                provider: units[(at * 7 + i) % units.len().min(300)],
                received: day(30),
                first_service: day(1),
                charge: Money::cents(12_345),
                sealed: filler.sealed(&id, CLAIM),
                act: None,
                statement: None,
            }
        })
        .collect();
    Ok(Submission {
        token: Token(random()?),
        submitter: SUBMITTER.into(),
        content: Token(random()?),
        partitions,
        trace: None,
        read: u32::try_from(size)?,
        refusals: Vec::new(),
        refused: 0,
        claims,
    })
}

/// Tokens are hashes: any of their bytes spreads units evenly.
fn partition_of(unit: &Token, partitions: u32) -> u32 {
    // The last byte: a bench may choose units by how their tokens begin.
    u32::from(unit.0[31]) % partitions
}

/// What claims came to, each moving balances from where they stand.
pub fn adjudicated(filler: &Filler, queued: &[Queued], states: &[UnitState]) -> Batch {
    let mut used: BTreeMap<Token, i64> = states
        .iter()
        .map(|state| {
            let used = state.accumulators.first().map_or(0, |row| row.used);
            (state.unit, used)
        })
        .collect();
    let claims = queued
        .iter()
        .map(|queued| {
            let before = used.get(&queued.unit).copied().unwrap_or(0);
            used.insert(queued.unit, before + 100);
            let movements = (0..MOVES)
                .map(|n| {
                    let name = AccumulatorName {
                        member: (n > 0).then_some(queued.unit),
                        product: "harbor-ppo".into(),
                        name: format!("accumulator-{n}"),
                        period: day(0),
                    };
                    (name, before, before + 100)
                })
                .collect();
            let seed = &queued.claim.0;
            let mut hash = [0; 32];
            hash.copy_from_slice(&filler.cut(seed, 32));
            Adjudicated {
                claim: queued.claim,
                unit: queued.unit,
                sequence: queued.sequence,
                status: Status::Paid,
                charge: Money::cents(12_345),
                allowed: Money::cents(10_000),
                paid: Money::cents(8_000),
                patient: Money::cents(2_000),
                policy: Some([1; 32]),
                outcome_hash: hash,
                record: filler.sealed(seed, RECORD),
                history: filler.sealed(seed, HISTORY),
                movements,
                entry: filler.cut(seed, ENTRY),
            }
        })
        .collect();
    Batch {
        claims,
        ..Batch::default()
    }
}

/// Comes to a batch as the node does, but for what needs a claim opened: loads
/// the units of its claims, makes the rows.
pub async fn plan(node: &Node, filler: &Filler, queued: &[Queued]) -> Result<Batch> {
    let mut units: BTreeMap<Token, u64> = BTreeMap::new();
    for queued in queued {
        units.entry(queued.unit).or_insert(queued.previous);
    }
    let units: Vec<(Token, u64)> = units.into_iter().collect();
    let states = node.store().units_at(&units).await?;
    Ok(adjudicated(filler, queued, &states))
}

/// The same, for the real worker.
pub fn planner(node: Arc<Node>, filler: Arc<Filler>, commits: Arc<Commits>) -> Planner {
    Box::new(move |queued| {
        let (node, filler, commits) =
            (Arc::clone(&node), Arc::clone(&filler), Arc::clone(&commits));
        Box::pin(async move {
            let batch = plan(&node, &filler, &queued).await?;
            commits.planned(&batch);
            Ok(Planned {
                acts: Vec::new(),
                left: false,
                batch,
                failed: Vec::new(),
            })
        })
    })
}
