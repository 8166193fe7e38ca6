//! `tally member statement`: accumulators, posting by posting.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Value, json};
use tally_core::claim::Contract;
use tally_types::ServiceDate;

use super::{Ended, NodeArgs, parse_date, say, table};
use crate::node::date_or_dash;
use crate::node::statement::{Account, Asked, Entry, Statement};
use crate::view::{accumulator_words, amount};

#[derive(Args)]
pub struct StatementArgs {
    /// A member's id, as on the card
    #[arg(value_name = "MEMBER")]
    member: String,
    /// Only services on this day or earlier
    #[arg(long, value_name = "DAY", value_parser = parse_date)]
    as_of: Option<ServiceDate>,
    /// Only what was known on this day: received and decided, not yet taken back
    #[arg(long, value_name = "DAY", value_parser = parse_date)]
    known: Option<ServiceDate>,
    #[command(flatten)]
    node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(args: &StatementArgs) -> Result<Ended> {
    let node = args.node.open().await?;
    let Some(contract) = node.read_contract(&args.member).await? else {
        bail!("no member of that id is enrolled on this node: `tally member import` enrols");
    };
    let asked = Asked {
        as_of: args.as_of,
        known: args.known,
        through: None,
    };
    let made = node.statement(&contract, &args.member, asked).await?;
    if args.json {
        say(json(&contract, &args.member, &made))?;
    } else {
        say(text(&contract, &args.member, &made).trim_end())?;
    }
    Ok(Ended::Well)
}

fn json(contract: &Contract, member: &str, made: &Statement) -> Value {
    json!({
        "member": member,
        "contract": contract.id,
        "as_of": made.asked.as_of.map(|day| day.to_string()),
        "known": made.asked.known.map(|day| day.to_string()),
        "accounts": made.accounts.iter().map(account_json).collect::<Vec<_>>(),
    })
}

fn account_json(account: &Account) -> Value {
    let shown = |value| amount(value, account.unit);
    let entries = |entries: &[Entry]| -> Vec<Value> {
        entries
            .iter()
            .map(|entry| {
                let mut json = json!({
                    "amount": shown(entry.amount),
                    "before": shown(entry.before),
                    "after": shown(entry.after()),
                });
                // What is missing has no claim.
                if let Some(source) = &entry.source {
                    json["claim"] = source.claim.to_string().into();
                    json["control_number"] = source.control_number.as_str().into();
                    json["number"] = source.number.into();
                    json["line"] = source.line.into();
                    json["member"] = source.member.as_str().into();
                    json["service"] = source.service.to_string().into();
                    json["since"] = source.since.to_string().into();
                    if let Some(taken) = source.taken_back {
                        json["taken_back"] = json!({
                            "on": taken.on.to_string(),
                            "by": taken.by.to_string(),
                        });
                    }
                }
                json
            })
            .collect()
    };
    json!({
        "products": account.products,
        "pool": account.pool(),
        "accumulator": account.key.name,
        "member": account.key.member,
        "period": account.key.period.to_string(),
        "through": account.through.map(|day| day.to_string()),
        "unit": unit(account),
        "limit": account.limit.map(shown),
        "balance": shown(account.balance),
        "left": account.left().map(shown),
        "over_limit": account.over_limit().map(shown),
        "postings": entries(&account.entries),
        "taken_back": entries(&account.taken_back),
    })
}

fn unit(account: &Account) -> &'static str {
    match account.unit {
        tally_core::adjudication::AccumulatorUnit::Money => "money",
        tally_core::adjudication::AccumulatorUnit::Count => "count",
    }
}

fn text(contract: &Contract, member: &str, made: &Statement) -> String {
    let mut text = String::new();
    let name = contract.members.iter().find(|of| of.id == member);
    let _ = writeln!(
        text,
        "Statement of member {member}{}, contract {}",
        name.map_or(String::new(), |member| format!(" ({})", member.name)),
        contract.id
    );
    if let Some(day) = made.asked.as_of {
        let _ = writeln!(text, "Services through {day}");
    }
    if let Some(day) = made.asked.known {
        let _ = writeln!(text, "As it was known on {day}");
    }
    if made.accounts.is_empty() {
        text.push_str("Nothing has accumulated.\n");
    }
    let mut under = None;
    for account in &made.accounts {
        let heading = (&account.products, account.key.period);
        if under != Some(heading) {
            under = Some(heading);
            let products = account.products.join(", ");
            let period = match account.through {
                Some(last) => format!("{} through {last}", account.key.period),
                None => format!("from {} on", account.key.period),
            };
            let _ = writeln!(text, "\n{products}, {period}");
        }
        write_account(account, &mut text);
    }
    text
}

fn write_account(account: &Account, text: &mut String) {
    let shown = |value| amount(value, account.unit);
    let whose = match &account.key.member {
        Some(_) => "own".to_owned(),
        None => "the family's".to_owned(),
    };
    let pool = account.pool().map_or(String::new(), |pool| {
        format!(", in common with the products of {pool}")
    });
    let limit = match account.limit {
        Some(limit) => format!("limit {}", shown(limit)),
        None => "no limit".to_owned(),
    };
    let _ = writeln!(
        text,
        "\n{} [{}], {whose}{pool}: {limit}",
        accumulator_words(&account.key.name),
        account.key.name
    );
    let row = |entry: &Entry| {
        let source = entry.source.as_ref();
        let told = |get: &dyn Fn(&crate::node::statement::Source) -> String| {
            source.map_or_else(|| "-".to_owned(), get)
        };
        let left = account
            .limit
            .map(|limit| shown(limit.saturating_sub(entry.after()).max(0)));
        vec![
            source.map_or_else(
                || "not explained: erased or not on this node".to_owned(),
                |source| source.claim.to_string(),
            ),
            told(&|source| source.line.to_string()),
            told(&|source| source.member.clone()),
            told(&|source| source.service.to_string()),
            told(&|source| source.since.to_string()),
            shown(entry.amount),
            shown(entry.before),
            shown(entry.after()),
            left.unwrap_or_else(|| "-".to_owned()),
        ]
    };
    if !account.entries.is_empty() {
        let headers = [
            "claim", "line>", "of", "service", "known", "amount>", "before>", "after>", "left>",
        ];
        let _ = writeln!(text, "{}", table(&headers, account.entries.iter().map(row)));
    }
    let _ = match (account.limit, account.left()) {
        (Some(limit), Some(_)) if account.over_limit().is_some() => writeln!(
            text,
            "  {} of {}, over the limit by {}: a review holds",
            shown(account.balance),
            shown(limit),
            account.over_limit().map(shown).unwrap_or_default()
        ),
        (Some(limit), Some(left)) => writeln!(
            text,
            "  {} of {}, {} left",
            shown(account.balance),
            shown(limit),
            shown(left)
        ),
        _ => writeln!(text, "  {} in all", shown(account.balance)),
    };
    for entry in &account.taken_back {
        let Some(source) = &entry.source else {
            continue;
        };
        let by = source.taken_back.map_or(String::new(), |taken| {
            format!(" on {} by claim {}", taken.on, taken.by)
        });
        let _ = writeln!(
            text,
            "  taken back{by}: {} of claim {} line {}, known from {}",
            shown(entry.amount),
            source.claim,
            source.line,
            date_or_dash(Some(source.since))
        );
    }
}

#[cfg(test)]
mod tests;
