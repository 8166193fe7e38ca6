//! `tally policy show`: a published policy in its own terms.

use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;
use tally_core::adjudication::{
    Accumulator, AccumulatorPeriod, AccumulatorScope, CostStep, Description,
};
use tally_types::{Rounding, ServiceDate};

use super::{Ended, NodeArgs, say, table};
use crate::node::keys::hex;
use crate::view::amount;

#[derive(Args)]
pub struct ShowArgs {
    /// A product, or the beginning of a policy's hash
    #[arg(value_name = "PRODUCT|HASH")]
    policy: String,
    /// Of a product, the policy in force on a date of service; today when not said
    #[arg(long, value_parser = super::parse_date, value_name = "DATE")]
    on: Option<ServiceDate>,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// So much of a hash tells it from others.
const TELLING: usize = 8;

pub async fn show(args: &ShowArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let book = node.book().await?;
    let on = args.on.unwrap_or_else(|| node.clock().today());
    let named = |hash: &[u8; 32]| {
        args.policy.len() >= TELLING && hex(hash).starts_with(&args.policy.to_lowercase())
    };
    let publication = book.publication(&args.policy, on).or_else(|| {
        let mut all = book.publications();
        all.find(|(_, publication)| named(&publication.policy))
            .map(|(_, publication)| publication)
    });
    let loaded = publication.and_then(|publication| book.loaded(&publication.policy));
    let Some((publication, loaded)) = publication.zip(loaded) else {
        bail!(
            "no policy `{}` is in force on {on}: `tally policy list` names what is published",
            args.policy
        );
    };
    let description = loaded.policy.description();
    if args.json {
        say(described(description, &hex(&publication.policy), on))?;
        return Ok(Ended::Well);
    }
    say(format!(
        "{} ({} {}), in force from {}, {}…",
        description.title,
        description.product,
        description.version,
        publication.effective,
        hex(&publication.policy).get(..16).unwrap_or_default()
    ))?;
    say(format!(
        "Cost sharing: {}. Amounts are rounded {}.",
        match description.cost_share.is_empty() {
            true => "in an order that depends on the service".to_owned(),
            false => description
                .cost_share
                .iter()
                .map(|step| step_name(*step))
                .collect::<Vec<_>>()
                .join(", then "),
        },
        rounding(description.rounding)
    ))?;
    say(table(
        &["clause", "title", "text"],
        description
            .clauses
            .iter()
            .map(|clause| vec![clause.id.clone(), clause.title.clone(), clause.text.clone()]),
    ))?;
    say(table(
        &["accumulator", "of", "period", "limit>", "pool"],
        description.accumulators.iter().map(|accumulator| {
            vec![
                accumulator.name.clone(),
                scope(accumulator).to_owned(),
                period(accumulator).to_owned(),
                limit(accumulator, on).unwrap_or_default(),
                accumulator.pool.clone(),
            ]
        }),
    ))?;
    if !description.pend_reasons.is_empty() {
        say(table(
            &["waits for", "why", "what resolves it"],
            description
                .pend_reasons
                .iter()
                .map(|pend| vec![pend.id.clone(), pend.text.clone(), pend.resolution.clone()]),
        ))?;
    }
    Ok(Ended::Well)
}

fn described(description: &Description, hash: &str, on: ServiceDate) -> serde_json::Value {
    json!({
        "product": description.product,
        "title": description.title,
        "version": description.version,
        "hash": hash,
        "cost_share": description.cost_share.iter().map(|s| step_name(*s)).collect::<Vec<_>>(),
        "rounding": rounding(description.rounding),
        "clauses": description.clauses.iter().map(|clause| json!({
            "id": clause.id, "title": clause.title, "text": clause.text,
        })).collect::<Vec<_>>(),
        "accumulators": description.accumulators.iter().map(|accumulator| json!({
            "name": accumulator.name,
            "scope": scope(accumulator),
            "period": period(accumulator),
            "limit": limit(accumulator, on),
            "pool": accumulator.pool,
            "carried": accumulator.carried,
        })).collect::<Vec<_>>(),
        "tables": description.tables,
        "pend_reasons": description.pend_reasons.iter().map(|pend| json!({
            "id": pend.id, "text": pend.text, "resolution": pend.resolution,
        })).collect::<Vec<_>>(),
        "patterns": description.patterns.iter().map(|pattern| json!({
            "id": pattern.id, "title": pattern.title,
        })).collect::<Vec<_>>(),
    })
}

fn scope(accumulator: &Accumulator) -> &'static str {
    match accumulator.scope {
        AccumulatorScope::Member => "member",
        AccumulatorScope::Family => "family",
    }
}

fn period(accumulator: &Accumulator) -> &'static str {
    match accumulator.period {
        AccumulatorPeriod::CalendarYear => "calendar year",
        AccumulatorPeriod::ContractYear => "contract year",
        AccumulatorPeriod::Lifetime => "lifetime",
    }
}

fn limit(accumulator: &Accumulator, on: ServiceDate) -> Option<String> {
    let limit = accumulator.limit_in(on)?;
    Some(amount(limit, accumulator.unit))
}

fn step_name(step: CostStep) -> &'static str {
    match step {
        CostStep::Copay => "copayment",
        CostStep::Deductible => "deductible",
        CostStep::Coinsurance => "coinsurance",
    }
}

fn rounding(rounding: Rounding) -> &'static str {
    match rounding {
        Rounding::HalfUp => "half up",
        Rounding::HalfEven => "half to even",
    }
}
