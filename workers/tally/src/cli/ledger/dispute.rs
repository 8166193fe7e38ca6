//! `tally ledger dispute`: what a claim is disputed for, and what the payer signed of it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use tally_core::claim::ClaimId;

use crate::cli::{Ended, NodeArgs, say};
use crate::node::clock::when;
use crate::node::keys::hex;
use crate::node::{Dispute, Node};
use crate::shared::answer;
use crate::shared::signed::Kept;

#[derive(Args)]
pub struct DisputeArgs {
    /// The claim
    #[arg(value_parser = crate::cli::parse_claim, value_name = "CLAIM")]
    claim: ClaimId,
    /// Write what the payer signed to this folder, a file for each dispute
    #[arg(long, value_name = "DIR")]
    evidence: Option<PathBuf>,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What a kept answer was found to be.
struct Held {
    kept: Kept,
    /// Why it shows nothing.
    wrong: Option<String>,
    /// Whether this node can still open the body; nothing where that is not kept.
    opens: Option<bool>,
    file: Option<PathBuf>,
}

impl Held {
    async fn of(node: &Node, kept: Kept) -> Result<Self> {
        let known = answer::key_at(node.store(), &kept.from, kept.size).await?;
        let wrong = match kept.verify() {
            Err(why) => Some(why.to_string()),
            Ok(()) if known == Some(kept.key) => None,
            Ok(()) => Some(format!(
                "the first {} leaves of the ledger have another key of `{}`",
                kept.size, kept.from
            )),
        };
        let (from, to) = (&kept.from, &kept.to);
        let opens = |body: &[u8]| {
            let keys = node.envelope_secrets();
            keys.iter()
                .any(|key| key.open_between(from, to, body).is_some())
        };
        Ok(Self {
            opens: kept.body.as_ref().map(|body| opens(&body.0)),
            wrong,
            kept,
            file: None,
        })
    }

    fn write(&mut self, folder: &Path, dispute: &Dispute) -> Result<()> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("{} could not be made", folder.display()))?;
        let path = folder.join(format!("{}-{}.answer", dispute.claim, dispute.index));
        std::fs::write(&path, answer::write(&self.kept)?)
            .with_context(|| format!("{} could not be written", path.display()))?;
        self.file = Some(path);
        Ok(())
    }

    fn json(&self) -> Value {
        let mut of = facts(&self.kept);
        of["holds"] = self.wrong.is_none().into();
        of["wrong"] = self.wrong.clone().into();
        of["opens"] = self.opens.into();
        of["file"] = self
            .file
            .as_ref()
            .map(|file| file.display().to_string())
            .into();
        of
    }

    fn tell(&self) -> Result<()> {
        let Kept {
            from, key, size, ..
        } = &self.kept;
        match &self.wrong {
            None => say(format!(
                "{}\nIt holds: the key {} is the one that the first {size} leaves of the ledger have of {from}.",
                told(&self.kept),
                hex(key)
            ))?,
            Some(why) => {
                eprintln!("error: what is kept as {from}'s answer is not what {from} signed: {why}")
            }
        }
        match self.opens {
            None => say("The body was too long to be kept: its hash is.")?,
            Some(true) => say("The body is kept, sealed: this node opens it.")?,
            Some(false) => say("The body is kept, sealed; this node has no key that opens it.")?,
        }
        if let Some(file) = &self.file {
            say(format!(
                "Wrote {file}. `tally ledger evidence {file} --charter FILE` checks it anywhere.",
                file = file.display()
            ))?;
        }
        Ok(())
    }
}

/// What an answer says of itself.
pub(super) fn facts(kept: &Kept) -> Value {
    json!({
        "from": kept.from,
        "to": kept.to,
        "asked": format!("{} {}", kept.asked.method, kept.asked.target),
        "status": kept.status,
        "body_sha256": hex(&kept.hash),
        "body": kept.body.is_some(),
        "came": when(kept.came.saturating_mul(1000)),
        "key": hex(&kept.key),
        "size": kept.size,
    })
}

/// The same, for people.
pub(super) fn told(kept: &Kept) -> String {
    format!(
        "{} signed what it answered {} on {}: {} {}, {}, a body of SHA-256 {}.",
        kept.from,
        kept.to,
        when(kept.came.saturating_mul(1000)),
        kept.asked.method,
        kept.asked.target,
        kept.status,
        hex(&kept.hash)
    )
}

/// Shows the disputes about a claim, and holds what is kept of the payer's answers against
/// the ledger as this node has it.
pub(super) async fn run(args: &DisputeArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let claim = args.claim;
    let disputes = node.disputes_of(claim).await?;
    ensure!(
        !disputes.is_empty(),
        "this node disputes nothing of claim {claim}, or has erased it: `tally ledger disputes` lists what it does"
    );
    let (mut rows, mut ended) = (Vec::new(), Ended::Well);
    for (dispute, kept) in disputes {
        let mut held = match kept {
            Some(kept) => Some(Held::of(&node, kept).await?),
            None => None,
        };
        if let (Some(held), Some(folder)) = (&mut held, &args.evidence) {
            held.write(folder, &dispute)?;
        }
        if held.as_ref().is_some_and(|held| held.wrong.is_some()) {
            ended = Ended::Refused;
        }
        if args.json {
            let mut row = serde_json::to_value(crate::api::DisputeBody::of(&dispute))?;
            row["answer"] = held.as_ref().map(Held::json).into();
            rows.push(row);
            continue;
        }
        say(format!(
            "Claim {claim}, entry {} of {}'s log: {}",
            dispute.index, dispute.payer, dispute.difference
        ))?;
        match &held {
            Some(held) => held.tell()?,
            None => say(
                "What the payer signed is not kept: an earlier version of this node entered the dispute.",
            )?,
        }
    }
    if args.json {
        say(Value::from(rows))?;
    }
    Ok(ended)
}
