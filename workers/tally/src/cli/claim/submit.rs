//! `tally claim submit`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::json;
use tally_core::interchange::{self, Format};
use tally_store::port::Reading as _;

use super::FormatArg;
use super::void::seen;
use crate::changes::standing;
use crate::cli::{Ended, NodeArgs, Progress, plural, read_file, say, table};
use crate::node::{Acknowledged, Delivery};

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
    /// Write what X12 is acknowledged with into a folder: `NAME.999` (TA1 and 999) and
    /// `NAME.277ca` of each file
    #[arg(long, value_name = "DIR")]
    acknowledge: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn submit(args: &SubmitArgs) -> Result<Ended> {
    let limit = interchange::FileLimits::BYTES as u64;
    let files: Vec<Vec<u8>> = args
        .files
        .iter()
        .map(|path| read_file(path, limit))
        .collect::<Result<_>>()?;
    let payer = args.node.parties()?.payer;
    let node = args.node.open().await?;
    let mut acknowledging = args.acknowledge.as_deref().map(Acknowledging::new);
    let format = args.format.map(Format::from);
    let mut read = 0u64;
    let mut again = 0u64;
    let mut claims = Vec::new();
    let mut refusals = Vec::new();
    for (path, bytes) in args.files.iter().zip(&files) {
        let delivery = Delivery::local(bytes, format);
        let submitted = node
            .submit(delivery)
            .await
            .with_context(|| format!("{} could not be taken in", path.display()))?;
        if let Some(acknowledging) = &mut acknowledging {
            let of = node
                .acknowledge(&delivery, &submitted, &payer.in_x12())
                .await
                .with_context(|| path.display().to_string())?;
            acknowledging.write(path, of.as_ref())?;
        }
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
        let row = node.store().claim(*id).await?;
        decided.extend(row.filter(|row| standing(row) != "waiting"));
    }
    // What replaces or takes back can leave no room for what a person determined.
    let acts = decided.iter().filter(|row| row.act.is_some());
    let acts: Vec<_> = acts.map(|row| row.id).collect();
    let seen = seen(&node, &acts).await?;
    let accepted = decided.len();
    let waiting = claims.len() - accepted;
    if args.json {
        let refusals: Vec<_> = refusals
            .iter()
            .map(|(file, refusal)| {
                json!({ "file": file, "place": refusal.place, "reason": format!("{} {}", refusal.rule, refusal.reason) })
            })
            .collect();
        let mut said = json!({
            "read": read,
            "accepted": accepted,
            "refused": refusals.len(),
            "refusals": refusals,
            "claims": decided.iter().map(|row| row.id.to_string()).collect::<Vec<_>>(),
        });
        if !acts.is_empty() {
            said["over_limit"] = json!(seen.over_limit);
        }
        if let Some(all) = &acknowledging {
            said["acknowledgements"] = json!(all.written);
        }
        say(said)?;
    } else {
        if !decided.is_empty() {
            let rows = decided.iter().take(SHOWN).map(|row| {
                let outcome = row.outcome.as_ref();
                vec![
                    row.id.to_string(),
                    standing(row).to_owned(),
                    outcome.map_or(String::new(), |outcome| outcome.paid.to_string()),
                    outcome.map_or(String::new(), |outcome| outcome.patient.to_string()),
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
        for over in seen.over_limit_lines() {
            say(over)?;
        }
        for path in acknowledging.iter().flat_map(|all| &all.written) {
            say(format!("Acknowledged in {path}."))?;
        }
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

/// Writes acknowledgements into a folder.
struct Acknowledging<'a> {
    folder: &'a Path,
    /// What was written, in order.
    written: Vec<String>,
}

impl<'a> Acknowledging<'a> {
    fn new(folder: &'a Path) -> Self {
        Self {
            folder,
            written: Vec::new(),
        }
    }

    /// Writes what a file is acknowledged with; says so where it is no X12.
    fn write(&mut self, of: &Path, acknowledged: Option<&Acknowledged>) -> Result<()> {
        let Some(acknowledged) = acknowledged else {
            eprintln!(
                "note: {} is not X12, and has no acknowledgement but what is printed here",
                of.display()
            );
            return Ok(());
        };
        std::fs::create_dir_all(self.folder)
            .with_context(|| format!("{} could not be made", self.folder.display()))?;
        let name = of.file_name().unwrap_or_default().to_string_lossy();
        for (text, ending) in [
            (&acknowledged.receipts, "999"),
            (&acknowledged.claims, "277ca"),
        ] {
            if text.is_empty() {
                continue;
            }
            // Two files of one name, of two folders, have two acknowledgements.
            let path = (1usize..)
                .map(|number| match number {
                    1 => self.folder.join(format!("{name}.{ending}")),
                    _ => self.folder.join(format!("{name}-{number}.{ending}")),
                })
                .find(|path| !self.written.contains(&path.display().to_string()))
                .context("no name is left")?;
            std::fs::write(&path, text)
                .with_context(|| format!("{} could not be written", path.display()))?;
            self.written.push(path.display().to_string());
        }
        Ok(())
    }
}

/// Claims shown in a table; more are for `export`.
const SHOWN: usize = 40;
