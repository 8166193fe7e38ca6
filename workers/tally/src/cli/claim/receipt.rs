//! `tally claim receipt`.

use anyhow::{Result, bail};
use clap::Args;
use tally_core::claim::ClaimId;

use crate::cli::{Ended, NodeArgs, parse_claim};

#[derive(Args)]
pub struct ReceiptArgs {
    /// The claim
    #[arg(value_parser = parse_claim, value_name = "CLAIM")]
    claim: ClaimId,
    /// That it was received, and when: there before it is decided
    #[arg(long, conflicts_with = "payment")]
    received: bool,
    /// That a payment of it was advised: its number, as `tally payment list` prints it
    #[arg(long, value_name = "TRACE")]
    payment: Option<String>,
    #[command(flatten)]
    node: NodeArgs,
}

pub(super) async fn receipt(args: &ReceiptArgs) -> Result<Ended> {
    let claim = args.claim;
    let node = args.node.open().await?;
    let receipt = match &args.payment {
        _ if args.received => match node.received_receipt(claim).await? {
            Some(receipt) => receipt,
            None => bail!(
                "that claim {claim} was received is not on this node's log: nobody sent it, as with \
                 what the payer does itself, or it was erased, or there is no such claim"
            ),
        },
        Some(trace) => match node.payment_receipt(trace, claim).await? {
            Some(receipt) => receipt,
            None => bail!(
                "payment {trace} tells nothing of claim {claim}: `tally payment show {trace}` says \
                 what it tells"
            ),
        },
        None => node.receipt(claim).await?,
    };
    // To the byte: a receipt has one form.
    print!("{receipt}");
    Ok(Ended::Well)
}
