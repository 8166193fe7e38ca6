//! `tally claim status`.

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::json;
use tally_core::claim::ClaimId;
use tally_store::port::{Reading as _, Work as _};

use crate::changes::standing;
use crate::cli::{Ended, NodeArgs, parse_claim, say, table};

#[derive(Args)]
pub struct StatusArgs {
    /// A claim's id; all of them when left out
    #[arg(value_parser = parse_claim, value_name = "CLAIM")]
    claim: Option<ClaimId>,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn status(args: &StatusArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let Some(id) = args.claim else {
        let totals = node.store().totals().await?;
        let waiting = node.store().waiting().await?;
        let waits = waiting.ready + waiting.held + waiting.behind;
        if args.json {
            say(json!({
                "read": totals.read, "refused": totals.refused, "paid": totals.paid,
                "denied": totals.denied, "pended": totals.pended, "waiting": waits,
                "charge": totals.charge.to_string(), "allowed": totals.allowed.to_string(),
                "paid_amount": totals.paid_amount.to_string(), "patient": totals.patient.to_string(),
            }))?;
        } else {
            let rows = [
                ("paid", totals.paid),
                ("denied", totals.denied),
                ("pended", totals.pended),
                ("refused", totals.refused),
                ("waiting", waits),
            ];
            say(table(
                &["status", "claims>"],
                rows.map(|(status, claims)| vec![status.to_owned(), claims.to_string()]),
            ))?;
            say(format!(
                "Charged {}, allowed {}, paid {}, patients owe {}.",
                totals.charge, totals.allowed, totals.paid_amount, totals.patient
            ))?;
        }
        return Ok(Ended::Well);
    };
    node.note("claim-status-read", id).await?;
    let row = node.store().claim(id).await?.with_context(|| {
        format!("no claim {id} on this node: `tally claim export` lists those there are")
    })?;
    let status = standing(&row);
    if args.json {
        say(json!({
            "claim": id.to_string(),
            "status": status,
            "charge": row.charge.to_string(),
            "paid": row.outcome.as_ref().map(|o| o.paid.to_string()),
            "patient": row.outcome.as_ref().map(|o| o.patient.to_string()),
            "entry": row.outcome.as_ref().and_then(|o| o.leaf),
        }))?;
    } else {
        say(format!("Claim {id} is {status}."))?;
        if let Some(outcome) = row.outcome.as_ref().filter(|o| o.gone.is_some()) {
            say(format!(
                "Nothing is paid for it, and the patient owes nothing. It had been paid {}, and the patient {}: `tally claim history {id}`.",
                outcome.paid, outcome.patient
            ))?;
        } else if let Some(outcome) = &row.outcome {
            say(format!(
                "Charged {}, allowed {}, paid {}, the patient owes {}. `tally claim eob {id}` explains it.",
                row.charge, outcome.allowed, outcome.paid, outcome.patient
            ))?;
        }
    }
    Ok(Ended::Well)
}
