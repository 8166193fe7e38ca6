//! What is given with a file because it does not say it.

use core::fmt;
use core::str::FromStr;

use tally_types::ServiceDate;
use thiserror::Error;

use super::Need;

/// What is given with the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The first day on which the file is in force.
    pub effective: Option<ServiceDate>,
    /// The published version.
    pub version: Option<String>,
    /// The payment locality.
    pub locality: Option<Locality>,
    /// Whose services the file concerns.
    pub setting: Option<Setting>,
}

impl Options {
    pub(super) fn has(&self, need: Need) -> bool {
        match need {
            Need::Effective => self.effective.is_some(),
            Need::Version => self.version.is_some(),
            Need::Locality => self.locality.is_some(),
            Need::Setting => self.setting.is_some(),
        }
    }
}

/// Whose services NCCI edits concern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// Practitioners and ambulatory surgical centres.
    Practitioner,
    /// Outpatient hospital services.
    Hospital,
    /// Suppliers of durable medical equipment.
    Supplier,
}

impl Setting {
    /// Every setting.
    pub const ALL: [Self; 3] = [Self::Practitioner, Self::Hospital, Self::Supplier];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Practitioner => "practitioner",
            Self::Hospital => "hospital",
            Self::Supplier => "supplier",
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Setting {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|setting| setting.name() == text)
            .ok_or("practitioner, hospital or supplier")
    }
}

/// A Medicare payment locality: the contractor's five digits and the
/// locality's two. Programs that drop leading zeros write fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Locality {
    contractor: u32,
    number: u8,
}

/// Why a text is no locality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a locality is the contractor's five digits, a hyphen and two digits: 01112-05")]
pub struct LocalityError;

impl Locality {
    /// From the texts of two columns.
    pub(super) fn of(contractor: &str, number: &str) -> Option<Self> {
        let digits = |text: &str, most: usize| {
            (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
        };
        if !digits(contractor, 5) || !digits(number, 2) {
            return None;
        }
        Some(Self {
            contractor: contractor.parse().ok()?,
            number: number.parse().ok()?,
        })
    }
}

impl fmt::Display for Locality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:05}-{:02}", self.contractor, self.number)
    }
}

impl FromStr for Locality {
    type Err = LocalityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (contractor, number) = text.split_once('-').ok_or(LocalityError)?;
        Self::of(contractor, number).ok_or(LocalityError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localities_have_one_form() {
        for (text, form) in [
            ("01112-05", Some("01112-05")),
            ("9202-0", Some("09202-00")),
            ("0111205", None),
            ("-05", None),
            ("011122-05", None),
            ("+1112-05", None),
        ] {
            let read = text.parse::<Locality>().ok().map(|l| l.to_string());
            assert_eq!(read.as_deref(), form, "{text}");
        }
    }
}
