//! Claim adjustment reason codes and remittance advice remark codes.
//!
//! X12 publishes both lists ("External Code Lists") three times a year: code,
//! description, start, last modified, stop; dates are MM/DD/YYYY. The
//! descriptions are copyrighted and are not read. A code may be used through
//! the day it stops.
//!
//! Two columns of a CARC list are ours: `Groups`, the adjustment groups the
//! code may stand in (`CO PR`), and `Remark`, `Y` where a remark code must go
//! with it. The table has the groups as a sum: CO 1, PR 2, OA 4, PI 8. Of a
//! RARC list `Alert` is ours, `Y` where the code only informs; without such a
//! column the description is looked at, which begins with `Alert:` then.

use tally_types::{Code, ServiceDate};

use super::draft::Draft;
use super::text::{Column, Dates, Field, Records};
use super::{ImportError, Options};
use crate::Row;

const CODE: Column = Column::is("Code", &["CODE"]);
const START: Column = Column::is("Start", &["START", "STARTDATE"]);
const MODIFIED: Column = Column::is("Modified", &["MODIFIED", "LASTMODIFIED"]);
const STOP: Column = Column::is("Stop", &["STOP", "STOPDATE"]);

pub(super) fn carc(
    files: &[&[u8]],
    options: &Options,
    draft: &mut Draft<'_>,
) -> Result<(), ImportError> {
    for (file, bytes) in (1..).zip(files) {
        draft.told(file)?.version = options.version.clone().unwrap_or_default();
        let mut records = Records::new(file, bytes);
        let header = records.header([
            CODE,
            START,
            MODIFIED,
            STOP,
            Column::is("Groups", &["GROUPS"]),
            Column::is("Remark", &["REMARK"]),
        ])?;
        let mut record = records.record();
        while records.next(&mut record)? {
            let [code, start, modified, stop, groups, remark] = header.of(&record)?;
            let row = dated(&code, &start, &stop)?;
            let (groups, remark) = (sum(&groups)?, yes(&remark)?);
            let values = [groups, remark, number(&modified)?, 0];
            draft.take((file, record.line), Ok(Row { values, ..row }))?;
        }
    }
    Ok(())
}

pub(super) fn rarc(
    files: &[&[u8]],
    options: &Options,
    draft: &mut Draft<'_>,
) -> Result<(), ImportError> {
    for (file, bytes) in (1..).zip(files) {
        draft.told(file)?.version = options.version.clone().unwrap_or_default();
        let mut records = Records::new(file, bytes);
        let header = records.header([
            CODE,
            START,
            MODIFIED,
            STOP,
            Column::is("Alert", &["ALERT"]).or_none(),
            Column::is("Description", &["DESCRIPTION"]).or_none(),
        ])?;
        if header.name(4).is_none() && header.name(5).is_none() {
            return Err(ImportError::Header {
                file,
                columns: "`Alert` or `Description`".to_owned(),
            });
        }
        let mut record = records.record();
        while records.next(&mut record)? {
            let [code, start, modified, stop, alert, description] = header.of(&record)?;
            let row = dated(&code, &start, &stop)?;
            let alert = match header.name(4) {
                Some(_) => yes(&alert)?,
                None => i64::from(description.bytes.starts_with(b"Alert:")),
            };
            let values = [alert, number(&modified)?, 0, 0];
            draft.take((file, record.line), Ok(Row { values, ..row }))?;
        }
    }
    Ok(())
}

fn dated(code: &Field<'_>, start: &Field<'_>, stop: &Field<'_>) -> Result<Row, ImportError> {
    let from = start.date(Dates::Slashed)?;
    let through = match stop.is_empty() {
        true => ServiceDate::MAX,
        false => stop.date(Dates::Slashed)?,
    };
    if through < from {
        return Err(stop.error("it ends before it begins"));
    }
    Ok(Row {
        code: code.code(1..=5)?,
        second: Code::NONE,
        from,
        through,
        values: Default::default(),
    })
}

/// A day as a number that reads as it: 20260101; 0 where there is none.
fn number(field: &Field<'_>) -> Result<i64, ImportError> {
    if field.is_empty() {
        return Ok(0);
    }
    let (year, month, day) = field.date(Dates::Slashed)?.ymd();
    let month = i64::from(month).saturating_mul(100);
    let year = i64::from(year).saturating_mul(10_000);
    Ok(year.saturating_add(month).saturating_add(day.into()))
}

fn yes(field: &Field<'_>) -> Result<i64, ImportError> {
    match field.bytes {
        b"Y" => Ok(1),
        b"N" | b"" => Ok(0),
        _ => Err(field.error("Y, N or nothing belongs here")),
    }
}

fn sum(groups: &Field<'_>) -> Result<i64, ImportError> {
    let mut sum = 0;
    let parts = groups.bytes.split(|b| matches!(b, b' ' | b',' | b'/'));
    for group in parts.filter(|group| !group.is_empty()) {
        sum |= match group {
            b"CO" => 1,
            b"PR" => 2,
            b"OA" => 4,
            b"PI" => 8,
            _ => return Err(groups.error("CO, PR, OA and PI belong here")),
        };
    }
    match sum {
        0 => Err(groups.error("a group belongs here: CO, PR, OA or PI")),
        sum => Ok(sum),
    }
}
