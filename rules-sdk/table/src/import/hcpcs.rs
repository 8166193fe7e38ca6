//! HCPCS level II.
//!
//! CMS, "HCPCS Quarterly Update": `HCPCyyyy_MMM_ANWEB`, as text of 320 places
//! or as a workbook saved as CSV; the text's places are in `HCPCyyyy_recordlayout`:
//! code 1–5 (of a modifier 4–5), record 11 (3 procedure, 4 more of its
//! description, 7 modifier, 8 more of that), added 269–276, action effective
//! 277–284, terminated 285–292, action 293. A code is valid from the day it was
//! added, or where it was reactivated (R) from that day, through the day it
//! is terminated. Descriptions are not read.

use tally_types::{Code, ServiceDate, ShortCode};

use super::draft::Draft;
use super::text::{Column, Dates, Field, Records, plain};
use super::{ImportError, Options};
use crate::Row;
use crate::kind::packed;

const COLUMNS: [Column; 6] = [
    Column::is("HCPC", &["HCPC", "HCPCS", "HCPCSCODE"]),
    Column::is("RECID", &["RECID", "RECORDID"]),
    Column::is("ADD DT", &["ADDDT", "ADDDATE"]),
    Column::is(
        "ACT EFF DT",
        &["ACTEFFDT", "ACTEFFDATE", "ACTIONEFFECTIVEDATE"],
    ),
    Column::is("TERM DT", &["TERMDT", "TERMDATE", "TERMINATIONDATE"]),
    Column::is("ACTION CD", &["ACTIONCD", "ACTCODE", "ACTIONCODE"]),
];

pub(super) fn procedures(
    files: &[&[u8]],
    options: &Options,
    draft: &mut Draft<'_>,
) -> Result<(), ImportError> {
    read(files, options, draft, false)
}

pub(super) fn modifiers(
    files: &[&[u8]],
    options: &Options,
    draft: &mut Draft<'_>,
) -> Result<(), ImportError> {
    read(files, options, draft, true)
}

fn read(
    files: &[&[u8]],
    options: &Options,
    draft: &mut Draft<'_>,
    modifiers: bool,
) -> Result<(), ImportError> {
    for (file, bytes) in (1..).zip(files) {
        draft.told(file)?.version = options.version.clone().unwrap_or_default();
        let lines = bytes.split(|b| matches!(b, b'\n' | b'\r')).take(20);
        if lines
            .map(plain)
            .any(|line| line.trim_matches('"').starts_with("HCPC"))
        {
            let mut records = Records::new(file, bytes);
            let header = records.header(COLUMNS)?;
            let mut record = records.record();
            while records.next(&mut record)? {
                take(header.of(&record)?, Dates::Any, modifiers, draft)?;
            }
        } else {
            for (line, bytes) in (1..).zip(bytes.split(|b| *b == b'\n')) {
                if bytes.trim_ascii().is_empty() {
                    continue;
                }
                let places = [
                    (1, 5),
                    (11, 11),
                    (269, 276),
                    (277, 284),
                    (285, 292),
                    (293, 293),
                ];
                let mut columns = COLUMNS.into_iter().map(|column| column.name);
                let fields = places.map(|(from, to): (usize, usize)| Field {
                    file,
                    line,
                    column: columns.next().unwrap_or_default(),
                    bytes: bytes
                        .get(from.saturating_sub(1)..to.min(bytes.len()))
                        .unwrap_or_default()
                        .trim_ascii(),
                });
                take(fields, Dates::Compact, modifiers, draft)?;
            }
        }
    }
    Ok(())
}

fn take(
    [code, record, added, acted, ended, action]: [Field<'_>; 6],
    dates: Dates,
    modifiers: bool,
    draft: &mut Draft<'_>,
) -> Result<(), ImportError> {
    let place = (code.file, code.line);
    let of_modifier = match record.bytes {
        b"3" => false,
        b"7" => true,
        b"4" | b"8" => return draft.take(place, Err("more of a description".into())),
        _ => return Err(record.error("3, 4, 7 or 8 belongs here")),
    };
    if of_modifier != modifiers {
        let other = if of_modifier {
            "a modifier"
        } else {
            "a procedure"
        };
        return draft.take(place, Err(other.into()));
    }
    let start = match action.bytes {
        b"R" => acted,
        _ => added,
    };
    let from = start.date(dates)?;
    let through = match ended.is_empty() {
        true => ServiceDate::MAX,
        false => ended.date(dates)?,
    };
    if through < from {
        return Err(ended.error("it ends before it begins"));
    }
    let action = match action.bytes {
        [] => 0,
        [b'A'..=b'Z'] => ShortCode::parse(action.text()?).map_or(0, packed),
        _ => return Err(action.error("a capital letter belongs here")),
    };
    let length = if modifiers { 2..=2 } else { 5..=5 };
    let row = Row {
        code: code.code(length)?,
        second: Code::NONE,
        from,
        through,
        values: [action, 0, 0, 0],
    };
    draft.take(place, Ok(row))
}
