//! Retroactive re-adjudication against adjudicating for the first time, in one run:
//! `cargo bench -p tally --bench readjudicate [-- --claims=100000]`.
//!
//! A node takes in and adjudicates a generated population. Then every claim is decided
//! anew three times: when nothing has changed, so that nothing comes out otherwise;
//! after cover has been found to begin later, so that much does; and once more. Each
//! is a claims/s, and a ratio to that of the first time.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tally::demo::generate::generate;
use tally::node::clock::Clock;
use tally::node::{Anew, Delivery, Node};
use tally_store::port::{Acts as _, Reading as _};

const CLAIMS: usize = 100_000;
/// How much later cover is found to have begun.
const DAYS: i32 = 120;

fn main() -> Result<()> {
    let claims = std::env::args()
        .find_map(|argument| argument.strip_prefix("--claims=")?.parse().ok())
        .unwrap_or(CLAIMS);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(run(claims))
}

async fn run(claims: usize) -> Result<()> {
    let population = generate(42, claims);
    let folder = tempfile::tempdir()?;
    let first = population.files.first().map(|file| file.received);
    let clock = Clock::simulated(first.context("a file")?);
    let node = Node::open(&folder.path().join("node"), clock).await?;
    for contract in &population.contracts {
        node.enrol(contract, false).await?;
    }
    for file in &population.files {
        node.clock().set(file.received);
        node.submit(Delivery::local(&file.bytes, None)).await?;
    }
    let begun = Instant::now();
    let drained = node.drain(&|_| ()).await?;
    let first = begun.elapsed();
    let claims = drained.adjudicated;
    let units = node.store().all_units().await?;
    println!(
        "{claims} claims of {} units, embedded, SQLite WAL, synchronous=FULL",
        units.len()
    );
    say("first time", claims, first, first, 0);

    let changed = revisions(&node).await?;
    let nothing = anew(&node, "nothing has changed").await?;
    let now = revisions(&node).await?;
    say(
        "again, nothing changed",
        claims,
        nothing,
        first,
        now - changed,
    );
    for contract in &population.contracts {
        let mut later = contract.clone();
        for span in later
            .members
            .iter_mut()
            .flat_map(|member| &mut member.spans)
        {
            span.from = span.from.plus_days(DAYS).context("a day")?;
        }
        // Cover that would begin after it ended was none.
        for member in &mut later.members {
            member
                .spans
                .retain(|span| span.through.is_none_or(|through| through >= span.from));
        }
        node.enrol(&later, false).await?;
    }
    let changed = revisions(&node).await?;
    let cover = anew(&node, "cover began later").await?;
    let now = revisions(&node).await?;
    say(
        "again, cover began later",
        claims,
        cover,
        first,
        now - changed,
    );
    let once_more = anew(&node, "once more").await?;
    say("once more", claims, once_more, first, 0);
    Ok(())
}

async fn anew(node: &Node, reason: &str) -> Result<Duration> {
    let begun = Instant::now();
    node.readjudicate(&Anew::All, "a benchmark", reason).await?;
    node.drain(&|_| ()).await?;
    Ok(begun.elapsed())
}

/// How many claims were taken back so far.
async fn revisions(node: &Node) -> Result<u64> {
    let mut count = 0;
    for unit in node.store().all_units().await? {
        count += node.store().revisions(unit).await?.len() as u64;
    }
    Ok(count)
}

#[allow(clippy::cast_precision_loss, reason = "small numbers")]
fn say(what: &str, claims: u64, time: Duration, first: Duration, changed: u64) {
    println!(
        "{what:<26} {:>8.0} claims/s   {:>7.1} µs a claim   ratio {:>5.2}   {changed} taken back",
        claims as f64 / time.as_secs_f64(),
        time.as_secs_f64() * 1e6 / claims as f64,
        first.as_secs_f64() / time.as_secs_f64(),
    );
}
