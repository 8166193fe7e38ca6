//! `tally consent`: who may read, and who did.

mod give;
mod show;

use anyhow::Result;
use clap::{Args, Subcommand};
use tally_core::claim::{ClaimId, ClaimKind};
use tally_core::ledger::access::Purpose;
use tally_core::ledger::shared::OrganisationId;
use tally_types::ServiceDate;

use super::{Ended, NodeArgs, parse_date};

#[derive(Subcommand)]
pub enum ConsentCommand {
    /// Grant organisations, or a group, to read a member's claims
    Grant(Box<GrantArgs>),
    /// Let an organisation act for a member: it grants, takes back, and reads what they may
    Custodian(CustodianArgs),
    /// Put an organisation in a group
    Group(GroupArgs),
    /// Take a grant, a custody or a membership back, for good
    Revoke(RevokeArgs),
    /// List what is granted: of a member, or all
    List(ListArgs),
    /// Show one grant, custody or membership
    Show(ShowArgs),
    /// Take in what another organisation granted, as `tally consent show --opening` printed
    /// it there
    Receive(ReceiveArgs),
    /// List who read a member's claims, for what, by what right
    Readings(ReadingsArgs),
    /// Print the receipt of a reading: `tally ledger verify` checks it
    Receipt(ReceiptArgs),
}

/// The days that something holds.
#[derive(Args)]
pub struct Days {
    /// The first day; today when it is not said
    #[arg(long, value_name = "DAY", value_parser = parse_date)]
    from: Option<ServiceDate>,
    /// The last day
    #[arg(long, value_name = "DAY", value_parser = parse_date)]
    through: ServiceDate,
}

#[derive(Args)]
pub struct GrantArgs {
    /// A member's id, as on the card
    #[arg(value_name = "MEMBER")]
    member: Option<String>,
    /// In place of the member, on a custodian's node: the custody by which it acts
    #[arg(long, value_name = "ID", conflicts_with = "member")]
    custody: Option<String>,
    /// To this organisation; several times where it is several
    #[arg(long, value_name = "ORGANISATION", value_parser = parse_id, required_unless_present = "to_group")]
    to: Vec<OrganisationId>,
    /// To a group: `NAME`, or `KEEPER/NAME` where another organisation keeps it
    #[arg(long, value_name = "GROUP", conflicts_with = "to")]
    to_group: Option<String>,
    /// For this purpose (HL7 v3 PurposeOfUse), as TREAT; several times where it is several
    #[arg(long, required = true, value_name = "CODE", value_parser = parse_purpose)]
    purpose: Vec<Purpose>,
    #[command(flatten)]
    days: Days,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Which claims.
#[derive(Args)]
pub struct ScopeArgs {
    /// This claim alone
    #[arg(long, value_name = "CLAIM", value_parser = super::parse_claim)]
    claim: Option<ClaimId>,
    /// Only claims of this kind: professional, institutional, oral, vision, pharmacy
    #[arg(long, value_name = "KIND", value_parser = parse_kind)]
    kind: Vec<ClaimKind>,
    /// Only services on this day or later
    #[arg(long, value_name = "DAY", value_parser = parse_date)]
    services_from: Option<ServiceDate>,
    /// Only services on this day or earlier
    #[arg(long, value_name = "DAY", value_parser = parse_date)]
    services_through: Option<ServiceDate>,
    /// Only services of this list of codes, a `[[code_list]]` of the configuration
    #[arg(long, value_name = "LIST")]
    only: Option<String>,
    /// No claim that touches this list of codes
    #[arg(long, value_name = "LIST")]
    except: Vec<String>,
    /// Also claims that touch this protected list of codes
    #[arg(long, value_name = "LIST")]
    expressly: Vec<String>,
}

#[derive(Args)]
pub struct CustodianArgs {
    /// A member's id, as on the card
    #[arg(value_name = "MEMBER")]
    member: String,
    /// Who acts for them
    #[arg(long, value_name = "ORGANISATION", value_parser = parse_id)]
    custodian: OrganisationId,
    #[command(flatten)]
    days: Days,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct GroupArgs {
    /// The group's name, at most 64 bytes
    #[arg(value_name = "GROUP")]
    group: String,
    /// Who is put in it
    #[arg(long, value_name = "ORGANISATION", value_parser = parse_id)]
    add: OrganisationId,
    #[command(flatten)]
    days: Days,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct RevokeArgs {
    /// The grant: the first digits of its id
    #[arg(value_name = "ID", value_parser = parse_digits)]
    id: String,
    /// Why, in words; it is sealed, and stands on no ledger
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct ListArgs {
    /// A member's id, as on the card
    #[arg(value_name = "MEMBER")]
    member: Option<String>,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct ShowArgs {
    /// The grant: the first digits of its id
    #[arg(value_name = "ID", value_parser = parse_digits)]
    id: String,
    /// Print what its commitment opens to, for the organisation that it is to be shown to:
    /// whoever has it knows what is granted
    #[arg(long, conflicts_with = "json")]
    opening: bool,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct ReceiveArgs {
    /// The file
    #[arg(value_name = "FILE")]
    file: std::path::PathBuf,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct ReadingsArgs {
    /// A member's id, as on the card
    #[arg(value_name = "MEMBER")]
    member: String,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct ReceiptArgs {
    /// The claim
    #[arg(value_name = "CLAIM", value_parser = super::parse_claim)]
    claim: ClaimId,
    /// The reading, as `tally consent readings --json` prints it: 64 hexadecimal digits
    #[arg(value_name = "READING", value_parser = parse_reading)]
    reading: [u8; 32],
    #[command(flatten)]
    node: NodeArgs,
}

fn parse_id(text: &str) -> Result<OrganisationId, String> {
    OrganisationId::parse(text)
        .ok_or_else(|| "an organisation's id is 1 to 64 of a-z, 0-9 and -".to_owned())
}

fn parse_purpose(text: &str) -> Result<Purpose, String> {
    let codes: Vec<_> = Purpose::all().map(Purpose::code).collect();
    Purpose::parse(&text.to_ascii_uppercase())
        .ok_or_else(|| format!("a code of HL7 v3 PurposeOfUse: {}", codes.join(", ")))
}

fn parse_kind(text: &str) -> Result<ClaimKind, String> {
    let all = [
        ClaimKind::Professional,
        ClaimKind::Institutional,
        ClaimKind::Oral,
        ClaimKind::Vision,
        ClaimKind::Pharmacy,
    ];
    let mut kinds = all.into_iter();
    kinds
        .find(|kind| crate::view::kind(*kind) == text)
        .ok_or_else(|| "professional, institutional, oral, vision or pharmacy".to_owned())
}

fn parse_digits(text: &str) -> Result<String, String> {
    let sound = (8..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    sound.then(|| text.to_owned()).ok_or_else(|| {
        "8 to 64 hexadecimal digits: the first of an id, as `tally consent list` prints it"
            .to_owned()
    })
}

fn parse_reading(text: &str) -> Result<[u8; 32], String> {
    crate::node::keys::unhex(text).ok_or_else(|| "64 hexadecimal digits".to_owned())
}

pub async fn run(command: ConsentCommand) -> Result<Ended> {
    match command {
        ConsentCommand::Grant(args) => give::grant(&args).await,
        ConsentCommand::Custodian(args) => give::custodian(&args).await,
        ConsentCommand::Group(args) => give::group(&args).await,
        ConsentCommand::Revoke(args) => give::revoke(&args).await,
        ConsentCommand::Receive(args) => give::receive(&args).await,
        ConsentCommand::List(args) => show::list(&args).await,
        ConsentCommand::Show(args) => show::one(&args).await,
        ConsentCommand::Readings(args) => show::readings(&args).await,
        ConsentCommand::Receipt(args) => show::receipt(&args).await,
    }
}
