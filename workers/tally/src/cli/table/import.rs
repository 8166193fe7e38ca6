//! `tally table import`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tally_table::Table;
use tally_table::import::{self, FORMATS, Format, ImportError, Imported, LeftOut, Options};

use super::{ImportArgs, Said, columns, days, hex, source_json, span, table_json};
use crate::cli::{Progress, plural};

/// Short names for the formats that are asked for most.
const SHORT: [(&str, &str); 5] = [
    ("gpci", "mpfs-gpcis"),
    ("icd10", "icd10cm"),
    ("pfs", "mpfs-fees"),
    ("rvu", "mpfs-rvus"),
    ("taxonomy", "nucc-taxonomy"),
];
/// As many lines are named for a reason; the counts are complete.
const LINES: usize = 12;

/// The formats, for `--help`.
pub fn formats() -> String {
    let mut text = "Formats, with what each needs:\n".to_owned();
    for format in FORMATS {
        let _ = writeln!(text, "  {}\n      {}", format.usage(), format.about);
    }
    text.push_str("Short names:");
    for (short, name) in SHORT {
        let _ = write!(text, " {short} is {name};");
    }
    text.pop();
    text
}

fn format_of(name: &str) -> Result<&'static Format> {
    let long = SHORT.iter().find(|(short, _)| *short == name);
    Ok(import::format(long.map_or(name, |(_, long)| long))?)
}

pub(super) fn run(args: &ImportArgs) -> Result<Said> {
    let format = format_of(&args.format)?;
    let options = Options {
        effective: args.effective,
        version: args.version.clone(),
        locality: args.locality,
        setting: args.setting,
    };
    // Everything is read before anything is written.
    let earlier = match &args.over {
        Some(path) => Some((path, super::open(path)?)),
        None => None,
    };
    let files: Vec<Vec<u8>> = args
        .files
        .iter()
        .map(|path| super::read(path))
        .collect::<Result<_>>()?;
    let slices: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    let lines = slices.iter().copied().map(lines).sum();
    let progress = Progress::bar("reading", lines);
    let imported = format.import(&slices, &options, &|rows| progress.at(rows));
    progress.done();
    let imported = imported.map_err(|error| explained(error, format, &args.files))?;
    let (table, over) = match &earlier {
        None => (imported.table.clone(), None),
        Some((path, earlier)) => {
            let from = match args.from {
                Some(from) => from,
                None if format.dated => bail!(
                    "the rows of `{}` have days of their own: say with `--from DAY` from when they go over {}",
                    format.name,
                    path.display()
                ),
                None => imported
                    .table
                    .first_day()
                    .context("the files have no row")?,
            };
            let merged = earlier
                .merge(&imported.table, from)
                .with_context(|| format!("they cannot go over {}", path.display()))?;
            (merged, Some((*path, from)))
        }
    };
    super::write(&table, &args.out)?;
    let left = by_reason(&imported);
    Ok(Said {
        json: json(args, format, &imported, &table, &left, over),
        text: text(args, &imported, &table, &left, over),
    })
}

/// How many lines a file has at most rows in.
fn lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|b| **b == b'\n').count() as u64
}

/// An error that names a file by its number, with the file's own name, and what
/// to do next.
fn explained(error: ImportError, format: &Format, files: &[PathBuf]) -> anyhow::Error {
    let named = |number: usize| {
        let file = files.get(number.saturating_sub(1));
        file.map(|file| file.display().to_string())
    };
    let mut about = Vec::new();
    match &error {
        ImportError::Header { file, .. }
        | ImportError::Twice { file, .. }
        | ImportError::Columns { file, .. }
        | ImportError::Field { file, .. }
        | ImportError::Quote { file, .. } => about.push(*file),
        ImportError::Contradiction { first, second } => about.extend([first.0, second.0]),
        _ => {}
    }
    about.sort_unstable();
    about.dedup();
    let next = match &error {
        ImportError::Missing { need, .. } => format!("add `--{}`", need.name()),
        ImportError::Header { .. } | ImportError::Empty => {
            format!("`{}` reads {}", format.name, format.files.join(" and "))
        }
        ImportError::Field { .. } | ImportError::Columns { .. } | ImportError::Quote { .. } => {
            "fetch the file again, or mend that line".to_owned()
        }
        ImportError::Contradiction { .. } => "leave in the line that holds".to_owned(),
        _ => String::new(),
    };
    let mut text = error.to_string();
    for number in about {
        if let Some(name) = named(number) {
            let _ = write!(text, " (file {number} is {name})");
        }
    }
    text.push_str("; no table was written");
    if !next.is_empty() {
        let _ = write!(text, ": {next}");
    }
    anyhow::anyhow!("{text}")
}

/// Where rows were left out, by file and reason.
type Left<'a> = BTreeMap<(usize, &'a str), Vec<&'a LeftOut>>;

fn by_reason(imported: &Imported) -> Left<'_> {
    let mut left = Left::new();
    for one in &imported.left_out {
        left.entry((one.file, &one.reason)).or_default().push(one);
    }
    left
}

/// `line 3`, `lines 3, 5, 8`, `lines 3, 5, … and 1,204 more`.
fn places(lines: &[&LeftOut], count: u64) -> String {
    let named: Vec<String> = lines
        .iter()
        .take(LINES)
        .map(|left| left.line.to_string())
        .collect();
    let more = count.saturating_sub(named.len() as u64);
    let word = if count == 1 { "line" } else { "lines" };
    let mut text = format!("{word} {}", named.join(", "));
    if more > 0 {
        let _ = write!(text, " and {more} more");
    }
    text
}

fn json(
    args: &ImportArgs,
    format: &Format,
    imported: &Imported,
    table: &Table,
    left: &Left<'_>,
    over: Option<(&PathBuf, tally_types::ServiceDate)>,
) -> Value {
    let files: Vec<Value> = (1..)
        .zip(&args.files)
        .zip(imported.table.sources())
        .map(|((number, path), source)| {
            let reasons: Vec<Value> = source
                .left_out
                .iter()
                .map(|(reason, count)| {
                    let lines = left.get(&(number, reason.as_str()));
                    let lines = lines.into_iter().flatten().map(|left| left.line);
                    json!({ "reason": reason, "count": count, "lines": lines.collect::<Vec<_>>() })
                })
                .collect();
            let mut file = source_json(source);
            file["file"] = path.display().to_string().into();
            file["left_out"] = reasons.into();
            file
        })
        .collect();
    json!({
        "table": args.out.display().to_string(),
        "format": format.name,
        "files": files,
        "over": over.map(|(path, from)| {
            json!({ "table": path.display().to_string(), "from": from.to_string() })
        }),
        "made": table_json(table),
    })
}

fn text(
    args: &ImportArgs,
    imported: &Imported,
    table: &Table,
    left: &Left<'_>,
    over: Option<(&PathBuf, tally_types::ServiceDate)>,
) -> String {
    let mut text = String::new();
    for ((number, path), source) in (1..).zip(&args.files).zip(imported.table.sources()) {
        let of = match source.of.as_str() {
            "" => String::new(),
            of => format!(", {of}"),
        };
        let _ = writeln!(
            text,
            "{}: {} {}{of}\n  {} read, {} kept",
            path.display(),
            source.format,
            source.version,
            plural(source.read, "row"),
            source.kept(),
        );
        for (reason, count) in &source.left_out {
            let lines = left.get(&(number, reason.as_str()));
            let lines = lines.map_or(&[][..], Vec::as_slice);
            let _ = writeln!(
                text,
                "  {count} left out, {reason}: {}",
                places(lines, *count)
            );
        }
    }
    if let Some((path, from)) = over {
        let _ = writeln!(text, "Over {} from {from} on.", path.display());
    }
    let when = days(table).map_or(String::new(), |(first, last)| {
        format!(", in force {}", span(first, last))
    });
    let _ = writeln!(
        text,
        "Wrote {}: {}{when}\n  values {}\n  hash {}",
        args.out.display(),
        plural(table.len() as u64, "row"),
        columns(table),
        hex(&table.hash())
    );
    text
}
