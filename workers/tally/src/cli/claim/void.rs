//! `tally claim void`, `tally claim replace` and `tally claim readjudicate`: what
//! changes the past.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{ArgGroup, Args};
use serde_json::{Value, json};
use tally_core::claim::{ClaimId, Frequency};
use tally_core::interchange::{self, Format};
use tally_store::port::{Reading as _, Token};

use super::FormatArg;
use super::history::changes_table;
use crate::changes::{changes_json, over_limit_json, stage_json};
use crate::cli::{Ended, NodeArgs, Progress, parse_claim, plural, read_file, say};
use crate::node::statement::described;
use crate::node::{Anew, Delivery, Node, Submitted, is_decided, moved_as};

/// What claims are opened for whose changes are told.
const READ: &str = "changes-read";

#[derive(Args)]
pub struct VoidArgs {
    /// The claim
    #[arg(value_parser = parse_claim, value_name = "CLAIM")]
    claim: ClaimId,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct ReplaceArgs {
    /// The claim
    #[arg(value_parser = parse_claim, value_name = "CLAIM")]
    claim: ClaimId,
    /// A file with the claim that takes its place: X12 837, FHIR R4 or our JSON
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    node: NodeArgs,
    /// What the file holds; recognised when not said
    #[arg(long, value_enum)]
    format: Option<FormatArg>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
#[command(group(ArgGroup::new("which").required(true).args(["claim", "member", "all"])))]
pub struct ReadjudicateArgs {
    /// A claim; with it, all of the same contract
    #[arg(value_parser = parse_claim, value_name = "CLAIM")]
    claim: Option<ClaimId>,
    /// The claims of a member's contract
    #[arg(long, value_name = "ID")]
    member: Option<String>,
    /// Every claim
    #[arg(long)]
    all: bool,
    /// Why: it stays with the act
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn void(args: &VoidArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let submitted = node.void(args.claim, crate::node::SUBMITTER).await?;
    told(&node, submitted, args.json).await
}

pub(super) async fn replace(args: &ReplaceArgs) -> Result<Ended> {
    let bytes = read_file(&args.file, interchange::FileLimits::BYTES as u64)?;
    let node = args.node.open().await?;
    let mut delivery = Delivery::local(&bytes, args.format.map(Format::from));
    delivery.succeeds = Some((Frequency::Replacement, args.claim));
    let submitted = node
        .submit(delivery)
        .await
        .with_context(|| format!("{} could not be taken in", args.file.display()))?;
    if submitted.claims.len() > 1 {
        eprintln!(
            "note: the file has {} claims, and each took the place of the one before it",
            submitted.claims.len()
        );
    }
    told(&node, submitted, args.json).await
}

pub(super) async fn readjudicate(args: &ReadjudicateArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let what = match (args.claim, &args.member) {
        (Some(claim), _) => Anew::Claim(claim),
        (None, Some(member)) => Anew::Member(member.clone()),
        (None, None) => Anew::All,
    };
    let by = crate::node::actor();
    let acts = node.readjudicate(&what, &by, &args.reason).await?;
    see(&node, &acts, args.json).await
}

/// Sees what was sent through, and says what came of it.
async fn told(node: &Node, submitted: Submitted, json: bool) -> Result<Ended> {
    let refused = !submitted.refusals.is_empty();
    for refusal in &submitted.refusals {
        eprintln!(
            "refused: {}: {} {}",
            refusal.place, refusal.rule, refusal.reason
        );
    }
    if submitted.claims.is_empty() {
        if json {
            say(json!({ "acts": [], "changes": [], "over_limit": [] }))?;
        }
        return Ok(Ended::Refused);
    }
    if submitted.again {
        eprintln!("note: this was done before, and nothing is done twice: what it changed then");
    }
    let ended = see(node, &submitted.claims, json).await?;
    Ok(if refused { Ended::Refused } else { ended })
}

/// What acts changed, and how many are not done yet.
pub struct Seen {
    /// The changes, as `--json` prints them.
    pub changes: Vec<Value>,
    /// Reviews that hold above a limit since then, as `--json` prints them.
    pub over_limit: Vec<Value>,
    /// Acts that wait.
    pub waiting: u64,
}

impl Seen {
    /// Says what waits, and how that ends.
    pub fn ended(&self) -> Ended {
        if self.waiting > 0 {
            eprintln!(
                "error: {} not done yet: `tally claim history CLAIM` shows when they are",
                plural(self.waiting, "act")
            );
            return Ended::Refused;
        }
        Ended::Well
    }

    /// The changes, for people.
    pub fn table(&self) -> String {
        let mut text = match self.changes.is_empty() {
            true => "Nothing comes out otherwise.".to_owned(),
            false => changes_table(&self.changes),
        };
        for over in self.over_limit_lines() {
            text.push('\n');
            text.push_str(&over);
        }
        text
    }

    /// What holds above a limit, a line each.
    pub fn over_limit_lines(&self) -> impl Iterator<Item = String> + '_ {
        self.over_limit.iter().map(|over| {
            let of = |key: &str| over[key].as_str().unwrap_or_default();
            format!(
                "Over its limit: {} from {} is at {} of {}. A review holds: line {} of claim {} posts {}.",
                of("accumulator"),
                of("period"),
                of("after"),
                of("limit"),
                over["line"],
                of("claim"),
                of("posted"),
            )
        })
    }
}

/// Sees acts through.
pub async fn see_through(node: &Node, acts: &[ClaimId]) -> Result<Seen> {
    let progress = Progress::bar("deciding anew", acts.len() as u64);
    node.see_through(acts, &|done| progress.at(done)).await?;
    progress.done();
    seen(node, acts).await
}

/// What acts changed that were seen through.
pub async fn seen(node: &Node, acts: &[ClaimId]) -> Result<Seen> {
    let mut seen = Seen {
        changes: Vec::new(),
        over_limit: Vec::new(),
        waiting: 0,
    };
    let mut units = BTreeSet::new();
    let mut moved = BTreeMap::new();
    for act in acts {
        let row = node.store().claim(*act).await?.context("an act")?;
        match is_decided(&row) {
            // A claim that was moved to its member's contract.
            true if row.act.is_none() => drop(moved.insert(row.id, row.unit)),
            true => drop(units.insert(row.unit)),
            false => seen.waiting += 1,
        }
    }
    let of: BTreeSet<ClaimId> = acts.iter().copied().collect();
    for unit in units {
        let mut changed = node.changed_by(unit, &of).await?;
        if !changed.is_empty() {
            // What was put in the place of another is an act itself.
            changed.extend(&of);
            let stages = node.stages_of_claims(unit, &changed, Some(READ)).await?;
            let book = node.book().await?;
            seen.changes.extend(changes_json(&stages, &of));
            let over = over_limit_json(&stages, &of, &described(&book));
            seen.over_limit.extend(over);
        }
    }
    for change in &mut seen.changes {
        join_moved(node, change, &moved).await?;
    }
    Ok(seen)
}

/// Of a claim that was moved to its member's contract: what it came to there.
async fn join_moved(
    node: &Node,
    change: &mut Value,
    moved: &BTreeMap<ClaimId, Token>,
) -> Result<()> {
    if moved.is_empty() || !change["corrected"].is_null() {
        return Ok(());
    }
    let claim = change["reversed"]["claim"].as_str();
    let Some(claim) = claim.and_then(ClaimId::parse) else {
        return Ok(());
    };
    let Some(row) = node.store().claim(claim).await? else {
        return Ok(());
    };
    let id = moved_as(&row);
    if let Some(unit) = moved.get(&id) {
        let own = BTreeSet::from([id]);
        let stages = node.stages_of_claims(*unit, &own, Some(READ)).await?;
        let now = stages.iter().rfind(|stage| stage.row.id == id);
        change["corrected"] = now.map(stage_json).into();
    }
    Ok(())
}

/// Sees acts through, and says what they changed.
pub(super) async fn see(node: &Node, acts: &[ClaimId], json: bool) -> Result<Ended> {
    let seen = see_through(node, acts).await?;
    if json {
        let acts: Vec<String> = acts.iter().map(ToString::to_string).collect();
        say(json!({ "acts": acts, "changes": seen.changes, "over_limit": seen.over_limit }))?;
    } else {
        say(seen.table())?;
        say(format!(
            "{}, {}. `tally ledger replay` does it all again.",
            plural(acts.len() as u64, "act"),
            plural(seen.changes.len() as u64, "change")
        ))?;
    }
    Ok(seen.ended())
}
