//! `tally table diff`.

use std::fmt::Write as _;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tally_table::{Row, Table};
use tally_types::{Code, ServiceDate};

use super::{DiffArgs, Said, columns, hex, row_json, source_json, table_json, values};
use crate::cli::{plural, table};

/// What becomes of a row.
struct Changed {
    before: Option<Row>,
    after: Option<Row>,
}

#[derive(Default)]
struct Counts {
    added: u64,
    gone: u64,
    changed: u64,
    same: u64,
}

/// What tells rows apart: those of a key by their first day, or by nothing when
/// one day is asked about.
type Name = (Code, Code, Option<ServiceDate>);

pub(super) fn run(args: &DiffArgs) -> Result<Said> {
    let (old, new) = (super::open(&args.old)?, super::open(&args.new)?);
    ensure!(
        old.columns().eq(new.columns()),
        "the columns differ: `{}` in {}, `{}` in {}; a table with other columns is another table",
        columns(&old),
        args.old.display(),
        columns(&new),
        args.new.display()
    );
    let (changes, counts) = compare(&old, &new, args.on, args.limit);
    Ok(Said {
        json: json(&old, &new, &changes, &counts),
        text: text(args, &old, &new, &changes, &counts),
    })
}

fn compare(
    old: &Table,
    new: &Table,
    on: Option<ServiceDate>,
    limit: usize,
) -> (Vec<Changed>, Counts) {
    let kept = |row: &Row| on.is_none_or(|on| row.from <= on && on <= row.through);
    let name = |row: &Row| -> Name { (row.code, row.second, on.is_none().then_some(row.from)) };
    let mut old = old.rows().filter(kept).peekable();
    let mut new = new.rows().filter(kept).peekable();
    let mut changes = Vec::new();
    let mut counts = Counts::default();
    loop {
        let (before, after) = match (old.peek(), new.peek()) {
            (None, None) => return (changes, counts),
            (Some(before), Some(after)) => (
                (name(before) <= name(after)).then_some(*before),
                (name(after) <= name(before)).then_some(*after),
            ),
            (before, after) => (before.copied(), after.copied()),
        };
        if before.is_some() {
            old.next();
        }
        if after.is_some() {
            new.next();
        }
        match (&before, &after) {
            (Some(one), Some(other))
                if one.values == other.values && (on.is_some() || one.through == other.through) =>
            {
                counts.same += 1;
                continue;
            }
            (Some(_), Some(_)) => counts.changed += 1,
            (Some(_), None) => counts.gone += 1,
            _ => counts.added += 1,
        }
        if changes.len() < limit {
            changes.push(Changed { before, after });
        }
    }
}

impl Changed {
    fn word(&self) -> &'static str {
        match (self.before, self.after) {
            (Some(_), Some(_)) => "changed",
            (Some(_), None) => "gone",
            _ => "added",
        }
    }
}

fn json(old: &Table, new: &Table, changes: &[Changed], counts: &Counts) -> Value {
    let of = |table: &Table| {
        let mut json = table_json(table);
        json["sources"] = table.sources().iter().map(source_json).collect();
        json
    };
    let rows: Vec<Value> = changes
        .iter()
        .map(|change| {
            json!({
                "change": change.word(),
                "before": change.before.map(|row| row_json(old, &row)),
                "after": change.after.map(|row| row_json(new, &row)),
            })
        })
        .collect();
    json!({
        "old": of(old),
        "new": of(new),
        "added": counts.added,
        "gone": counts.gone,
        "changed": counts.changed,
        "same": counts.same,
        "rows": rows,
    })
}

/// Two texts as one, or what the first becomes.
fn turned(before: Option<&str>, after: Option<&str>) -> String {
    match (before, after) {
        (Some(before), Some(after)) if before != after => format!("{before} → {after}"),
        (before, after) => after.or(before).unwrap_or_default().to_owned(),
    }
}

fn text(args: &DiffArgs, old: &Table, new: &Table, changes: &[Changed], counts: &Counts) -> String {
    let mut text = String::new();
    for (path, table) in [(&args.old, old), (&args.new, new)] {
        let versions: Vec<&str> = table.sources().iter().map(|s| s.version.as_str()).collect();
        let versions = match versions.as_slice() {
            [] => String::new(),
            versions => format!(" ({})", versions.join(", ")),
        };
        let _ = writeln!(
            text,
            "{}{versions}: {}, {}…",
            path.display(),
            plural(table.len() as u64, "row"),
            hex(&table.hash()).get(..16).unwrap_or_default()
        );
    }
    let on = args.on.map_or(String::new(), |on| format!(" on {on}"));
    let _ = writeln!(
        text,
        "{} added, {} gone, {} changed, {} the same{on}.",
        counts.added, counts.gone, counts.changed, counts.same
    );
    if changes.is_empty() {
        return text;
    }
    let either = |change: &Changed| change.after.or(change.before);
    let pair = |row: Row| !row.second.is_none();
    let two = changes.iter().filter_map(either).any(pair);
    let mut headers = vec!["", "code"];
    if two {
        headers.push("code2");
    }
    headers.extend(["from", "through"]);
    let names: Vec<String> = new.columns().map(|(name, _)| format!("{name}>")).collect();
    headers.extend(names.iter().map(String::as_str));
    let rows = changes.iter().map(|change| {
        let either = either(change);
        let code =
            |get: fn(&Row) -> Code| either.map_or(String::new(), |row| get(&row).to_string());
        let both = |get: fn(&Row) -> String| {
            let (before, after) = (
                change.before.map(|r| get(&r)),
                change.after.map(|r| get(&r)),
            );
            turned(before.as_deref(), after.as_deref())
        };
        let mut cells = vec![change.word().to_owned(), code(|row| row.code)];
        if two {
            cells.push(code(|row| row.second));
        }
        cells.extend([
            both(|row| row.from.to_string()),
            both(|row| match row.through < ServiceDate::MAX {
                true => row.through.to_string(),
                false => "open".to_owned(),
            }),
        ]);
        let before = change.before.map(|row| values(old, &row));
        let after = change.after.map(|row| values(new, &row));
        for column in 0..new.columns().len() {
            let of = |values: &Option<Vec<String>>| values.as_ref()?.get(column).cloned();
            cells.push(turned(of(&before).as_deref(), of(&after).as_deref()));
        }
        cells
    });
    let _ = writeln!(text, "{}", table(&headers, rows));
    let listed = changes.len() as u64;
    let more = (counts.added + counts.gone + counts.changed).saturating_sub(listed);
    if more > 0 {
        let _ = writeln!(text, "… and {more} more: `--limit N` shows more");
    }
    text
}
