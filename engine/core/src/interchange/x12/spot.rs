//! A segment of a transaction set, and where it stands: reads elements as values,
//! and says which element it was when it is none. No error quotes the file.

use tally_types::{Code, Money, Quantity, ServiceDate, ShortCode};
use tally_x12::Segment;

use super::super::refusal::{Fault, IntakeRule, Place};
use super::super::{decimal, scalar};

/// Which transaction set of the file, from one.
#[derive(Clone, Copy)]
pub(super) struct Set(pub u32);

/// A segment and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Spot<'a> {
    set: Set,
    loop_id: &'static str,
    number: u32,
    segment: Segment<'a>,
}

/// An element, or a component of one.
pub(super) struct Element<'s, 'a> {
    spot: &'s Spot<'a>,
    element: usize,
    component: usize,
    pub text: &'a str,
}

impl Place for Element<'_, '_> {
    fn fault(&self, rule: IntakeRule, reason: impl Into<String>) -> Fault {
        let component = match self.component {
            0 => String::new(),
            component => format!("-{component}"),
        };
        let place = format!("{}-{:02}{component}", self.spot.place(), self.element);
        Fault::new(rule, place, reason)
    }
}

impl<'a> Spot<'a> {
    pub fn new(set: Set, loop_id: &'static str, (number, segment): (u32, Segment<'a>)) -> Self {
        Self {
            set,
            loop_id,
            number,
            segment,
        }
    }

    /// Where it stands: `set 1, segment 23, 2300 CLM`.
    pub fn place(&self) -> String {
        let within = match self.loop_id {
            "" => String::new(),
            id => format!("{id} "),
        };
        let tag = self.segment.tag();
        format!("set {}, segment {}, {within}{tag}", self.set.0, self.number)
    }

    /// A broken rule of the segment as a whole.
    pub fn fault(&self, rule: IntakeRule, reason: impl Into<String>) -> Fault {
        Fault::new(rule, self.place(), reason)
    }

    pub fn segment(&self) -> &Segment<'a> {
        &self.segment
    }

    /// An element.
    pub fn at(&self, element: usize) -> Element<'_, 'a> {
        Element {
            spot: self,
            element,
            component: 0,
            text: self.segment.element(element).trim_end(),
        }
    }

    /// A component of an element.
    pub fn part(&self, element: usize, component: usize) -> Element<'_, 'a> {
        Element {
            spot: self,
            element,
            component,
            text: self.segment.component(element, component).trim_end(),
        }
    }
}

/// The number of the segment that a place names, in its transaction set.
pub(super) fn segment_of(place: &str) -> Option<u32> {
    let mut parts = place.split(", ");
    parts.find_map(|part| part.strip_prefix("segment ")?.parse().ok())
}

impl Element<'_, '_> {
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// An identifier; none where it is empty.
    pub fn identifier(&self) -> Result<Option<String>, Fault> {
        scalar::checked(self, self.text)
    }

    /// A code; none where it is empty.
    pub fn code(&self) -> Result<Code, Fault> {
        match self.text {
            "" => Ok(Code::NONE),
            text => scalar::code(self, text),
        }
    }

    /// A short code; none where it is empty.
    pub fn short(&self) -> Result<ShortCode, Fault> {
        match self.text {
            "" => Ok(ShortCode::NONE),
            text => scalar::short_code(self, text),
        }
    }

    /// An amount that is not below zero.
    pub fn money(&self) -> Result<Money, Fault> {
        decimal::money(self, &plain(self.text))
    }

    /// An amount that may be below zero: what another payer adjusted.
    pub fn signed_money(&self) -> Result<Money, Fault> {
        match self.text.strip_prefix('-') {
            None => self.money(),
            Some(rest) => {
                let amount = decimal::money(self, &plain(rest))?;
                // Amounts are bounded far below what can be held.
                Ok(Money::ZERO.checked_sub(amount).unwrap_or(Money::ZERO))
            }
        }
    }

    /// Units of service, above zero.
    pub fn quantity(&self) -> Result<Quantity, Fault> {
        decimal::quantity(self, &plain(self.text))
    }

    /// A day, CCYYMMDD.
    pub fn day(&self) -> Result<ServiceDate, Fault> {
        self.day_of(self.text)
    }

    /// A day or a range of days, and perhaps an hour that is left out.
    pub fn days(&self) -> Result<(ServiceDate, ServiceDate), Fault> {
        let (from, through) = self.text.split_once('-').unwrap_or((self.text, self.text));
        let from = self.day_of(from.get(..8).unwrap_or(from))?;
        let through = self.day_of(through.get(..8).unwrap_or(through))?;
        if through < from {
            return Err(self.fault(
                IntakeRule::DatesOutOfOrder,
                "the period ends before it begins",
            ));
        }
        Ok((from, through))
    }

    fn day_of(&self, text: &str) -> Result<ServiceDate, Fault> {
        let dashed = match (text.get(..4), text.get(4..6), text.get(6..)) {
            (Some(year), Some(month), Some(day)) if text.len() == 8 => {
                format!("{year}-{month}-{day}")
            }
            _ => String::new(),
        };
        ServiceDate::parse(&dashed).map_err(|_| {
            self.fault(
                IntakeRule::BadDate,
                "a day of the calendar, CCYYMMDD, is expected",
            )
        })
    }
}

/// An X12 decimal as others write it: `.5` is `0.5`, `007` is `7`, `5.` is `5`.
fn plain(text: &str) -> String {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole = match whole.trim_start_matches('0') {
        "" if !text.is_empty() && text != "." => "0",
        digits => digits,
    };
    match fraction {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_names_its_segment() {
        let segment = Set(2);
        let file = tally_x12::read("ST*837~CLM*7~");
        let set = &file.interchanges[0].groups[0].transactions[0];
        let spot = Spot::new(segment, "2300", (23, set.segments[1]));
        let at = spot.part(5, 1).fault(IntakeRule::BadCode, "").place;
        assert_eq!(at, "set 2, segment 23, 2300 CLM-05-1");
        assert_eq!(segment_of(&at), Some(23));
        assert_eq!(segment_of(&spot.place()), Some(23));
        assert_eq!(segment_of("line 12: Claim.item[2].net"), None);
    }

    #[test]
    fn decimals_are_as_others_write_them() {
        for (text, expected) in [
            ("500", "500"),
            (".5", "0.5"),
            ("007.50", "7.50"),
            ("5.", "5"),
            ("0", "0"),
            ("000", "0"),
            (".", ""),
            ("", ""),
            ("1,5", "1,5"),
        ] {
            assert_eq!(plain(text), expected, "{text}");
        }
    }
}
