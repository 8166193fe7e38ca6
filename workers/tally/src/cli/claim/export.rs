//! `tally claim export`.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use serde_json::json;
use tally_core::adjudication::Status;
use tally_core::interchange;
use tally_store::port::{ClaimFilter, Reading as _};

use crate::cli::{Ended, NodeArgs, Progress, plural, say};
use crate::config::PayerConfig;
use crate::node::{BulkFiles, Node, is_gone};

#[derive(Args)]
pub struct ExportArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// Only claims with this status
    #[arg(long, value_enum)]
    status: Option<StatusArg>,
    /// What to print or write
    #[arg(long, value_enum, default_value = "json")]
    output_format: ExportFormat,
    /// The folder that FHIR is written to
    #[arg(
        long,
        value_name = "DIR",
        required_if_eq("output_format", "fhir-ndjson")
    )]
    out: Option<PathBuf>,
    /// One JSON object a line; of FHIR what was written
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum StatusArg {
    Paid,
    Denied,
    Pended,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ExportFormat {
    /// Our own JSON, an outcome a line
    Json,
    /// FHIR R4: Patient.ndjson, Coverage.ndjson and ExplanationOfBenefit.ndjson of every
    /// family with a claim
    FhirNdjson,
}

impl From<StatusArg> for Status {
    fn from(status: StatusArg) -> Self {
        match status {
            StatusArg::Paid => Self::Paid,
            StatusArg::Denied => Self::Denied,
            StatusArg::Pended => Self::Pended,
        }
    }
}

pub(super) async fn export(args: &ExportArgs) -> Result<Ended> {
    let payer = args.node.parties()?.payer;
    let node = args.node.open().await?;
    let status = args.status.map(Status::from);
    match (args.output_format, &args.out) {
        (ExportFormat::FhirNdjson, Some(folder)) => {
            bulk(&node, folder, &payer, status, args.json).await
        }
        _ => lines(&node, status).await,
    }
}

async fn lines(node: &Node, status: Option<Status>) -> Result<Ended> {
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
            // What stands no more is told by `claim history`.
            if let Some(outcome) = read.outcome.as_ref().filter(|_| !is_gone(&read)) {
                say(interchange::outcome_json(&read.claim, outcome))?;
            }
        }
        if !more {
            return Ok(Ended::Well);
        }
    }
}

/// The files of a bulk export, by the resource that each is of.
const FILES: [&str; 3] = ["Patient", "Coverage", "ExplanationOfBenefit"];

async fn bulk(
    node: &Node,
    folder: &Path,
    payer: &PayerConfig,
    status: Option<Status>,
    in_json: bool,
) -> Result<Ended> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("{} could not be made", folder.display()))?;
    let paths = FILES.map(|kind| folder.join(format!("{kind}.ndjson")));
    let open = |path: &PathBuf| {
        let file = File::create(path);
        file.map(BufWriter::new)
            .with_context(|| format!("{} could not be written", path.display()))
    };
    let [patients, coverages, explanations] = &paths;
    let mut files = BulkFiles {
        patients: open(patients)?,
        coverages: open(coverages)?,
        explanations: open(explanations)?,
    };
    let units = node.store().all_units().await?.len();
    let progress = Progress::bar("exporting", units as u64);
    let exported = node
        .export_bulk(&mut files, payer, status, &|done| progress.at(done))
        .await?;
    for file in [
        &mut files.patients,
        &mut files.coverages,
        &mut files.explanations,
    ] {
        file.flush().context("the export could not be written")?;
    }
    progress.done();
    let counts = [exported.patients, exported.coverages, exported.explanations];
    let written = || FILES.iter().zip(&paths).zip(counts);
    if in_json {
        let output: Vec<_> = written()
            .map(|((kind, path), count)| {
                json!({ "type": kind, "file": path.display().to_string(), "count": count })
            })
            .collect();
        say(json!({ "output": output, "strangers": exported.strangers }))?;
    } else {
        for ((kind, path), count) in written() {
            say(format!("{}: {} in {}", kind, count, path.display()))?;
        }
        if exported.strangers > 0 {
            say(format!(
                "{} of nobody who is enrolled: not in it.",
                plural(exported.strangers, "claim")
            ))?;
        }
    }
    Ok(Ended::Well)
}
