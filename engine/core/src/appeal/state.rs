//! What an appeal has come to. It holds what people wrote: no `Debug`, no `Display`.

use core::fmt;

use tally_types::ServiceDate;

use super::fault::StepError;
use super::record::{Decided, Event, Filed, TEXT_BYTES, Verdict};
use super::time::{Due, Moment};
use crate::claim::ClaimId;

/// Where an appeal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It waits for its decision.
    Filed,
    /// It does, and its deadline was put off.
    Extended,
    /// More was asked for, and the clock stands still.
    Asked,
    /// The deadline is over and nothing was decided: it can be decided late, and whoever
    /// appeals may go on to the next level.
    Lapsed,
    /// The decision stays.
    Upheld,
    /// The claim is put right.
    Overturned,
    /// The claim is put right in part.
    InPart,
    /// It was taken back.
    Withdrawn,
}

impl Stage {
    /// Its stable name, for machines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Filed => "filed",
            Self::Extended => "extended",
            Self::Asked => "asked",
            Self::Lapsed => "lapsed",
            Self::Upheld => "upheld",
            Self::Overturned => "overturned",
            Self::InPart => "overturned-in-part",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asked => "waiting for what was asked for",
            Self::InPart => "overturned in part",
            other => other.name(),
        })
    }
}

/// How it ended.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum End {
    Decided(Decided),
    Withdrawn,
}

/// What an appeal has come to. Made only by [`Appeal::filed`] and [`Appeal::after`], so
/// that one that cannot be never is.
#[derive(Clone, PartialEq, Eq)]
pub struct Appeal {
    filed: Filed,
    on: ServiceDate,
    last: ServiceDate,
    due: Due,
    extended: i32,
    /// When more was asked for, and until when an answer is waited for.
    asked: Option<(ServiceDate, ServiceDate)>,
    end: Option<(ServiceDate, End)>,
}

impl Appeal {
    /// An appeal that was filed on a day.
    #[must_use]
    pub fn filed(filed: Filed, on: ServiceDate) -> Self {
        Self {
            due: filed.due,
            filed,
            on,
            last: on,
            extended: 0,
            asked: None,
            end: None,
        }
    }

    /// What it comes to by an event on a day.
    ///
    /// # Errors
    /// When the event cannot follow; the appeal is as it was.
    pub fn after(&self, event: &Event, at: Moment) -> Result<Self, StepError> {
        let day = at.day;
        if day < self.last {
            return Err(StepError::OutOfOrder);
        }
        if self.end.is_some() {
            return Err(StepError::Ended(self.stage(at)));
        }
        let mut next = self.clone();
        // An answer that was waited for long enough is waited for no more.
        if let Some((_, until)) = self.asked.filter(|(_, until)| day > *until) {
            next.answered(until)?;
        }
        match event {
            Event::Filed(_) => return Err(StepError::Filing),
            Event::Extended { reason, days, .. } => {
                said(reason)?;
                next.extend(*days, at)?;
            }
            Event::Asked { what, until, .. } => {
                said(what)?;
                if next.asked.is_some() {
                    return Err(StepError::Asked);
                }
                if next.due.is_over(at) {
                    return Err(StepError::Over);
                }
                if *until <= day {
                    return Err(StepError::Until);
                }
                // What is put off by all of it can be held.
                next.due
                    .plus_days(until.days_since(day))
                    .ok_or(StepError::Calendar)?;
                next.asked = Some((day, *until));
            }
            Event::Answered { what, .. } => {
                said(what)?;
                if next.asked.is_none() {
                    return Err(StepError::NotAsked);
                }
                next.answered(day)?;
            }
            Event::Decided(decided) => {
                said(&decided.reason)?;
                let upheld = decided.verdict == Verdict::Upheld;
                if upheld == decided.overturning.is_some() {
                    return Err(StepError::Act);
                }
                next.end = Some((day, End::Decided(decided.clone())));
            }
            Event::Withdrawn { reason, .. } => {
                said(reason)?;
                next.end = Some((day, End::Withdrawn));
            }
        }
        next.last = day;
        Ok(next)
    }

    fn extend(&mut self, days: i32, at: Moment) -> Result<(), StepError> {
        if self.due(at).is_over(at) {
            return Err(StepError::Over);
        }
        let left = self.filed.extend.saturating_sub(self.extended);
        if !(1..=left).contains(&days) {
            return Err(StepError::TooLong { left });
        }
        self.extended = self.extended.saturating_add(days);
        self.due = self.due.plus_days(days).ok_or(StepError::Calendar)?;
        Ok(())
    }

    /// The clock runs again from a day on.
    fn answered(&mut self, day: ServiceDate) -> Result<(), StepError> {
        if let Some((asked, until)) = self.asked.take() {
            let stood = day.min(until).days_since(asked);
            self.due = self.due.plus_days(stood).ok_or(StepError::Calendar)?;
        }
        Ok(())
    }

    /// As it was filed.
    #[must_use]
    pub fn as_filed(&self) -> &Filed {
        &self.filed
    }

    /// The day it was received.
    #[must_use]
    pub fn on(&self) -> ServiceDate {
        self.on
    }

    /// Until when an answer is waited for, while one is.
    #[must_use]
    pub fn waits_until(&self, now: Moment) -> Option<ServiceDate> {
        let waits = |until: &ServiceDate| self.end.is_none() && now.day <= *until;
        self.asked.map(|(_, until)| until).filter(waits)
    }

    /// By when it is to be decided, as far as that is known at a moment: while the clock
    /// stands still, as if it ran again from that moment on.
    #[must_use]
    pub fn due(&self, now: Moment) -> Due {
        let stood = self.asked.map_or(0, |(asked, until)| {
            now.day.min(until).days_since(asked).max(0)
        });
        self.due.plus_days(stood).unwrap_or(self.due)
    }

    /// Where it stands at a moment.
    #[must_use]
    pub fn stage(&self, now: Moment) -> Stage {
        match &self.end {
            Some((_, End::Withdrawn)) => Stage::Withdrawn,
            Some((_, End::Decided(decided))) => match decided.verdict {
                Verdict::Upheld => Stage::Upheld,
                Verdict::Overturned => Stage::Overturned,
                Verdict::InPart => Stage::InPart,
            },
            None if self.waits_until(now).is_some() => Stage::Asked,
            None if self.due(now).is_over(now) => Stage::Lapsed,
            None if self.extended > 0 => Stage::Extended,
            None => Stage::Filed,
        }
    }

    /// Whether it was neither decided nor taken back.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.end.is_none()
    }

    /// The day it was decided or taken back.
    #[must_use]
    pub fn ended(&self) -> Option<ServiceDate> {
        self.end.as_ref().map(|(day, _)| *day)
    }

    /// What was decided, and on which day.
    #[must_use]
    pub fn decided(&self) -> Option<(ServiceDate, &Decided)> {
        match &self.end {
            Some((day, End::Decided(decided))) => Some((*day, decided)),
            _ => None,
        }
    }

    /// The act that puts the claim right.
    #[must_use]
    pub fn act(&self) -> Option<ClaimId> {
        let (_, decided) = self.decided()?;
        decided.overturning.as_ref().map(|of| of.id)
    }

    /// The last day on which something happened to it.
    pub(super) fn last(&self) -> ServiceDate {
        self.last
    }
}

fn said(text: &str) -> Result<(), StepError> {
    if text.len() > TEXT_BYTES {
        return Err(StepError::LongText);
    }
    match text.trim().is_empty() {
        true => Err(StepError::NoReason),
        false => Ok(()),
    }
}
