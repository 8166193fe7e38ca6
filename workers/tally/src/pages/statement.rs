//! A member's statement of accumulators: every posting, as of a day of service
//! and as it was known on a day.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::Path;
use tally_types::ServiceDate;

use super::chart::{Svg, bar};
use super::error::Failure;
use super::readings::{Told, told};
use super::show::{Shell, Tab, encoded, field, grouped, html, short};
use super::{Answered, Asked, Shared};
use crate::node::statement::{self, Account, Entry};
use crate::view::{accumulator_words, amount};

struct Posting {
    /// Id and short id of the claim; none of what is missing.
    claim: Option<(String, String)>,
    line: u16,
    member: String,
    service: String,
    since: String,
    added: String,
    before: String,
    after: String,
    left: String,
    /// When it was taken back, and by which claim.
    taken_back: Option<(String, String, String)>,
}

struct Shown {
    name: String,
    whose: &'static str,
    /// Of the family: whose claim each posting is of stands beside it.
    shared: bool,
    pool: Option<String>,
    bar: Option<Svg>,
    balance: String,
    limit: Option<String>,
    left: Option<String>,
    over: Option<String>,
    full: bool,
    postings: Vec<Posting>,
    taken_back: Vec<Posting>,
}

struct Period {
    products: String,
    from: String,
    through: Option<String>,
    accounts: Vec<Shown>,
}

#[derive(Template)]
#[template(path = "statement.html")]
struct StatementPage {
    shell: Shell,
    id: String,
    name: String,
    contract: String,
    as_of: String,
    known: String,
    filtered: bool,
    /// Readings of this member's claims in an emergency.
    emergencies: Vec<Told>,
    periods: Vec<Period>,
}

/// A day of the query string.
fn day(asked: &[(String, String)], name: &str) -> Result<Option<ServiceDate>, Failure> {
    let Some(text) = field(asked, name) else {
        return Ok(None);
    };
    let wrong = |_| {
        let what = "A day is written as 2026-01-31.";
        Failure::wrong(what.to_owned(), ("/claims", "All claims"))
    };
    ServiceDate::parse(text).map(Some).map_err(wrong)
}

pub(super) async fn page(site: Shared, Path(id): Path<String>, asked: Asked) -> Answered {
    let node = &site.node;
    let asked = statement::Asked {
        as_of: day(&asked, "as-of")?,
        known: day(&asked, "known")?,
        through: None,
    };
    let contract = node.read_contract(&id).await?.ok_or_else(|| {
        Failure::none(
            "No member of that id is enrolled",
            "`tally member import` enrols; a claim of an unknown member is denied (CARC 31).",
            ("/claims", "All claims"),
        )
    })?;
    let made = node.statement(&contract, &id, asked).await?;
    let book = node.book().await?;
    let titles: BTreeMap<&str, &str> = book
        .publications()
        .filter_map(|(_, publication)| book.loaded(&publication.policy))
        .map(|loaded| loaded.policy.description())
        .map(|of| (of.product.as_str(), of.title.as_str()))
        .collect();
    let title = |product: &String| match titles.get(product.as_str()) {
        Some(title) => (*title).to_owned(),
        None => product.clone(),
    };
    let mut periods: Vec<Period> = Vec::new();
    for account in &made.accounts {
        let products: Vec<String> = account.products.iter().map(title).collect();
        let (products, from) = (products.join(", "), account.key.period.to_string());
        let shown = shown(account);
        match periods.last_mut() {
            Some(last) if (&last.products, &last.from) == (&products, &from) => {
                last.accounts.push(shown);
            }
            _ => periods.push(Period {
                products,
                from,
                through: account.through.map(|day| day.to_string()),
                accounts: vec![shown],
            }),
        }
    }
    let text = |day: Option<ServiceDate>| day.map_or(String::new(), |day| day.to_string());
    let member = contract.members.iter().find(|member| member.id == id);
    let mut emergencies = told(&node.readings_of_member(&id).await?);
    emergencies.retain(|of| of.emergency);
    html(&StatementPage {
        emergencies,
        shell: Shell::new("Statement of accumulators", Tab::Claims, node.origin()),
        name: member.map_or(String::new(), |member| member.name.clone()),
        contract: contract.id.clone(),
        as_of: text(asked.as_of),
        known: text(asked.known),
        filtered: asked != statement::Asked::default(),
        periods,
        id,
    })
}

fn shown(account: &Account) -> Shown {
    let shown = |value| grouped(amount(value, account.unit));
    let posting = |entry: &Entry| posting(account, entry);
    Shown {
        name: accumulator_words(&account.key.name),
        whose: match account.key.member {
            Some(_) => "own",
            None => "the family’s",
        },
        shared: account.key.member.is_none(),
        pool: account.pool().map(str::to_owned),
        bar: account
            .limit
            .map(|limit| bar(&[(0, account.balance, "added")], limit.max(account.balance))),
        balance: shown(account.balance),
        limit: account.limit.map(shown),
        left: account.left().map(shown),
        over: account.over_limit().map(shown),
        full: account.limit.is_some_and(|limit| account.balance >= limit),
        postings: account.entries.iter().map(posting).collect(),
        taken_back: account.taken_back.iter().map(posting).collect(),
    }
}

fn posting(account: &Account, entry: &Entry) -> Posting {
    let shown = |value| grouped(amount(value, account.unit));
    let source = entry.source.as_ref();
    let named = |id: String| (short(&id).to_owned(), id);
    Posting {
        claim: source.map(|source| {
            let (short, id) = named(source.claim.to_string());
            (id, short)
        }),
        line: source.map_or(0, |source| source.line),
        member: source.map_or(String::new(), |source| source.member.clone()),
        service: source.map_or(String::new(), |source| source.service.to_string()),
        since: source.map_or(String::new(), |source| source.since.to_string()),
        added: shown(entry.amount),
        before: shown(entry.before),
        after: shown(entry.after()),
        left: account.limit.map_or_else(
            || "–".to_owned(),
            |limit| shown(limit.saturating_sub(entry.after()).max(0)),
        ),
        taken_back: source.and_then(|source| source.taken_back).map(|taken| {
            let (short, id) = named(taken.by.to_string());
            (taken.on.to_string(), id, short)
        }),
    }
}

/// A member's statement.
pub(super) fn statement_of(member: &str) -> String {
    format!("/members/{}/statement", encoded(member))
}
