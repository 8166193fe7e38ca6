//! `tally member`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use serde_json::json;
use tally_core::claim::Authorization;
use tally_core::interchange::read_contracts;
use tally_types::Code;

use super::{Ended, NodeArgs, Progress, plural, say, table};
use crate::authorizations::kind_name;
use crate::node::date_or_dash;
use crate::view::amount;

/// The largest file of contracts.
const LIMIT: u64 = 64 << 20;

#[derive(Subcommand)]
pub enum MemberCommand {
    /// Enrol the contracts of a file: members, spans of cover, prior authorisations
    Import(ImportArgs),
    /// Show a member's contract, and its accumulators with the claims that moved them
    Show(ShowArgs),
    /// A member's accumulators, posting by posting, as of a day and as known on a day
    Statement(super::statement::StatementArgs),
}

#[derive(Args)]
pub struct ImportArgs {
    /// Files of contracts (docs/contract-json.md)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Move members who are enrolled under another contract to the one that now names them
    #[arg(long)]
    r#move: bool,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct ShowArgs {
    /// A member's id, as on the card
    #[arg(value_name = "MEMBER")]
    member: String,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(command: MemberCommand) -> Result<Ended> {
    match command {
        MemberCommand::Import(args) => import(&args).await,
        MemberCommand::Show(args) => show(&args).await,
        MemberCommand::Statement(args) => super::statement::run(&args).await,
    }
}

async fn import(args: &ImportArgs) -> Result<Ended> {
    // Everything is read before anything is stored.
    let mut contracts = Vec::new();
    for path in &args.files {
        let bytes = super::read_file(path, LIMIT)?;
        let found = read_contracts(&bytes)
            .with_context(|| format!("{} is no file of contracts", path.display()))?;
        contracts.extend(found);
    }
    let node = args.node.open().await?;
    let progress = Progress::bar("enrolling", contracts.len() as u64);
    let mut members = 0;
    for (position, contract) in contracts.iter().enumerate() {
        let enrolled = node
            .enrol(contract, args.r#move)
            .await
            .with_context(|| not_stored(position, contracts.len()))?;
        members += enrolled.members;
        progress.at(position as u64 + 1);
    }
    progress.done();
    if args.json {
        say(json!({ "contracts": contracts.len(), "members": members }))?;
    } else {
        say(format!(
            "Enrolled {} with {}.",
            plural(contracts.len() as u64, "contract"),
            plural(members as u64, "member")
        ))?;
    }
    Ok(Ended::Well)
}

/// Which contract of the files is not stored, and what became of the others.
fn not_stored(position: usize, all: usize) -> String {
    let before = match position {
        0 => "nothing was stored".to_owned(),
        1 => "the one before it is stored".to_owned(),
        before => format!("the {before} before it are stored"),
    };
    format!(
        "contract {} of {all}; {before}, none after it",
        position + 1
    )
}

async fn show(args: &ShowArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let Some(contract) = node.read_contract(&args.member).await? else {
        bail!("no member of that id is enrolled on this node: `tally member import` enrols");
    };
    let balances = node.accumulators(&contract).await?;
    if args.json {
        let members: Vec<_> = contract
            .members
            .iter()
            .map(|member| {
                let spans: Vec<_> = member
                    .spans
                    .iter()
                    .map(|span| {
                        json!({
                            "product": span.product,
                            "from": span.from.to_string(),
                            "through": span.through.map(|day| day.to_string()),
                        })
                    })
                    .collect();
                let authorizations: Vec<_> = member.authorizations.iter().map(on_file).collect();
                json!({ "id": member.id, "name": member.name, "birth": member.birth.to_string(), "spans": spans, "authorizations": authorizations })
            })
            .collect();
        let accumulators: Vec<_> = balances
            .iter()
            .map(|row| {
                let moved: Vec<_> = row
                    .moved
                    .iter()
                    .map(|(claim, line, before, after)| {
                        json!({
                            "claim": claim.to_string(),
                            "line": line,
                            "before": amount(*before, row.unit),
                            "after": amount(*after, row.unit),
                        })
                    })
                    .collect();
                json!({
                    "member": row.member,
                    "product": row.product,
                    "accumulator": row.name,
                    "period": row.period.to_string(),
                    "used": amount(row.used, row.unit),
                    "limit": row.limit.map(|limit| amount(limit, row.unit)),
                    "over_limit": row.over_limit().map(|over| amount(over, row.unit)),
                    "moved": moved,
                })
            })
            .collect();
        say(json!({ "contract": contract.id, "members": members, "accumulators": accumulators }))?;
        return Ok(Ended::Well);
    }
    say(format!("Contract {}", contract.id))?;
    let members = contract.members.iter().flat_map(|member| {
        member.spans.iter().map(|span| {
            vec![
                member.id.clone(),
                member.name.clone(),
                member.birth.to_string(),
                span.product.clone(),
                span.from.to_string(),
                date_or_dash(span.through),
            ]
        })
    });
    say(table(
        &["member", "name", "born", "product", "from", "through"],
        members,
    ))?;
    let on_file: Vec<Vec<String>> = contract
        .members
        .iter()
        .flat_map(|member| {
            let auths = member.authorizations.iter();
            auths.map(|auth| {
                vec![
                    member.id.clone(),
                    auth.number.clone(),
                    kind_name(auth.kind).to_owned(),
                    or_any(&auth.procedure),
                    or_any(&auth.provider),
                    auth.from.to_string(),
                    auth.through.to_string(),
                    auth.units.to_string(),
                ]
            })
        })
        .collect();
    if !on_file.is_empty() {
        say("")?;
        say(table(
            &[
                "member", "on file", "kind", "service", "by", "from", "through", "units>",
            ],
            on_file,
        ))?;
    }
    if balances.is_empty() {
        say("Nothing has accumulated yet.")?;
        return Ok(Ended::Well);
    }
    say("")?;
    let rows = balances.iter().map(|row| {
        let moved = row.moved.iter().map(|(claim, line, _, after)| {
            format!("{claim} line {line} → {}", amount(*after, row.unit))
        });
        vec![
            row.name.clone(),
            row.member.clone().unwrap_or_else(|| "family".to_owned()),
            row.period.to_string(),
            amount(row.used, row.unit),
            match (row.limit, row.over_limit()) {
                (None, _) => "-".to_owned(),
                (Some(limit), None) => amount(limit, row.unit),
                (Some(limit), Some(over)) => format!(
                    "{}, over it by {}",
                    amount(limit, row.unit),
                    amount(over, row.unit)
                ),
            },
            moved.collect::<Vec<_>>().join("\n"),
        ]
    });
    say(table(
        &[
            "accumulator",
            "of",
            "period from",
            "used>",
            "limit>",
            "moved by",
        ],
        rows,
    ))?;
    Ok(Ended::Well)
}

/// An authorisation or a referral on file.
fn on_file(auth: &Authorization) -> serde_json::Value {
    json!({
        "number": auth.number,
        "kind": kind_name(auth.kind),
        "procedure": (!auth.procedure.is_none()).then(|| auth.procedure.to_string()),
        "provider": (!auth.provider.is_none()).then(|| auth.provider.to_string()),
        "from": auth.from.to_string(),
        "through": auth.through.to_string(),
        "units": auth.units.to_string(),
    })
}

fn or_any(code: &Code) -> String {
    match code.is_none() {
        true => "any".to_owned(),
        false => code.to_string(),
    }
}
