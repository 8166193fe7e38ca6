//! A claim's explanation as plain text: what `tally claim eob` prints and the
//! API answers; and as its [`member`] reads it.

pub mod member;
mod words;

use std::fmt::Write as _;

use comfy_table::ContentArrangement;

use crate::cli::table;
use crate::view::{ClaimView, LineView};

/// The explanation, its tables as wide as they are, or as a terminal is.
pub fn text(view: &ClaimView, width: ContentArrangement) -> String {
    let mut text = String::new();
    let _ = write(view, &width, &mut text);
    text
}

fn write(view: &ClaimView, width: &ContentArrangement, text: &mut String) -> std::fmt::Result {
    writeln!(
        text,
        "Claim {}  ({} {}, received {})",
        view.claim, view.kind, view.control_number, view.received
    )?;
    writeln!(
        text,
        "Member {}, provider {}: {}",
        view.member, view.provider, view.status
    )?;
    if let Some(policy) = &view.policy {
        let hash = policy.hash.get(..12).unwrap_or_default();
        writeln!(
            text,
            "Policy {} ({} {}, {hash}…)",
            policy.title, policy.product, policy.version
        )?;
    }
    if let Some(pend) = &view.pend {
        writeln!(text, "It waits: {} [{}]", pend.text, pend.clause)?;
        writeln!(text, "What would resolve it: {}", pend.resolution)?;
    }
    for line in &view.lines {
        write_line(line, width, text)?;
    }
    if !view.clauses.is_empty() {
        writeln!(text, "\nThe clauses")?;
        for clause in &view.clauses {
            writeln!(text, "  {:<6} {}: {}", clause.id, clause.title, clause.text)?;
        }
    }
    writeln!(
        text,
        "\nCharged {}, allowed {}, paid {}, the patient owes {}.",
        view.charge, view.allowed, view.paid, view.patient
    )
}

fn write_line(line: &LineView, width: &ContentArrangement, text: &mut String) -> std::fmt::Result {
    let code = std::iter::once(&line.procedure).chain(&line.modifiers);
    let code: Vec<&str> = code.map(String::as_str).collect();
    writeln!(
        text,
        "\nLine {}  {}  × {}  on {}{}",
        line.line,
        code.join("-"),
        line.units,
        line.service.0,
        if line.denied { "  DENIED" } else { "" }
    )?;
    let row = |cells: [&str; 5]| cells.map(str::to_owned).to_vec();
    let mut rows = vec![row(["charge", "", &line.charge, &line.charge, ""])];
    for adjustment in &line.adjustments {
        let mut reason = format!("{} {}", adjustment.group, adjustment.carc);
        if let Some(remark) = &adjustment.rarc {
            reason = format!("{reason} {remark}");
        }
        let amount = format!("-{}", adjustment.amount);
        rows.push(row([
            adjustment.meaning,
            &reason,
            &amount,
            &adjustment.left,
            &adjustment.clause,
        ]));
    }
    rows.push(row(["paid", "", "", &line.paid, &line.clause]));
    let headers = ["", "reason", "amount>", "left>", "clause"];
    let mut table = table(&headers, rows);
    table.set_content_arrangement(width.clone());
    writeln!(text, "{table}")?;
    for posting in &line.accumulators {
        let limit = posting.limit.as_ref();
        let limit = limit.map_or(String::new(), |limit| format!(" of {limit}"));
        let moved = match (&posting.before, &posting.after) {
            (Some(before), Some(after)) => format!("{before} → {after}"),
            _ => format!("{} added", posting.added),
        };
        writeln!(
            text,
            "  {} ({}, from {}): {moved}{limit}",
            posting.accumulator, posting.scope, posting.period
        )?;
    }
    Ok(())
}
