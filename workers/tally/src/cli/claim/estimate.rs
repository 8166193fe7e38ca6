//! `tally claim estimate`.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use comfy_table::ContentArrangement;
use serde_json::{Value, json};
use tally_core::interchange::{self, Format};

use super::FormatArg;
use crate::bundle::bundle;
use crate::cli::{Ended, NodeArgs, plural, read_file, say, table};
use crate::eob;
use crate::node::{Delivery, Estimate, RefusedClaim};
use crate::view::{ClaimView, amount};

#[derive(Args)]
pub struct EstimateArgs {
    /// A file of claims: X12 837, FHIR R4 or our JSON
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    node: NodeArgs,
    /// What the file holds; recognised when not said
    #[arg(long, value_enum)]
    format: Option<FormatArg>,
    /// What to print it as
    #[arg(long, value_enum, default_value = "text")]
    output_format: EstimateFormat,
    /// Print JSON: the same as `--output-format json`
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EstimateFormat {
    /// For people
    Text,
    /// Our own JSON
    Json,
    /// FHIR R4 ClaimResponses of the use `predetermination`
    Fhir,
}

pub(super) async fn estimate(args: &EstimateArgs) -> Result<Ended> {
    let bytes = read_file(&args.file, interchange::FileLimits::BYTES as u64)?;
    let node = args.node.open().await?;
    let delivery = Delivery::local(&bytes, args.format.map(Format::from));
    let estimated = node
        .estimate(delivery)
        .await
        .with_context(|| format!("{} could not be estimated", args.file.display()))?;
    let format = if args.json {
        EstimateFormat::Json
    } else {
        args.output_format
    };
    let estimates = &estimated.estimates;
    match format {
        EstimateFormat::Json => say(json!({
            "read": estimated.read,
            "refused": estimated.refusals.len(),
            "refusals": estimated.refusals.iter().map(refusal_json).collect::<Vec<_>>(),
            "estimates": estimates.iter().map(estimate_json).collect::<Result<Vec<_>>>()?,
        }))?,
        EstimateFormat::Fhir => {
            let today = node.clock().today();
            let payer = args.node.parties()?.payer;
            let insurer = payer.in_fhir();
            let responses: Vec<String> = estimates
                .iter()
                .map(|of| {
                    interchange::predetermination_response(&of.claim, &of.outcome, insurer, today)
                })
                .collect();
            if !responses.is_empty() {
                say(bundle(&responses))?;
            }
        }
        EstimateFormat::Text => {
            let book = node.book().await?;
            for of in estimates {
                let view = ClaimView::explain(&of.claim, Some(&of.outcome), &book);
                explain(of, &view)?;
            }
            say(format!(
                "Read {}: {} estimated, {} would be refused. Nothing was stored.",
                plural(estimated.read.into(), "claim"),
                estimates.len(),
                estimated.refusals.len()
            ))?;
        }
    }
    for refusal in &estimated.refusals {
        eprintln!(
            "refused: {}: {}: {} {}",
            args.file.display(),
            refusal.place,
            refusal.rule,
            refusal.reason
        );
    }
    Ok(match estimated.refusals.is_empty() {
        true => Ended::Well,
        false => Ended::Refused,
    })
}

fn refusal_json(refusal: &RefusedClaim) -> Value {
    json!({ "place": refusal.place, "reason": format!("{} {}", refusal.rule, refusal.reason) })
}

/// An estimate: what `tally claim export` would print of the claim, marked, with the
/// balances that were assumed.
pub fn estimate_json(of: &Estimate) -> Result<Value> {
    let line = interchange::outcome_json(&of.claim, &of.outcome);
    let mut object: Value = serde_json::from_str(&line)?;
    object["estimate"] = true.into();
    let assumed = of.assumed.iter().map(|of| {
        json!({
            "member": of.member,
            "product": of.product,
            "accumulator": of.name,
            "period": of.period.to_string(),
            "used": amount(of.used, of.unit),
            "limit": of.limit.map(|limit| amount(limit, of.unit)),
        })
    });
    object["assumed"] = assumed.collect();
    Ok(object)
}

fn explain(of: &Estimate, view: &ClaimView) -> Result<()> {
    say("AN ESTIMATE: no claim was made, and nobody is bound by it.\n")?;
    let text = eob::text(view, ContentArrangement::Dynamic);
    say(text.trim_end_matches('\n'))?;
    if !of.assumed.is_empty() {
        say("\nThe balances that it assumed")?;
        let rows = of.assumed.iter().map(|of| {
            vec![
                of.name.clone(),
                of.member.clone().unwrap_or_else(|| "family".to_owned()),
                of.period.to_string(),
                amount(of.used, of.unit),
                of.limit
                    .map_or_else(|| "-".to_owned(), |limit| amount(limit, of.unit)),
            ]
        });
        let headers = ["accumulator", "of", "period from", "used>", "limit>"];
        say(table(&headers, rows))?;
    }
    say("")
}
