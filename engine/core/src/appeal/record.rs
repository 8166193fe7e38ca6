//! What is kept: a filing and the events after it. What they come to is computed. They
//! hold what people wrote: no `Debug`, no `Display`.

use core::fmt;

use tally_types::ServiceDate;

use super::level::Party;
use super::time::Due;
use crate::adjudication::Act;
use crate::canon::{Canon, DecodeError, Reader};
use crate::claim::ClaimId;

/// The version of the encoding, an event's first byte.
const VERSION: u8 = 1;

/// What a person may write to an appeal at a time, in bytes.
pub const TEXT_BYTES: usize = 64 << 10;

/// The decision that is appealed: an outcome of the claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appealed {
    /// SHA-256 of its canonical bytes, as its receipt has it.
    pub outcome: [u8; 32],
    /// The how-manieth outcome of the claim it is, from zero.
    pub number: u32,
    /// The index of its entry on the ledger; `None` while that waited.
    pub entry: Option<u64>,
}
crate::canon_record!(Appealed {
    outcome,
    number,
    entry
});

/// An appeal as it was filed, with the deadlines that were in force on that day: what
/// was promised holds when the configuration changes.
#[derive(Clone, PartialEq, Eq)]
pub struct Filed {
    /// The number of the level, from 1.
    pub level: u8,
    /// What the level was called.
    pub name: String,
    /// Who appeals.
    pub by: Party,
    /// Who took it in, as authenticated.
    pub noted_by: String,
    /// Why, in their words.
    pub reason: String,
    /// Whether it cannot wait.
    pub expedited: bool,
    /// What is appealed.
    pub appealed: Appealed,
    /// The day on which that became known.
    pub known: ServiceDate,
    /// The last day on which it could be filed.
    pub last_day: ServiceDate,
    /// By when it is to be decided.
    pub due: Due,
    /// Days by which that may be put off in all.
    pub extend: i32,
}
crate::canon_record!(Filed {
    level,
    name,
    by,
    noted_by,
    reason,
    expedited,
    appealed,
    known,
    last_day,
    due,
    extend
});

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The decision stays as it is.
    Upheld,
    /// It is put right as was asked.
    Overturned,
    /// It is put right in part.
    InPart,
}
crate::canon_enum!(Verdict {
    Upheld = 1,
    Overturned = 2,
    InPart = 3
});

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Upheld => "upheld",
            Self::Overturned => "overturned",
            Self::InPart => "overturned in part",
        })
    }
}

/// What puts the claim right.
#[derive(Clone, PartialEq, Eq)]
pub struct Overturning {
    /// The act's id.
    pub id: ClaimId,
    /// What it does, when it is done for the appeal: its id follows from the appeal then,
    /// so that it is done once however often it is asked for. `None` of an act that was
    /// done before, as when a contract was decided anew.
    pub act: Option<Act>,
}
crate::canon_record!(Overturning { id, act });

/// A decision on an appeal.
#[derive(Clone, PartialEq, Eq)]
pub struct Decided {
    /// Who decided it, as authenticated.
    pub by: String,
    /// Why, in their words.
    pub reason: String,
    /// What was decided.
    pub verdict: Verdict,
    /// By what the claim is put right, unless it is upheld.
    pub overturning: Option<Overturning>,
}
crate::canon_record!(Decided {
    by,
    reason,
    verdict,
    overturning
});

/// What can happen to an appeal.
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    /// It is filed.
    Filed(Filed),
    /// The deadline is put off.
    Extended {
        /// Who puts it off.
        by: String,
        /// Why.
        reason: String,
        /// By how many days.
        days: i32,
    },
    /// More is asked for; the clock stands still until the answer, or until that day.
    Asked {
        /// Who asks.
        by: String,
        /// For what.
        what: String,
        /// Until when an answer is waited for.
        until: ServiceDate,
    },
    /// What was asked for was answered.
    Answered {
        /// Who noted it.
        by: String,
        /// What.
        what: String,
    },
    /// It is decided.
    Decided(Decided),
    /// Who filed it takes it back.
    Withdrawn {
        /// Who noted it.
        by: String,
        /// Why.
        reason: String,
    },
}

impl Event {
    /// Its stable number.
    #[must_use]
    pub fn kind(&self) -> u8 {
        match self {
            Self::Filed(_) => 1,
            Self::Extended { .. } => 2,
            Self::Asked { .. } => 3,
            Self::Answered { .. } => 4,
            Self::Decided(_) => 5,
            Self::Withdrawn { .. } => 6,
        }
    }

    /// What it is, in a word.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Filed(_) => "filed",
            Self::Extended { .. } => "extended",
            Self::Asked { .. } => "asked",
            Self::Answered { .. } => "answered",
            Self::Decided(_) => "decided",
            Self::Withdrawn { .. } => "withdrawn",
        }
    }
}

impl Canon for Event {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.push(self.kind());
        match self {
            Self::Filed(filed) => filed.put(out),
            Self::Extended { by, reason, days } => {
                by.put(out);
                reason.put(out);
                days.put(out);
            }
            Self::Asked { by, what, until } => {
                by.put(out);
                what.put(out);
                until.put(out);
            }
            Self::Answered { by, what } => {
                by.put(out);
                what.put(out);
            }
            Self::Decided(decided) => decided.put(out),
            Self::Withdrawn { by, reason } => {
                by.put(out);
                reason.put(out);
            }
        }
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            VERSION => {}
            n => return Err(from.invalid("version of an event of an appeal", n.into())),
        }
        match u8::take(from)? {
            1 => Ok(Self::Filed(Canon::take(from)?)),
            2 => Ok(Self::Extended {
                by: Canon::take(from)?,
                reason: Canon::take(from)?,
                days: Canon::take(from)?,
            }),
            3 => Ok(Self::Asked {
                by: Canon::take(from)?,
                what: Canon::take(from)?,
                until: Canon::take(from)?,
            }),
            4 => Ok(Self::Answered {
                by: Canon::take(from)?,
                what: Canon::take(from)?,
            }),
            5 => Ok(Self::Decided(Canon::take(from)?)),
            6 => Ok(Self::Withdrawn {
                by: Canon::take(from)?,
                reason: Canon::take(from)?,
            }),
            n => Err(from.invalid("event of an appeal", n.into())),
        }
    }
}
