//! The Medicare physician fee schedule: relative value units, geographic
//! indices, and the fees they make.
//!
//! CMS, "PFS Relative Value Files", `RVUyyL.zip` (A January, B April, C July, D
//! October; AR a correction): `PPRRVUyyyy_…csv` and `GPCIyyyy.csv`, documented
//! in `RVUyyL`. The first begins with a title, notices and headings over
//! several lines, of which the last two name the columns (`WORK` over `RVU`).
//! Since 2026 there are two, `QPP` and `nonQPP`, with a conversion factor each.
//!
//! The rule, as the documentation has it: the amount is [work RVU × work GPCI +
//! practice RVU × practice GPCI + malpractice RVU × malpractice GPCI] ×
//! conversion factor, with the practice RVU of the setting. Where the file has
//! RVUs "used for OPPS payment amount" of the setting, the amount with these in
//! place of practice and malpractice is a cap. The products are exact; the
//! amount is rounded once, half up, to the cent, and the lesser amount taken
//! after that. Only the statuses A, R and T have fees; the RVUs of the others
//! are kept, for payers who use them. A setting in which a procedure is rarely
//! or never done (`NA`) has the amount that its RVUs make.

use std::borrow::Cow;

use tally_types::{Code, Money, ServiceDate, ShortCode};

use super::draft::Draft;
use super::text::{Column, Field, Header, Record, Records, plain, version};
use super::{ImportError, Locality, Need, Options};
use crate::kind::packed;
use crate::{MAX_COLUMNS, Row};

const COLUMNS: [Column; 15] = [
    Column::is("HCPCS", &["HCPCS"]),
    Column::is("MOD", &["MOD"]),
    Column::is("STATUS CODE", &["STATUSCODE"]),
    Column::is("WORK RVU", &["WORKRVU"]),
    Column::is("NON-FAC PE RVU", &["NON-FACPERVU"]),
    Column::is("FACILITY PE RVU", &["FACILITYPERVU"]),
    Column::is("MP RVU", &["MPRVU"]),
    Column::is("PCTC IND", &["PCTCIND"]),
    Column::is("GLOB DAYS", &["GLOBDAYS"]),
    Column::is("MULT PROC", &["MULTPROC"]),
    Column::is("BILAT SURG", &["BILATSURG"]),
    Column::is("ASST SURG", &["ASSTSURG"]),
    Column::is("CO-SURG", &["CO-SURG"]),
    Column::is("TEAM SURG", &["TEAMSURG"]),
    Column::is("CONV FACTOR", &["CONVFACTOR"]),
];
const CAPS: [&str; 3] = [
    "NON-FACILITY PE USED FOR OPPS PAYMENT AMOUNT",
    "FACILITY PE USED FOR OPPS PAYMENT AMOUNT",
    "MP USED FOR OPPS PAYMENT AMOUNT",
];
const GPCIS: [Column; 5] = [
    Column::has("Contractor", &["CONTRACTOR"]),
    Column::is("Locality Number", &["LOCALITYNUMBER"]),
    Column::has("PW GPCI", &["PWGPCI"]),
    Column::has("PE GPCI", &["PEGPCI"]),
    Column::has("MP GPCI", &["MPGPCI"]),
];
/// The most of a relative value unit, of an index and of a factor, in
/// millionths: what keeps every product within 128 bits.
const MOST: i64 = 1_000_000_000_000;

/// One row of the relative value file.
struct Item<'r> {
    row: Row,
    status: Field<'r>,
    global: Field<'r>,
    factor: Field<'r>,
    /// Work, practice not in a facility, practice in one, malpractice.
    units: [i64; 4],
    /// Practice not in a facility, practice in one, malpractice, of the cap.
    caps: [i64; 3],
    component: i64,
    multiple: i64,
    bilateral: i64,
    assistant: i64,
    cosurgeon: i64,
    team: i64,
}

impl Item<'_> {
    fn with(&self, values: [i64; MAX_COLUMNS]) -> Result<Made, ImportError> {
        Ok(Ok(Row { values, ..self.row }))
    }
}

/// The conversion factor, which every row repeats.
pub(super) fn factor(
    files: &[&[u8]],
    options: &Options,
    draft: &mut Draft<'_>,
) -> Result<(), ImportError> {
    const CODE: Code = Code::of("MPFS");
    items(files, options, draft, |item| {
        Ok(Ok(Row {
            code: CODE,
            second: Code::NONE,
            values: [item.factor.price()?.scaled(), 0, 0, 0],
            ..item.row
        }))
    })
}

pub(super) fn rvus(
    files: &[&[u8]],
    options: &Options,
    draft: &mut Draft<'_>,
) -> Result<(), ImportError> {
    items(files, options, draft, |item| item.with(item.units))
}

pub(super) fn indicators(
    files: &[&[u8]],
    options: &Options,
    draft: &mut Draft<'_>,
) -> Result<(), ImportError> {
    let short = |field: &Field<'_>| {
        if field.is_empty() {
            return Ok(0);
        }
        ShortCode::parse(field.text()?)
            .ok()
            .filter(|_| field.bytes.iter().all(u8::is_ascii_alphanumeric))
            .map(packed)
            .ok_or_else(|| field.error("letters and digits belong here"))
    };
    items(files, options, draft, |item| {
        let (status, global) = (short(&item.status)?, short(&item.global)?);
        item.with([status, global, item.multiple, item.bilateral])
    })
}

pub(super) fn surgeons(
    files: &[&[u8]],
    options: &Options,
    draft: &mut Draft<'_>,
) -> Result<(), ImportError> {
    items(files, options, draft, |item| {
        item.with([item.component, item.assistant, item.cosurgeon, item.team])
    })
}

pub(super) fn fees(
    files: &[&[u8]],
    options: &Options,
    draft: &mut Draft<'_>,
) -> Result<(), ImportError> {
    let Some(wanted) = options.locality else {
        return Err(ImportError::Empty);
    };
    let second = files.get(1).copied().unwrap_or_default();
    let mut found = None;
    let year = localities(2, second, |locality, indices, line| {
        if locality == wanted {
            draft.told(2)?.used();
            if found.replace(indices).is_some() {
                return Err(ImportError::Twice {
                    file: 2,
                    column: wanted.to_string(),
                });
            }
        } else {
            draft.leave((2, line), "another locality".into())?;
        }
        Ok(())
    })?;
    let [work, practice, malpractice] = found.ok_or_else(|| ImportError::NoLocality {
        locality: wanted.to_string(),
    })?;
    items(files, options, draft, |item| {
        if !matches!(item.status.bytes, b"A" | b"R" | b"T") {
            let status = String::from_utf8_lossy(item.status.bytes);
            let known = item.status.bytes.len() == 1
                && item.status.bytes.iter().all(u8::is_ascii_alphanumeric);
            return Ok(Err(match known {
                true => format!("status {status}").into(),
                false => "no status".into(),
            }));
        }
        let factor = item.factor.price()?.scaled();
        if factor > MOST {
            return Err(item.factor.error("out of range"));
        }
        let amount = |units: [i64; 3]| {
            let indices = [work, practice, malpractice];
            amount(units, indices, factor).ok_or_else(|| item.factor.error("out of range"))
        };
        let [own, outside, inside, risk] = item.units;
        let [cap_outside, cap_inside, cap_risk] = item.caps;
        let lesser = |practice: i64, cap: i64| {
            let fee = amount([own, practice, risk])?;
            Ok(match cap > 0 {
                true => fee.lesser(amount([own, cap, cap_risk])?),
                false => fee,
            })
        };
        let (outside, inside) = (lesser(outside, cap_outside)?, lesser(inside, cap_inside)?);
        item.with([outside.scaled(), inside.scaled(), 0, 0])
    })?;
    let first = draft.told(1)?.version.clone();
    let told = draft.told(2)?;
    told.of = wanted.to_string();
    told.version = match year {
        None => first,
        Some(year) => {
            // Both files of one release: RVU26A and the indices of 2026.
            let digits = first.trim_start_matches(|c: char| !c.is_ascii_digit());
            let short = year.get(2..).unwrap_or_default();
            if !digits.starts_with(short) && !digits.starts_with(&year) {
                return Err(ImportError::Disagrees {
                    said: format!("GPCI {year}"),
                    given: first,
                });
            }
            year
        }
    };
    draft.told(1)?.of = wanted.to_string();
    Ok(())
}

/// Units and indices in millionths, the factor too: cents, rounded half up.
fn amount(units: [i64; 3], indices: [i64; 3], factor: i64) -> Option<Money> {
    const CENT: i128 = 10_000_000_000_000_000;
    let sum = units
        .iter()
        .zip(indices)
        .try_fold(0i128, |sum, (unit, index)| {
            sum.checked_add(i128::from(*unit).checked_mul(index.into())?)
        })?;
    let exact = sum.checked_mul(factor.into())?;
    let cents = exact.checked_add(CENT / 2)?.checked_div(CENT)?;
    i64::try_from(cents).ok().map(Money::cents)
}

pub(super) fn gpcis(
    files: &[&[u8]],
    options: &Options,
    draft: &mut Draft<'_>,
) -> Result<(), ImportError> {
    let first = files.first().copied().unwrap_or_default();
    let mut rows = Vec::new();
    let year = localities(1, first, |locality, [work, practice, malpractice], line| {
        rows.push((line, locality, [work, practice, malpractice, 0]));
        Ok(())
    })?;
    let january = year
        .as_ref()
        .and_then(|year| ServiceDate::new(year.parse().ok()?, 1, 1));
    let missing = |need| ImportError::Missing {
        format: "mpfs-gpcis",
        need,
    };
    let from = options.effective.or(january);
    let from = from.ok_or(missing(Need::Effective))?;
    if year.is_none() && options.version.is_none() {
        return Err(missing(Need::Version));
    }
    draft.told(1)?.version = version(year, options.version.as_deref())?;
    for (line, locality, values) in rows {
        let row = Row {
            code: Code::parse(&locality.to_string()).map_err(|_| ImportError::Empty)?,
            second: Code::NONE,
            from,
            through: ServiceDate::MAX,
            values,
        };
        draft.take((1, line), Ok(row))?;
    }
    Ok(())
}

/// Every locality of an index file; the year in its headings.
fn localities(
    file: usize,
    bytes: &[u8],
    mut take: impl FnMut(Locality, [i64; 3], usize) -> Result<(), ImportError>,
) -> Result<Option<String>, ImportError> {
    let mut records = Records::new(file, bytes);
    let header = records.header(GPCIS)?;
    let year = header.name(2).and_then(|name| name.get(..4));
    let year = year.filter(|year| year.bytes().all(|b| b.is_ascii_digit()));
    let mut record = records.record();
    while records.next(&mut record)? {
        let filled = record.fields.iter().filter(|f| !f.trim_ascii().is_empty());
        // Notes on the floors stand below the localities, in one cell.
        if filled.count() < 2 {
            continue;
        }
        let [contractor, number, work, practice, malpractice] = header.of(&record)?;
        let locality = Locality::of(contractor.text()?, number.text()?)
            .ok_or_else(|| number.error("contractor and locality are five digits and two"))?;
        let indices = [work, practice, malpractice].map(|field| index(&field));
        let [work, practice, malpractice] = indices;
        take(locality, [work?, practice?, malpractice?], record.line)?;
    }
    Ok(year.map(str::to_owned))
}

fn index(field: &Field<'_>) -> Result<i64, ImportError> {
    let index = field.millionths()?;
    match index > 0 && index <= MOST {
        true => Ok(index),
        false => Err(field.error("an index above zero belongs here")),
    }
}

/// A row, or why there is none.
type Made = Result<Row, Cow<'static, str>>;

/// Every row of the relative value file, and what is made of it.
fn items(
    files: &[&[u8]],
    options: &Options,
    draft: &mut Draft<'_>,
    mut make: impl FnMut(&Item<'_>) -> Result<Made, ImportError>,
) -> Result<(), ImportError> {
    let first = files.first().copied().unwrap_or_default();
    let mut records = Records::new(1, first);
    let title = title(&mut records)?;
    let (from, said) = title.release(options)?;
    draft.told(1)?.version = version(said, options.version.as_deref())?;
    let mut record = records.record();
    while records.next(&mut record)? {
        let item = item(&title, &record, from)?;
        draft.take((1, record.line), make(&item)?)?;
    }
    Ok(())
}

/// What stands above the rows.
struct Title {
    /// Every word of it.
    words: Vec<String>,
    header: Header<15>,
    caps: Option<[usize; 3]>,
}

impl Title {
    /// The first day of the release and its name: `RVU26A`.
    fn release(&self, options: &Options) -> Result<(ServiceDate, Option<String>), ImportError> {
        const RELEASES: [(&str, u32, &str); 4] = [
            ("JANUARY", 1, "A"),
            ("APRIL", 4, "B"),
            ("JULY", 7, "C"),
            ("OCTOBER", 10, "D"),
        ];
        let before = |word: &str| {
            let at = self.words.iter().position(|other| other == word)?;
            self.words.get(at.checked_sub(1)?)
        };
        let year = before("NATIONAL").filter(|year| year.len() == 4);
        let release = before("RELEASE")
            .and_then(|month| RELEASES.into_iter().find(|(name, ..)| name == month));
        let said = year.zip(release).and_then(|(year, (_, month, letter))| {
            let day = ServiceDate::new(year.parse().ok()?, month, 1)?;
            Some((day, format!("RVU{}{letter}", year.get(2..)?)))
        });
        let missing = |need| ImportError::Missing {
            format: "mpfs-rvus",
            need,
        };
        let day = options.effective.or(said.as_ref().map(|(day, _)| *day));
        let said = said.map(|(_, version)| version);
        if said.is_none() && options.version.is_none() {
            return Err(missing(Need::Version));
        }
        Ok((day.ok_or(missing(Need::Effective))?, said))
    }
}

/// Reads over title, notices and headings.
fn title(records: &mut Records<'_>) -> Result<Title, ImportError> {
    let mut words = Vec::new();
    let mut above: Vec<String> = Vec::new();
    let mut record = records.record();
    for _ in 0..40 {
        if !records.next(&mut record)? {
            break;
        }
        let names: Vec<String> = record.fields.iter().map(|field| plain(field)).collect();
        if names.first().is_some_and(|name| name == "HCPCS") {
            // The headings in one line, or the last two lines of several.
            let joined = match names.iter().any(|name| name == "WORKRVU") {
                true => names,
                false => (0..)
                    .zip(&names)
                    .map(|(i, name)| match above.get(i) {
                        Some(above) if i > 0 => format!("{above}{name}"),
                        _ => name.clone(),
                    })
                    .collect(),
            };
            let caps = joined.iter().enumerate();
            let caps = caps.filter(|(_, name)| name.ends_with("PAYMENTAMOUNT"));
            let caps: Vec<usize> = caps.map(|(place, _)| place).collect();
            let caps = match caps[..] {
                [] => None,
                [outside, inside, risk] => Some([outside, inside, risk]),
                _ => {
                    return Err(ImportError::Header {
                        file: record.file,
                        columns: format!("`{}`", CAPS.join("`, `")),
                    });
                }
            };
            return Ok(Title {
                words,
                header: Header::new(record.file, COLUMNS, joined)?,
                caps,
            });
        }
        for field in &record.fields {
            let text = String::from_utf8_lossy(field);
            words.extend(text.split_whitespace().map(str::to_ascii_uppercase));
        }
        above = names;
    }
    Err(ImportError::Header {
        file: record.file,
        columns: "`HCPCS`, `MOD`, `DESCRIPTION`".to_owned(),
    })
}

fn item<'r>(
    title: &Title,
    record: &'r Record<'_>,
    from: ServiceDate,
) -> Result<Item<'r>, ImportError> {
    let [
        code,
        modifier,
        status,
        work,
        outside,
        inside,
        risk,
        component,
        global,
        multiple,
        bilateral,
        assistant,
        cosurgeon,
        team,
        factor,
    ] = title.header.of(record)?;
    let mut units = [0; 4];
    for (unit, field) in units.iter_mut().zip([work, outside, inside, risk]) {
        *unit = within(&field)?;
    }
    let mut caps = [0; 3];
    if let Some(places) = title.caps {
        for ((cap, place), column) in caps.iter_mut().zip(places).zip(CAPS) {
            let bytes = record.fields.get(place).map_or(&[][..], |b| b.trim_ascii());
            *cap = within(&Field {
                bytes,
                column,
                ..work
            })?;
        }
    }
    Ok(Item {
        row: Row {
            code: code.code(5..=5)?,
            second: match modifier.is_empty() {
                true => Code::NONE,
                false => modifier.code(2..=2)?,
            },
            from,
            through: ServiceDate::MAX,
            values: [0; MAX_COLUMNS],
        },
        status,
        global,
        factor,
        units,
        caps,
        component: digit(&component)?,
        multiple: digit(&multiple)?,
        bilateral: digit(&bilateral)?,
        assistant: digit(&assistant)?,
        cosurgeon: digit(&cosurgeon)?,
        team: digit(&team)?,
    })
}

fn within(field: &Field<'_>) -> Result<i64, ImportError> {
    let units = field.millionths()?;
    match units <= MOST {
        true => Ok(units),
        false => Err(field.error("out of range")),
    }
}

/// An indicator: a digit; 9, the concept does not apply, where there is none.
fn digit(field: &Field<'_>) -> Result<i64, ImportError> {
    match field.is_empty() {
        true => Ok(9),
        false => field.count(9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::array::uniform3;
    use proptest::prelude::*;

    proptest! {
        /// RVUs have two places, indices three, the factor four: in whole
        /// numbers of these the product has nine, and a cent is 10^7 of them.
        #[test]
        fn amounts_are_rounded_once(
            units in uniform3(0..100_000i64),
            indices in uniform3(1..3_000i64),
            factor in 1..1_000_000i64,
        ) {
            let products = units.iter().zip(indices).map(|(unit, index)| unit * index);
            let exact = products.sum::<i64>() * factor;
            let cents = exact / 10_000_000 + i64::from(exact % 10_000_000 >= 5_000_000);
            let found = amount(units.map(|n| n * 10_000), indices.map(|n| n * 1_000), factor * 100);
            prop_assert_eq!(found, Some(Money::cents(cents)));
        }

        /// Whatever the readers let through has an amount or is out of range.
        #[test]
        fn amounts_do_not_overflow(
            units in uniform3(0..=MOST),
            indices in uniform3(0..=MOST),
            factor in 0..=MOST,
        ) {
            let _ = amount(units, indices, factor);
        }
    }
}
