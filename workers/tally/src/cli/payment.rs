//! `tally payment`.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use tally_store::port::PaymentFilter;
use tally_types::{Money, ServiceDate};

use super::folder::Folder;
use super::told::{Tense, described, explain};
use super::{Ended, NodeArgs, Progress, parse_date, plural, say, table};
use crate::bundle::bundle;
use crate::changes::paid_responses;
use crate::node::{MOST, Paying, Remitting, Step, Untold};

#[derive(Subcommand)]
pub enum PaymentCommand {
    /// Pay all that is settled and not told yet: an 835 for each payee, recorded
    Run(RunArgs),
    /// List payments, the latest first
    List(ListArgs),
    /// Show a payment: what it told, or its 835 as it was made
    Show(ShowArgs),
}

#[derive(Args)]
pub struct RunArgs {
    /// The day of the payments; today when not said
    #[arg(long, value_parser = parse_date, value_name = "DATE")]
    on: Option<ServiceDate>,
    /// Allow a day more than 31 days from today
    #[arg(long)]
    ahead: bool,
    /// Only this payee, by its NPI as in the claims
    #[arg(long, value_name = "NPI")]
    payee: Option<String>,
    /// Say what would be paid, and record nothing
    #[arg(long)]
    dry_run: bool,
    /// Write each 835 into a folder, as `PAYEE-NUMBER.835`, and those of an earlier run
    /// that was ended before it had written them
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON, a line for each payment
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct ListArgs {
    /// To this payee, by its NPI as in the claims
    #[arg(long, value_name = "NPI")]
    payee: Option<String>,
    /// On or after a day
    #[arg(long, value_parser = parse_date, value_name = "DATE")]
    since: Option<ServiceDate>,
    /// At most so many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct ShowArgs {
    /// The payment's number, as `tally payment list` prints it (TRN02 of its 835)
    #[arg(value_name = "TRACE")]
    trace: String,
    #[command(flatten)]
    node: NodeArgs,
    /// What to print it as
    #[arg(long, value_enum, default_value = "text")]
    output_format: ShowFormat,
    /// Print JSON: the same as `--output-format json`
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ShowFormat {
    /// For people
    Text,
    /// Our own JSON
    Json,
    /// X12 835, the bytes that were made
    X12,
    /// FHIR R4 ClaimResponses
    Fhir,
}

pub async fn run(command: PaymentCommand) -> Result<Ended> {
    match command {
        PaymentCommand::Run(args) => pay(&args).await,
        PaymentCommand::List(args) => list(&args).await,
        PaymentCommand::Show(args) => show(&args).await,
    }
}

/// How many days ahead a payment may be without `--ahead`: further is a slip.
const AHEAD: i32 = 31;

async fn pay(args: &RunArgs) -> Result<Ended> {
    let parties = args.node.parties()?;
    let node = args.node.open().await?;
    let today = node.clock().today();
    let on = args.on.unwrap_or(today);
    if !args.ahead && !args.dry_run && on.days() > today.days().saturating_add(AHEAD) {
        bail!(
            "--on {on} is more than {AHEAD} days from today, {today}, and what is paid on it stays so: \
             say another day, or `--ahead` when it is meant"
        );
    }
    let paying = Paying {
        remitting: Remitting {
            payer: &parties.payer,
            payees: &parties.payees,
            on,
        },
        payee: args.payee.as_deref(),
        dry: args.dry_run,
        most: MOST,
    };
    let tense = match args.dry_run {
        true => Tense::Would,
        false => Tense::Is,
    };
    let mut folder = args.out.as_deref().map(Folder::open).transpose()?;
    if let Some(folder) = &folder
        && !args.dry_run
    {
        folder.make_good(&node).await?;
    }
    let mut progress = None;
    let (mut payments, mut looked_at, mut sum) = (0u64, 0u64, Money::ZERO);
    let untold = node
        .pay(&paying, &mut |step| {
            match step {
                // Who reads the payments sees how far it is.
                Step::Payees(many) if many > 1 && !std::io::stdout().is_terminal() => {
                    progress = Some(Progress::bar("paying", many));
                }
                Step::Payees(_) => {}
                Step::Making(remitted) => {
                    if let Some(folder) = &mut folder {
                        folder.begin(remitted)?;
                    }
                }
                Step::Paid(remitted) => {
                    payments += 1;
                    sum = sum.checked_add(remitted.payment).unwrap_or(sum);
                    if let Some(folder) = &mut folder {
                        folder.finish(&remitted)?;
                    }
                    match args.json {
                        true => say(described(&remitted, !args.dry_run)?)?,
                        false => explain(&remitted, tense)?,
                    }
                }
                Step::Done => {
                    looked_at += 1;
                    if let Some(progress) = &progress {
                        progress.at(looked_at);
                    }
                }
            }
            Ok(())
        })
        .await?;
    if let Some(folder) = &mut folder {
        folder.discard()?;
    }
    if let Some(progress) = progress {
        progress.done();
    }
    if !args.json {
        let made = match (payments, args.dry_run) {
            (0, _) => "Nothing is to be told.".to_owned(),
            (many, true) => format!("{} would be made, of {sum}.", plural(many, "payment")),
            (many, false) => format!("{} made, of {sum}.", plural(many, "payment")),
        };
        say(made)?;
    }
    Ok(complain(&untold))
}

/// Says what could not be told.
fn complain(untold: &Untold) -> Ended {
    for error in &untold.failed {
        eprintln!("untold: {error}");
    }
    for claim in &untold.erased {
        eprintln!(
            "untold: the record of claim {claim} was erased before it was told, or taken back"
        );
    }
    if !untold.later.is_empty() {
        let many = plural(untold.later.len() as u64, "claim");
        eprintln!("later: {many} came, or changed, after the day of the payment");
    }
    match untold.failed.is_empty() && untold.erased.is_empty() {
        true => Ended::Well,
        false => Ended::Refused,
    }
}

async fn list(args: &ListArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let filter = PaymentFilter {
        payee: args.payee.as_deref().map(|id| node.provider_token(id)),
        since: args.since,
        limit: args.limit,
        ..PaymentFilter::default()
    };
    let payments = node.read_payments(&filter, "payments-listed").await?;
    if args.json {
        let all = payments.iter().map(|of| {
            json!({
                "trace": of.row.trace,
                "payee": of.payee,
                "name": of.name,
                "number": of.row.number,
                "on": of.row.day.to_string(),
                "payment": of.row.amount.to_string(),
                "brought": of.row.brought.to_string(),
                "forwarded": of.row.forwarded.to_string(),
                "parts": of.row.parts,
            })
        });
        say(Value::Array(all.collect()))?;
        return Ok(Ended::Well);
    }
    if payments.is_empty() {
        say("No payments by this filter.")?;
        return Ok(Ended::Well);
    }
    let rows = payments.iter().map(|of| {
        vec![
            of.row.trace.clone(),
            of.row.day.to_string(),
            of.payee.clone(),
            of.name.clone(),
            of.row.parts.to_string(),
            of.row.amount.to_string(),
            of.row.forwarded.to_string(),
        ]
    });
    say(table(
        &[
            "number", "on", "payee", "name", "told>", "paid>", "carried>",
        ],
        rows,
    ))?;
    Ok(Ended::Well)
}

async fn show(args: &ShowArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let trace = args.trace.to_uppercase();
    let Some(paid) = node.read_payment(&trace, "payment-read").await? else {
        bail!("no payment of that number on this node: `tally payment list` lists them");
    };
    let format = if args.json {
        ShowFormat::Json
    } else {
        args.output_format
    };
    match format {
        ShowFormat::X12 if paid.told.text.is_empty() => {
            for claim in &paid.erased {
                eprintln!("erased: the record of claim {claim}");
            }
            bail!("a record of payment {trace} was erased: its 835 cannot be given again");
        }
        ShowFormat::X12 => say(paid.told.text.trim_end_matches('\n'))?,
        ShowFormat::Fhir => {
            let payer = args.node.parties()?.payer;
            let responses = paid_responses(&paid, payer.in_fhir());
            if !responses.is_empty() {
                say(bundle(&responses))?;
            }
        }
        ShowFormat::Json => {
            let mut value = described(&paid.told, true)?;
            if let Some(fields) = value.as_object_mut() {
                let hash = crate::node::keys::hex(&paid.row.hash);
                fields.insert("hash".to_owned(), hash.into());
                fields.insert("number".to_owned(), paid.row.number.into());
                let parts = paid.parts.iter().map(|part| {
                    json!({
                        "claim": part.claim.to_string(),
                        "revision": part.revision,
                        "what": part.kind.name(),
                        "paid": part.paid.to_string(),
                        "interest": part.interest.to_string(),
                        "withheld": part.withheld.to_string(),
                        "erased": paid.erased.contains(&part.claim),
                    })
                });
                fields.insert("told".to_owned(), parts.collect());
            }
            say(value)?;
        }
        ShowFormat::Text => {
            explain(&paid.told, Tense::Was)?;
            if !paid.erased.is_empty() {
                let rows = paid.parts.iter().filter(|p| paid.erased.contains(&p.claim));
                say(table(
                    &["erased claim", "what", "paid>", "interest>"],
                    rows.map(|part| {
                        vec![
                            part.claim.to_string(),
                            part.kind.name().to_owned(),
                            part.paid.to_string(),
                            part.interest.to_string(),
                        ]
                    }),
                ))?;
            }
        }
    }
    Ok(Ended::Well)
}
