//! What the benchmarks of both stores store: claims of the size that the demo's
//! have, and what they came to.

use std::time::Duration;

use tally_core::adjudication::Status;
use tally_core::claim::ClaimId;
use tally_core::ledger::tree::{Frontier, leaf_hash};
use tally_store::port::{
    AccumulatorName, Adjudicated, Batch, Integration, Leaf, Log, NewClaim, Queued, RecordId,
    Sealed, Submission, Token, UnitState,
};
use tally_store::vault::random;
use tally_types::{Money, ServiceDate};

pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Bytes of what a claim brings: near what the demo's claims have.
const CLAIM: usize = 320;
const RECORD: usize = 2000;
const HISTORY: usize = 280;
const ENTRY: usize = 70;
/// Balances a claim moves.
const MOVES: usize = 3;

pub fn filled<const N: usize>() -> Outcome<[u8; N]> {
    Ok(random()?)
}

pub fn sealed(length: usize) -> Outcome<Sealed> {
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        bytes.extend_from_slice(&filled::<100>()?);
    }
    Ok(Sealed {
        record: RecordId(filled()?),
        bytes,
    })
}

pub fn day(n: i32) -> ServiceDate {
    ServiceDate::from_days(20_454 + n).unwrap_or(ServiceDate::MIN)
}

pub fn submission(units: &[Token], size: usize, at: usize) -> Outcome<Submission> {
    let claims = (0..size)
        .map(|i| {
            Ok(NewClaim {
                id: ClaimId(filled()?),
                unit: units[(at + i) % units.len()],
                partition: 0,
                contract: None,
                former: false,
                member: units[(at + i) % units.len()],
                provider: units[(at * 7 + i) % units.len().min(300)],
                received: day(30),
                first_service: day(1),
                charge: Money::cents(12_345),
                sealed: sealed(CLAIM)?,
                act: None,
                statement: None,
            })
        })
        .collect::<Outcome<_>>()?;
    Ok(Submission {
        token: Token(filled()?),
        submitter: "bench".into(),
        trace: None,
        content: Token(filled()?),
        partitions: 1,
        read: u32::try_from(size)?,
        refusals: Vec::new(),
        refused: 0,
        claims,
    })
}

/// What claims came to, each moving balances from where they stand.
pub fn adjudicated(queued: &[Queued], states: &[UnitState]) -> Outcome<Batch> {
    let mut used: std::collections::BTreeMap<Token, i64> = states
        .iter()
        .map(|state| {
            let used = state.accumulators.first().map_or(0, |row| row.used);
            (state.unit, used)
        })
        .collect();
    let mut claims = Vec::with_capacity(queued.len());
    for queued in queued {
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
        claims.push(Adjudicated {
            claim: queued.claim,
            unit: queued.unit,
            sequence: queued.sequence,
            status: Status::Paid,
            charge: Money::cents(12_345),
            allowed: Money::cents(10_000),
            paid: Money::cents(8_000),
            patient: Money::cents(2_000),
            policy: Some([1; 32]),
            outcome_hash: filled()?,
            record: sealed(RECORD)?,
            history: sealed(HISTORY)?,
            movements,
            entry: sealed(ENTRY)?.bytes,
        });
    }
    Ok(Batch {
        claims,
        ..Batch::default()
    })
}

pub fn rate(claims: usize, taken: Duration) -> f64 {
    claims as f64 / taken.as_secs_f64()
}

pub async fn integration(
    store: &impl Log,
    frontier: &mut Frontier,
    size: usize,
) -> Outcome<Integration> {
    let head = store.head().await?;
    let outbox = store.outbox(u32::try_from(size)?).await?;
    let mut nodes = Vec::new();
    for row in &outbox {
        nodes.extend(frontier.append(leaf_hash(&row.entry)));
    }
    Ok(Integration {
        from: head.size,
        adjudicated: head.adjudicated + u64::try_from(outbox.len())?,
        checkpoint: "x".repeat(250),
        nodes,
        leaves: outbox
            .into_iter()
            .map(|row| Leaf {
                entry: row.entry,
                outbox: Some(row.id),
                flags: Vec::new(),
            })
            .collect(),
    })
}
