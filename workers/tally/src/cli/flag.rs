//! `tally flag`.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use tally_core::fraud::FlagId;
use tally_store::port::{FlagFilter, Reading as _};
use tally_types::ServiceDate;

use super::{Ended, NodeArgs, plural, say, table};
use crate::api::FlagBody;
use crate::node::FlagRead;

#[derive(Subcommand)]
pub enum FlagCommand {
    /// List what is flagged, the highest score first
    List(ListArgs),
    /// Show a flag with its evidence and its claims
    Show(ShowArgs),
}

#[derive(Args)]
pub struct ListArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// Of this pattern, for instance `impossible-day`
    #[arg(long)]
    pattern: Option<String>,
    /// Of this provider (as sent: an NPI, usually)
    #[arg(long)]
    provider: Option<String>,
    /// Of this member
    #[arg(long)]
    member: Option<String>,
    /// With a date of service on or after
    #[arg(long, value_parser = super::parse_date, value_name = "DATE")]
    from: Option<ServiceDate>,
    /// With a date of service on or before
    #[arg(long, value_parser = super::parse_date, value_name = "DATE")]
    through: Option<ServiceDate>,
    /// With at least this score (0 to 1000)
    #[arg(long, value_parser = clap::value_parser!(u16).range(0..=1000))]
    score: Option<u16>,
    /// At most so many
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct ShowArgs {
    /// The flag's id
    #[arg(value_parser = parse_flag, value_name = "FLAG")]
    flag: FlagId,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn parse_flag(text: &str) -> Result<FlagId, String> {
    FlagId::parse(text).ok_or_else(|| {
        "a flag's id is 32 hexadecimal digits, as `tally flag list` prints it".to_owned()
    })
}

pub async fn run(command: FlagCommand) -> Result<Ended> {
    match command {
        FlagCommand::List(args) => list(&args).await,
        FlagCommand::Show(args) => show(&args).await,
    }
}

async fn list(args: &ListArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let filter = FlagFilter {
        pattern: args.pattern.clone(),
        provider: args.provider.as_deref().map(|id| node.provider_token(id)),
        member: args.member.as_deref().map(|id| node.member_token(id)),
        claim: None,
        id: None,
        from: args.from,
        through: args.through,
        score: args.score,
        limit: args.limit,
    };
    let flags = node.read_flags(&filter, "flags-listed").await?;
    if args.json {
        let flags: Vec<FlagBody> = flags.iter().map(FlagBody::of).collect();
        say(serde_json::to_value(flags)?)?;
        return Ok(Ended::Well);
    }
    if flags.is_empty() {
        say("Nothing is flagged by this filter.")?;
        return Ok(Ended::Well);
    }
    let rows = flags.iter().map(|FlagRead { flag, .. }| {
        vec![
            flag.id.to_string(),
            flag.pattern.as_str().to_owned(),
            flag.score.to_string(),
            flag.first_seen.to_string(),
            flag.last_seen.to_string(),
            flag.claims.len().to_string(),
            flag.exposure.to_string(),
        ]
    });
    say(table(
        &[
            "flag",
            "pattern",
            "score>",
            "first",
            "last",
            "lines>",
            "at stake>",
        ],
        rows,
    ))?;
    say(format!("{}.", plural(flags.len() as u64, "flag")))?;
    Ok(Ended::Well)
}

async fn show(args: &ShowArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let filter = FlagFilter {
        id: Some(args.flag),
        ..FlagFilter::default()
    };
    let Some(read) = node.read_flags(&filter, "flag-read").await?.pop() else {
        bail!(
            "no flag {} stands on this node: `tally flag list` lists those that do",
            args.flag
        );
    };
    if args.json {
        say(serde_json::to_value(FlagBody::of(&read))?)?;
        return Ok(Ended::Well);
    }
    let flag = &read.flag;
    say(format!(
        "{}, score {} of 1000 ({} to {}, {} at stake)",
        flag.pattern.as_str(),
        flag.score,
        flag.first_seen,
        flag.last_seen,
        flag.exposure
    ))?;
    say(format!("By {}", flag.rule_version))?;
    say(table(
        &["points>", "for"],
        flag.parts
            .iter()
            .map(|part| vec![part.points.to_string(), part.reason.clone()]),
    ))?;
    say(table(
        &["evidence", ""],
        flag.evidence
            .iter()
            .map(|item| vec![item.label.clone(), item.value.clone()]),
    ))?;
    let mut rows = Vec::new();
    for (claim, line) in &flag.claims {
        let row = node.store().claim(*claim).await?;
        let status = row
            .as_ref()
            .and_then(|row| row.outcome.as_ref())
            .map_or("waiting", |outcome| outcome.status.as_str());
        rows.push(vec![claim.to_string(), line.to_string(), status.to_owned()]);
    }
    say(table(&["claim", "line>", "status"], rows))?;
    match read.place {
        Some((entry, slot)) => say(format!(
            "Committed to in a padded batch: entry {entry} of the ledger, slot {slot}."
        ))?,
        None => say("It waits for the next batch of the ledger.")?,
    }
    Ok(Ended::Well)
}
