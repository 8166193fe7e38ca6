//! All appeals of a claim, and which may be filed next.

use tally_types::ServiceDate;

use super::AppealId;
use super::fault::{Refusal, StepError};
use super::level::{Level, Party};
use super::record::{Appealed, Event, Filed, TEXT_BYTES};
use super::state::{Appeal, Stage};
use super::time::{Due, Moment};
use crate::claim::ClaimId;

/// What a claim comes to, as far as an appeal asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has no outcome, or an act is about to change it.
    Waits,
    /// It is pended.
    Pended,
    /// It was voided or replaced.
    Gone,
    /// It is paid or denied.
    Decided {
        /// The outcome.
        what: Appealed,
        /// The day from which it stands.
        since: ServiceDate,
        /// The act that brought it about, when not the claim itself.
        by: Option<ClaimId>,
    },
}

/// An appeal that somebody would file.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// At which level; the next when not said.
    pub level: Option<&'a str>,
    /// Who appeals.
    pub by: Party,
    /// Who takes it in, as authenticated.
    pub noted_by: &'a str,
    /// Why.
    pub reason: &'a str,
    /// Whether it cannot wait.
    pub expedited: bool,
    /// The day it was received.
    pub on: ServiceDate,
    /// The moment at which it is taken in.
    pub now: Moment,
}

/// An event of a claim's appeals. It holds what people wrote: no `Debug`.
pub struct Numbered {
    /// The appeal.
    pub appeal: AppealId,
    /// The day of the event. Of a filing it is the day it was received.
    pub day: ServiceDate,
    /// What happened.
    pub event: Event,
}

/// All appeals of a claim, in the order in which they were filed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Docket {
    appeals: Vec<(AppealId, Appeal)>,
}

impl Docket {
    /// What events come to, in their order.
    ///
    /// # Errors
    /// When one cannot follow those before it.
    pub fn of(events: &[Numbered]) -> Result<Self, StepError> {
        let mut docket = Self::default();
        for of in events {
            // An event was checked at its minute; on its day it was not too late.
            let at = Moment {
                day: of.day,
                minute: 0,
            };
            docket.happen(of.appeal, &of.event, at)?;
        }
        Ok(docket)
    }

    /// Adds an event.
    ///
    /// # Errors
    /// When it cannot follow; nothing has changed then.
    pub fn happen(&mut self, id: AppealId, event: &Event, at: Moment) -> Result<(), StepError> {
        if let Event::Filed(filed) = event {
            // One that lapsed stays open, and is overtaken: a filing is dated when it was
            // received, so whether it had lapsed is not asked again.
            if self.appeal(id).is_some() {
                return Err(StepError::Filing);
            }
            self.appeals
                .push((id, Appeal::filed(filed.clone(), at.day)));
            return Ok(());
        }
        let last = self.appeals.len().checked_sub(1);
        let found = self.appeals.iter().position(|(known, _)| *known == id);
        let at_index = found.ok_or(StepError::NoAppeal)?;
        let (_, appeal) = self.appeals.get(at_index).ok_or(StepError::NoAppeal)?;
        let next = appeal.after(event, at)?;
        if Some(at_index) != last {
            return Err(StepError::Overtaken);
        }
        if let Some((_, appeal)) = self.appeals.get_mut(at_index) {
            *appeal = next;
        }
        Ok(())
    }

    /// The appeals, in the order in which they were filed.
    #[must_use]
    pub fn appeals(&self) -> &[(AppealId, Appeal)] {
        &self.appeals
    }

    /// An appeal.
    #[must_use]
    pub fn appeal(&self, id: AppealId) -> Option<&Appeal> {
        let mut appeals = self.appeals.iter();
        appeals.find(|(known, _)| *known == id).map(|(_, of)| of)
    }

    /// Whether an appeal lapsed and another was filed since.
    #[must_use]
    pub fn is_overtaken(&self, id: AppealId) -> bool {
        let open = self.appeal(id).is_some_and(Appeal::is_open);
        open && self.appeals.last().is_some_and(|(last, _)| *last != id)
    }

    /// What is filed when somebody asks for it.
    ///
    /// # Errors
    /// Why it is not taken in.
    pub fn filing(
        &self,
        levels: &[Level],
        standing: &Standing,
        asking: &Asking<'_>,
    ) -> Result<Filed, Refusal> {
        if levels.is_empty() {
            return Err(Refusal::NoLevels);
        }
        let (what, since, by) = match standing {
            Standing::Waits => return Err(Refusal::Waits),
            Standing::Pended => return Err(Refusal::Pended),
            Standing::Gone => return Err(Refusal::Gone),
            Standing::Decided { what, since, by } => (*what, *since, *by),
        };
        let (next, known) = self.next(&what, since, by, asking.now)?;
        let (index, level) = chosen(levels, next, asking.level)?;
        if !level.is_open_to(asking.by) {
            return Err(Refusal::NotParty {
                level: level.name.clone(),
                party: asking.by,
            });
        }
        let day = Refusal::Day { known };
        let last_day = level.file_within.last_day(known).ok_or(day.clone())?;
        if asking.on < known || asking.on > asking.now.day {
            return Err(day);
        }
        if asking.on > last_day {
            return Err(Refusal::TooLate {
                level: level.name.clone(),
                known,
                last: last_day,
            });
        }
        let due = match (asking.expedited, level.expedited) {
            (false, _) => asking.on.plus_days(level.decide_within).map(Due::on),
            (true, None) => return Err(Refusal::NotExpedited(level.name.clone())),
            // Of what was received before today the minute is not known: from the first.
            (true, Some(hours)) => {
                let minute = match asking.on == asking.now.day {
                    true => asking.now.minute,
                    false => 0,
                };
                let from = Moment {
                    day: asking.on,
                    minute,
                };
                from.plus_hours(hours).map(Due::from)
            }
        };
        if asking.reason.trim().is_empty() {
            return Err(Refusal::NoReason);
        }
        if asking.reason.len() > TEXT_BYTES {
            return Err(Refusal::LongReason);
        }
        Ok(Filed {
            level: u8::try_from(index.saturating_add(1)).map_err(|_| Refusal::NoLevels)?,
            name: level.name.clone(),
            by: asking.by,
            noted_by: asking.noted_by.to_owned(),
            reason: asking.reason.to_owned(),
            expedited: asking.expedited,
            appealed: what,
            known,
            last_day,
            due: due.ok_or(day)?,
            extend: level.extend,
        })
    }

    /// The level that is next, from zero, and when what is appealed there became known.
    fn next(
        &self,
        what: &Appealed,
        since: ServiceDate,
        by: Option<ClaimId>,
        now: Moment,
    ) -> Result<(usize, ServiceDate), Refusal> {
        let Some((id, last)) = self.appeals.last() else {
            return Ok((0, since));
        };
        let (filed, stage) = (last.as_filed(), last.stage(now));
        if last.is_open() && stage != Stage::Lapsed {
            return Err(Refusal::Open {
                appeal: *id,
                level: filed.name.clone(),
                due: last.due(now),
            });
        }
        // What it decided on, or brought about, stands: else it is another decision, and
        // the levels begin again.
        let same = filed.appealed.outcome == what.outcome;
        let own = by.is_some() && by == last.act();
        if !same && !own {
            return Ok((0, since));
        }
        let level = usize::from(filed.level);
        Ok(match stage {
            Stage::Withdrawn => (level.saturating_sub(1), filed.known),
            Stage::Lapsed => (level, last.due(now).day),
            _ => (level, last.last()),
        })
    }
}

/// The level that is meant, when `next` is the one that is next.
fn chosen<'a>(
    levels: &'a [Level],
    next: usize,
    named: Option<&str>,
) -> Result<(usize, &'a Level), Refusal> {
    let name = |at: usize| levels.get(at).map_or(String::new(), |of| of.name.clone());
    let meant = match named {
        None => None,
        Some(named) => {
            let found = levels.iter().position(|level| level.name == named);
            let all = || {
                let names = levels.iter().map(|level| format!("`{}`", level.name));
                names.collect::<Vec<_>>().join(", ")
            };
            Some(found.ok_or_else(|| Refusal::NoSuchLevel(named.to_owned(), all()))?)
        }
    };
    let Some(level) = levels.get(next) else {
        let last = levels.len().saturating_sub(1);
        return Err(Refusal::Exhausted { last: name(last) });
    };
    match meant {
        Some(meant) if meant > next => Err(Refusal::Skipped {
            level: name(meant),
            first: name(next),
        }),
        Some(meant) if meant < next => Err(Refusal::Past {
            level: name(meant),
            next: name(next),
        }),
        _ => Ok((next, level)),
    }
}
