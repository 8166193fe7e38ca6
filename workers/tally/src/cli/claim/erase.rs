//! `tally claim erase` and `hold`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};
use serde_json::json;
use tally_core::claim::ClaimId;
use tally_core::ledger::Ground;
use tally_core::ledger::erasure::Refused;

use crate::cli::{Ended, NodeArgs, parse_claim, plural, say};
use crate::node::refused;

/// Why something is erased.
#[derive(Clone, Copy, ValueEnum)]
enum GroundArg {
    /// The person asked for it: rules of retention stand against it
    Request,
    /// It was kept as long as it had to be
    Retention,
    /// An order of a court or an authority: passes rules, not holds
    Order,
}

#[derive(Args)]
pub struct EraseArgs {
    /// The claim
    #[arg(value_parser = parse_claim, value_name = "CLAIM")]
    claim: ClaimId,
    /// Why
    #[arg(long)]
    ground: GroundArg,
    /// Say whether it may be, and erase nothing
    #[arg(long, conflicts_with = "out")]
    dry_run: bool,
    /// The folder for the receipts of the erasure; without it they are printed
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct HoldArgs {
    /// The claim
    #[arg(value_parser = parse_claim, value_name = "CLAIM")]
    claim: ClaimId,
    /// The hold's name: a case's number
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Lift it
    #[arg(long)]
    lift: bool,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn erase(args: &EraseArgs) -> Result<Ended> {
    ensure!(
        args.node.day.is_none(),
        "`--day` is for demonstrations, and nothing is erased by it: rules of retention and holds go by the real \
         day, since a key that is destroyed never comes back. Say the command without `--day`"
    );
    let node = args.node.open().await?;
    let ground = match args.ground {
        GroundArg::Request => Ground::Request,
        GroundArg::Retention => Ground::Retention,
        GroundArg::Order => Ground::Order,
    };
    let claim = args.claim;
    let done = if args.dry_run {
        node.may_erase(claim, ground).await.map(|()| None)
    } else {
        node.erase(claim, ground).await.map(Some)
    };
    let erased = match done {
        Ok(erased) => erased,
        Err(error) => {
            let Some(why) = refused(&error) else {
                return Err(error);
            };
            if args.json {
                say(
                    json!({ "claim": claim.to_string(), "refused": { "rule": why.code(), "reason": why.to_string() } }),
                )?;
            }
            eprintln!("error: claim {claim} is not erased: {why}");
            if matches!(why, Refused::NoRule(_)) {
                eprintln!(
                    "note: say it in `[[retention]]` of the configuration (docs/configuration.md), with `--config FILE`"
                );
            }
            return Ok(Ended::Refused);
        }
    };
    let Some(erased) = erased else {
        if args.json {
            say(json!({ "claim": claim.to_string(), "may": true }))?;
        } else {
            say(format!(
                "Nothing stands against erasing claim {claim}. Nothing was erased."
            ))?;
        }
        return Ok(Ended::Well);
    };
    let receipts: Vec<String> = erased.receipts.iter().map(ToString::to_string).collect();
    let mut files = Vec::new();
    if let Some(folder) = &args.out {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("{} could not be made", folder.display()))?;
        for (number, receipt) in (1u64..).zip(&receipts) {
            let path = folder.join(format!("{claim}-{number}.erasure"));
            std::fs::write(&path, receipt)
                .with_context(|| format!("{} could not be written", path.display()))?;
            files.push(path.display().to_string());
        }
    }
    if args.json {
        say(json!({
            "claim": claim.to_string(),
            "records": erased.records,
            "entries": erased.receipts.iter().map(|of| of.stays.index).collect::<Vec<_>>(),
            "receipts": receipts,
            "files": files,
        }))?;
        return Ok(Ended::Well);
    }
    eprintln!(
        "Claim {claim} is erased: the keys of {} are destroyed. The log still verifies.",
        plural(erased.records as u64, "record")
    );
    eprintln!(
        "note: backups of the keys bring them back until they are gone too (docs/data-map.md)"
    );
    match files.is_empty() {
        true => print!("{}", receipts.concat()),
        false => say(files.join("\n"))?,
    }
    Ok(Ended::Well)
}

pub(super) async fn hold(args: &HoldArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    node.hold(args.claim, &args.name, args.lift).await?;
    let holds = node.holds(args.claim).await?;
    if args.json {
        let rows = holds.iter().map(|hold| {
            json!({
                "name": hold.id,
                "placed": hold.placed.to_string(),
                "lifted": hold.lifted.map(|day| day.to_string()),
            })
        });
        say(json!({ "claim": args.claim.to_string(), "holds": rows.collect::<Vec<_>>() }))?;
        return Ok(Ended::Well);
    }
    let standing = holds.iter().filter(|hold| hold.lifted.is_none()).count();
    say(format!(
        "{} on claim {}{}",
        plural(standing as u64, "hold"),
        args.claim,
        if standing > 0 {
            ": it cannot be erased."
        } else {
            "."
        }
    ))?;
    Ok(Ended::Well)
}
