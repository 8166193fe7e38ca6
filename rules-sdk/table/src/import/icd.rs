//! ICD-10-CM and ICD-10-PCS.
//!
//! CDC/NCHS and CMS, "ICD-10-CM order file" and "ICD-10-PCS order file":
//! `icd10cm_order_yyyy.txt`, `icd10pcs_order_yyyy.txt`. Places: order number
//! 1–5, code 7–13 without a point, 15 whether it is valid for billing (0 is a
//! head of a category or of a table), 17–76 short and 78 on long description.
//! A file is in force from the first of October, or from the first of April
//! where there is an update, as only its name says.

use tally_types::{Code, ServiceDate};

use super::draft::Draft;
use super::text::{Field, version};
use super::{ImportError, Options};
use crate::Row;

pub(super) fn diagnoses(
    files: &[&[u8]],
    options: &Options,
    draft: &mut Draft<'_>,
) -> Result<(), ImportError> {
    let shape = |code: &[u8]| {
        let rest = code.get(2..).unwrap_or_default();
        (3..=7).contains(&code.len())
            && code.first().is_some_and(u8::is_ascii_uppercase)
            && code.get(1).is_some_and(u8::is_ascii_digit)
            && rest
                .iter()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    let says = "a letter, a digit and one to five of either belong here";
    read(files, options, draft, shape, says)
}

pub(super) fn procedures(
    files: &[&[u8]],
    options: &Options,
    draft: &mut Draft<'_>,
) -> Result<(), ImportError> {
    let shape = |code: &[u8]| {
        let right = |b: &u8| b.is_ascii_digit() || (b.is_ascii_uppercase() && !b"IO".contains(b));
        matches!(code.len(), 3 | 7) && code.iter().all(right)
    };
    let says = "three or seven digits and letters other than I and O belong here";
    read(files, options, draft, shape, says)
}

fn read(
    files: &[&[u8]],
    options: &Options,
    draft: &mut Draft<'_>,
    shape: impl Fn(&[u8]) -> bool,
    says: &str,
) -> Result<(), ImportError> {
    let Some(from) = options.effective else {
        return Err(ImportError::Empty);
    };
    let year = fiscal(from);
    for (file, bytes) in (1..).zip(files) {
        draft.told(file)?.version = version(Some(year.clone()), options.version.as_deref())?;
        for (line, bytes) in (1..).zip(bytes.split(|b| *b == b'\n')) {
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            let field = |column, from: usize, to: usize| Field {
                file,
                line,
                column,
                bytes: bytes.get(from..to).unwrap_or_default().trim_ascii_end(),
            };
            let order = field("order number", 0, 5);
            if order.bytes.len() != 5 || !order.bytes.iter().all(u8::is_ascii_digit) {
                return Err(order.error("five digits belong here"));
            }
            let code = field("code", 6, 13);
            if !shape(code.bytes) {
                return Err(code.error(says));
            }
            let blank = [5, 13, 15]
                .into_iter()
                .all(|at| bytes.get(at) == Some(&b' '));
            let flag = field("valid for billing", 14, 15);
            let billable = match flag.bytes {
                b"0" if blank => 0,
                b"1" if blank => 1,
                _ => return Err(flag.error("0 or 1 between spaces belongs here")),
            };
            let row = Row {
                code: code.code(3..=7)?,
                second: Code::NONE,
                from,
                through: ServiceDate::MAX,
                values: [billable, 0, 0, 0],
            };
            draft.take((file, line), Ok(row))?;
        }
    }
    Ok(())
}

/// The fiscal year that a day is in: it begins in October.
fn fiscal(day: ServiceDate) -> String {
    let (year, month, _) = day.ymd();
    format!("FY{}", year.saturating_add(i32::from(month >= 10)))
}
