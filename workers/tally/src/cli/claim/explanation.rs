//! `tally claim explanation`.

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use tally_core::claim::ClaimId;

use crate::cli::{Ended, NodeArgs, parse_claim, say};

#[derive(Args)]
pub struct ExplanationArgs {
    /// The claim
    #[arg(value_parser = parse_claim, value_name = "CLAIM")]
    claim: ClaimId,
    #[command(flatten)]
    node: NodeArgs,
    /// What to print it as
    #[arg(long, value_enum, default_value = "fhir")]
    output_format: ExplanationFormat,
    /// Print JSON, which FHIR is
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ExplanationFormat {
    /// A FHIR R4 ExplanationOfBenefit (CARIN Blue Button)
    Fhir,
}

pub(super) async fn explanation(args: &ExplanationArgs) -> Result<Ended> {
    let ExplanationFormat::Fhir = args.output_format;
    let payer = args.node.parties()?.payer;
    let node = args.node.open().await?;
    let read = node.read_claim(args.claim, "claim-explained").await?;
    if crate::node::explained(&read).is_none() {
        bail!(
            "claim {0} waits, and there is nothing to explain yet: `tally claim eob {0}` says why",
            args.claim
        );
    }
    match node.explanation(&read, &payer).await? {
        Some(explanation) => say(explanation)?,
        None => bail!(
            "claim {0} is of nobody who is enrolled, so there is no patient to explain it to: `tally claim eob {0} --output-format fhir` is the answer to its sender",
            args.claim
        ),
    }
    Ok(Ended::Well)
}
