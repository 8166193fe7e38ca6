//! `tally claim remittance`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{ArgGroup, Args, ValueEnum};
use serde_json::{Value, json};
use tally_core::claim::ClaimId;
use tally_store::port::{ClaimFilter, Reading as _};
use tally_types::{Money, ServiceDate};

use crate::bundle::bundle;
use crate::changes::remitted_responses;
use crate::cli::{Ended, NodeArgs, parse_claim, parse_date, plural, say, table};
use crate::node::{ClaimRead, Node, Remitted, Remitting, ToldClaim, is_gone, settled};

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
    /// The day on which what is taken back was paid, for the interest of it; the day
    /// from which it stood when not said
    #[arg(long, value_parser = parse_date, value_name = "DATE")]
    paid_on: Option<ServiceDate>,
    #[command(flatten)]
    node: NodeArgs,
    /// What to print it as
    #[arg(long, value_enum, default_value = "text")]
    output_format: RemittanceFormat,
    /// Print JSON: the same as `--output-format json`
    #[arg(long)]
    json: bool,
    /// Write each 835 into a folder, as `PAYEE-NUMBER.835`
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
        paid_before: args.paid_on,
    };
    let remitted = node.remit(&reads, &remitting).await?;
    if let Some(folder) = &args.out {
        write(folder, &remitted)?;
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
        }
        RemittanceFormat::Fhir => {
            let interest = remitted.iter().flat_map(|of| &of.claims);
            let interest = interest.map(|of| (of.claim, of.interest)).collect();
            let responses = remitted_responses(&reads, &interest, remitting.on);
            if !responses.is_empty() {
                say(bundle(&responses))?;
            }
        }
        RemittanceFormat::Json => {
            let all: Vec<Value> = remitted.iter().map(of_payee).collect::<Result<_>>()?;
            say(Value::Array(all))?;
        }
        RemittanceFormat::Text => explain(&remitted)?,
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

fn write(folder: &Path, remitted: &[Remitted]) -> Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("{} could not be made", folder.display()))?;
    for of in remitted {
        let plain: String = of
            .payee
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        let path = folder.join(format!("{plain}-{}.835", of.trace));
        std::fs::write(&path, &of.text)
            .with_context(|| format!("{} could not be written", path.display()))?;
    }
    Ok(())
}

fn of_payee(remitted: &Remitted) -> Result<Value> {
    let claims = remitted
        .claims
        .iter()
        .map(ToldClaim::described)
        .collect::<Result<Vec<Value>, _>>()?;
    Ok(json!({
        "payee": remitted.payee,
        "name": remitted.name,
        "trace": remitted.trace,
        "payment": remitted.payment.to_string(),
        "forwarded": remitted.forwarded.as_ref().map(|of| of.amount.to_string()),
        "claims": claims,
        "reversed": remitted.reversed.iter().map(|of| json!({
            "claim": of.claim.to_string(),
            "charge": minus(of.charge),
            "paid": minus(of.paid),
            "patient": minus(of.patient),
            "interest": minus(of.interest),
        })).collect::<Vec<_>>(),
    }))
}

/// What is taken back of an amount.
fn minus(amount: Money) -> String {
    let back = Money::ZERO.checked_sub(amount);
    back.unwrap_or(Money::ZERO).to_string()
}

fn explain(remitted: &[Remitted]) -> Result<()> {
    for advice in remitted {
        let reversed = match advice.reversed.len() {
            0 => String::new(),
            many => format!(", {} reversed", plural(many as u64, "claim")),
        };
        say(format!(
            "{} is paid {} for {}{reversed}, number {}.",
            advice.name,
            advice.payment,
            plural(advice.claims.len() as u64, "claim"),
            advice.trace
        ))?;
        if let Some(forwarded) = &advice.forwarded {
            say(format!(
                "{} is more than was paid: the next remittance takes it (PLB FB).",
                forwarded.amount
            ))?;
        }
        let rows = advice.claims.iter().map(|of| {
            vec![
                of.claim.to_string(),
                of.control_number.clone(),
                of.status.to_string(),
                of.charge.to_string(),
                of.paid.to_string(),
                of.patient.to_string(),
                of.interest.to_string(),
            ]
        });
        let reversed = advice.reversed.iter().map(|of| {
            vec![
                of.claim.to_string(),
                of.control_number.clone(),
                "reversed".to_owned(),
                minus(of.charge),
                minus(of.paid),
                minus(of.patient),
                minus(of.interest),
            ]
        });
        let all = [
            "claim",
            "number",
            "status",
            "charge>",
            "paid>",
            "patient>",
            "interest>",
        ];
        // Where nothing was late, nobody asks.
        let mut told = advice.claims.iter().chain(&advice.reversed);
        let late = told.any(|of| !of.interest.is_zero());
        let columns = if late { all.len() } else { all.len() - 1 };
        let rows = reversed.chain(rows).map(|mut row: Vec<String>| {
            row.truncate(columns);
            row
        });
        say(table(all.get(..columns).unwrap_or(&all), rows))?;
    }
    if remitted.is_empty() {
        say("Nothing is settled of what was asked for.")?;
    }
    Ok(())
}
