//! NCCI procedure-to-procedure edits.
//!
//! CMS, "Medicare NCCI Procedure to Procedure (PTP) Edits": `ccipra-vNNNr0-fN`
//! (practitioners, in several parts) and `ccioph-…` (outpatient hospital), as
//! text with tabs. A notice, then headings over several lines: column 1,
//! column 2, `*` when in existence before 1996, effective date, deletion date
//! or `*`, modifier indicator (0 not allowed, 1 allowed, 9 not applicable),
//! rationale. Dates are YYYYMMDD. The deletion date is the last day in force;
//! an edit deleted on the day it began never was.
//!
//! A pair may be deleted and put back with another indicator. Where the days of
//! two such rows meet, the later one takes over if it lasts longer; where both
//! begin on one day, the one that lasts longer is kept.

use tally_types::ServiceDate;

use super::draft::{Draft, Place};
use super::text::{Dates, Field, Record, Records};
use super::{ImportError, Options, Setting};
use crate::{MAX_COLUMNS, Row};

const NAMES: [&str; 6] = [
    "Column 1",
    "Column 2",
    "Prior to 1996",
    "Effective Date",
    "Deletion Date",
    "Modifier",
];
/// Lines over which the headings run, after the first.
const HEADINGS: usize = 8;

pub(super) fn read(
    files: &[&[u8]],
    options: &Options,
    draft: &mut Draft<'_>,
) -> Result<(), ImportError> {
    for (file, bytes) in (1..).zip(files) {
        let told = draft.told(file)?;
        told.version = options.version.clone().unwrap_or_default();
        told.of = options.setting.map_or("", Setting::name).to_owned();
        let mut records = Records::new(file, bytes);
        let mut record = headings(&mut records)?;
        loop {
            let row = row(&record)?;
            let gone = "deleted on or before the day it began";
            draft.take((file, record.line), row.ok_or(gone.into()))?;
            if !records.next(&mut record)? {
                break;
            }
        }
    }
    take_over(draft);
    Ok(())
}

/// Of two rows of one pair the later one takes over, if it lasts longer. Days
/// in common that are left are a contradiction.
fn take_over(draft: &mut Draft<'_>) {
    let order = |(place, row): &(Place, Row)| (row.key(), row.through, *place);
    draft.rows.sort_by_key(order);
    let mut replaced = Vec::new();
    draft.rows.dedup_by(|later, earlier| {
        let (place, one) = *earlier;
        let other = later.1;
        let longer = other.through > one.through;
        if !one.overlaps(&other) || !longer {
            return false;
        }
        if one.from == other.from {
            replaced.push(place);
            *earlier = *later;
            return true;
        }
        earlier.1.through = other.from.plus_days(-1).unwrap_or(one.from);
        false
    });
    for place in replaced {
        draft.drop(place, "replaced as of the day it began");
    }
}

/// Reads over notice and headings to the first row.
fn headings<'a>(records: &mut Records<'a>) -> Result<Record<'a>, ImportError> {
    let mut record = records.record();
    let mut after: Option<usize> = None;
    while records.next(&mut record)? {
        let first = record.fields.first().map(|field| super::text::plain(field));
        let first = first.unwrap_or_default();
        match after {
            // A title may begin so too.
            _ if first.starts_with("COLUMN1") => after = Some(0),
            None if record.line > HEADINGS.saturating_mul(4) => break,
            None => {}
            // A heading that goes on stands under its column, not under the first.
            Some(lines) if first.is_empty() && lines < HEADINGS => {
                after = Some(lines.saturating_add(1));
            }
            Some(_) => return Ok(record),
        }
    }
    match after {
        Some(_) => Err(ImportError::Empty),
        None => Err(ImportError::Header {
            file: record.file,
            columns: "`Column 1`, `Column 2`".to_owned(),
        }),
    }
}

/// A row, or `None` when it never was in force.
fn row(record: &Record<'_>) -> Result<Option<Row>, ImportError> {
    let extra = record.fields.get(7..).unwrap_or_default();
    if record.fields.len() < 6 || extra.iter().any(|field| !field.trim_ascii().is_empty()) {
        return Err(ImportError::Columns {
            file: record.file,
            line: record.line,
            found: record.fields.len(),
            expected: 7,
        });
    }
    let mut at = 0;
    let [first, second, prior, effective, deletion, modifier] = NAMES.map(|column| {
        let bytes = record.fields.get(at).map_or(&[][..], |b| b.trim_ascii());
        at = at.saturating_add(1);
        Field {
            file: record.file,
            line: record.line,
            column,
            bytes,
        }
    });
    if !matches!(prior.bytes, b"" | b"*") {
        return Err(prior.error("`*` or nothing belongs here"));
    }
    let from = effective.date(Dates::Compact)?;
    let through = match deletion.bytes {
        b"*" => ServiceDate::MAX,
        _ => deletion.date(Dates::Compact)?,
    };
    let indicator = match modifier.bytes {
        b"0" => 0,
        b"1" => 1,
        b"9" => 9,
        _ => return Err(modifier.error("0, 1 or 9 belongs here")),
    };
    let mut values = [0; MAX_COLUMNS];
    if let Some(value) = values.first_mut() {
        *value = indicator;
    }
    let row = Row {
        code: first.code(5..=5)?,
        second: second.code(5..=5)?,
        from,
        through,
        values,
    };
    Ok((through > from).then_some(row))
}
