//! NCCI medically unlikely edits.
//!
//! CMS, "Medicare NCCI Medically Unlikely Edits": `MCR_MUE_…` as CSV. A notice
//! in one quoted cell of several lines, then `HCPCS/CPT Code`, `Practitioner
//! Services MUE Values` (or outpatient hospital, or DME supplier), `MUE
//! Adjudication Indicator` (`1 Line Edit`, `2 Date of Service Edit: Policy`,
//! `3 Date of Service Edit: Clinical`), `MUE Rationale`. The file is in force
//! from the first day of its quarter, which only its name says.

use tally_types::{Code, ServiceDate};

use super::draft::Draft;
use super::text::{Column, Records, quarter, version};
use super::{ImportError, Options, Setting};
use crate::Row;

const COLUMNS: [Column; 3] = [
    Column::is("HCPCS/CPT Code", &["HCPCS/CPTCODE"]),
    Column::has("MUE Values", &["MUEVALUE"]),
    Column::has("MUE Adjudication Indicator", &["ADJUDICATIONINDICATOR"]),
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
        let mut records = Records::new(file, bytes);
        let header = records.header(COLUMNS)?;
        let said = header.name(1).and_then(|name| {
            [
                ("PRACTITIONER", Setting::Practitioner),
                ("HOSPITAL", Setting::Hospital),
                ("SUPPLIER", Setting::Supplier),
            ]
            .into_iter()
            .find_map(|(word, setting)| name.contains(word).then_some(setting))
        });
        if let (Some(said), Some(given)) = (said, options.setting)
            && said != given
        {
            return Err(ImportError::Disagrees {
                said: said.to_string(),
                given: given.to_string(),
            });
        }
        let setting = said.or(options.setting).ok_or(ImportError::Missing {
            format: "ncci-mue",
            need: super::Need::Setting,
        })?;
        let told = draft.told(file)?;
        told.version = version(Some(quarter(effective)), options.version.as_deref())?;
        told.of = setting.to_string();
        let mut record = records.record();
        while records.next(&mut record)? {
            let [code, units, indicator] = header.of(&record)?;
            let applies = match indicator.bytes {
                [b'1', rest @ ..] if is_apart(rest) => 1,
                [b'2', rest @ ..] if is_apart(rest) => 2,
                [b'3', rest @ ..] if is_apart(rest) => 3,
                _ => return Err(indicator.error("it begins with 1, 2 or 3")),
            };
            let row = Row {
                code: code.code(5..=5)?,
                second: Code::NONE,
                from: effective,
                through: ServiceDate::MAX,
                values: [units.count(9_999_999)?, applies, 0, 0],
            };
            draft.take((file, record.line), Ok(row))?;
        }
    }
    Ok(())
}

fn is_apart(rest: &[u8]) -> bool {
    rest.first().is_none_or(|b| !b.is_ascii_alphanumeric())
}
