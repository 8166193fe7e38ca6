//! Provider taxonomy.
//!
//! NUCC, "Health Care Provider Taxonomy code set": `nucc_taxonomy_nnn.csv`, in
//! January and July. `Code` (ten characters), grouping, classification,
//! specialisation, definition, notes, display name, `Section`; editions before
//! 2020 have `Effective Date` and `Deactivation Date` in place of the last,
//! where a code ends on the day before. Texts are not read.

use tally_types::{Code, ServiceDate};

use super::draft::Draft;
use super::text::{Column, Dates, Records};
use super::{ImportError, Options};
use crate::Row;

const COLUMNS: [Column; 5] = [
    Column::is("Code", &["CODE"]),
    Column::is("Classification", &["CLASSIFICATION"]),
    Column::is("Section", &["SECTION"]).or_none(),
    Column::is("Effective Date", &["EFFECTIVEDATE"]).or_none(),
    Column::is("Deactivation Date", &["DEACTIVATIONDATE"]).or_none(),
];

pub(super) fn read(
    files: &[&[u8]],
    options: &Options,
    draft: &mut Draft<'_>,
) -> Result<(), ImportError> {
    let Some(effective) = options.effective else {
        return Err(ImportError::Empty);
    };
    for (file, bytes) in (1..).zip(files) {
        draft.told(file)?.version = options.version.clone().unwrap_or_default();
        let mut records = Records::new(file, bytes);
        let header = records.header(COLUMNS)?;
        let mut record = records.record();
        while records.next(&mut record)? {
            let [code, _, section, start, end] = header.of(&record)?;
            let kind = match section.bytes {
                b"Individual" => 1,
                b"Non-Individual" => 2,
                b"" if header.name(2).is_none() => 0,
                _ => return Err(section.error("Individual or Non-Individual belongs here")),
            };
            let from = match start.is_empty() {
                true => effective,
                false => start.date(Dates::Any)?,
            };
            let through = match end.is_empty() {
                true => Some(ServiceDate::MAX),
                false => end.date(Dates::Any)?.plus_days(-1),
            };
            let code = code.code(10..=10)?;
            let row = through.filter(|day| *day >= from).map(|through| Row {
                code,
                second: Code::NONE,
                from,
                through,
                values: [kind, 0, 0, 0],
            });
            let gone = "deactivated on or before the day it began";
            draft.take((file, record.line), row.ok_or(gone.into()))?;
        }
    }
    Ok(())
}
