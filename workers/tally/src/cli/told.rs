//! What payees are told, as commands print and write it.

use anyhow::Result;
use serde_json::{Value, json};
use tally_types::Money;

use super::{plural, say, table};
use crate::node::{Remitted, ToldClaim};

/// Whether it is done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tense {
    /// It would be.
    Would,
    /// It is, by this.
    Is,
    /// It was, by an earlier payment.
    Was,
}

/// As JSON; `made`, when the payment was made.
pub fn described(remitted: &Remitted, made: bool) -> Result<Value> {
    let claims = remitted
        .claims
        .iter()
        .map(ToldClaim::described)
        .collect::<Result<Vec<Value>, _>>()?;
    let some = |amount: Money| (!amount.is_zero()).then(|| amount.to_string());
    Ok(json!({
        "payee": remitted.payee,
        "name": remitted.name,
        "trace": remitted.trace,
        "on": remitted.on.to_string(),
        "made": made,
        "payment": remitted.payment.to_string(),
        "brought": some(remitted.brought),
        "forwarded": some(remitted.forwarded),
        "claims": claims,
        "reversed": remitted.reversed.iter().map(|of| json!({
            "claim": of.claim.to_string(),
            "charge": minus(of.charge),
            "paid": minus(of.paid),
            "patient": minus(of.patient),
            "interest": minus(of.interest),
            "withheld": some(of.withheld),
        })).collect::<Vec<_>>(),
        "recovered": remitted.recovered.iter().map(|(claim, amount)| json!({
            "claim": claim.to_string(),
            "amount": amount.to_string(),
        })).collect::<Vec<_>>(),
    }))
}

/// What is taken back of an amount.
fn minus(amount: Money) -> String {
    let back = Money::ZERO.checked_sub(amount);
    back.unwrap_or(Money::ZERO).to_string()
}

/// Claims that are shown where nobody asked for one payment.
const SHOWN: usize = 50;

/// For people.
pub fn explain(advice: &Remitted, tense: Tense) -> Result<()> {
    let reversed = match advice.reversed.len() {
        0 => String::new(),
        many => format!(", {} reversed", plural(many as u64, "claim")),
    };
    let is = match tense {
        Tense::Would => "would be paid",
        Tense::Is => "is paid",
        Tense::Was => "was paid",
    };
    say(format!(
        "{} {is} {} on {} for {}{reversed}, number {}.",
        advice.name,
        advice.payment,
        advice.on,
        plural(advice.claims.len() as u64, "claim"),
        advice.trace
    ))?;
    if !advice.brought.is_zero() {
        say(format!(
            "{} that the payment before carried forward is taken (PLB FB).",
            advice.brought
        ))?;
    }
    for (claim, amount) in &advice.recovered {
        say(format!(
            "{amount} that was left with the payee for claim {claim} is taken (PLB WO)."
        ))?;
    }
    for of in advice.reversed.iter().filter(|of| !of.withheld.is_zero()) {
        say(format!(
            "{} is left with the payee until claim {} is corrected (PLB WO).",
            of.withheld, of.claim
        ))?;
    }
    if !advice.forwarded.is_zero() {
        say(format!(
            "{} is more than was paid: the next payment takes it (PLB FB).",
            advice.forwarded
        ))?;
    }
    let many = advice.claims.len().saturating_add(advice.reversed.len());
    if many > SHOWN && tense != Tense::Was {
        return Ok(());
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
    say(table(all.get(..columns).unwrap_or(&all), rows))
}
