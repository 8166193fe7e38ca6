//! `tally claim remittance`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Result;
use clap::{ArgGroup, Args, ValueEnum};
use serde_json::Value;
use tally_core::claim::ClaimId;
use tally_store::port::{ClaimFilter, Reading as _};
use tally_types::ServiceDate;

use crate::bundle::bundle;
use crate::changes::remitted_responses;
use crate::cli::folder::Folder;
use crate::cli::told::{Tense, described, explain};
use crate::cli::{Ended, NodeArgs, parse_claim, parse_date, say};
use crate::node::{ClaimRead, Node, Remitted, Remitting, is_gone, settled};

#[derive(Args)]
#[command(group(ArgGroup::new("which").required(true).multiple(true).args(["claims", "payee", "submitter", "since"])))]
pub struct RemittanceArgs {
    /// Claims
    #[arg(value_parser = parse_claim, value_name = "CLAIM", conflicts_with_all = ["payee", "submitter", "since"])]
    claims: Vec<ClaimId>,
    /// The claims of a billing provider, by its NPI as in the claims
    #[arg(long, value_name = "NPI")]
    payee: Option<String>,
    /// The claims that an organisation submitted
    #[arg(long, value_name = "ORGANISATION")]
    submitter: Option<String>,
    /// The claims received on or after a day
    #[arg(long, value_parser = parse_date, value_name = "DATE")]
    since: Option<ServiceDate>,
    /// The day of the payment; today when not said
    #[arg(long, value_parser = parse_date, value_name = "DATE")]
    on: Option<ServiceDate>,
    #[command(flatten)]
    node: NodeArgs,
    /// What to print it as
    #[arg(long, value_enum, default_value = "text")]
    output_format: RemittanceFormat,
    /// Print JSON: the same as `--output-format json`
    #[arg(long)]
    json: bool,
    /// Write each 835 that would be told into a folder, as `PAYEE-NUMBER.835`
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RemittanceFormat {
    /// For people
    Text,
    /// Our own JSON
    Json,
    /// X12 835, an interchange for each payee
    X12,
    /// FHIR R4 ClaimResponses
    Fhir,
}

pub(super) async fn remittance(args: &RemittanceArgs) -> Result<Ended> {
    let parties = args.node.parties()?;
    let node = args.node.open().await?;
    let (reads, waiting) = select(&node, args).await?;
    let remitting = Remitting {
        payer: &parties.payer,
        payees: &parties.payees,
        on: args.on.unwrap_or_else(|| node.clock().today()),
    };
    let purpose = Some("claims-remitted");
    let remitted = node.remit(&reads, &remitting, purpose).await?;
    let due: BTreeSet<ClaimId> = remitted.iter().flat_map(Remitted::told).collect();
    let paid = node.paid_for(&reads, &due, purpose).await?;
    if let Some(folder) = &args.out {
        let folder = Folder::open(folder)?;
        for of in &remitted {
            folder.write(of)?;
        }
    }
    let format = if args.json {
        RemittanceFormat::Json
    } else {
        args.output_format
    };
    match format {
        RemittanceFormat::X12 => {
            for of in &remitted {
                say(of.text.trim_end_matches('\n'))?;
            }
            for of in &paid {
                let (trace, on) = (&of.trace, of.on);
                for id in of.told().collect::<BTreeSet<ClaimId>>() {
                    eprintln!(
                        "told: claim {id} by payment {trace} on {on}: `tally payment show {trace}`"
                    );
                }
            }
        }
        RemittanceFormat::Fhir => {
            let told = paid.iter().chain(&remitted);
            let interest = told.flat_map(|of| of.claims.iter().map(|told| (of.on, told)));
            let interest = interest
                .map(|(on, of)| (of.claim, (of.interest, on)))
                .collect();
            let responses =
                remitted_responses(&reads, parties.payer.in_fhir(), &interest, remitting.on);
            if !responses.is_empty() {
                say(bundle(&responses))?;
            }
        }
        RemittanceFormat::Json => {
            let due = remitted.iter().map(|of| described(of, false));
            let paid = paid.iter().map(|of| described(of, true));
            let all: Vec<Value> = due.chain(paid).collect::<Result<_>>()?;
            say(Value::Array(all))?;
        }
        RemittanceFormat::Text => {
            for of in &remitted {
                explain(of, Tense::Would)?;
            }
            for of in &paid {
                explain(of, Tense::Was)?;
            }
            if remitted.is_empty() && paid.is_empty() {
                say("Nothing is to be told of what was asked for.")?;
            }
        }
    }
    for id in &waiting {
        eprintln!("waits: claim {id} is not settled: `tally claim eob {id}` says why");
    }
    // Whoever names a claim wants it; whoever asks for all that is settled has it.
    Ok(match waiting.is_empty() || args.claims.is_empty() {
        true => Ended::Well,
        false => Ended::Refused,
    })
}

/// The claims that are asked for: those that are settled, and the ids of the others.
async fn select(node: &Node, args: &RemittanceArgs) -> Result<(Vec<ClaimRead>, Vec<ClaimId>)> {
    let mut reads = Vec::new();
    if args.claims.is_empty() {
        let mut filter = ClaimFilter {
            provider: args.payee.as_deref().map(|id| node.provider_token(id)),
            submitter: args.submitter.clone(),
            limit: 1000,
            ..ClaimFilter::default()
        };
        loop {
            let mut page = node.store().claims(&filter).await?;
            let more = page.len() == filter.limit as usize;
            filter.after = page.last().map(|last| last.id);
            page.retain(|row| !row.discarded && args.since.is_none_or(|day| row.received >= day));
            reads.extend(node.open_claims(page, "claims-remitted").await?);
            if !more {
                break;
            }
        }
    } else {
        for id in &args.claims {
            reads.push(node.read_claim(*id, "claims-remitted").await?);
        }
    }
    let (settled_ones, others): (Vec<_>, Vec<_>) = reads
        .into_iter()
        .partition(|read| settled(read).is_some() || is_gone(read));
    Ok((
        settled_ones,
        others.iter().map(|read| read.row.id).collect(),
    ))
}
