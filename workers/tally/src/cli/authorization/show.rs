//! A request for people.

use anyhow::Result;
use tally_core::authorization::{Earlier, Event, Verdict};
use tally_types::ServiceDate;

use crate::authorizations::{
    action_name, certification_name, kind_name, service_of, stage_name, urgency_name,
};
use crate::cli::{say, table};
use crate::node::{AuthorizationRead, LineUse, date_or_dash};

/// Prints a request with its lines, what happened, and what is used.
pub(super) fn say_whole(
    read: &AuthorizationRead,
    used: &[LineUse],
    today: ServiceDate,
) -> Result<()> {
    let request = &read.record.request;
    say(format!(
        "{} {}: {}",
        match kind_name(request.kind) {
            "referral" => "Referral",
            _ => "Authorisation",
        },
        read.number,
        stage_name(read, Some(used), today)
    ))?;
    let earlier = match &request.earlier {
        None => String::new(),
        Some(Earlier::Authorization(number)) => format!(" of {number}"),
        Some(Earlier::Request(number)) => format!(" of the request {number}"),
    };
    say(format!(
        "{}{earlier}, {}; received {} from {} for member {}",
        certification_name(request.certification),
        urgency_name(request.urgency),
        read.record.received,
        request.requesting.identifier,
        request.member.identifier
    ))?;
    let lines = request.lines.iter().zip(read.state.lines());
    let rows = lines.clone().map(|(asked, line)| {
        let grant = line.granted().map(|(_, grant)| grant);
        let using = used.iter().find(|of| of.line == asked.number);
        let (from, through) = asked.span.unzip();
        let left = using.and_then(|of| of.left);
        let taken = left.zip(grant).map(|(left, grant)| {
            let taken = grant.units.checked_sub(left);
            taken.unwrap_or(left).to_string()
        });
        let dash = || "-".to_owned();
        vec![
            asked.number.to_string(),
            service_of(asked),
            asked
                .servicing
                .as_ref()
                .map_or_else(|| "anybody".to_owned(), |of| of.identifier.clone()),
            asked.quantity.to_string(),
            format!("{}\n{}", date_or_dash(from), date_or_dash(through)),
            action_name(read.state.action(asked.number)).to_owned(),
            grant.map_or_else(dash, |grant| grant.units.to_string()),
            grant.map_or_else(dash, |grant| {
                let through = using.map_or(grant.through, |of| of.through);
                format!("{}\n{through}", grant.from)
            }),
            taken.unwrap_or_else(dash),
            left.map_or_else(dash, |left| left.to_string()),
        ]
    });
    say(table(
        &[
            "line>",
            "service",
            "by",
            "asked>",
            "for",
            "decided",
            "certified>",
            "good",
            "used>",
            "left>",
        ],
        rows,
    ))?;
    for (asked, line) in lines {
        match line.decided() {
            Some((_, Verdict::NotCertified(reason))) => say(format!(
                "Line {} is not certified: {} {}",
                asked.number, reason.code, reason.text
            ))?,
            Some((_, Verdict::Pended(needs))) => say(format!(
                "Line {} waits for: {}",
                asked.number,
                needs.join("; ")
            ))?,
            _ => {}
        }
    }
    for of in used.iter().filter(|of| of.left.is_none()) {
        say(format!(
            "Line {} is a referral to anybody: the plan counts what claims use of it.",
            of.line
        ))?;
    }
    let by = used
        .iter()
        .flat_map(|of| of.used.iter().map(move |by| (of.line, by)));
    let rows: Vec<Vec<String>> = by
        .map(|(line, by)| {
            vec![
                line.to_string(),
                by.claim.to_string(),
                by.line.to_string(),
                by.on.to_string(),
                by.units.to_string(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        say(table(
            &["line>", "used by claim", "its line>", "on", "units>"],
            rows,
        ))?;
    }
    for dated in &read.record.events {
        say(match &dated.event {
            Event::Decided(decision) => format!("{}: decided by {}", dated.day, decision.by),
            Event::Cancelled { by, reason } => {
                format!("{}: taken back by {by}: {reason}", dated.day)
            }
            Event::Superseded { by } => format!("{}: replaced by {by}", dated.day),
            Event::Used { line, units, .. } => {
                format!("{}: {units} of line {line} used", dated.day)
            }
        })?;
    }
    if read.state.waits() && read.state.cancelled().is_none() && read.state.superseded().is_none() {
        say(format!(
            "It waits for the payer: `tally authorization decide {}` decides.",
            read.number
        ))?;
    }
    Ok(())
}
