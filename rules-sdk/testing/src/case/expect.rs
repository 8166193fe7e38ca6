//! What a case expects, read and checked: it must balance by itself.

use tally_core::adjudication::{Description, Flagged, OutcomeAdjustment, Status};
use tally_core::claim::{Claim, ServiceLine};
use tally_types::{Carc, Group, Money, ShortCode};
use toml::Spanned;

use super::Wrong;
use super::file::{Expect, ExpectLine, Text};
use super::read::{accumulator_named, amount, date_of, key, known_clause, parsed, wrong};
use crate::compare::{Expected, ExpectedBalance, ExpectedLine, ExpectedPend};
use crate::family::Family;

pub(super) fn expected(
    from: &Spanned<Expect>,
    claim: &Claim,
    family: &Family,
    description: &Description,
) -> Result<Expected, Wrong> {
    let expect = from.get_ref();
    let status = match expect.status.get_ref().as_str() {
        "paid" => Status::Paid,
        "denied" => Status::Denied,
        "pended" => Status::Pended,
        other => {
            let what = format!("`{other}` is none of paid, denied, pended");
            return Err(wrong(&expect.status, what));
        }
    };
    let pended = status == Status::Pended;
    if pended != expect.pend.is_some() {
        let what = "`pend = \"reason\"` stands with the status pended, and only there";
        return Err(wrong(&expect.status, what));
    }
    let count = if pended { 0 } else { claim.lines.len() };
    if expect.line.len() != count {
        let what = format!(
            "{} [[claim.expect.line]] where {count} belong",
            expect.line.len()
        );
        return Err(wrong(from, what));
    }
    let mut lines = Vec::new();
    for (line, service) in expect.line.iter().zip(&claim.lines) {
        lines.push(line_of(line, service, description)?);
    }
    let mut after = Vec::new();
    for (name, used) in &expect.after {
        after.push(balance(name, used, family, description)?);
    }
    let findings = expect.findings.iter();
    let findings = findings.map(|text| finding(text, description));
    let pend = expect.pend.as_ref().map(|text| pend(text, description));
    let money = |text: &Option<Text>| {
        let text = text.as_ref();
        text.map(|text| parsed(text, Money::parse)).transpose()
    };
    Ok(Expected {
        status,
        paid: money(&expect.paid)?,
        patient: money(&expect.patient)?,
        pend: pend.transpose()?,
        findings: findings.collect::<Result<_, _>>()?,
        lines,
        after,
    })
}

fn line_of(
    from: &Spanned<ExpectLine>,
    service: &ServiceLine,
    description: &Description,
) -> Result<ExpectedLine, Wrong> {
    let line = from.get_ref();
    let money = |text: &Option<Text>, what: &str| match text {
        Some(text) => parsed(text, Money::parse),
        None if line.denied => Ok(Money::ZERO),
        None => Err(wrong(from, format!("`{what}` is missing"))),
    };
    let allowed = money(&line.allowed, "allowed")?;
    let paid = money(&line.paid, "paid")?;
    if let Some(clause) = &line.clause {
        known_clause(clause, clause.get_ref(), description)?;
    }
    let adjustments = line.adjustments.iter();
    let adjustments = adjustments.map(|text| adjustment(text, description));
    let adjustments: Vec<OutcomeAdjustment> = adjustments.collect::<Result<_, _>>()?;
    let sum = Money::checked_sum(adjustments.iter().map(|adjustment| adjustment.amount));
    let charge = service.charge;
    let rest = sum.and_then(|sum| charge.checked_sub(sum));
    let Some(rest) = rest.filter(|rest| *rest == paid) else {
        let rest = rest.map_or_else(|| "out of range".to_owned(), |rest| rest.to_string());
        return Err(wrong(
            from,
            format!(
                "what is expected of line {} does not balance: the charge of {charge} less the \
                 adjustments is {rest}, not {paid}",
                service.number
            ),
        ));
    };
    if rest > allowed {
        let number = service.number;
        let what = format!("line {number} is to pay {paid} of {allowed} allowed");
        return Err(wrong(from, what));
    }
    Ok(ExpectedLine {
        denied: line.denied,
        allowed,
        paid,
        clause: line.clause.as_ref().map(|text| text.get_ref().clone()),
        adjustments,
    })
}

/// `GROUP CARC [RARC] AMOUNT CLAUSE`.
fn adjustment(text: &Text, description: &Description) -> Result<OutcomeAdjustment, Wrong> {
    let form = || {
        let given = text.get_ref();
        let what = format!("`{given}` is not of the form `GROUP CARC [RARC] AMOUNT CLAUSE`");
        wrong(text, what)
    };
    let parts: Vec<&str> = text.get_ref().split_whitespace().collect();
    let (group, carc, rarc, amount, clause) = match *parts.as_slice() {
        [group, carc, amount, clause] => (group, carc, None, amount, clause),
        [group, carc, rarc, amount, clause] => (group, carc, Some(rarc), amount, clause),
        _ => return Err(form()),
    };
    known_clause(text, clause, description)?;
    Ok(OutcomeAdjustment {
        group: match group {
            "CO" => Group::Co,
            "PR" => Group::Pr,
            "OA" => Group::Oa,
            "PI" => Group::Pi,
            _ => return Err(form()),
        },
        carc: Carc(carc.parse().map_err(|_| form())?),
        rarc: match rarc {
            Some(rarc) => ShortCode::parse(rarc).map_err(|_| form())?,
            None => ShortCode::NONE,
        },
        amount: Money::parse(amount).map_err(|_| form())?,
        clause: clause.to_owned(),
    })
}

/// `PATTERN LINE SCORE CLAUSE`.
fn finding(text: &Text, description: &Description) -> Result<Flagged, Wrong> {
    let form = || {
        let given = text.get_ref();
        wrong(
            text,
            format!("`{given}` is not of the form `PATTERN LINE SCORE CLAUSE`"),
        )
    };
    let parts: Vec<&str> = text.get_ref().split_whitespace().collect();
    let [pattern, line, score, clause] = *parts.as_slice() else {
        return Err(form());
    };
    if !description.patterns.iter().any(|known| known.id == pattern) {
        return Err(wrong(
            text,
            format!("the policy has no pattern `{pattern}`"),
        ));
    }
    known_clause(text, clause, description)?;
    Ok(Flagged {
        pattern: pattern.to_owned(),
        line: line.parse().map_err(|_| form())?,
        score: score.parse().map_err(|_| form())?,
        clause: clause.to_owned(),
    })
}

/// `REASON [LINE [CLAUSE]]`.
fn pend(text: &Text, description: &Description) -> Result<ExpectedPend, Wrong> {
    let form = || {
        let given = text.get_ref();
        wrong(
            text,
            format!("`{given}` is not of the form `REASON [LINE [CLAUSE]]`"),
        )
    };
    let parts: Vec<&str> = text.get_ref().split_whitespace().collect();
    let (reason, line, clause) = match *parts.as_slice() {
        [reason] => (reason, None, None),
        [reason, line] => (reason, Some(line), None),
        [reason, line, clause] => (reason, Some(line), Some(clause)),
        _ => return Err(form()),
    };
    let known = description
        .pend_reasons
        .iter()
        .any(|known| known.id == reason)
        || tally_core::adjudication::EngineRule::of_id(reason).is_some();
    if !known {
        return Err(wrong(
            text,
            format!("the policy has no pend reason `{reason}`"),
        ));
    }
    if let Some(clause) = clause {
        known_clause(text, clause, description)?;
    }
    let line = line.map(|line| line.parse().map_err(|_| form()));
    Ok(ExpectedPend {
        reason: reason.to_owned(),
        line: line.transpose()?,
        clause: clause.map(str::to_owned),
    })
}

/// `MEMBER-OR-family ACCUMULATOR PERIOD`, and the balance.
fn balance(
    name: &Text,
    used: &Text,
    family: &Family,
    description: &Description,
) -> Result<ExpectedBalance, Wrong> {
    let parts: Vec<&str> = name.get_ref().split_whitespace().collect();
    let [who, accumulator, period] = *parts.as_slice() else {
        let given = name.get_ref();
        let what =
            format!("`{given}` is not of the form `MEMBER ACCUMULATOR PERIOD`, or `family` first");
        return Err(wrong(name, what));
    };
    let accumulator = accumulator_named(name, accumulator, description)?;
    let known = family
        .contract
        .members
        .iter()
        .any(|member| member.id == who);
    let member = match who {
        "family" => None,
        _ if known => Some(who.to_owned()),
        _ => return Err(wrong(name, format!("the case has no member `{who}`"))),
    };
    let period = date_of(name, period)?;
    let key = key(name, accumulator, member.as_ref(), period, description)?;
    Ok(ExpectedBalance {
        name: name.get_ref().clone(),
        key,
        unit: accumulator.unit,
        used: amount(used, accumulator.unit)?,
    })
}
