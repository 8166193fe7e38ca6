//! `tally org`: organisations of a shared ledger.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;
use tally_core::ledger::VerifierKey;
use tally_core::ledger::shared::{Change, Motion, OrganisationId, Role, State, Witness};

use super::{Ended, NodeArgs, say, table};
use crate::config::PoliciesConfig;
use crate::node::Applying;
use crate::node::keys::{hex, unhex};
use crate::shared::{Application, charter_text, found};

#[derive(Subcommand)]
pub enum OrgCommand {
    /// Make this node's keys for a shared ledger, and print its application
    Init(InitArgs),
    /// Found a ledger: a charter of those who apply
    Found(FoundArgs),
    /// Propose that an organisation joins; who proposes is for it
    Join(ApplicationArgs),
    /// Propose other keys or another address of an organisation
    Rotate(ApplicationArgs),
    /// Propose that an organisation leaves
    Leave(LeaveArgs),
    /// Vote on a proposal
    Vote(VoteArgs),
    /// Print the organisations, the authorities and what is voted on
    List(ListArgs),
}

#[derive(Args)]
pub struct InitArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// The ledger's name
    #[arg(long, value_name = "NAME")]
    ledger: String,
    /// How the organisation is to be called: 1 to 64 of a-z, 0-9 and -
    #[arg(long, value_name = "ID")]
    id: String,
    /// Its name, for people
    #[arg(long, value_name = "NAME")]
    name: String,
    /// `payer`, `provider`, `custodian` or `regulator`; several times where it is several
    #[arg(long, required = true, value_name = "ROLE", value_parser = parse_role)]
    role: Vec<Role>,
    /// It is to be an authority: a key for that is made, where there is none
    #[arg(long, requires = "address")]
    authority: bool,
    /// Make another authority's key, after the disk was lost or the key became known; the
    /// old one is put aside
    #[arg(long, requires = "authority")]
    new_key: bool,
    /// Where the other authorities reach it: host and port; without it, it is to be a member
    /// that is no authority, also where it was one
    #[arg(long, value_name = "HOST:PORT", default_value = "")]
    address: String,
    /// Where its node answers over HTTP
    #[arg(long, value_name = "URL", default_value = "")]
    url: String,
}

#[derive(Args)]
pub struct FoundArgs {
    /// The ledger's name
    #[arg(long, value_name = "NAME")]
    ledger: String,
    /// The founders' applications
    #[arg(required = true, value_name = "FILE")]
    applications: Vec<PathBuf>,
    /// A witness's key, as `name+id+base64`
    #[arg(long, value_name = "KEY", value_parser = parse_witness)]
    witness: Vec<Witness>,
}

#[derive(Args)]
pub struct ApplicationArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// The organisation's application, as `tally org init` printed it there
    #[arg(value_name = "FILE")]
    application: PathBuf,
}

#[derive(Args)]
pub struct LeaveArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// The organisation
    #[arg(value_name = "ID", value_parser = parse_id)]
    organisation: OrganisationId,
}

#[derive(Args)]
pub struct VoteArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// The proposal, as `tally org list` prints it: 64 hexadecimal digits
    #[arg(value_name = "PROPOSAL", value_parser = parse_motion)]
    proposal: [u8; 32],
    /// Vote against it
    #[arg(long)]
    against: bool,
}

#[derive(Args)]
pub struct ListArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn parse_role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| "payer, provider, custodian or regulator".to_owned())
}

fn parse_id(text: &str) -> Result<OrganisationId, String> {
    OrganisationId::parse(text).ok_or_else(|| "1 to 64 of a-z, 0-9 and -".to_owned())
}

fn parse_motion(text: &str) -> Result<[u8; 32], String> {
    unhex(text).ok_or_else(|| "64 hexadecimal digits".to_owned())
}

fn parse_witness(text: &str) -> Result<Witness, String> {
    let key = VerifierKey::parse_cosigner(text).map_err(|error| error.to_string())?;
    Ok(Witness {
        name: key.name().to_owned(),
        key: key.public(),
    })
}

pub async fn run(command: OrgCommand) -> Result<Ended> {
    match command {
        OrgCommand::Init(args) => init(&args).await,
        OrgCommand::Found(args) => found_ledger(&args),
        OrgCommand::Join(args) => {
            let of = Application::read(&args.application)?;
            let change = Change::Join {
                organisation: of.organisation,
                possession: of.possession,
            };
            propose(&args.node, change).await
        }
        OrgCommand::Rotate(args) => {
            let of = Application::read(&args.application)?;
            let change = Change::Rotate {
                organisation: of.organisation,
                possession: of.possession,
            };
            propose(&args.node, change).await
        }
        OrgCommand::Leave(args) => propose(&args.node, Change::Leave(args.organisation)).await,
        OrgCommand::Vote(args) => vote(&args).await,
        OrgCommand::List(args) => list(&args).await,
    }
}

async fn init(args: &InitArgs) -> Result<Ended> {
    // Who is no payer has no policies to publish.
    let policies = match args.role.contains(&Role::Payer) {
        true => PoliciesConfig::Bundled,
        false => PoliciesConfig::None,
    };
    let node = args.node.open_with(policies).await?;
    if args.authority {
        node.make_authority(args.new_key)?;
    }
    let application = node
        .application(&Applying {
            ledger: args.ledger.clone(),
            id: args.id.clone(),
            name: args.name.clone(),
            roles: args.role.clone(),
            address: args.address.clone(),
            url: args.url.clone(),
        })
        .await?;
    print!("{}", application.text()?);
    Ok(Ended::Well)
}

fn found_ledger(args: &FoundArgs) -> Result<Ended> {
    let applications = args
        .applications
        .iter()
        .map(|path| Application::read(path))
        .collect::<Result<Vec<_>>>()?;
    let charter = found(&args.ledger, &applications, args.witness.clone())?;
    print!("{}", charter_text(&charter)?);
    Ok(Ended::Well)
}

async fn propose(node: &NodeArgs, change: Change) -> Result<Ended> {
    let node = node.open().await?;
    let id = node.propose(change).await?;
    say(format!(
        "Proposed, as {id}. The other authorities vote with `tally org vote {id}`.",
        id = hex(&id)
    ))?;
    Ok(Ended::Well)
}

async fn vote(args: &VoteArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let motion = Motion {
        proposal: args.proposal,
        assent: !args.against,
    };
    node.vote(motion).await?;
    say("The vote is on this node's log, and on its way to the ledger.")?;
    Ok(Ended::Well)
}

async fn list(args: &ListArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let snapshot = node.shared_snapshot().await?;
    let state = &snapshot.state;
    if args.json {
        say(listed(state))?;
        return Ok(Ended::Well);
    }
    say(format!(
        "{}: height {}, epoch {}, {} of {} authorities must agree.",
        state.origin,
        snapshot.height,
        state.authorities.epoch,
        state.authorities.quorum(),
        state.authorities.members.len()
    ))?;
    let rows = state.members.values().map(|member| {
        let of = &member.organisation;
        let roles: Vec<_> = of.roles.iter().map(|role| role.as_str()).collect();
        let standing = match (member.left, state.authorities.of(&of.id)) {
            (true, _) => "has left",
            (_, Some(_)) => "authority",
            _ => "member",
        };
        vec![
            of.id.to_string(),
            of.name.clone(),
            roles.join(", "),
            standing.to_owned(),
            member.next.to_string(),
            of.address.clone(),
        ]
    });
    say(table(
        &[
            "organisation",
            "name",
            "roles",
            "standing",
            "entries>",
            "address",
        ],
        rows.collect::<Vec<_>>(),
    ))?;
    for (id, open) in &state.motions {
        say(format!(
            "Open: {} ({}, by {}): {} for, {} against.",
            hex(id),
            change(&open.proposal.change),
            open.by,
            open.ayes.len(),
            open.noes.len()
        ))?;
    }
    Ok(Ended::Well)
}

fn change(change: &Change) -> String {
    match change {
        Change::Join { organisation, .. } => format!("{} joins", organisation.id),
        Change::Rotate { organisation, .. } => format!("other keys of {}", organisation.id),
        Change::Leave(id) => format!("{id} leaves"),
        Change::Witnesses(witnesses) => format!("{} witnesses", witnesses.len()),
    }
}

fn listed(state: &State) -> serde_json::Value {
    let members: Vec<_> = state
        .members
        .values()
        .map(|member| {
            let of = &member.organisation;
            json!({
                "id": of.id.as_str(),
                "name": of.name,
                "roles": of.roles.iter().map(|role| role.as_str()).collect::<Vec<_>>(),
                "authority": state.authorities.of(&of.id).is_some(),
                "left": member.left,
                "entries": member.next,
                "address": of.address,
                "url": of.url,
                "signing": hex(&of.signing),
                "log": of.origin,
            })
        })
        .collect();
    let motions: Vec<_> = state
        .motions
        .iter()
        .map(|(id, open)| {
            json!({
                "proposal": hex(id),
                "change": change(&open.proposal.change),
                "by": open.by.as_str(),
                "for": open.ayes.iter().map(OrganisationId::as_str).collect::<Vec<_>>(),
                "against": open.noes.iter().map(OrganisationId::as_str).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "ledger": state.origin,
        "epoch": state.authorities.epoch,
        "quorum": state.authorities.quorum(),
        "organisations": members,
        "proposals": motions,
    })
}
