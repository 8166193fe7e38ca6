//! Rules of retention and legal holds.

use tally_types::ServiceDate;
use thiserror::Error;

use crate::ledger::entry::Ground;

/// What kind of record is kept. Rules are of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A claim, with its decision, history and facts.
    Claim,
    /// A version of a contract.
    Contract,
    /// A request for an authorisation.
    Authorization,
    /// A payment.
    Payment,
    /// A flag.
    Flag,
    /// A grant of access, or a reading.
    Access,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Claim,
        Self::Contract,
        Self::Authorization,
        Self::Payment,
        Self::Flag,
        Self::Access,
    ];

    /// The kind's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Contract => "contract",
            Self::Authorization => "authorization",
            Self::Payment => "payment",
            Self::Flag => "flag",
            Self::Access => "access",
        }
    }

    /// Reads the kind's word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// From when a rule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// The day the record was made.
    Made,
    /// The day something last happened to it.
    LastActivity,
    /// The last day it was in effect, or the day it was made, whichever is later.
    LastInEffect,
}

/// How long records are kept: data of a node's configuration, with its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionRule {
    /// Its name.
    pub id: String,
    /// Of which kinds.
    pub kinds: Vec<Kind>,
    /// How many years.
    pub years: u16,
    /// From when.
    pub since: Since,
    /// Where it is written, as `42 CFR 422.504(d)`.
    pub source: String,
}

/// That a record must not be erased, whatever the rules say: litigation, an audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Its name.
    pub id: String,
    /// The day it was placed.
    pub placed: ServiceDate,
    /// The day it was lifted; on that day it holds no more.
    pub lifted: Option<ServiceDate>,
}

/// What there is to know of a record before it is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept<'a> {
    /// What kind.
    pub kind: Kind,
    /// The day it was made.
    pub made: ServiceDate,
    /// The day something last happened to it: a payment, an appeal, a re-adjudication.
    pub last_activity: ServiceDate,
    /// The last day it was in effect, of what was; `None` while it still is.
    pub last_in_effect: Option<ServiceDate>,
    /// Whether it is finished: nothing waits, no appeal is open.
    pub settled: bool,
    /// The holds that are on it.
    pub holds: &'a [Hold],
}

/// Why a record may not be erased. Numbers are never used again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum Refused {
    #[error("X101: legal hold `{id}` is on it since {placed}")]
    Hold { id: String, placed: ServiceDate },
    #[error("X102: it is not finished: something waits, or an appeal is open")]
    Open,
    #[error("X103: it is kept until {until}, by `{rule}` ({source_of})")]
    Kept {
        until: ServiceDate,
        rule: String,
        source_of: String,
    },
    #[error("X104: no rule says how long a {0} is kept, so that nobody can say it was long enough")]
    NoRule(&'static str),
    #[error("X105: it is still in effect, and kept by `{rule}` ({source_of})")]
    InEffect { rule: String, source_of: String },
    #[error("X106: its dates are after today")]
    Dates,
}

impl Refused {
    /// Its number.
    #[must_use]
    pub fn code(&self) -> String {
        self.to_string().chars().take(4).collect()
    }
}

/// Whether a record may be erased today, on a ground. A hold stands against every
/// ground. An order of a court or an authority passes rules of retention. A person's
/// request, and retention itself, pass none: of several rules the longest counts, and
/// a record is kept through its last day.
///
/// # Errors
/// The first thing that stands against it.
pub fn may_erase(
    today: ServiceDate,
    ground: Ground,
    record: &Kept<'_>,
    rules: &[RetentionRule],
) -> Result<Ground, Refused> {
    if record.made > today || record.last_activity > today {
        return Err(Refused::Dates);
    }
    let mut holds = record.holds.iter();
    let stands = |hold: &&Hold| hold.lifted.is_none_or(|lifted| today < lifted);
    if let Some(hold) = holds.find(stands) {
        return Err(Refused::Hold {
            id: hold.id.clone(),
            placed: hold.placed,
        });
    }
    if ground == Ground::Order {
        return Ok(ground);
    }
    if !record.settled {
        return Err(Refused::Open);
    }
    let mut longest: Option<(ServiceDate, &RetentionRule)> = None;
    for rule in rules
        .iter()
        .filter(|rule| rule.kinds.contains(&record.kind))
    {
        let until = rule.until(record)?;
        if longest.is_none_or(|(other, _)| until > other) {
            longest = Some((until, rule));
        }
    }
    match longest {
        None => Err(Refused::NoRule(record.kind.as_str())),
        Some((until, rule)) if today <= until => Err(Refused::Kept {
            until,
            rule: rule.id.clone(),
            source_of: rule.source.clone(),
        }),
        Some(_) => Ok(ground),
    }
}

impl RetentionRule {
    /// The last day a record is kept by it.
    fn until(&self, record: &Kept<'_>) -> Result<ServiceDate, Refused> {
        let from = match self.since {
            Since::Made => record.made,
            Since::LastActivity => record.last_activity.max(record.made),
            Since::LastInEffect => {
                let last = record.last_in_effect.ok_or_else(|| Refused::InEffect {
                    rule: self.id.clone(),
                    source_of: self.source.clone(),
                })?;
                last.max(record.made)
            }
        };
        let months = u32::from(self.years).saturating_mul(12);
        Ok(from.plus_months(months).unwrap_or(ServiceDate::MAX))
    }
}
