//! Everything, adjudication too: the demo's claims through the broker, and
//! through an embedded node.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tally::demo::generate::{Population, generate};
use tally::node::clock::Clock;
use tally::node::{Delivery, Node};
use tally_store::port::{Waiting, Work as _};

use crate::machine::Machine;
use crate::site::{Measured, Site};

async fn enrol(node: &Node, population: &Population) -> Result<()> {
    for contract in &population.contracts {
        node.enrol(contract, false).await?;
    }
    Ok(())
}

async fn submit(node: &Node, population: &Population) -> Result<usize> {
    let mut claims = 0;
    for file in &population.files {
        node.clock().set(file.received);
        claims += node
            .submit(Delivery::local(&file.bytes, None))
            .await?
            .claims
            .len();
    }
    Ok(claims)
}

/// Through the broker, then embedded: from the first file to the last entry of
/// the log.
pub async fn run(
    machine: &Arc<Machine>,
    claims: usize,
    told: bool,
) -> Result<(Measured, Measured)> {
    let population = generate(42, claims);
    let first = population.files.first().context("files")?.received;

    let site = Site::new(machine, 1, first).await?;
    enrol(&site.node, &population).await?;
    let running = site.start(128, true, true, false).await?;
    if told {
        site.forget_statements()?;
    }
    let (begun, cpu) = (Instant::now(), machine.cpu()?);
    let count = submit(&site.node, &population).await?;
    while site.node.store().waiting().await? != Waiting::default() {
        running.queued.notify_one();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let broker = Measured {
        claims: count as f64,
        batches: 1.0,
        seconds: begun.elapsed().as_secs_f64(),
        cpu: machine.cpu()? - cpu,
    };
    running.end().await?;
    if told {
        println!("{}", site.statements(count)?);
    }

    let folder = tempfile::tempdir()?;
    let node = Node::open(&folder.path().join("node"), Clock::simulated(first)).await?;
    enrol(&node, &population).await?;
    let (begun, cpu) = (Instant::now(), machine.cpu()?);
    let count = submit(&node, &population).await?;
    node.drain(&|_| ()).await?;
    let embedded = Measured {
        claims: count as f64,
        batches: 1.0,
        seconds: begun.elapsed().as_secs_f64(),
        cpu: machine.cpu()? - cpu,
    };
    Ok((broker, embedded))
}
