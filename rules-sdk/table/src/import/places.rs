//! Places of service.
//!
//! CMS, "Place of Service Codes for Professional Claims"; which of them pay the
//! facility amount is in the Medicare Claims Processing Manual, chapter 26,
//! §10.5. CMS publishes both as pages, so the columns are ours: `Code` (two
//! digits), `Payment` (`F` facility, `NF` not, nothing where the code is
//! unassigned), and if they are there `Effective` and `Stop`, the last day.
//! Other columns are not read.

use tally_types::{Code, ServiceDate};

use super::draft::Draft;
use super::text::{Column, Dates, Records};
use super::{ImportError, Need, Options};
use crate::Row;

const COLUMNS: [Column; 4] = [
    Column::is("Code", &["CODE", "POS", "POSCODE", "PLACEOFSERVICECODE"]),
    Column::is("Payment", &["PAYMENT", "FACILITY"]),
    Column::is("Effective", &["EFFECTIVE", "EFFECTIVEDATE"]).or_none(),
    Column::is("Stop", &["STOP", "STOPDATE"]).or_none(),
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
            let [code, payment, start, stop] = header.of(&record)?;
            let place = (file, record.line);
            let facility = match payment.bytes {
                b"F" => 1,
                b"NF" => 0,
                b"" => {
                    draft.take(place, Err("unassigned".into()))?;
                    continue;
                }
                _ => return Err(payment.error("F, NF or nothing belongs here")),
            };
            if code.bytes.len() != 2 || !code.bytes.iter().all(u8::is_ascii_digit) {
                return Err(code.error("two digits belong here"));
            }
            let from = match (start.is_empty(), options.effective) {
                (false, _) => start.date(Dates::Any)?,
                (true, Some(day)) => day,
                (true, None) => {
                    return Err(ImportError::Missing {
                        format: "pos",
                        need: Need::Effective,
                    });
                }
            };
            let through = match stop.is_empty() {
                true => ServiceDate::MAX,
                false => stop.date(Dates::Any)?,
            };
            if through < from {
                return Err(stop.error("it ends before it begins"));
            }
            let row = Row {
                code: code.code(2..=2)?,
                second: Code::NONE,
                from,
                through,
                values: [facility, 0, 0, 0],
            };
            draft.take(place, Ok(row))?;
        }
    }
    Ok(())
}
