//! `tally authorization`: requests for prior authorisation and referral.

mod decide;
mod show;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use tally_core::authorization::Stage;
use tally_core::interchange::{self, read_authorization_request};

use super::{Ended, NodeArgs, plural, read_file, say, table};
use crate::appeals::Texts;
use crate::authorizations::{
    authorization_json, kind_name, response, stage_name, stage_of, summary_json,
};
use crate::config::PayerConfig;
use crate::node::{AuthorizationRead, Listing, Node, SUBMITTER};

#[derive(Subcommand)]
pub enum AuthorizationCommand {
    /// Ask for a prior authorisation or a referral: a FHIR R4 request (Da Vinci PAS)
    Request(RequestArgs),
    /// Requests and what they have come to, the latest first
    List(ListArgs),
    /// A request with its lines: what is asked, certified, used by which claims, and left
    Show(ShowArgs),
    /// Decide the lines of a request that wait: certify, not, or pend
    Decide(decide::DecideArgs),
    /// Take a request back: nothing of it is good from today on
    Cancel(CancelArgs),
}

#[derive(Args)]
pub struct RequestArgs {
    /// A Claim of the use `preauthorization`, alone or in a Bundle (docs/authorization.md)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    printing: Printing,
}

#[derive(Args)]
pub struct ListArgs {
    /// Of this member, by the id on the card
    #[arg(long, value_name = "ID")]
    member: Option<String>,
    /// Only those that stand so today, claims apart: what waits for the payer is `requested`
    #[arg(long, value_name = "STAGE", value_parser = parse_stage)]
    stage: Option<Stage>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=2000))]
    limit: u16,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct ShowArgs {
    /// The number of the request, which is that of the authorisation
    #[arg(value_name = "NUMBER")]
    number: String,
    #[command(flatten)]
    printing: Printing,
}

#[derive(Args)]
pub struct CancelArgs {
    /// The number of the request
    #[arg(value_name = "NUMBER")]
    number: String,
    /// Why: it stays with the request
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    printing: Printing,
}

/// How a request is printed, and the node it is on.
#[derive(Args)]
pub struct Printing {
    #[command(flatten)]
    node: NodeArgs,
    /// What to print it as
    #[arg(long, value_enum, default_value = "text")]
    output_format: AuthorizationFormat,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What a request is printed as.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AuthorizationFormat {
    /// For people
    Text,
    /// A FHIR R4 ClaimResponse (Da Vinci PAS)
    Fhir,
}

fn parse_stage(name: &str) -> Result<Stage, String> {
    stage_of(name).map_err(|names| format!("the stages are {names}"))
}

impl Printing {
    /// The node, and who answers.
    async fn open(&self) -> Result<(Node, PayerConfig)> {
        Ok((self.node.open().await?, self.node.parties()?.payer))
    }

    /// Prints a request as it stands.
    async fn say(&self, node: &Node, payer: &PayerConfig, read: &AuthorizationRead) -> Result<()> {
        let today = node.clock().today();
        if self.output_format == AuthorizationFormat::Fhir {
            return say(response(read, payer, today));
        }
        let used = node
            .authorization_use(read, None, "authorization-use")
            .await?;
        match self.json {
            true => say(authorization_json(read, &used, today, Texts::Told)),
            false => show::say_whole(read, &used, today),
        }
    }
}

pub async fn run(command: AuthorizationCommand) -> Result<Ended> {
    match command {
        AuthorizationCommand::Request(args) => request(&args).await,
        AuthorizationCommand::List(args) => list(&args).await,
        AuthorizationCommand::Show(args) => show(&args).await,
        AuthorizationCommand::Decide(args) => decide::decide(&args).await,
        AuthorizationCommand::Cancel(args) => cancel(&args).await,
    }
}

async fn request(args: &RequestArgs) -> Result<Ended> {
    let bytes = read_file(&args.file, interchange::FileLimits::BYTES as u64)?;
    let name = args.file.display();
    let request = match read_authorization_request(&bytes) {
        Ok(request) => request,
        Err(refusal) => {
            if args.printing.output_format == AuthorizationFormat::Fhir {
                say(interchange::operation_outcome(std::slice::from_ref(
                    &refusal,
                )))?;
            } else if args.printing.json {
                let reason = format!("{} {}", refusal.rule.id(), refusal.reason);
                say(json!({ "refused": { "place": refusal.place, "reason": reason } }))?;
            }
            eprintln!(
                "refused: {name}: {}: {} {}",
                refusal.place,
                refusal.rule.id(),
                refusal.reason
            );
            return Ok(Ended::Refused);
        }
    };
    let (node, payer) = args.printing.open().await?;
    let requested = node.request_authorization(request, SUBMITTER).await;
    let requested = requested.with_context(|| format!("{name} was not taken in"))?;
    args.printing.say(&node, &payer, &requested.read).await?;
    if requested.again {
        eprintln!("note: it had been taken in before, and nothing has changed");
    }
    Ok(Ended::Well)
}

async fn list(args: &ListArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let today = node.clock().today();
    let found = node
        .authorizations(
            &Listing {
                member: args.member.as_deref(),
                submitter: None,
                stage: args.stage,
                before: None,
                limit: usize::from(args.limit),
                most: usize::MAX,
            },
            "authorizations-listed",
        )
        .await?
        .reads;
    if args.json {
        let found = found.iter().map(|read| summary_json(read, today));
        say(serde_json::Value::from_iter(found))?;
        return Ok(Ended::Well);
    }
    if found.is_empty() {
        say("There is no request by this filter: `tally authorization request` takes one in.")?;
        return Ok(Ended::Well);
    }
    let rows = found.iter().map(|read| {
        let request = &read.record.request;
        let certified = read.state.lines().iter();
        let certified = certified.filter(|line| line.granted().is_some()).count();
        vec![
            read.number.clone(),
            stage_name(read, None, today).to_owned(),
            kind_name(request.kind).to_owned(),
            read.record.received.to_string(),
            request.member.identifier.clone(),
            request.requesting.identifier.clone(),
            request.lines.len().to_string(),
            certified.to_string(),
        ]
    });
    say(table(
        &[
            "number",
            "stage",
            "kind",
            "received",
            "member",
            "asked by",
            "lines>",
            "certified>",
        ],
        rows,
    ))?;
    say(format!("{}.", plural(found.len() as u64, "request")))?;
    Ok(Ended::Well)
}

async fn show(args: &ShowArgs) -> Result<Ended> {
    let (node, payer) = args.printing.open().await?;
    let read = node
        .read_authorization(&args.number, None, "authorization-read")
        .await?;
    args.printing.say(&node, &payer, &read).await?;
    Ok(Ended::Well)
}

async fn cancel(args: &CancelArgs) -> Result<Ended> {
    let (node, payer) = args.printing.open().await?;
    let read = node
        .cancel_authorization(&args.number, None, &args.reason)
        .await
        .context("it is not cancelled")?;
    args.printing.say(&node, &payer, &read).await?;
    Ok(Ended::Well)
}
