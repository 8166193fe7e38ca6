//! `tally ledger`.

mod audit;
mod dispute;
mod verify;
mod witness;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;
use tally_core::claim::ClaimId;
use tally_sandbox::Backend;

use super::{Ended, NodeArgs, Progress, plural, say, table};
use crate::api::{DisputeBody, DisputedBody};
use crate::node::keys::hex;

use self::audit::AuditArgs;
use self::dispute::DisputeArgs;
use self::verify::VerifyArgs;
use self::witness::{CompareArgs, EvidenceArgs, WitnessArgs};

#[derive(Subcommand)]
pub enum LedgerCommand {
    /// Print the signed checkpoint
    Checkpoint(CheckpointArgs),
    /// Print a claim's receipt
    Prove(ProveArgs),
    /// Verify receipts, with no node and no network
    Verify(VerifyArgs),
    /// Hold every rule against every leaf of a shared ledger, as a node serves it to everybody
    Audit(AuditArgs),
    /// Do every adjudication again and compare, the context too
    Replay(ReplayArgs),
    /// Check the log from its own bytes, and what the store says of it
    Fsck(FsckArgs),
    /// Write the public log and all receipts to a folder
    Export(ExportArgs),
    /// Print what this node ran again and disputes, with the first thing that differs
    Disputes(DisputesArgs),
    /// Print what this node disputes of a claim, and check what the payer signed of it
    Dispute(DisputeArgs),
    /// Print what others dispute of what this node decided, as they told it
    Disputed(DisputedArgs),
    /// Run a witness: it cosigns checkpoints that are consistent with those before
    Witness(WitnessArgs),
    /// Hold what witnesses cosigned last against each other: evidence, if a log showed them
    /// two histories
    Compare(CompareArgs),
    /// Check evidence: that a log contradicted itself, and who signed both sides; or what a
    /// payer signed that a node disputes
    Evidence(EvidenceArgs),
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
pub struct DisputesArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct DisputedArgs {
    /// Only of this claim
    #[arg(value_parser = super::parse_claim, value_name = "CLAIM")]
    claim: Option<ClaimId>,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(command: LedgerCommand) -> Result<Ended> {
    match command {
        LedgerCommand::Checkpoint(args) => checkpoint(&args).await,
        LedgerCommand::Prove(args) => prove(&args).await,
        LedgerCommand::Verify(args) => verify::verify(&args),
        LedgerCommand::Audit(args) => audit::audit(&args).await,
        LedgerCommand::Replay(args) => replay(&args).await,
        LedgerCommand::Fsck(args) => fsck(&args).await,
        LedgerCommand::Export(args) => export(&args).await,
        LedgerCommand::Disputes(args) => disputes(&args).await,
        LedgerCommand::Dispute(args) => dispute::run(&args).await,
        LedgerCommand::Disputed(args) => disputed(&args).await,
        LedgerCommand::Witness(args) => witness::run(&args).await,
        LedgerCommand::Evidence(args) => witness::evidence(&args),
        LedgerCommand::Compare(args) => witness::compare(&args).await,
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
            "unchecked": replayed.unchecked.iter().map(ToString::to_string).collect::<Vec<_>>(),
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
        for claim in &replayed.unchecked {
            say(format!(
                "Claim {claim} was decided with what was erased since: it cannot be checked any more."
            ))?;
        }
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
            "shared": found.shared,
            "disputed": found.disputed,
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
                ("leaves of the shared ledger", found.shared),
                ("disputes of others", found.disputed),
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

async fn disputes(args: &DisputesArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let disputes = node.disputes().await?;
    if args.json {
        let rows: Vec<_> = disputes.iter().map(DisputeBody::of).collect();
        say(json!(rows))?;
        return Ok(Ended::Well);
    }
    if disputes.is_empty() {
        say("No disputes: whatever was run again came to the same.")?;
        return Ok(Ended::Well);
    }
    let rows = disputes.iter().map(|dispute| {
        let entry = dispute
            .leaf
            .map_or("waits".to_owned(), |leaf| leaf.to_string());
        vec![
            dispute.claim.to_string(),
            dispute.payer.to_string(),
            dispute.difference.clone(),
            entry,
        ]
    });
    say(table(
        &["claim", "payer", "first difference", "entry>"],
        rows.collect::<Vec<_>>(),
    ))?;
    Ok(Ended::Well)
}

async fn disputed(args: &DisputedArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let (disputes, _) = node.disputed(args.claim, 0).await?;
    if args.json {
        let rows: Vec<_> = disputes.iter().map(DisputedBody::of).collect();
        say(json!(rows))?;
        return Ok(Ended::Well);
    }
    if disputes.is_empty() {
        say(
            "No disputes: nobody told this node that it ran something again and came to something else.",
        )?;
        return Ok(Ended::Well);
    }
    let rows = disputes.into_iter().map(|dispute| {
        vec![
            dispute.claim.to_string(),
            dispute.by,
            dispute.day.to_string(),
            dispute.difference.unwrap_or_else(|| "erased".to_owned()),
            dispute.index.to_string(),
        ]
    });
    say(table(
        &["claim", "disputed by", "told", "first difference", "entry>"],
        rows.collect::<Vec<_>>(),
    ))?;
    say(
        "In a difference “ours” is what who disputes found, and what stands before it is what this node decided.",
    )?;
    Ok(Ended::Well)
}
