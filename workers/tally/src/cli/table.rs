//! `tally table`: reference data from the files in which it is published, and
//! what is in a table, and what a later one changes.

mod change;
mod import;
mod show;
#[cfg(test)]
mod tests;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tally_table::import::{Locality, Setting};
use tally_table::{Row, Source, Table};
use tally_types::{Code, ServiceDate};

use super::{Ended, parse_date, say};
use crate::node::keys::hex;

/// The largest file that is read: the national code pairs are some 200 MB.
const LIMIT: u64 = 512 << 20;
/// A file of this ending holds canonical bytes, any other CSV.
const BYTES: &str = "table";

#[derive(Subcommand)]
pub enum TableCommand {
    /// Make a table of published files
    #[command(after_help = import::formats())]
    Import(ImportArgs),
    /// Show what a table is, or what it says of a code
    Show(ShowArgs),
    /// Show what a later table changes
    Diff(DiffArgs),
}

#[derive(Args)]
#[command(disable_version_flag = true)]
pub struct ImportArgs {
    /// The format; below is what each needs
    #[arg(long, value_name = "FORMAT")]
    format: String,
    /// The files as published, unpacked
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where the table goes: as CSV, or as canonical bytes when the name ends in .table
    #[arg(long, value_name = "TABLE")]
    out: PathBuf,
    /// The first day on which the files are in force
    #[arg(long, value_name = "DAY", value_parser = parse_date)]
    effective: Option<ServiceDate>,
    /// The version as published, such as 2026Q1
    #[arg(long, value_name = "TEXT")]
    version: Option<String>,
    /// Contractor and locality, such as 01112-05
    #[arg(long, value_name = "LOCALITY", value_parser = parse_locality)]
    locality: Option<Locality>,
    /// practitioner, hospital or supplier
    #[arg(long, value_name = "SETTING", value_parser = parse_setting)]
    setting: Option<Setting>,
    /// An earlier table that these files go over, so that its history is kept
    #[arg(long, value_name = "TABLE")]
    over: Option<PathBuf>,
    /// The day from which they go over it; not needed where rows have no days of their own
    #[arg(long, value_name = "DAY", value_parser = parse_date, requires = "over")]
    from: Option<ServiceDate>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct ShowArgs {
    /// A table, as CSV or as canonical bytes
    #[arg(value_name = "TABLE")]
    table: PathBuf,
    /// Rows of a code, or of two: 99213 or 80053,80048
    #[arg(long, value_name = "CODE[,CODE]", value_parser = parse_key)]
    key: Option<Key>,
    /// Rows in force on a day
    #[arg(long, value_name = "DAY", value_parser = parse_date)]
    on: Option<ServiceDate>,
    /// The most rows that are shown
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct DiffArgs {
    /// The earlier table
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The later table
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Only what is answered otherwise on a day
    #[arg(long, value_name = "DAY", value_parser = parse_date)]
    on: Option<ServiceDate>,
    /// The most rows that are shown
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A code, or a pair of codes.
#[derive(Clone, Copy)]
struct Key {
    code: Code,
    second: Option<Code>,
}

/// What a command has to say.
struct Said {
    json: Value,
    text: String,
}

pub fn run(command: &TableCommand) -> Result<Ended> {
    let (said, json) = match command {
        TableCommand::Import(args) => (import::run(args)?, args.json),
        TableCommand::Show(args) => (show::run(args)?, args.json),
        TableCommand::Diff(args) => (change::run(args)?, args.json),
    };
    if json {
        say(said.json)?;
    } else {
        say(said.text.trim_end())?;
    }
    Ok(Ended::Well)
}

fn parse_locality(text: &str) -> Result<Locality, String> {
    text.parse::<Locality>().map_err(|error| error.to_string())
}

fn parse_setting(text: &str) -> Result<Setting, String> {
    text.parse::<Setting>().map_err(str::to_owned)
}

fn parse_key(text: &str) -> Result<Key, String> {
    let code = |text: &str| {
        Code::parse(text)
            .ok()
            .filter(|code| !code.is_none())
            .ok_or_else(|| format!("`{text}` is no code: a key is CODE, or CODE,CODE"))
    };
    let (first, second) = match text.split_once(',') {
        Some((first, second)) => (first, Some(code(second)?)),
        None => (text, None),
    };
    Ok(Key {
        code: code(first)?,
        second,
    })
}

/// Reads a file, all of it.
fn read(path: &Path) -> Result<Vec<u8>> {
    let bytes = super::read_file(path, LIMIT)?;
    ensure!(
        bytes.len() as u64 <= LIMIT,
        "{} is larger than {} MB: give it in parts, or only the rows that are needed",
        path.display(),
        LIMIT >> 20
    );
    ensure!(
        !bytes.starts_with(b"PK\x03\x04"),
        "{} is an archive or a workbook: unpack it, or save the sheet as CSV, and give that file",
        path.display()
    );
    Ok(bytes)
}

/// Opens a table, in either form.
fn open(path: &Path) -> Result<Table> {
    let bytes = read(path)?;
    let table = match std::str::from_utf8(&bytes) {
        Ok(text) if !text.starts_with("TTB") => Table::from_csv(text),
        _ => Table::from_bytes(&bytes),
    };
    table.with_context(|| {
        format!(
            "{} is no table: `tally table import` makes one of a published file",
            path.display()
        )
    })
}

/// Writes a table in the form its name asks for, beside its place first, so
/// that there is never half a table.
fn write(table: &Table, path: &Path) -> Result<()> {
    let bytes = match path.extension() {
        Some(ending) if ending == BYTES => table.to_bytes(),
        _ => table.to_csv().into_bytes(),
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        bail!("there is no folder {}: make it first", folder.display());
    }
    // For whoever may read what others write here: nothing in it is secret.
    let open = std::fs::Permissions::from_mode(0o666);
    let made = tempfile::Builder::new()
        .permissions(open)
        .tempfile_in(folder);
    let written = made.and_then(|mut file| {
        use std::io::Write as _;
        file.write_all(&bytes)?;
        Ok(file)
    });
    written
        .and_then(|file| file.persist(path).map_err(|error| error.error))
        .map(drop)
        .with_context(|| format!("{} cannot be written", path.display()))
}

/// The first and the last day on which a row is in force; none of an empty
/// table.
fn days(table: &Table) -> Option<(ServiceDate, ServiceDate)> {
    let last = table.rows().map(|row| row.through).max()?;
    Some((table.first_day()?, last))
}

/// A last day as JSON: null while it is open.
fn last_json(day: ServiceDate) -> Value {
    match day < ServiceDate::MAX {
        true => day.to_string().into(),
        false => Value::Null,
    }
}

/// Days in words.
fn span(first: ServiceDate, last: ServiceDate) -> String {
    if last < ServiceDate::MAX {
        format!("from {first} through {last}")
    } else {
        format!("from {first} on")
    }
}

/// The header of a table's values: `fee:money, reduced:count`.
fn columns(table: &Table) -> String {
    let columns = table.columns();
    let columns: Vec<_> = columns
        .map(|(name, kind)| format!("{name}:{}", kind.name()))
        .collect();
    columns.join(", ")
}

/// The values of a row as they stand in CSV.
fn values(table: &Table, row: &Row) -> Vec<String> {
    let columns = table.columns().zip(row.values);
    columns.map(|((_, kind), value)| kind.text(value)).collect()
}

fn row_json(table: &Table, row: &Row) -> Value {
    let names = table.columns().map(|(name, _)| name.to_owned());
    let values = names.zip(values(table, row).into_iter().map(Value::from));
    json!({
        "code": row.code.to_string(),
        "code2": (!row.second.is_none()).then(|| row.second.to_string()),
        "from": row.from.to_string(),
        "through": last_json(row.through),
        "values": values.collect::<serde_json::Map<_, _>>(),
    })
}

/// What a table is.
fn table_json(table: &Table) -> Value {
    let days = days(table);
    json!({
        "hash": hex(&table.hash()),
        "rows": table.len(),
        "columns": table
            .columns()
            .map(|(name, kind)| json!({ "name": name, "kind": kind.name() }))
            .collect::<Vec<_>>(),
        "first": days.map(|(first, _)| first.to_string()),
        "last": days.map_or(Value::Null, |(_, last)| last_json(last)),
    })
}

fn source_json(source: &Source) -> Value {
    json!({
        "format": source.format,
        "version": source.version,
        "of": source.of,
        "sha256": hex(&source.sha256),
        "read": source.read,
        "kept": source.kept(),
        "first": source.first.to_string(),
        "last": last_json(source.last),
    })
}
