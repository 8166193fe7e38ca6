//! `tally claim review`: a claim settled by hand, through the same checks as its
//! policy's own determination.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use tally_core::claim::ClaimId;

use super::void::see;
use crate::cli::determination::ReviewFile;
use crate::cli::{Ended, NodeArgs, parse_claim};

#[derive(Args)]
pub struct ReviewArgs {
    /// The claim
    #[arg(value_parser = parse_claim, value_name = "CLAIM")]
    claim: ClaimId,
    /// What is determined of each line, as JSON: docs/lifecycle.md
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Why: it stays with the act
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn review(args: &ReviewArgs) -> Result<Ended> {
    let file = ReviewFile::read(&args.file)?;
    let node = args.node.open().await?;
    let by = crate::node::actor();
    let read = |description: &_| file.determine(description);
    let act = node.review(args.claim, &by, &args.reason, &read).await?;
    file.say_notes();
    see(&node, &[act], args.json).await
}
