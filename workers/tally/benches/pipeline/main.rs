//! The pipeline on real servers, measured against floors of the same run:
//! `cargo bench -p tally --bench pipeline`, with `-- --growth` for the database
//! of 5,000,000 claims too (some 12 GB, a quarter of an hour), `--only=NAME` for
//! one part (half, batches, hot, whole, growth, real), `--statements` for
//! what PostgreSQL spends its time on, and `--disk=MS` for servers whose disk takes
//! so much longer to make things safe.
//!
//! **The pipeline**, where only the consuming half is meant: claims that were
//! accepted, sequenced and published by the relay; the real worker with 8
//! partitions and as many connections to the broker takes deliveries, opens the
//! references, takes what they refer to from the store, comes to outcomes,
//! commits, acknowledges. Outcomes are not adjudicated: rows are made of the
//! size of the demo's (a record of 2,000 bytes, a history of 280, an entry of
//! 70, three balances moved), after the state of their units has been loaded
//! as the node does.
//!
//! **The floor**: 8 tasks of the same process on the same store, pool and
//! tables do the same without a broker. Each reads the front of its partition
//! from the queue's index, loads the units, makes the same rows and commits
//! them with the same `commit`. It has no references to open, no claims to find
//! by their ids, no acknowledgements, no broker beside it.
//!
//! Figures are of the middle 70 % of a run, pipeline and floor by turns on the
//! same database, their sums compared.

mod commits;
mod growth;
mod load;
mod machine;
mod real;
mod site;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use machine::Machine;
use site::{Measured, Site};

/// Units that claims are of, but where it is said.
const UNITS: usize = 5000;
const HOT: usize = 50;

/// How much is measured.
#[derive(Clone, Copy)]
struct Size {
    claims: usize,
    rounds: usize,
    open: Duration,
    real: usize,
}

fn main() -> Result<()> {
    let argument = |name: &str| std::env::args().any(|argument| argument == name);
    // `cargo test --benches` passes this: show only that it runs.
    let size = match argument("--test") {
        true => Size {
            claims: 1500,
            rounds: 1,
            open: Duration::from_millis(500),
            real: 100,
        },
        false => Size {
            // So that histories stay as deep as a family's of a year or two.
            claims: 10_000,
            rounds: 5,
            open: Duration::from_secs(15),
            real: 5000,
        },
    };
    let only = std::env::args().find_map(|a| a.strip_prefix("--only=").map(str::to_owned));
    // As many threads as the binary has here.
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(run(size, disk()?, argument("--growth"), only.as_deref()))
}

/// Whether to say what the server spends its time on.
fn told() -> bool {
    std::env::args().any(|argument| argument == "--statements")
}

fn line(name: &str, measured: Measured) {
    let cpu = measured.cpu;
    println!(
        "{name:<34} {:>7.0} {:>7.1} | {:>7.1} {:>7.1} {:>7.1} {:>7.1}",
        measured.rate(),
        measured.claims / measured.batches,
        measured.micros(cpu.all()),
        measured.micros(cpu.client),
        measured.micros(cpu.postgres),
        measured.micros(cpu.broker),
    );
}

fn heading() {
    println!(
        "{:<34} {:>7} {:>7} | {:>7} {:>7} {:>7} {:>7}",
        "", "claims", "claims", "CPU µs", "", "Postgre", ""
    );
    println!(
        "{:<34} {:>7} {:>7} | {:>7} {:>7} {:>7} {:>7}",
        "", "/s", "/batch", "/claim", "client", "SQL", "broker"
    );
}

fn goal(what: &str, value: f64, goal: &str, met: bool) {
    let met = if met { "met" } else { "NOT met" };
    println!("  → {what}: {value:.2} (goal {goal}: {met})");
}

/// Pipeline and floor by turns.
async fn both(site: &Arc<Site>, size: Size, batch: u16) -> Result<(Measured, Measured)> {
    let (mut pipelines, mut floors) = (Measured::default(), Measured::default());
    let mut ratios = Vec::new();
    for round in 0..size.rounds {
        let (pipeline, floor);
        if round % 2 == 0 {
            pipeline = site.consume(size.claims, batch).await?;
            floor = site.floor(size.claims, batch).await?;
        } else {
            floor = site.floor(size.claims, batch).await?;
            pipeline = site.consume(size.claims, batch).await?;
        }
        ratios.push(pipeline.rate() / floor.rate());
        pipelines = pipelines.plus(pipeline);
        floors = floors.plus(floor);
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "  pipeline ÷ floor of each of {} rounds: {:.2} to {:.2}, median {:.2}",
        ratios.len(),
        ratios[0],
        ratios[ratios.len() - 1],
        ratios[ratios.len() / 2]
    );
    Ok((pipelines, floors))
}

/// How much longer than this machine's a disk is to take.
fn disk() -> Result<Option<Duration>> {
    let argument = std::env::args().find_map(|a| a.strip_prefix("--disk=").map(str::to_owned));
    let millis: Option<f64> = argument.map(|text| text.parse()).transpose()?;
    Ok(millis.map(|millis| Duration::from_secs_f64(millis / 1e3)))
}

async fn run(size: Size, disk: Option<Duration>, growth: bool, only: Option<&str>) -> Result<()> {
    let machine = Arc::new(Machine::start(disk)?);
    let wanted = |name: &str| only.is_none_or(|only| only == name);
    let sync = machine.fdatasync(300)?;
    println!(
        "fdatasync of 8 KiB, median of 300: {:.2} ms",
        sync.as_secs_f64() * 1e3
    );
    heading();
    if wanted("half") {
        half(&machine, size).await?;
    }
    if wanted("batches") {
        batches(&machine, size).await?;
    }
    if wanted("hot") {
        hot(&machine, size).await?;
    }
    if wanted("whole") {
        whole(&machine, size).await?;
    }
    if wanted("growth") {
        grown(&machine, size, growth).await?;
    }
    if wanted("real") {
        let (broker, embedded) = real::run(&machine, size.real, told()).await?;
        line("real adjudication, broker, whole", broker);
        line("real adjudication, embedded", embedded);
    }
    Ok(())
}

async fn half(machine: &Arc<Machine>, size: Size) -> Result<()> {
    let site = Arc::new(Site::new(machine, UNITS, load::day(30)).await?);
    // The tables are warm and the statements prepared.
    site.consume(size.claims / 3, 128).await?;
    let (pipeline, floor) = both(&site, size, 128).await?;
    line("consuming, batches of 128", pipeline);
    line("floor of it, without a broker", floor);
    if told() {
        statements(&site).await?;
    }
    let ratio = pipeline.rate() / floor.rate();
    goal("pipeline ÷ floor", ratio, "≥ 0.90", ratio >= 0.9);
    let cpu = pipeline.micros(pipeline.cpu.all());
    goal("CPU µs a claim, consuming", cpu, "≤ 70", cpu <= 70.0);
    Ok(())
}

/// What the server spends its time on while the worker consumes, and in the
/// floor.
async fn statements(site: &Arc<Site>) -> Result<()> {
    let claims = 10_000;
    site.accept(claims).await?;
    site.publish().await?;
    site.forget_statements()?;
    site.consume_ready(claims, 128).await?;
    println!("consuming:\n{}", site.statements(claims)?);
    site.accept(claims).await?;
    site.mark().await?;
    site.forget_statements()?;
    site.floor_ready(claims, 128).await?;
    println!("floor:\n{}", site.statements(claims)?);
    Ok(())
}

async fn batches(machine: &Arc<Machine>, size: Size) -> Result<()> {
    let site = Arc::new(Site::new(machine, UNITS, load::day(30)).await?);
    site.consume(size.claims / 3, 128).await?;
    let mut rates = Vec::new();
    for (batch, claims) in [
        (1, size.claims / 10),
        (16, size.claims / 2),
        (128, size.claims),
        (512, size.claims),
    ] {
        let measured = site.consume(claims, batch).await?;
        line(&format!("consuming, batches of {batch}"), measured);
        rates.push(measured.rate());
    }
    let ratio = rates[2] / rates[0];
    goal("batches of 128 ÷ of 1", ratio, "≥ 30", ratio >= 30.0);
    Ok(())
}

async fn hot(machine: &Arc<Machine>, size: Size) -> Result<()> {
    let mut sums = [Measured::default(); 2];
    for _ in 0..size.rounds.min(2) {
        for (sum, units) in sums.iter_mut().zip([UNITS, HOT]) {
            let site = Arc::new(Site::new(machine, units, load::day(30)).await?);
            *sum = sum.plus(site.consume(size.claims / 2, 128).await?);
        }
    }
    let [uniform, hot] = sums;
    line("consuming, uniform over 5,000 units", uniform);
    line("consuming, 50 hot units", hot);
    let ratio = hot.rate() / uniform.rate();
    goal("hot ÷ uniform", ratio, "≥ 0.85", ratio >= 0.85);
    Ok(())
}

/// How many rounds' claims a filled database takes before it is measured.
const WARM: usize = 6;
/// Claims of a file that arrives by itself.
const FILE: usize = 32;

async fn whole(machine: &Arc<Machine>, size: Size) -> Result<()> {
    let site = Arc::new(Site::new(machine, UNITS, load::day(30)).await?);
    site.consume(size.claims / 3, 128).await?;
    let large = site.whole(size.claims, 128, 512).await?;
    line("whole, files of 512 claims", large);
    let small = site.whole(size.claims, 128, FILE).await?;
    line("whole, files of 32 claims", small);
    let before = machine.fdatasync(300)?;
    let (due, accepted) = site
        .open_loop(small.rate() / 2.0, size.open, 128, FILE)
        .await?;
    let after = machine.fdatasync(300)?;
    let sync = (before + after).as_secs_f64() / 2.0;
    println!(
        "  files of 32 due at half that rate ({:.0} claims/s), fdatasync {:.2} ms before and after:",
        small.rate() / 2.0,
        sync * 1e3
    );
    let at = |sorted: &[f64], part: f64| sorted[(sorted.len() as f64 * part) as usize];
    for (what, sorted) in [("due", &due), ("accepted", &accepted)] {
        println!(
            "  from {what} to committed: p50 {:.2} ms, p99 {:.2} ms",
            at(sorted, 0.5) * 1e3,
            at(sorted, 0.99) * 1e3
        );
        let (p50, p99) = (at(sorted, 0.5) / sync, at(sorted, 0.99) / sync);
        goal(
            &format!("p50 from {what} ÷ fdatasync"),
            p50,
            "≤ 5",
            p50 <= 5.0,
        );
        goal(
            &format!("p99 from {what} ÷ fdatasync"),
            p99,
            "≤ 20",
            p99 <= 20.0,
        );
    }
    Ok(())
}

async fn grown(machine: &Arc<Machine>, size: Size, growth: bool) -> Result<()> {
    let mut sites = Vec::new();
    for claims in [10_000, 5_000_000] {
        if claims > 10_000 && !growth {
            println!("  (the database of 5,000,000 claims: with --growth)");
            return Ok(());
        }
        let site = Site::new(machine, UNITS, load::day(30)).await?;
        let site = growth::fill(site, claims).await?;
        // As it is between two checkpoints, half an hour apart: a page that is
        // written to for the first time after one goes into the log whole, and
        // ids are of random pages, of which a large table has many. Nearly all
        // of them have been written to when this has been consumed.
        site.consume(size.claims * WARM, 128).await?;
        sites.push((claims, site));
    }
    let mut sums = [(Measured::default(), Measured::default()); 2];
    for _ in 0..size.rounds {
        for ((_, site), sum) in sites.iter().zip(&mut sums) {
            let once = Size { rounds: 1, ..size };
            let (pipeline, floor) = both(site, once, 128).await?;
            *sum = (sum.0.plus(pipeline), sum.1.plus(floor));
        }
    }
    for ((claims, site), (pipeline, floor)) in sites.iter().zip(&sums) {
        line(&format!("consuming, {claims} claims there"), *pipeline);
        line("floor of it", *floor);
        println!(
            "  pipeline ÷ floor {:.2}; {}",
            pipeline.rate() / floor.rate(),
            site.ask("SELECT pg_size_pretty(pg_database_size(current_database()))")?
        );
    }
    let [(small, small_floor), (large, large_floor)] = sums;
    let ratio = (large.rate() / large_floor.rate()) / (small.rate() / small_floor.rate());
    goal(
        "large ÷ small, of pipeline ÷ floor",
        ratio,
        "0.90 to 1.10",
        (0.9..=1.1).contains(&ratio),
    );
    let cpu = large.micros(large.cpu.all()) / small.micros(small.cpu.all());
    goal(
        "large ÷ small, of CPU a claim",
        cpu,
        "0.90 to 1.10",
        (0.9..=1.1).contains(&cpu),
    );
    let rate = large.rate() / small.rate();
    goal(
        "large ÷ small, of claims/s",
        rate,
        "0.90 to 1.10",
        (0.9..=1.1).contains(&rate),
    );
    Ok(())
}
