//! The embedded node end to end, against the same rows inserted with nothing
//! adjudicated, in one run: `cargo bench -p tally`.
//!
//! First a node takes in and adjudicates a generated population; what it would
//! store is kept. Then a second store is given the very same rows. The ratio
//! says what parsing, sealing, adjudicating and detecting cost over storing.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tally::demo::generate::generate;
use tally::node::clock::Clock;
use tally::node::{Delivery, Node};
use tally_store::port::{Batch, Intake as _, Submission, Work as _};
use tally_store::sqlite::SqliteStore;

const CLAIMS: usize = 20_000;
const BATCH: u32 = 128;

struct Kept {
    submissions: Vec<Submission>,
    batches: Vec<Batch>,
}

#[derive(Default)]
struct Spent {
    intake: Duration,
    plan: Duration,
    judge: Duration,
    store: Duration,
    log: Duration,
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(run())
}

async fn run() -> Result<()> {
    let population = generate(42, CLAIMS);
    let folder = tempfile::tempdir()?;
    let first = population.files.first().map(|file| file.received);
    let clock = Clock::simulated(first.unwrap_or(tally_types::ServiceDate::MIN));
    let node = Node::open(&folder.path().join("node"), clock).await?;
    for contract in &population.contracts {
        node.enrol(contract, false).await?;
    }

    let mut kept = Kept {
        submissions: Vec::new(),
        batches: Vec::new(),
    };
    let mut spent = Spent::default();
    let whole = Instant::now();
    for file in &population.files {
        node.clock().set(file.received);
        let begun = Instant::now();
        let submission = node.prepare(Delivery::local(&file.bytes, None)).await?;
        spent.intake += begun.elapsed();
        let begun = Instant::now();
        node.store().accept(&submission).await?;
        spent.store += begun.elapsed();
        kept.submissions.push(submission);
    }
    let mut claims = 0;
    loop {
        let mut idle = true;
        for partition in 0..node.partitions().get() {
            let queued = node.store().next(partition, BATCH).await?;
            if queued.is_empty() {
                continue;
            }
            idle = false;
            let begun = Instant::now();
            let planned = node.plan(queued).await?;
            spent.plan += begun.elapsed();
            claims += planned.batch.claims.len();
            let begun = Instant::now();
            node.store().commit(&planned.batch).await?;
            spent.store += begun.elapsed();
            kept.batches.push(planned.batch);
        }
        let begun = Instant::now();
        node.judge().await?;
        spent.judge += begun.elapsed();
        let begun = Instant::now();
        node.integrate(false).await?;
        spent.log += begun.elapsed();
        if idle {
            break;
        }
    }
    let whole = whole.elapsed();

    // The floor: the same rows, in the same transactions.
    let store = SqliteStore::open(&folder.path().join("floor.db")).await?;
    let floor = floor(&node, &store, &kept, &population.contracts).await?;

    let rate = |time: Duration| claims as f64 / time.as_secs_f64();
    let each = |time: Duration| time.as_secs_f64() * 1e6 / claims as f64;
    println!("{claims} claims in batches of {BATCH}, SQLite WAL, synchronous=FULL");
    println!(
        "end to end      {:>8.0} claims/s   {:>7.1} µs a claim",
        rate(whole),
        each(whole)
    );
    println!(
        "  parse, resolve, seal    {:>7.1} µs\n  adjudicate              {:>7.1} µs\n  detect                  {:>7.1} µs\n  store                   {:>7.1} µs\n  log                     {:>7.1} µs",
        each(spent.intake),
        each(spent.plan),
        each(spent.judge),
        each(spent.store),
        each(spent.log)
    );
    println!(
        "same rows only  {:>8.0} claims/s   {:>7.1} µs a claim",
        rate(floor),
        each(floor)
    );
    println!(
        "ratio: end to end is {:.2} of storing the same rows",
        floor.as_secs_f64() / whole.as_secs_f64()
    );
    Ok(())
}

async fn floor(
    node: &Node,
    store: &SqliteStore,
    kept: &Kept,
    contracts: &[tally_core::claim::Contract],
) -> Result<Duration> {
    use tally_core::claim::UnitKey;
    use tally_store::port::{Enrolment as _, Layout as _, NewContract, RecordId, Sealed};
    for contract in contracts {
        store
            .put_contract(&NewContract {
                unit: node.unit_token(&UnitKey::contract(&contract.id)),
                members: contract
                    .members
                    .iter()
                    .map(|member| node.member_token(&member.id))
                    .collect(),
                events: 0,
                left: Vec::new(),
                moving: false,
                sealed: Sealed {
                    record: RecordId([0; 16]),
                    bytes: vec![0; 64],
                },
                touched: Vec::new(),
            })
            .await?;
    }
    let identity = node.store().identity().await?;
    let identity = identity.context("the node's store is set up")?;
    store.set_up(&identity).await?;
    let begun = Instant::now();
    for submission in &kept.submissions {
        store.accept(submission).await?;
    }
    for batch in &kept.batches {
        store.commit(batch).await?;
    }
    Ok(begun.elapsed())
}
