//! `tally claim history`: all that a claim ever came to, and those of its contract
//! that changed with it.

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::{Value, json};
use tally_core::claim::ClaimId;
use tally_store::port::Reading as _;

use crate::changes::{at_place, stage_json};
use crate::cli::{Ended, NodeArgs, parse_claim, say, table};

#[derive(Args)]
pub struct HistoryArgs {
    /// The claim
    #[arg(value_parser = parse_claim, value_name = "CLAIM")]
    claim: ClaimId,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn history(args: &HistoryArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let row = node.store().claim(args.claim).await?;
    let row = row.with_context(|| {
        format!(
            "no claim {} on this node: `tally claim export` lists those there are",
            args.claim
        )
    })?;
    let purpose = "claim-history-read";
    node.note(purpose, row.id).await?;
    let stages = node.claim_history(&row, purpose).await?;
    let of = at_place(&stages, args.claim);
    anyhow::ensure!(
        !of.is_empty(),
        "claim {} has come to nothing yet",
        args.claim
    );
    let listed: Vec<Value> = of.iter().map(|stage| stage_json(stage)).collect();
    if args.json {
        say(json!({ "claim": args.claim.to_string(), "outcomes": listed }))?;
        return Ok(Ended::Well);
    }
    let rows = listed.iter().map(|stage| {
        let text = |key: &str| stage[key].as_str().unwrap_or_default().to_owned();
        let back = &stage["taken_back"];
        let stands = match back["on"].as_str() {
            Some(on) => format!("until {on}"),
            None => "stands".to_owned(),
        };
        let entry = |value: &Value| {
            value
                .as_u64()
                .map_or(String::new(), |leaf| leaf.to_string())
        };
        vec![
            text("claim"),
            text("since"),
            text("status"),
            text("paid"),
            text("patient"),
            entry(&stage["entry"]),
            stands,
            back["by"].as_str().unwrap_or_default().to_owned(),
            entry(&back["entry"]),
        ]
    });
    say(table(
        &[
            "claim",
            "from",
            "status",
            "paid>",
            "patient>",
            "entry>",
            "how long",
            "taken back by",
            "entry>",
        ],
        rows,
    ))?;
    Ok(Ended::Well)
}

/// The same for people: what each claim came to, and what it comes to now.
pub(super) fn changes_table(changes: &[Value]) -> String {
    let rows = changes.iter().map(|change| {
        let (before, now) = (&change["reversed"], &change["corrected"]);
        let text = |stage: &Value, key: &str| stage[key].as_str().unwrap_or("").to_owned();
        vec![
            text(before, "claim"),
            text(before, "status"),
            text(before, "paid"),
            text(before, "patient"),
            match now.is_null() {
                true => "taken back".to_owned(),
                false => text(now, "status"),
            },
            text(now, "paid"),
            text(now, "patient"),
            match text(now, "claim") == text(before, "claim") {
                true => String::new(),
                false => text(now, "claim"),
            },
        ]
    });
    table(
        &[
            "claim",
            "was",
            "paid>",
            "patient>",
            "is",
            "paid>",
            "patient>",
            "replaced by",
        ],
        rows,
    )
    .to_string()
}
