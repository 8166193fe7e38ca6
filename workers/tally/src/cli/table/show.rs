//! `tally table show`.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use serde_json::Value;
use tally_table::{Row, Table};
use tally_types::{Code, ServiceDate};

use super::{Key, Said, ShowArgs, columns, days, hex, row_json, source_json, span, table_json};
use crate::cli::{plural, table};
use crate::node::date_or_dash;

pub(super) fn run(args: &ShowArgs) -> Result<Said> {
    let shown = super::open(&args.table)?;
    let wanted = |row: &Row| {
        let key = args.key.is_none_or(|key| {
            row.code == key.code && key.second.is_none_or(|second| row.second == second)
        });
        key && args.on.is_none_or(|on| row.from <= on && on <= row.through)
    };
    let mut found = Vec::new();
    let mut count = 0u64;
    for row in shown.rows().filter(wanted) {
        count += 1;
        if found.len() < args.limit {
            found.push(row);
        }
    }
    if let Some(key) = args.key
        && count == 0
    {
        bail!("{}", nothing(&shown, key, args.on));
    }
    Ok(Said {
        json: json(&shown, &found, count),
        text: text(&shown, &found, count),
    })
}

/// Why a key has no row: it is not there at all, or on other days.
fn nothing(shown: &Table, key: Key, on: Option<ServiceDate>) -> String {
    let name = match key.second {
        Some(second) => format!("{},{second}", key.code),
        None => key.code.to_string(),
    };
    let other = shown
        .rows()
        .filter(|row| row.code == key.code && key.second.is_none_or(|second| row.second == second));
    let spans: Vec<String> = other
        .take(3)
        .map(|row| span(row.from, row.through))
        .collect();
    match (on, spans.is_empty()) {
        (Some(on), false) => format!(
            "no row of `{name}` is in force on {on}: it is {}",
            spans.join(", ")
        ),
        _ => format!("the table has no row of `{name}`: without `--key` its first rows are shown"),
    }
}

fn json(shown: &Table, found: &[Row], count: u64) -> Value {
    let mut json = table_json(shown);
    json["sources"] = shown.sources().iter().map(source_json).collect();
    json["found"] = count.into();
    json["shown"] = found.iter().map(|row| row_json(shown, row)).collect();
    json
}

fn text(shown: &Table, found: &[Row], count: u64) -> String {
    let mut text = String::new();
    let when = days(shown).map_or(String::new(), |(first, last)| {
        format!(", in force {}", span(first, last))
    });
    let _ = writeln!(
        text,
        "{}{when}\nvalues {}\nhash {}",
        plural(shown.len() as u64, "row"),
        columns(shown),
        hex(&shown.hash())
    );
    if shown.sources().is_empty() {
        text.push_str("written by hand: it names no published file\n");
    }
    for source in shown.sources() {
        let of = match source.of.as_str() {
            "" => String::new(),
            of => format!(", {of}"),
        };
        let left: Vec<String> = source
            .left_out
            .iter()
            .map(|(reason, count)| format!("{count} {reason}"))
            .collect();
        let left = match left.is_empty() {
            true => "none left out".to_owned(),
            false => format!("left out: {}", left.join(", ")),
        };
        let _ = writeln!(
            text,
            "from {} {}{of}: {} read, {} kept, {left}; SHA-256 {}",
            source.format,
            source.version,
            source.read,
            source.kept(),
            hex(&source.sha256)
        );
    }
    let _ = writeln!(text, "{}", rows(shown, found));
    let more = count.saturating_sub(found.len() as u64);
    if more > 0 {
        let _ = writeln!(
            text,
            "… and {more} more: `--limit N` shows more, `--key` and `--on` fewer"
        );
    }
    text
}

/// Rows as a table, with a second code where any has one.
pub(super) fn rows(of: &Table, rows: &[Row]) -> comfy_table::Table {
    let two = rows.iter().any(|row| row.second != Code::NONE);
    let mut headers = vec!["code".to_owned()];
    if two {
        headers.push("code2".to_owned());
    }
    headers.extend(["from".to_owned(), "through".to_owned()]);
    headers.extend(of.columns().map(|(name, _)| format!("{name}>")));
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let cells = rows.iter().map(|row| {
        let mut cells = vec![row.code.to_string()];
        if two {
            cells.push(row.second.to_string());
        }
        let through = Some(row.through).filter(|day| *day < ServiceDate::MAX);
        cells.extend([row.from.to_string(), date_or_dash(through)]);
        cells.extend(super::values(of, row));
        cells
    });
    table(&headers, cells)
}
