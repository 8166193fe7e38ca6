//! What reading and writing our own JSON share: amounts, codes and lists of them.

use tally_types::{Group, Money, Quantity, ServiceDate, ShortCode};

use super::super::decimal;
use super::super::json::{self, Json, text};
use super::super::node::Node;
use super::super::prior::{self, GROUPS};
use super::super::refusal::{Fault, IntakeRule};
use super::super::scalar;
use super::{check_fields, choice, word};
use crate::claim::{Limits, PriorAdjustment, Provider};

/// An amount that is not below zero, at a key.
pub(super) fn money_at(node: &Node<'_>, key: &str) -> Result<Option<Money>, Fault> {
    match node.get(key)? {
        Some(amount) => decimal::money(&amount, amount.number_or_text()?).map(Some),
        None => Ok(None),
    }
}

/// An amount that may be below zero, at a key.
pub(super) fn signed_at(node: &Node<'_>, key: &str) -> Result<Option<Money>, Fault> {
    match node.get(key)? {
        Some(amount) => prior::signed_money(&amount, amount.number_or_text()?).map(Some),
        None => Ok(None),
    }
}

/// Units at a key, above zero.
pub(super) fn quantity_at(node: &Node<'_>, key: &str) -> Result<Quantity, Fault> {
    let quantity = node.need(key)?;
    decimal::quantity(&quantity, quantity.number_or_text()?)
}

/// A short code at a key; none where it is not there.
pub(super) fn short_at(node: &Node<'_>, key: &str) -> Result<ShortCode, Fault> {
    match node.get(key)? {
        Some(code) => scalar::short_code(&code, code.text()?),
        None => Ok(ShortCode::NONE),
    }
}

/// A short code that must be there.
pub(super) fn need_short(node: &Node<'_>, key: &str) -> Result<ShortCode, Fault> {
    let code = node.need(key)?;
    scalar::short_code(&code, code.text()?)
}

/// A list of short codes.
pub(super) fn shorts_at(node: &Node<'_>, key: &str, most: usize) -> Result<Vec<ShortCode>, Fault> {
    node.items_within(key, most)?
        .iter()
        .map(|code| scalar::short_code(code, code.text()?))
        .collect()
}

/// A day at a key.
pub(super) fn date_at(node: &Node<'_>, key: &str) -> Result<Option<ServiceDate>, Fault> {
    match node.get(key)? {
        Some(day) => scalar::date(&day).map(Some),
        None => Ok(None),
    }
}

/// A provider at a key.
pub(super) fn provider_at(node: &Node<'_>, key: &str) -> Result<Option<Provider>, Fault> {
    match node.get(key)? {
        Some(named) => Ok(Some(Provider::new(&scalar::need_identifier(&named)?))),
        None => Ok(None),
    }
}

/// An identifier at a key; empty where it is not there.
pub(super) fn identifier_at(node: &Node<'_>, key: &str) -> Result<String, Fault> {
    match node.get(key)? {
        Some(named) => Ok(scalar::identifier(&named)?.unwrap_or_default()),
        None => Ok(String::new()),
    }
}

/// What another payer adjusted.
pub(super) fn adjustments_at(node: &Node<'_>) -> Result<Vec<PriorAdjustment>, Fault> {
    let mut adjustments = Vec::new();
    for item in node.items_within("adjustments", Limits::PRIOR_ADJUSTMENTS)? {
        check_fields(&item, &["group", "reason", "amount"])?;
        let amount = item.need("amount")?;
        adjustments.push(PriorAdjustment {
            group: choice(&item.need("group")?, &GROUPS, IntakeRule::BadCode)?,
            reason: need_short(&item, "reason")?,
            amount: prior::signed_money(&amount, amount.number_or_text()?)?,
        });
    }
    Ok(adjustments)
}

/// A text, or nothing where it is empty.
pub(super) fn unless_empty(value: &str) -> Json<'_> {
    match value {
        "" => Json::Null,
        value => text(value),
    }
}

/// A list, or nothing where it is empty.
pub(super) fn list_unless_empty<'a>(items: impl IntoIterator<Item = Json<'a>>) -> Json<'a> {
    match json::list(items) {
        Json::List(items) if items.is_empty() => Json::Null,
        items => items,
    }
}

/// An object, or nothing where it has no entry.
pub(super) fn object_unless_empty<'a, const N: usize>(
    entries: [(&'static str, Json<'a>); N],
) -> Json<'a> {
    match json::object(entries) {
        Json::Object(entries) if entries.is_empty() => Json::Null,
        object => object,
    }
}

pub(super) fn short_json(code: ShortCode) -> Json<'static> {
    match code.is_none() {
        true => Json::Null,
        false => text(code.to_string()),
    }
}

pub(super) fn date_json(day: Option<ServiceDate>) -> Json<'static> {
    day.map_or(Json::Null, |day| text(day.to_string()))
}

pub(super) fn money_json(amount: Option<Money>) -> Json<'static> {
    amount.map_or(Json::Null, |amount| text(amount.to_string()))
}

pub(super) fn provider_json(provider: Option<&Provider>) -> Json<'_> {
    provider.map_or(Json::Null, |provider| text(&provider.identifier))
}

pub(super) fn adjustments_json(adjustments: &[PriorAdjustment]) -> Json<'static> {
    list_unless_empty(adjustments.iter().map(|adjustment| {
        json::object([
            ("group", text(group_word(adjustment.group))),
            ("reason", short_json(adjustment.reason)),
            ("amount", text(adjustment.amount.to_string())),
        ])
    }))
}

fn group_word(group: Group) -> &'static str {
    word(&GROUPS, group)
}
