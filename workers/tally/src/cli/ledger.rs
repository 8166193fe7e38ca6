//! `tally ledger`.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use serde_json::json;
use tally_core::claim::ClaimId;
use tally_core::ledger::shared::Snapshot;
use tally_core::ledger::witness::Signers;
use tally_core::ledger::{Receipt, Trust, Verdict, verify_receipt};
use tally_sandbox::Backend;

use super::{Ended, NodeArgs, Progress, plural, say, table};
use crate::node::keys::hex;
use crate::witness::Witness;

#[derive(Subcommand)]
pub enum LedgerCommand {
    /// Print the signed checkpoint
    Checkpoint(CheckpointArgs),
    /// Print a claim's receipt
    Prove(ProveArgs),
    /// Verify receipts, with no node and no network
    Verify(VerifyArgs),
    /// Do every adjudication again and compare, the context too
    Replay(ReplayArgs),
    /// Check the log from its own bytes, and what the store says of it
    Fsck(FsckArgs),
    /// Write the public log and all receipts to a folder
    Export(ExportArgs),
    /// Run a witness: it cosigns checkpoints that are consistent with those before
    Witness(WitnessArgs),
}

#[derive(Args)]
pub struct CheckpointArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct ProveArgs {
    /// The claim
    #[arg(value_parser = super::parse_claim, value_name = "CLAIM")]
    claim: ClaimId,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Args)]
pub struct VerifyArgs {
    /// Receipts
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The trust file; without one a receipt can only be consistent, not trusted
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// `cranelift`, `pulley` or `winch`
    #[arg(long, default_value = "cranelift")]
    backend: Backend,
    /// One claim of each N on that backend, the others on cranelift
    #[arg(long, value_name = "N", default_value = "1")]
    sample: std::num::NonZeroU64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct FsckArgs {
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
    /// The folder to write
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct WitnessArgs {
    /// The witness's folder: its key and what it cosigned last
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Its name in signature lines
    #[arg(long, value_name = "NAME")]
    name: String,
    /// A shared ledger's charter; several times where it is several
    #[arg(long, value_name = "FILE")]
    charter: Vec<PathBuf>,
    /// The key of a log of one node, as `name+id+base64`; several times where it is several
    #[arg(long, value_name = "KEY", value_parser = parse_log)]
    log: Vec<Signers>,
    /// Where it listens
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8423")]
    listen: SocketAddr,
    /// Make the key where there is none, print it, and end
    #[arg(long)]
    key: bool,
}

fn parse_log(text: &str) -> Result<Signers, String> {
    Signers::parse(text).map_err(|error| error.to_string())
}

async fn witness(args: &WitnessArgs) -> Result<Ended> {
    let mut logs = args.log.clone();
    for path in &args.charter {
        let founders = Snapshot::found(&crate::shared::read_charter(path)?)?;
        let set = founders.state.authorities.clone();
        logs.push(Signers::Authorities(set));
    }
    let witness = Witness::open(&args.data, &args.name, &logs)?;
    if args.key {
        say(witness.verifier())?;
        return Ok(Ended::Well);
    }
    crate::witness::serve(witness, args.listen).await?;
    Ok(Ended::Well)
}

pub async fn run(command: LedgerCommand) -> Result<Ended> {
    match command {
        LedgerCommand::Checkpoint(args) => checkpoint(&args).await,
        LedgerCommand::Prove(args) => prove(&args).await,
        LedgerCommand::Verify(args) => verify(&args),
        LedgerCommand::Replay(args) => replay(&args).await,
        LedgerCommand::Fsck(args) => fsck(&args).await,
        LedgerCommand::Export(args) => export(&args).await,
        LedgerCommand::Witness(args) => witness(&args).await,
    }
}

async fn checkpoint(args: &CheckpointArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let (note, checkpoint) = node.checkpoint().await?;
    if args.json {
        say(json!({
            "origin": checkpoint.origin,
            "size": checkpoint.size,
            "root": hex(&checkpoint.root),
            "note": note.to_string(),
        }))?;
    } else {
        print!("{note}");
    }
    Ok(Ended::Well)
}

async fn prove(args: &ProveArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    print!("{}", node.receipt(args.claim).await?);
    Ok(Ended::Well)
}

/// The largest receipt or trust file.
const LIMIT: u64 = 4 << 20;

fn verify(args: &VerifyArgs) -> Result<Ended> {
    let trust = match &args.trust {
        None => None,
        Some(path) => {
            let bytes = super::read_file(path, LIMIT)?;
            let text = String::from_utf8(bytes)
                .ok()
                .with_context(|| format!("{} is not text", path.display()))?;
            let trust = Trust::parse(&text);
            Some(trust.with_context(|| format!("{} cannot be used", path.display()))?)
        }
    };
    let mut ended = Ended::Well;
    let mut rows = Vec::new();
    for path in &args.files {
        let checked = (|| -> Result<_> {
            let text = String::from_utf8(super::read_file(path, LIMIT)?)
                .ok()
                .context("a receipt is text")?;
            let receipt = Receipt::parse(&text)?;
            let (verdict, outcome) = verify_receipt(&receipt, trust.as_ref())?;
            Ok((receipt, verdict, outcome))
        })();
        let file = path.display().to_string();
        match checked {
            Ok((receipt, verdict, outcome)) => {
                let word = match verdict {
                    Verdict::Trusted => "trusted",
                    Verdict::Consistent => "consistent, not trusted",
                };
                if verdict == Verdict::Consistent && ended == Ended::Well {
                    ended = Ended::NotTrusted;
                }
                if args.json {
                    rows.push(json!({
                        "file": file,
                        "verdict": match verdict { Verdict::Trusted => "trusted", Verdict::Consistent => "consistent" },
                        "claim": receipt.claim.to_string(),
                        "status": outcome.status().as_str(),
                        "charge": outcome.charge().to_string(),
                        "paid": outcome.paid().to_string(),
                        "patient": outcome.patient().to_string(),
                        "policy": outcome.policy().map(|hash| hex(&hash)),
                        "log": receipt.key.name(),
                        "index": receipt.local.index,
                    }));
                } else {
                    say(format!(
                        "{file}: {word}: claim {} {}, charged {}, paid {}, patient {} (entry {} of {})",
                        receipt.claim,
                        outcome.status(),
                        outcome.charge(),
                        outcome.paid(),
                        outcome.patient(),
                        receipt.local.index,
                        receipt.key.name()
                    ))?;
                }
            }
            Err(error) => {
                ended = Ended::Refused;
                if args.json {
                    rows.push(
                        json!({ "file": file, "verdict": "false", "reason": super::chain(&error) }),
                    );
                }
                eprintln!("error: {file}: does not hold: {}", super::chain(&error));
            }
        }
    }
    if args.json {
        say(json!(rows))?;
    } else if ended == Ended::NotTrusted {
        eprintln!(
            "note: consistent, not trusted: say `--trust trust.json` with a trust file you have from elsewhere"
        );
    }
    Ok(ended)
}

async fn replay(args: &ReplayArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let totals = tally_store::port::Reading::totals(node.store()).await?;
    let progress = Progress::bar("replaying", totals.paid + totals.denied + totals.pended);
    let replayed = node
        .replay_sampled(args.backend, args.sample, &|checked| progress.at(checked))
        .await?;
    progress.done();
    if args.json {
        let breaks: Vec<_> = replayed
            .breaks
            .iter()
            .map(|found| {
                json!({
                    "kind": found.kind,
                    "claim": found.claim.map(|claim| claim.to_string()),
                    "detail": found.detail,
                })
            })
            .collect();
        say(json!({
            "backend": args.backend.as_str(),
            "checked": replayed.checked,
            "sampled": replayed.sampled,
            "identical": replayed.identical(),
            "erased": replayed.erased,
            "chain_breaks": replayed.breaks.len(),
            "breaks": breaks,
        }))?;
    } else {
        let name = args.backend.as_str();
        let on = if replayed.sampled == replayed.checked {
            format!(" on {name}")
        } else {
            format!(", {} of them on {name}", replayed.sampled)
        };
        say(format!(
            "Did {} again{on}: {} the same to the byte.",
            plural(replayed.checked, "claim"),
            replayed.same
        ))?;
        for found in &replayed.breaks {
            let claim = found
                .claim
                .map_or(String::new(), |claim| format!("claim {claim}: "));
            eprintln!("break: {}: {claim}{}", found.kind, found.detail);
        }
    }
    Ok(if replayed.identical() && replayed.breaks.is_empty() {
        Ended::Well
    } else {
        Ended::Refused
    })
}

async fn fsck(args: &FsckArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let found = node.fsck().await?;
    if args.json {
        let faults: Vec<_> = found
            .faults
            .iter()
            .map(|fault| json!({ "place": fault.place, "what": fault.what }))
            .collect();
        say(json!({
            "entries": found.entries,
            "outcomes": found.outcomes,
            "flags": found.flags,
            "policies": found.policies,
            "statements": found.statements,
            "authorizations": found.authorizations,
            "payments": found.payments,
            "appeals": found.appeals,
            "erased": found.erased,
            "faults": faults,
        }))?;
    } else {
        say(table(
            &["checked", "sound>"],
            [
                ("entries of the log", found.entries),
                ("outcomes committed to", found.outcomes),
                ("flags committed to", found.flags),
                ("policies published", found.policies),
                ("statements made", found.statements),
                ("authorisations on file", found.authorizations),
                ("payments", found.payments),
                ("appeals in order", found.appeals),
            ]
            .map(|(what, sound)| vec![what.to_owned(), sound.to_string()]),
        ))?;
        for fault in &found.faults {
            eprintln!("fault: {}: {}", fault.place, fault.what);
        }
    }
    Ok(if found.faults.is_empty() {
        Ended::Well
    } else {
        Ended::Refused
    })
}

async fn export(args: &ExportArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let totals = tally_store::port::Reading::totals(node.store()).await?;
    let progress = Progress::bar("exporting", totals.paid + totals.denied + totals.pended);
    let exported = node.export(&args.out, &|done, _| progress.at(done)).await?;
    progress.done();
    if args.json {
        say(json!({
            "size": exported.size,
            "receipts": exported.receipts,
            "erased": exported.erased,
        }))?;
    } else {
        let out = args.out.display();
        say(format!(
            "Wrote {out}: the checkpoint and tiles of {} entries, {}, trust.json.\n\
             Verify with `tally ledger verify {out}/receipts/* --trust {out}/trust.json`.",
            exported.size,
            plural(exported.receipts, "receipt")
        ))?;
    }
    Ok(Ended::Well)
}
