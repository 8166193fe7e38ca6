//! `tally claim eob`.

use anyhow::Result;
use clap::{Args, ValueEnum};
use comfy_table::ContentArrangement;
use tally_core::claim::ClaimId;

use crate::cli::{Ended, NodeArgs, parse_claim, say};
use crate::view::ClaimView;

#[derive(Args)]
pub struct EobArgs {
    /// The claim
    #[arg(value_parser = parse_claim, value_name = "CLAIM")]
    claim: ClaimId,
    #[command(flatten)]
    node: NodeArgs,
    /// What to print it as
    #[arg(long, value_enum, default_value = "text")]
    output_format: EobFormat,
    /// Print JSON: the same as `--output-format json`
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EobFormat {
    /// For people
    Text,
    /// Our own JSON
    Json,
    /// A FHIR R4 ClaimResponse
    Fhir,
}

pub(super) async fn eob(args: &EobArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let read = node.read_claim(args.claim, "claim-explained").await?;
    let view = ClaimView::of(&read, &node.book().await?);
    let format = if args.json {
        EobFormat::Json
    } else {
        args.output_format
    };
    match (format, &read.outcome) {
        (EobFormat::Fhir, Some(outcome)) => {
            let payer = args.node.parties()?.payer;
            say(node.claim_response(&read, outcome, &payer).await?)?;
        }
        (EobFormat::Fhir, None) => {
            anyhow::bail!("the claim waits: there is no ClaimResponse yet");
        }
        (EobFormat::Json, _) => say(serde_json::to_string_pretty(&view)?)?,
        (EobFormat::Text, _) => explain(&view)?,
    }
    Ok(Ended::Well)
}

/// Explains a claim for a person.
pub fn explain(view: &ClaimView) -> Result<()> {
    let text = crate::eob::text(view, ContentArrangement::Dynamic);
    say(text.trim_end_matches('\n'))
}
