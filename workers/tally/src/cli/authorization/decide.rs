//! `tally authorization decide`: line by line from a file, or all that waits at once.

use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::{ArgGroup, Args};
use serde::Deserialize;
use tally_core::authorization::{Grant, LineDecision, RequestLine, ReviewReason, State, Verdict};
use tally_types::{Quantity, ServiceDate, ShortCode};

use super::Printing;
use crate::cli::{Ended, parse_date, read_file};

/// The longest file.
const LONGEST: u64 = 1 << 20;

#[derive(Args)]
#[command(
    override_usage = "tally authorization decide [OPTIONS] <NUMBER> <FILE|--approve|--deny <CODE> --reason <TEXT>|--pend <NEED>...>"
)]
#[command(group(ArgGroup::new("what").required(true).args(["file", "approve", "deny", "pend"])))]
pub struct DecideArgs {
    /// The number of the request
    #[arg(value_name = "NUMBER")]
    number: String,
    /// What is decided of each line, as JSON: docs/authorization.md
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Certify every line that waits, as asked for
    #[arg(long)]
    approve: bool,
    /// The first day it is good for, in place of the one asked for
    #[arg(long, value_name = "DATE", value_parser = parse_date, requires = "approve")]
    from: Option<ServiceDate>,
    /// The last day it is good for, in place of the one asked for
    #[arg(long, value_name = "DATE", value_parser = parse_date, requires = "approve")]
    through: Option<ServiceDate>,
    /// Certify no line that waits: why, by its code (X12 external list 886)
    #[arg(long, value_name = "CODE", requires = "reason")]
    deny: Option<String>,
    /// Why, in words for the provider
    #[arg(long, value_name = "TEXT", requires = "deny")]
    reason: Option<String>,
    /// Pend every line that waits: what is needed, in words for the provider; may be said often
    #[arg(long, value_name = "NEED")]
    pend: Vec<String>,
    #[command(flatten)]
    printing: Printing,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DecisionFile {
    lines: Vec<LineFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineFile {
    line: u16,
    certify: Option<CertifyFile>,
    deny: Option<DenyFile>,
    pend: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CertifyFile {
    units: Option<String>,
    from: Option<String>,
    through: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DenyFile {
    code: String,
    text: String,
}

pub(super) async fn decide(args: &DecideArgs) -> Result<Ended> {
    let file: Option<DecisionFile> = match &args.file {
        None => None,
        Some(path) => {
            let bytes = read_file(path, LONGEST)?;
            // Where it is wrong, and not what stands there.
            Some(serde_json::from_slice(&bytes).map_err(|error| {
                anyhow!(
                    "{}, line {} column {}: it is no decision: docs/authorization.md shows one",
                    path.display(),
                    error.line(),
                    error.column()
                )
            })?)
        }
    };
    let (node, payer) = args.printing.open().await?;
    let lines = |state: &State| match &file {
        Some(file) => file
            .lines
            .iter()
            .map(|line| of_file(line, state).with_context(|| format!("line {}", line.line)))
            .collect(),
        None => waiting(state)
            .map(|asked| {
                let verdict = args.verdict(asked);
                let verdict = verdict.with_context(|| format!("line {}", asked.number))?;
                Ok(LineDecision {
                    number: asked.number,
                    verdict,
                })
            })
            .collect(),
    };
    let read = node.decide_authorization(&args.number, &lines).await;
    let read = read.context("nothing is decided")?;
    args.printing.say(&node, &payer, &read).await?;
    Ok(Ended::Well)
}

/// The lines that wait.
fn waiting(state: &State) -> impl Iterator<Item = &RequestLine> {
    let lines = state.request().lines.iter().zip(state.lines());
    lines
        .filter(|(_, line)| matches!(line.decided(), None | Some((_, Verdict::Pended(_)))))
        .map(|(asked, _)| asked)
}

impl DecideArgs {
    /// The same of each line.
    fn verdict(&self, asked: &RequestLine) -> Result<Verdict> {
        if self.approve {
            return certified(asked, None, self.from, self.through);
        }
        if let Some(code) = &self.deny {
            return denied(code, self.reason.as_deref().unwrap_or_default());
        }
        Ok(Verdict::Pended(self.pend.clone()))
    }
}

fn of_file(line: &LineFile, state: &State) -> Result<LineDecision> {
    let asked = state.request().line(line.line);
    let asked = asked.context("the request has no such line")?;
    let verdict = match (&line.certify, &line.deny, &line.pend) {
        (Some(certify), None, None) => {
            let units = certify.units.as_deref().map(|text| {
                Quantity::parse(text).with_context(|| format!("`{text}` is no number of units"))
            });
            certified(
                asked,
                units.transpose()?,
                date(certify.from.as_deref())?,
                date(certify.through.as_deref())?,
            )?
        }
        (None, Some(deny), None) => denied(&deny.code, &deny.text)?,
        (None, None, Some(needs)) => Verdict::Pended(needs.clone()),
        _ => bail!("it says one of `certify`, `deny` and `pend`"),
    };
    Ok(LineDecision {
        number: line.line,
        verdict,
    })
}

fn date(text: Option<&str>) -> Result<Option<ServiceDate>> {
    let date = text.map(|text| {
        ServiceDate::parse(text).with_context(|| format!("`{text}` is no date: write 2026-01-31"))
    });
    date.transpose()
}

/// A line certified: what is not said is as asked for.
fn certified(
    asked: &RequestLine,
    units: Option<Quantity>,
    from: Option<ServiceDate>,
    through: Option<ServiceDate>,
) -> Result<Verdict> {
    let (first, last) = asked.span.unzip();
    let (Some(from), Some(through)) = (from.or(first), through.or(last)) else {
        bail!("it was asked for without days: say from and through");
    };
    Ok(Verdict::Certified(Grant {
        units: units.unwrap_or(asked.quantity),
        from,
        through,
    }))
}

fn denied(code: &str, text: &str) -> Result<Verdict> {
    let code = ShortCode::parse(code)
        .with_context(|| format!("`{code}` is no reason's code (X12 external list 886)"))?;
    Ok(Verdict::NotCertified(ReviewReason {
        code,
        text: text.to_owned(),
    }))
}
