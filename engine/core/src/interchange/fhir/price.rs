//! Amounts of an item: what it comes to, and whether its parts agree.
//!
//! FHIR says of `net`: quantity × unit price × factor, quantity and factor
//! being 1 where they are not given. Sent together they must agree to the
//! nearest cent. Details, where any has an amount, must add up to what they
//! are details of.

use tally_types::Money;

use super::super::decimal::{self, Exact};
use super::super::node::Node;
use super::super::prior;
use super::super::refusal::{Fault, IntakeRule, Place as _};
use super::coding;

const CURRENCY: &str = "USD";

/// The value of a `Money`, its currency checked.
fn value_of<'a>(money: &Node<'a>) -> Result<Node<'a>, Fault> {
    if let Some(currency) = money.get("currency")?
        && currency.text()? != CURRENCY
    {
        return Err(currency.fault(
            IntakeRule::Currency,
            format!("only {CURRENCY} is adjudicated"),
        ));
    }
    money.need("value")
}

/// The amount at a key, in whole cents.
pub(super) fn money_at(node: &Node<'_>, key: &str) -> Result<Option<Money>, Fault> {
    let Some(money) = node.get(key)? else {
        return Ok(None);
    };
    let value = value_of(&money)?;
    decimal::money(&value, value.number()?).map(Some)
}

/// The amount at a key, which may be below zero: what another payer did.
pub(super) fn signed_money_at(node: &Node<'_>, key: &str) -> Result<Option<Money>, Fault> {
    let Some(money) = node.get(key)? else {
        return Ok(None);
    };
    let value = value_of(&money)?;
    prior::signed_money(&value, value.number()?).map(Some)
}

fn exact_at(node: &Node<'_>, key: &str) -> Result<Option<Exact>, Fault> {
    match node.get(key)? {
        Some(value) => decimal::exact(&value, value.number()?).map(Some),
        None => Ok(None),
    }
}

/// The value of a `Quantity`, at its place.
pub(super) fn quantity_at<'a>(node: &Node<'a>) -> Result<Option<Node<'a>>, Fault> {
    let Some(quantity) = node.get("quantity")? else {
        return Ok(None);
    };
    if let Some(comparator) = quantity.get("comparator")? {
        return Err(comparator.fault(
            IntakeRule::NotUnderstood,
            "a quantity must be exact, without a comparator",
        ));
    }
    quantity.need("value").map(Some)
}

/// Quantity × unit price × factor, where there is a unit price.
fn product(item: &Node<'_>) -> Result<Option<Exact>, Fault> {
    let factor = exact_at(item, "factor")?.unwrap_or(Exact::ONE);
    let quantity = match quantity_at(item)? {
        Some(value) => decimal::exact(&value, value.number()?)?,
        None => Exact::ONE,
    };
    let Some(price) = item.get("unitPrice")? else {
        return Ok(None);
    };
    let value = value_of(&price)?;
    let price = decimal::exact(&value, value.number()?)?;
    price
        .times(quantity)
        .and_then(|amount| amount.times(factor))
        .map(Some)
        .map_err(|_| {
            item.fault(
                IntakeRule::OverLimit,
                "the product is larger than can be held",
            )
        })
}

/// What an item comes to by its own amounts, in whole cents.
fn own_amount(item: &Node<'_>) -> Result<Option<Money>, Fault> {
    let product = product(item)?;
    let net = money_at(item, "net")?;
    match (net, product) {
        (Some(net), Some(product)) if !product.rounds_to(net) => Err(item.fault_at(
            "net",
            IntakeRule::NetDiffers,
            format!("the net is {net}, quantity × unit price × factor is another amount"),
        )),
        (Some(net), _) => Ok(Some(net)),
        (None, Some(product)) => match product.scaled(Money::PLACES) {
            Ok(cents) => decimal::within(item, Money::cents(cents)).map(Some),
            Err(_) => Err(item.fault_at(
                "net",
                IntakeRule::SubCent,
                "there is no net, and quantity × unit price × factor is not whole cents",
            )),
        },
        (None, None) => Ok(None),
    }
}

/// What an item comes to, its details checked. `levels` are the names of the
/// details, of their details, and so on.
fn amount(item: &Node<'_>, levels: &[&str]) -> Result<Option<Money>, Fault> {
    coding::understood(item)?;
    let own = own_amount(item)?;
    let Some((key, deeper)) = levels.split_first() else {
        return Ok(own);
    };
    let mut sum = None;
    for detail in item.items(key)? {
        if let Some(part) = amount(&detail, deeper)? {
            let so_far = sum.unwrap_or(Money::ZERO);
            let total = so_far
                .checked_add(part)
                .ok_or_else(|| detail.fault(IntakeRule::OverLimit, "the sum is too large"))?;
            sum = Some(total);
        }
    }
    match (own, sum) {
        (Some(own), Some(sum)) if own != sum => Err(item.fault_at(
            key,
            IntakeRule::DetailsDiffer,
            format!("they come to {sum}, what they are details of to {own}"),
        )),
        (None, Some(sum)) => Err(item.fault_at(
            "net",
            IntakeRule::NoAmount,
            format!("its details come to {sum} and it has no amount of its own"),
        )),
        (own, _) => Ok(own),
    }
}

/// The charge of an item.
pub(super) fn charge(item: &Node<'_>) -> Result<Money, Fault> {
    amount(item, &["detail", "subDetail"])?.ok_or_else(|| {
        item.fault_at(
            "net",
            IntakeRule::NoAmount,
            "there is neither a net nor a unit price to make one from",
        )
    })
}
