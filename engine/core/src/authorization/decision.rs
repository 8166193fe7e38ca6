//! What the payer decides of a request. It may hold what a reviewer wrote: no
//! `Debug`, no `Display`.

use tally_types::{Quantity, ServiceDate, ShortCode};

use super::request::RequestLine;
use crate::canon::{Canon, DecodeError, Reader};

/// What is certified of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Units: never more than were asked for.
    pub units: Quantity,
    /// First day it is good for.
    pub from: ServiceDate,
    /// Last day it is good for.
    pub through: ServiceDate,
}

/// Why a line is not certified.
#[derive(Clone, PartialEq, Eq)]
pub struct ReviewReason {
    /// Its code (X12 external list 886).
    pub code: ShortCode,
    /// In words for the provider.
    pub text: String,
}

/// What is decided of a line.
#[derive(Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Certified, in total or in part: which of the two is told by comparing.
    Certified(Grant),
    /// Not certified.
    NotCertified(ReviewReason),
    /// It waits for what is listed, in words for the provider.
    Pended(Vec<String>),
}

/// A verdict as it is told (X12 278, HCR01).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// `A1`: certified as asked for.
    InTotal,
    /// `A6`: certified with fewer units or for other days.
    Modified,
    /// `A3`: not certified.
    NotCertified,
    /// `A4`: pended.
    Pended,
    /// `C`: taken back.
    Cancelled,
}

impl Action {
    /// The code of X12 list 306.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::InTotal => "A1",
            Self::Modified => "A6",
            Self::NotCertified => "A3",
            Self::Pended => "A4",
            Self::Cancelled => "C",
        }
    }
}

impl Verdict {
    /// A line certified as asked for; none where no days were asked for.
    #[must_use]
    pub fn in_total(line: &RequestLine) -> Option<Self> {
        line.span.map(|(from, through)| {
            Self::Certified(Grant {
                units: line.quantity,
                from,
                through,
            })
        })
    }

    /// How it is told. A line that asked for no days is certified in total with the
    /// units asked for, whichever days it is given.
    #[must_use]
    pub fn action(&self, line: &RequestLine) -> Action {
        match self {
            Self::Certified(grant) => {
                let span = (grant.from, grant.through);
                let as_asked = line.span.is_none_or(|asked| asked == span);
                match as_asked && grant.units == line.quantity {
                    true => Action::InTotal,
                    false => Action::Modified,
                }
            }
            Self::NotCertified(_) => Action::NotCertified,
            Self::Pended(_) => Action::Pended,
        }
    }
}

/// What is decided of one line.
#[derive(Clone, PartialEq, Eq)]
pub struct LineDecision {
    /// The line's number.
    pub number: u16,
    /// What is decided.
    pub verdict: Verdict,
}

/// A decision: of every line that waits for one.
#[derive(Clone, PartialEq, Eq)]
pub struct Decision {
    /// Who decides, as authenticated.
    pub by: String,
    /// The number the provider is to quote; empty where nothing is certified.
    pub authorization: String,
    /// The lines, in any order.
    pub lines: Vec<LineDecision>,
}

impl Canon for Verdict {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Certified(grant) => {
                out.push(1);
                grant.put(out);
            }
            Self::NotCertified(reason) => {
                out.push(2);
                reason.put(out);
            }
            Self::Pended(needs) => {
                out.push(3);
                needs.put(out);
            }
        }
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            1 => Ok(Self::Certified(Canon::take(from)?)),
            2 => Ok(Self::NotCertified(Canon::take(from)?)),
            3 => Ok(Self::Pended(Canon::take(from)?)),
            n => Err(from.invalid("verdict", n.into())),
        }
    }
}
crate::canon_record!(Grant {
    units,
    from,
    through
});
crate::canon_record!(ReviewReason { code, text });
crate::canon_record!(LineDecision { number, verdict });
crate::canon_record!(Decision {
    by,
    authorization,
    lines
});
