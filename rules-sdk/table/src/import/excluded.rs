//! The list of excluded individuals and entities.
//!
//! HHS OIG, "LEIE Downloadable Databases": `UPDATED.csv`, every exclusion in
//! force, replaced each month. Eighteen columns; dates are YYYYMMDD, `00000000`
//! is none; an NPI of zeros is none. Only a row with an NPI can be looked up.
//! Names, addresses and dates of birth stay in the file.
//!
//! An exclusion holds from `EXCLDATE` to the day before `REINDATE`. Of two of
//! one provider the later one takes over, and lasts as long as either.
//! `waived` is 1 where a state's waiver is on record: it holds in that state
//! alone, and a person must look.

use tally_types::{Code, ServiceDate, ShortCode};

use super::draft::Draft;
use super::text::{Column, Dates, Field, Records};
use super::{ImportError, Options};
use crate::Row;
use crate::kind::packed;

const COLUMNS: [Column; 5] = [
    Column::is("NPI", &["NPI"]),
    Column::is("EXCLTYPE", &["EXCLTYPE"]),
    Column::is("EXCLDATE", &["EXCLDATE"]),
    Column::is("REINDATE", &["REINDATE"]),
    Column::is("WAIVERDATE", &["WAIVERDATE"]),
];

pub(super) fn read(
    files: &[&[u8]],
    options: &Options,
    draft: &mut Draft<'_>,
) -> Result<(), ImportError> {
    for (file, bytes) in (1..).zip(files) {
        draft.told(file)?.version = options.version.clone().unwrap_or_default();
        let mut records = Records::new(file, bytes);
        let header = records.header(COLUMNS)?;
        let mut record = records.record();
        while records.next(&mut record)? {
            let [npi, kind, excluded, reinstated, waived] = header.of(&record)?;
            let place = (file, record.line);
            let from = day(&excluded)?.ok_or_else(|| excluded.error("a date belongs here"))?;
            let through = match day(&reinstated)? {
                None => Some(ServiceDate::MAX),
                Some(day) => day.plus_days(-1),
            };
            let kind = section(&kind)?;
            let waived = i64::from(day(&waived)?.is_some());
            if matches!(npi.bytes, b"" | b"0" | b"0000000000") {
                draft.take(place, Err("no NPI".into()))?;
                continue;
            }
            if npi.bytes.len() != 10 || !npi.bytes.iter().all(u8::is_ascii_digit) {
                return Err(npi.error("ten digits belong here"));
            }
            let code = npi.code(10..=10)?;
            let row = through
                .filter(|through| *through >= from)
                .map(|through| Row {
                    code,
                    second: Code::NONE,
                    from,
                    through,
                    values: [packed(kind), waived, 0, 0],
                });
            let gone = "reinstated on or before the day of exclusion";
            draft.take(place, row.ok_or(gone.into()))?;
        }
    }
    join(draft);
    Ok(())
}

/// The section of the law, or `BRCH SA`, a breach, without its space.
fn section(field: &Field<'_>) -> Result<ShortCode, ImportError> {
    let text: String = field.text()?.split(' ').collect();
    ShortCode::parse(&text)
        .ok()
        .filter(|_| text.bytes().all(|b| b.is_ascii_alphanumeric()))
        .ok_or_else(|| field.error("a section such as 1128a1 belongs here"))
}

fn day(field: &Field<'_>) -> Result<Option<ServiceDate>, ImportError> {
    match field.bytes {
        b"" | b"00000000" => Ok(None),
        _ => field.date(Dates::Compact).map(Some),
    }
}

/// Of two exclusions of one provider the later one takes over.
fn join(draft: &mut Draft<'_>) {
    draft.rows.sort_by_key(|(place, row)| (row.key(), *place));
    let mut repeated = Vec::new();
    let mut rows: Vec<(super::draft::Place, Row)> = Vec::with_capacity(draft.rows.len());
    for (place, mut row) in draft.rows.drain(..) {
        if let Some((_, last)) = rows.last_mut()
            && last.overlaps(&row)
        {
            let longer = last.through.max(row.through);
            if last.from == row.from {
                last.through = longer;
                repeated.push(place);
                continue;
            }
            row.through = longer;
            last.through = row.from.plus_days(-1).unwrap_or(last.from);
        }
        rows.push((place, row));
    }
    draft.rows = rows;
    for place in repeated {
        draft.drop(place, "repeated");
    }
}
