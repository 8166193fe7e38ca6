//! `tally member access`.

use anyhow::{Result, bail};
use clap::Args;

use super::{Ended, NodeArgs, say};

#[derive(Args)]
pub struct AccessArgs {
    /// A member's id, as on the card
    #[arg(value_name = "MEMBER")]
    member: String,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON, which FHIR is
    #[arg(long)]
    json: bool,
}

pub async fn run(args: &AccessArgs) -> Result<Ended> {
    let payer = args.node.parties()?.payer;
    let node = args.node.open().await?;
    let Some(bundle) = node.patient_access(&args.member, &payer).await? else {
        bail!("no member of that id is enrolled on this node: `tally member import` enrols");
    };
    say(bundle)?;
    Ok(Ended::Well)
}
