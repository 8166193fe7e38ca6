//! What another payer did: its ClaimResponse, found in the file. Amounts are taken
//! by their category, adjustments by their reason and group. Where a payer gives no
//! reasons, its deductible, copay and coinsurance are adjustments PR 1, 3 and 2.

use tally_types::{Group, Money, Quantity, ServiceDate, ShortCode};

use super::super::node::Node;
use super::super::prior;
use super::super::refusal::{Fault, IntakeRule, Place as _};
use super::super::scalar;
use super::coding::{self, Coding};
use super::price;
use crate::claim::{Limits, OtherPayer, PriorAdjustment, PriorLine, ServiceLine};

/// Reads a ClaimResponse into its payer, and onto the lines it decided.
pub(super) fn read(
    response: &Node<'_>,
    position: u8,
    payer: &mut OtherPayer,
    lines: &mut [(ServiceLine, String)],
) -> Result<(), Fault> {
    coding::understood(response)?;
    payer.decided = decided(response)?;
    let totals = Decision::of(response, "total")?;
    let whole = Decision::of(response, "adjudication")?;
    let payment = match response.get("payment")? {
        Some(payment) => price::signed_money_at(&payment, "amount")?,
        None => None,
    };
    // A payment may be of several claims, or less what is owed from another.
    payer.paid = totals.paid().or(whole.paid()).or(payment);
    payer.remaining = totals.patient.or(whole.patient);
    payer.adjustments = whole.adjustments;
    for item in response.items_within("item", Limits::LINES)? {
        let named = item.need("itemSequence")?;
        let number = scalar::whole(&named)?;
        let Some((line, _)) = lines.iter_mut().find(|(line, _)| line.number == number) else {
            return Err(named.fault(
                IntakeRule::Pointer,
                "the claim has no item with this sequence",
            ));
        };
        let decision = Decision::of(&item, "adjudication")?;
        let part = PriorLine {
            payer: position,
            paid: decision.paid().unwrap_or(Money::ZERO),
            units: decision.units.unwrap_or(line.quantity),
            remaining: decision.patient,
            decided: payer.decided,
            adjustments: decision.adjustments,
        };
        prior::join(&mut line.prior, part, &named)?;
    }
    Ok(())
}

fn decided(response: &Node<'_>) -> Result<Option<ServiceDate>, Fault> {
    if let Some(created) = response.get("created")?
        && let Some(day) = scalar::day_if_whole(&created)?
    {
        return Ok(Some(day));
    }
    let Some(payment) = response.get("payment")? else {
        return Ok(None);
    };
    match payment.get("date")? {
        Some(day) => scalar::day_if_whole(&day),
        None => Ok(None),
    }
}

/// What the adjudications of a list come to.
#[derive(Default)]
struct Decision {
    benefit: Option<Money>,
    to_provider: Option<Money>,
    patient: Option<Money>,
    units: Option<Quantity>,
    adjustments: Vec<PriorAdjustment>,
}

impl Decision {
    fn of(holder: &Node<'_>, key: &str) -> Result<Self, Fault> {
        let mut decision = Self::default();
        // Adjustments that a category alone names, for want of reasons.
        let mut unreasoned = Vec::new();
        for node in holder.items(key)? {
            decision.add(&node, &mut unreasoned)?;
        }
        if decision.adjustments.is_empty() {
            decision.adjustments = unreasoned;
        }
        if decision.adjustments.len() > Limits::PRIOR_ADJUSTMENTS {
            return Err(holder.fault_at(
                key,
                IntakeRule::TooMany,
                format!("more than {} adjustments", Limits::PRIOR_ADJUSTMENTS),
            ));
        }
        Ok(decision)
    }

    fn paid(&self) -> Option<Money> {
        self.benefit.or(self.to_provider)
    }

    fn add(&mut self, node: &Node<'_>, unreasoned: &mut Vec<PriorAdjustment>) -> Result<(), Fault> {
        let codings = all_codings(node)?;
        let category = |code: &str| codings.category.iter().any(|coding| coding.code == code);
        if category("allowedunits")
            && let Some(value) = node.get("value")?
        {
            self.units = Some(prior::units(&value, value.number()?)?);
            return Ok(());
        }
        let Some(amount) = price::signed_money_at(node, "amount")? else {
            return Ok(());
        };
        let group = codings.group()?;
        if let Some(reason) = codings.reason()? {
            let reason = scalar::short_code(&reason.node, reason.code)?;
            self.adjustments.push(PriorAdjustment {
                group: group.unwrap_or_else(|| usual_group(reason)),
                reason,
                amount,
            });
            return Ok(());
        }
        let is_patient = category("memberliability") || group == Some(Group::Pr);
        if category("benefit") || category("payment") {
            add_to(node, &mut self.benefit, amount)?;
        } else if category("paidtoprovider") {
            add_to(node, &mut self.to_provider, amount)?;
        } else if is_patient {
            add_to(node, &mut self.patient, amount)?;
        } else {
            let reason = [("deductible", "1"), ("coinsurance", "2"), ("copay", "3")]
                .into_iter()
                .find(|(word, _)| category(word));
            if let Some((_, reason)) = reason
                && !amount.is_zero()
            {
                unreasoned.push(PriorAdjustment {
                    group: Group::Pr,
                    reason: ShortCode::of(reason),
                    amount,
                });
            }
        }
        Ok(())
    }
}

/// Adds to an amount, within the limit of a charge.
fn add_to(node: &Node<'_>, sum: &mut Option<Money>, amount: Money) -> Result<(), Fault> {
    let cents = sum
        .unwrap_or(Money::ZERO)
        .scaled()
        .saturating_add(amount.scaled());
    if cents.saturating_abs() > Limits::CHARGE.scaled() {
        return Err(node.fault(IntakeRule::OverLimit, "the sum is too large"));
    }
    *sum = Some(Money::cents(cents));
    Ok(())
}

/// Who bears it, where the sender does not say: the patient a deductible, a
/// coinsurance and a copay.
fn usual_group(reason: ShortCode) -> Group {
    let patients = [ShortCode::of("1"), ShortCode::of("2"), ShortCode::of("3")];
    match patients.contains(&reason) {
        true => Group::Pr,
        false => Group::Oa,
    }
}

/// The codings of an adjudication, wherever they stand.
struct Codings<'a> {
    category: Vec<Coding<'a>>,
    others: Vec<Coding<'a>>,
}

fn all_codings<'a>(node: &Node<'a>) -> Result<Codings<'a>, Fault> {
    let category = coding::codings(&node.need("category")?)?;
    let mut others = match node.get("reason")? {
        Some(reason) => coding::codings(&reason)?,
        None => Vec::new(),
    };
    for extension in node.items("extension")? {
        if let Some(concept) = extension.get("valueCodeableConcept")? {
            others.append(&mut coding::codings(&concept)?);
        }
    }
    let mut named = category
        .iter()
        .filter_map(|coding| part_of(coding.code).map(|part| (part, coding)));
    if let Some((first, _)) = named.next()
        && let Some((_, other)) = named.find(|(part, _)| *part != first)
    {
        return Err(coding::differ(other));
    }
    Ok(Codings { category, others })
}

/// Which part of a decision a category names, of those that are read.
fn part_of(category: &str) -> Option<u8> {
    match category {
        "allowedunits" => Some(0),
        "benefit" | "payment" | "paidtoprovider" => Some(1),
        "memberliability" => Some(2),
        "deductible" => Some(3),
        "coinsurance" => Some(4),
        "copay" => Some(5),
        _ => None,
    }
}

impl<'a> Codings<'a> {
    /// The code of a list, wherever it stands: twice, it is one and the same.
    fn of_list(&self, list: &str) -> Result<Option<&Coding<'a>>, Fault> {
        let all = self.others.iter().chain(&self.category);
        let of_list = |coding: &&Coding<'_>| {
            let system = coding.system;
            system.is_some_and(|system| plain(system).contains(list))
        };
        let mut found = all.filter(of_list);
        let first = found.next();
        match found.find(|other| first.is_some_and(|first| first.code != other.code)) {
            Some(other) => Err(coding::differ(other)),
            None => Ok(first),
        }
    }

    fn reason(&self) -> Result<Option<&Coding<'a>>, Fault> {
        self.of_list("adjustmentreasoncode")
    }

    fn group(&self) -> Result<Option<Group>, Fault> {
        let code = self.of_list("adjustmentgroupcode")?.map(|of| of.code);
        let known = prior::GROUPS.iter().find(|(word, _)| Some(*word) == code);
        Ok(known.map(|(_, group)| *group))
    }
}

/// A system without case and hyphens: `claim-adjustment-reason-codes` and
/// `X12ClaimAdjustmentReasonCodes` are one.
fn plain(system: &str) -> String {
    system
        .chars()
        .filter(|c| *c != '-')
        .map(|c| c.to_ascii_lowercase())
        .collect()
}
