//! `tally node`, `worker`, `relay` and `migrate`.

use std::num::NonZeroU32;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::json;
use tally_store::port::Layout as _;

use super::{Ended, say};
use crate::config::Config;
use crate::node::Node;
use crate::node::clock::Clock;
use crate::roles::{self, Which};

#[derive(Args)]
pub struct RoleArgs {
    /// The configuration (docs/configuration.md)
    #[arg(long, value_name = "FILE", env = "TALLY_CONFIG")]
    config: PathBuf,
    /// The day it is, for demonstrations
    #[arg(long, value_name = "DAY", hide = true, value_parser = super::parse_date)]
    day: Option<tally_types::ServiceDate>,
    /// Pay for one service by another fee than the one published, for demonstrations
    #[arg(long, hide = true, requires = "day")]
    tamper: bool,
}

#[derive(Args)]
pub struct MigrateArgs {
    /// The configuration (docs/configuration.md)
    #[arg(long, value_name = "FILE", env = "TALLY_CONFIG")]
    config: PathBuf,
    /// Queue claims in this number of partitions from now on; what is queued stays where it is
    #[arg(long, value_name = "N")]
    partitions: Option<NonZeroU32>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs a process until it is told to stop.
pub async fn run(args: RoleArgs, which: Which) -> Result<Ended> {
    let mut config = Config::read(&args.config)?;
    config.tampers = args.tamper;
    let clock = args.day.map_or(Clock::System, Clock::simulated);
    roles::run(config, which, clock).await?;
    Ok(Ended::Well)
}

pub async fn migrate(args: MigrateArgs) -> Result<Ended> {
    let config = Config::read(&args.config)?;
    let (from, to, made, node) = match &config.database {
        // SQLite is brought up to date whenever it is opened.
        None => {
            let node = Node::open(&config.node.data, Clock::System).await?;
            (None, None, 0, node)
        }
        Some(_) => {
            let made = Node::migrate(&config, Clock::System).await?;
            (Some(made.from), Some(made.to), made.partitions, made.node)
        }
    };
    if let Some(partitions) = args.partitions {
        anyhow::ensure!(partitions.get() <= 256, "`--partitions` is 1 to 256");
        node.store().repartition(partitions.get()).await?;
        node.note_of("repartitioned", &partitions.to_string())
            .await?;
    }
    let identity = node
        .store()
        .identity()
        .await?
        .context("the store was not set up")?;
    if args.json {
        say(json!({
            "origin": identity.origin,
            "partitions": identity.partitions,
            "schema": { "from": from, "to": to },
            "table_partitions_made": made,
        }))?;
    } else {
        let schema = match (from, to) {
            (Some(from), Some(to)) if from == to => format!("its schema is of version {to}"),
            (Some(from), Some(to)) => format!("its schema went from version {from} to {to}"),
            _ => "its store is the folder's own".to_owned(),
        };
        say(format!(
            "The node {} is up to date: {schema}, its keys are in {}, claims are queued in {} partitions.",
            identity.origin,
            node.folder().join("keys").display(),
            identity.partitions
        ))?;
    }
    Ok(Ended::Well)
}
