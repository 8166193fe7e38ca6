//! `tally claim export`.

use anyhow::Result;
use clap::{Args, ValueEnum};
use tally_core::adjudication::Status;
use tally_core::interchange;
use tally_store::port::{ClaimFilter, Reading as _};

use crate::cli::{Ended, NodeArgs, say};

#[derive(Args)]
pub struct ExportArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// Only claims with this status
    #[arg(long, value_enum)]
    status: Option<StatusArg>,
    /// One JSON object a line; the only form there is
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum StatusArg {
    Paid,
    Denied,
    Pended,
}

pub(super) async fn export(args: &ExportArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let status = args.status.map(|status| match status {
        StatusArg::Paid => Status::Paid,
        StatusArg::Denied => Status::Denied,
        StatusArg::Pended => Status::Pended,
    });
    let mut filter = ClaimFilter {
        status,
        limit: 1000,
        ..ClaimFilter::default()
    };
    loop {
        // Pages are by row: an erased claim is a row without a line.
        let page = node.store().claims(&filter).await?;
        let more = page.len() == filter.limit as usize;
        filter.after = page.last().map(|last| last.id);
        for read in node.open_claims(page, "claims-exported").await? {
            if let Some(outcome) = &read.outcome {
                say(interchange::outcome_json(&read.claim, outcome))?;
            }
        }
        if !more {
            return Ok(Ended::Well);
        }
    }
}
