//! `tally claim`.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand, ValueEnum};
use comfy_table::ContentArrangement;
use serde_json::json;
use tally_core::adjudication::Status;
use tally_core::claim::ClaimId;
use tally_core::interchange::{self, Format};
use tally_store::port::{ClaimFilter, Reading as _, Work as _};

use super::{Ended, NodeArgs, Progress, plural, say, table};
use crate::node::Delivery;
use crate::view::ClaimView;

#[derive(Subcommand)]
pub enum ClaimCommand {
    /// Submit files of claims: FHIR R4 (resource, Bundle, ndjson) or our JSON
    Submit(SubmitArgs),
    /// What a claim came to, or how many came to what
    Status(StatusArgs),
    /// Print every outcome, one JSON object a line
    Export(ExportArgs),
    /// Explain a claim line by line, with clauses and accumulators
    Eob(EobArgs),
}

#[derive(Args)]
pub struct SubmitArgs {
    /// Files of claims
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    node: NodeArgs,
    /// What the files hold; recognised when not said
    #[arg(long, value_enum)]
    format: Option<FormatArg>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// An input format by name.
#[derive(Clone, Copy, ValueEnum)]
pub enum FormatArg {
    /// A FHIR R4 Claim or Bundle
    Fhir,
    /// FHIR R4 resources, one a line
    Ndjson,
    /// Our own JSON (docs/claim-json.md)
    Json,
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Fhir => Self::FhirJson,
            FormatArg::Ndjson => Self::FhirNdjson,
            FormatArg::Json => Self::TallyJson,
        }
    }
}

#[derive(Args)]
pub struct StatusArgs {
    /// A claim's id; all of them when left out
    #[arg(value_parser = super::parse_claim, value_name = "CLAIM")]
    claim: Option<ClaimId>,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

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

#[derive(Args)]
pub struct EobArgs {
    /// The claim
    #[arg(value_parser = super::parse_claim, value_name = "CLAIM")]
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

pub async fn run(command: ClaimCommand) -> Result<Ended> {
    match command {
        ClaimCommand::Submit(args) => submit(&args).await,
        ClaimCommand::Status(args) => status(&args).await,
        ClaimCommand::Export(args) => export(&args).await,
        ClaimCommand::Eob(args) => eob(&args).await,
    }
}

async fn submit(args: &SubmitArgs) -> Result<Ended> {
    let limit = interchange::FileLimits::BYTES as u64;
    let files: Vec<Vec<u8>> = args
        .files
        .iter()
        .map(|path| super::read_file(path, limit))
        .collect::<Result<_>>()?;
    let node = args.node.open().await?;
    let format = args.format.map(Format::from);
    let mut read = 0u64;
    let mut again = 0u64;
    let mut claims = Vec::new();
    let mut refusals = Vec::new();
    for (path, bytes) in args.files.iter().zip(&files) {
        let submitted = node
            .submit(Delivery::local(bytes, format))
            .await
            .with_context(|| format!("{} could not be taken in", path.display()))?;
        read += u64::from(submitted.read);
        again += u64::from(submitted.again);
        claims.extend(submitted.claims);
        for refusal in submitted.refusals {
            refusals.push((path.display().to_string(), refusal));
        }
    }
    let progress = Progress::bar("adjudicating", claims.len() as u64);
    let drained = node.see_through(&claims, &|done| progress.at(done)).await?;
    progress.done();
    let mut decided = Vec::new();
    for id in &claims {
        if let Some(outcome) = node.store().claim(*id).await?.and_then(|row| row.outcome) {
            decided.push((*id, outcome));
        }
    }
    let accepted = decided.len();
    let waiting = claims.len() - accepted;
    if args.json {
        let refusals: Vec<_> = refusals
            .iter()
            .map(|(file, refusal)| {
                json!({ "file": file, "place": refusal.place, "reason": format!("{} {}", refusal.rule, refusal.reason) })
            })
            .collect();
        say(json!({
            "read": read,
            "accepted": accepted,
            "refused": refusals.len(),
            "refusals": refusals,
            "claims": decided.iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>(),
        }))?;
    } else {
        if !decided.is_empty() {
            let rows = decided.iter().take(SHOWN).map(|(id, outcome)| {
                vec![
                    id.to_string(),
                    outcome.status.to_string(),
                    outcome.paid.to_string(),
                    outcome.patient.to_string(),
                ]
            });
            say(table(&["claim", "status", "paid>", "patient>"], rows))?;
        }
        if again > 0 {
            say(format!(
                "{} submitted before: this is what came of it then.",
                plural(again, "file")
            ))?;
        }
        if decided.len() > SHOWN {
            say(format!(
                "… and {} more: `tally claim export` prints them all.",
                decided.len() - SHOWN
            ))?;
        }
        say(format!(
            "Read {}: {} accepted, {} refused.",
            plural(read, "claim"),
            accepted,
            refusals.len()
        ))?;
        for (file, refusal) in &refusals {
            eprintln!(
                "refused: {file}: {}: {} {}",
                refusal.place, refusal.rule, refusal.reason
            );
        }
    }
    if waiting > 0 && node.beside_broker() {
        eprintln!(
            "error: {} not adjudicated yet: do the relay and the workers run? `tally claim status` shows when they are",
            plural(waiting as u64, "claim")
        );
    } else if waiting > 0 {
        eprintln!(
            "error: {} not adjudicated: {} set aside after host faults, {} behind them: see what the log says above; the next `tally claim submit` on this node tries them again",
            plural(waiting as u64, "claim"),
            drained.waiting.held,
            drained.waiting.behind
        );
    }
    Ok(if refusals.is_empty() && waiting == 0 {
        Ended::Well
    } else {
        Ended::Refused
    })
}

/// Claims shown in a table; more are for `export`.
const SHOWN: usize = 40;

async fn status(args: &StatusArgs) -> Result<Ended> {
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
    let status = row
        .outcome
        .as_ref()
        .map_or("waiting", |o| o.status.as_str());
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
        if let Some(outcome) = &row.outcome {
            say(format!(
                "Charged {}, allowed {}, paid {}, the patient owes {}. `tally claim eob {id}` explains it.",
                row.charge, outcome.allowed, outcome.paid, outcome.patient
            ))?;
        }
    }
    Ok(Ended::Well)
}

async fn export(args: &ExportArgs) -> Result<Ended> {
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

async fn eob(args: &EobArgs) -> Result<Ended> {
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
            say(interchange::claim_response(
                &read.claim,
                outcome,
                node.clock().today(),
            ))?;
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
