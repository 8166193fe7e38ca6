//! Appeals of claims. What may be filed and what may follow is the core's to say; what
//! is overturned is settled by a review, an act like any other.
//!
//! An event is stored under the next number of its claim, so that whatever was checked
//! was checked against all there is. What overturns is stored with the decision before
//! the act is taken in, and the act's id follows from the appeal: whoever is killed in
//! between decides again, and it is done once.

mod acting;
mod check;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail};
use tally_core::adjudication::{
    Act, ActKind as PayersKind, Description, LineDetermination, Status,
};
use tally_core::appeal::{
    Appeal, AppealId, Appealed, Asking, Decided, Docket, Event, Level, Moment, Numbered,
    Overturning, Party, Standing, StepError, Verdict,
};
use tally_core::canon::Canon as _;
use tally_core::claim::ClaimId;
use tally_store::port::{
    Acts as _, AppealEffect, AppealEventRow, AppealRow, Appeals as _, ClaimRow, NewAppealEvent,
    Reading as _, RecordId, RevisionRow, Token,
};
use tally_store::vault::RecordKey;
use tally_types::ServiceDate;

pub use acting::{ActStand, PutRight};

use super::stages::is_claim;
use super::{Node, actor, is_fenced};

/// How often an event is tried again when somebody else was first.
const TRIES: u32 = 8;

/// An appeal that somebody files.
#[derive(Clone, Copy)]
pub struct Filing<'a> {
    /// The claim.
    pub claim: ClaimId,
    /// At which level; the next when not said.
    pub level: Option<&'a str>,
    /// Who appeals.
    pub by: Party,
    /// Why.
    pub reason: &'a str,
    /// Whether it cannot wait.
    pub expedited: bool,
    /// The day it was received; today when not said.
    pub on: Option<ServiceDate>,
}

/// What is determined in place of what was decided, in the terms of the policy that is
/// described.
pub type Lines<'a> = &'a (dyn Fn(&Description) -> Result<Vec<LineDetermination>> + Sync);

/// A decision on an appeal.
pub enum Deciding<'a> {
    /// What was decided stays.
    Upheld,
    /// The claim is settled by hand instead.
    Overturned {
        /// Whether what was asked for is granted in part.
        in_part: bool,
        /// What is determined.
        lines: Lines<'a>,
    },
    /// The claim was put right by an act before.
    OverturnedBy {
        /// Whether what was asked for is granted in part.
        in_part: bool,
        /// The act.
        act: ClaimId,
    },
}

/// What became of the decision that is appealed, other than by the appeal itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    /// The act that took it back.
    pub by: ClaimId,
    /// When.
    pub on: ServiceDate,
    /// Whether nothing of the claim stands now.
    pub gone: bool,
}

/// An appeal as read.
pub struct AppealRead {
    /// The row.
    pub row: AppealRow,
    /// What it has come to.
    pub appeal: Appeal,
    /// Whether it lapsed and another was filed since.
    pub overtaken: bool,
    /// All that happened, in order.
    pub events: Vec<(ServiceDate, Event)>,
    /// What another act did to the decision that is appealed.
    pub changed: Option<Changed>,
    /// The act that puts the claim right, and how far it has come.
    pub act: Option<PutRight>,
}

/// The appeals of a claim, opened.
struct Opened {
    docket: Docket,
    events: Vec<Numbered>,
    /// The number of the next event.
    next: u32,
}

/// What a payload is: no event opens in the place of another, of another appeal, or as of
/// another day.
fn label(number: u32, appeal: AppealId, day: ServiceDate) -> String {
    format!("appeal-event/{number}/{appeal}/{day}")
}

impl Opened {
    fn of(rows: &[&AppealEventRow], key: &RecordKey) -> Result<Self> {
        let mut events = Vec::with_capacity(rows.len());
        for row in rows {
            let label = label(row.number, row.appeal, row.day);
            let event = Event::from_canon(&key.open(&label, &row.sealed)?)
                .context("what happened to an appeal is damaged: run `tally ledger fsck`")?;
            events.push(Numbered {
                appeal: row.appeal,
                day: row.day,
                event,
            });
        }
        Ok(Self {
            docket: Docket::of(&events)
                .context("a claim's appeals are damaged: run `tally ledger fsck`")?,
            events,
            next: rows.last().map_or(1, |row| row.number.saturating_add(1)),
        })
    }
}

impl Node {
    /// Files an appeal of what a claim comes to.
    ///
    /// # Errors
    /// [`tally_core::appeal::Refusal`] when it is not taken in; when the claim is not
    /// known or was erased, or the store fails.
    pub async fn file_appeal(&self, levels: &[Level], filing: &Filing<'_>) -> Result<AppealId> {
        let row = self.appealable(filing.claim).await?;
        let key = self.vault.key(row.sealed.record).await?;
        let noted_by = actor();
        let mut tries = 0;
        loop {
            let row = self.appealable(filing.claim).await?;
            let opened = self.opened(filing.claim, &key).await?;
            let standing = self.standing(&row, &opened.docket).await?;
            let now = self.clock.moment();
            let on = filing.on.unwrap_or(now.day);
            let asking = Asking {
                level: filing.level,
                by: filing.by,
                noted_by: &noted_by,
                reason: filing.reason,
                expedited: filing.expedited,
                on,
                now,
            };
            let filed = opened.docket.filing(levels, &standing, &asking)?;
            let level = filed.level;
            let appeal = AppealId::of(filing.claim, opened.next);
            let event = Event::Filed(filed);
            let effect = AppealEffect::Opens { level };
            let added = self
                .add(filing.claim, &opened, appeal, &event, on, effect, &key)
                .await;
            match added {
                Ok(()) => {
                    self.note("appeal-filed", filing.claim).await?;
                    return Ok(appeal);
                }
                Err(error) if is_fenced(&error) && tries < TRIES => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// The level at which a claim may be appealed next by the first of some parties who
    /// may, and the last day; none when it cannot be.
    ///
    /// # Errors
    /// When the store fails or an event is damaged.
    pub async fn appealable_until(
        &self,
        levels: &[Level],
        row: &ClaimRow,
        parties: &[Party],
    ) -> Result<Option<(String, ServiceDate)>> {
        let keys = self.vault.keys(&[row.sealed.record]).await?;
        let Some(key) = keys.get(&row.sealed.record).filter(|_| !levels.is_empty()) else {
            return Ok(None);
        };
        let opened = self.opened(row.id, key).await?;
        let standing = self.standing(row, &opened.docket).await?;
        let now = self.clock.moment();
        let filing = |by: &Party| {
            let asking = Asking {
                level: None,
                by: *by,
                noted_by: "",
                reason: "to see whether",
                expedited: false,
                on: now.day,
                now,
            };
            opened.docket.filing(levels, &standing, &asking).ok()
        };
        let filed = parties.iter().find_map(filing);
        Ok(filed.map(|filed| (filed.name, filed.last_day)))
    }

    /// Puts the deadline of an appeal off.
    ///
    /// # Errors
    /// [`StepError`] when that cannot be; when there is no such appeal, its claim was
    /// erased, or the store fails.
    pub async fn extend_appeal(&self, id: AppealId, days: i32, reason: &str) -> Result<()> {
        let event = Event::Extended {
            by: actor(),
            reason: reason.to_owned(),
            days,
        };
        self.happen(id, &event, "appeal-extended").await
    }

    /// Asks for more, and lets the clock stand still until the answer or a day.
    ///
    /// # Errors
    /// As [`Self::extend_appeal`].
    pub async fn ask_of_appeal(&self, id: AppealId, what: &str, until: ServiceDate) -> Result<()> {
        let event = Event::Asked {
            by: actor(),
            what: what.to_owned(),
            until,
        };
        self.happen(id, &event, "appeal-asked").await
    }

    /// Notes that what was asked for was answered.
    ///
    /// # Errors
    /// As [`Self::extend_appeal`].
    pub async fn answer_of_appeal(&self, id: AppealId, what: &str) -> Result<()> {
        let event = Event::Answered {
            by: actor(),
            what: what.to_owned(),
        };
        self.happen(id, &event, "appeal-answered").await
    }

    /// Notes that an appeal was taken back.
    ///
    /// # Errors
    /// As [`Self::extend_appeal`].
    pub async fn withdraw_appeal(&self, id: AppealId, reason: &str) -> Result<()> {
        let event = Event::Withdrawn {
            by: actor(),
            reason: reason.to_owned(),
        };
        self.happen(id, &event, "appeal-withdrawn").await
    }

    /// Decides an appeal. What is overturned is settled by a review, which is queued as
    /// any act is, and answered. Asked again, what was decided before is seen through.
    ///
    /// # Errors
    /// As [`Self::extend_appeal`]; and as [`Self::review`], when what is determined
    /// cannot stand.
    pub async fn decide_appeal(
        &self,
        id: AppealId,
        deciding: &Deciding<'_>,
        reason: &str,
    ) -> Result<Option<ClaimId>> {
        let claim = self.appeal_row(id).await?.claim;
        let row = self.appealable(claim).await?;
        let key = self.vault.key(row.sealed.record).await?;
        let opened = self.opened(claim, &key).await?;
        let appeal = opened.docket.appeal(id).ok_or(StepError::NoAppeal)?;
        // Killed between the decision and its act, or the act was given up: the act that
        // was decided on is taken in.
        if let Deciding::Overturned { .. } = deciding
            && let Some((number, act)) = self.left_to_do(id, appeal).await?
        {
            if opened.docket.appeals().last().map(|(last, _)| *last) != Some(id) {
                bail!("the act was given up, and another appeal was filed since: decide that");
            }
            if let PayersKind::Review(review) = &act.kind {
                self.checked_again(&row, review).await?;
            }
            return self.overturn(&row, id, number, act).await.map(Some);
        }
        let verdict_of = |in_part: bool| match in_part {
            true => Verdict::InPart,
            false => Verdict::Overturned,
        };
        let (verdict, overturning) = match deciding {
            Deciding::Upheld => (Verdict::Upheld, None),
            Deciding::OverturnedBy { in_part, act } => {
                let revisions = self.store.revisions(row.unit).await?;
                let since = appeal.as_filed().appealed.number;
                let own = |of: &&RevisionRow| {
                    of.claim == claim && of.act == *act && of.number > since && of.now.is_some()
                };
                if revisions.iter().find(own).is_none() {
                    bail!(
                        "act {act} did not change claim {claim} since what is appealed: `tally claim history {claim}` shows what did"
                    );
                }
                let of = Overturning {
                    id: *act,
                    act: None,
                };
                (verdict_of(*in_part), Some(of))
            }
            Deciding::Overturned { in_part, lines } => {
                let outcome = row.outcome.as_ref();
                if outcome.is_none_or(|outcome| outcome.gone.is_some()) {
                    bail!(
                        "claim {claim} was taken back or replaced since: nothing of it stands that could be put right; the appeal can be withdrawn or upheld"
                    );
                }
                let checks = Event::Decided(Decided {
                    by: actor(),
                    reason: reason.to_owned(),
                    verdict: Verdict::Upheld,
                    overturning: None,
                });
                // That it can be decided at all is said before what is wrong with a file.
                let mut docket = opened.docket.clone();
                docket.happen(id, &checks, self.clock.moment())?;
                let act = Act {
                    by: actor(),
                    // What people wrote is sealed with the claim alone, and erased with it.
                    reason: format!("appeal {id}"),
                    kind: PayersKind::Review(self.checked(&row, *lines).await?),
                };
                let id = self.act_id(self.act_token(&acting::name(id, 0)));
                let act = Some(act);
                (verdict_of(*in_part), Some(Overturning { id, act }))
            }
        };
        let event = Event::Decided(Decided {
            by: actor(),
            reason: reason.to_owned(),
            verdict,
            overturning: overturning.clone(),
        });
        self.happen(id, &event, "appeal-decided").await?;
        crate::failpoint::reach("appeal-decided");
        let Some(overturning) = overturning else {
            return Ok(None);
        };
        if let Some(act) = &overturning.act {
            self.overturn(&row, id, 0, act).await?;
        }
        Ok(Some(overturning.id))
    }

    /// Adds an event to an appeal.
    async fn happen(&self, id: AppealId, event: &Event, action: &str) -> Result<()> {
        let claim = self.appeal_row(id).await?.claim;
        let row = self.appealable(claim).await?;
        let key = self.vault.key(row.sealed.record).await?;
        let effect = match event {
            Event::Decided(_) | Event::Withdrawn { .. } => AppealEffect::Closes,
            _ => AppealEffect::Stays,
        };
        let mut tries = 0;
        loop {
            let mut opened = self.opened(claim, &key).await?;
            let now = self.clock.moment();
            opened.docket.happen(id, event, now)?;
            let added = self
                .add(claim, &opened, id, event, now.day, effect, &key)
                .await;
            match added {
                Ok(()) => return self.note(action, claim).await,
                Err(error) if is_fenced(&error) && tries < TRIES => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "an event has as many parts")]
    async fn add(
        &self,
        claim: ClaimId,
        opened: &Opened,
        appeal: AppealId,
        event: &Event,
        day: ServiceDate,
        effect: AppealEffect,
        key: &RecordKey,
    ) -> Result<()> {
        let added = NewAppealEvent {
            claim,
            number: opened.next,
            appeal,
            kind: event.kind(),
            day,
            effect,
            sealed: key.seal(&label(opened.next, appeal, day), &event.to_canon())?,
        };
        Ok(self.store.add_appeal_event(&added).await?)
    }

    /// A claim that may be appealed: what a payer does is none.
    async fn appealable(&self, claim: ClaimId) -> Result<ClaimRow> {
        let row = self.store.claim(claim).await?;
        row.filter(is_claim).with_context(|| {
            format!("no claim {claim} on this node: `tally claim export` lists them")
        })
    }

    async fn appeal_row(&self, id: AppealId) -> Result<AppealRow> {
        let row = self.store.appeal(id).await?;
        row.with_context(|| format!("no appeal {id} on this node: `tally appeal list` lists them"))
    }

    async fn opened(&self, claim: ClaimId, key: &RecordKey) -> Result<Opened> {
        let rows = self.store.appeal_events(&[claim]).await?;
        Opened::of(&rows.iter().collect::<Vec<_>>(), key)
    }

    /// What a claim comes to, as far as an appeal asks.
    async fn standing(&self, row: &ClaimRow, docket: &Docket) -> Result<Standing> {
        let last = docket.appeals().last();
        let put_right = match last {
            Some((id, appeal)) => self.put_right(*id, appeal).await?,
            None => None,
        };
        // An act that was given up changes nothing: what stands is what it was to change.
        let stand = put_right.map(|of| of.stand);
        if matches!(stand, Some(ActStand::Missing | ActStand::Waits)) {
            return Ok(Standing::Waits);
        }
        let Some(outcome) = &row.outcome else {
            return Ok(Standing::Waits);
        };
        if outcome.gone.is_some() {
            return Ok(Standing::Gone);
        }
        if outcome.status == Status::Pended {
            return Ok(Standing::Pended);
        }
        let (mut since, mut by) = (row.received, None);
        if outcome.revision > 0 {
            let revisions = self.store.revisions(row.unit).await?;
            let own = |of: &&RevisionRow| of.claim == row.id && of.number == outcome.revision;
            let act = revisions
                .iter()
                .find(own)
                .context("a revision is missing")?
                .act;
            let act = self.store.claim(act).await?.context("an act is missing")?;
            // Taken in again, it is what the appeal was decided by.
            let own = put_right.is_some_and(|of| of.act == act.id);
            let decided_by = last.and_then(|(_, appeal)| appeal.act());
            (since, by) = match own {
                true => (act.received, decided_by),
                false => (act.received, Some(act.id)),
            };
        }
        Ok(Standing::Decided {
            what: Appealed {
                outcome: outcome.outcome_hash,
                number: outcome.revision,
                entry: outcome.leaf,
            },
            since,
            by,
        })
    }

    /// An appeal, with an audit entry.
    ///
    /// # Errors
    /// When there is none, its claim was erased, or the store fails.
    pub async fn read_appeal(&self, id: AppealId, purpose: &str) -> Result<AppealRead> {
        let row = self.appeal_row(id).await?;
        let mut reads = self.read_appeals(vec![row], purpose).await?;
        reads
            .pop()
            .with_context(|| format!("claim {} was erased, and with it its appeals", row.claim))
    }

    /// Opens appeals for a purpose, each of their claims with an audit entry. Those of
    /// erased claims are left out.
    ///
    /// # Errors
    /// When the store fails or an event is damaged.
    pub async fn read_appeals(
        &self,
        rows: Vec<AppealRow>,
        purpose: &str,
    ) -> Result<Vec<AppealRead>> {
        let claims: BTreeSet<ClaimId> = rows.iter().map(|row| row.claim).collect();
        if !claims.is_empty() {
            self.note_all(purpose, claims.into_iter()).await?;
        }
        self.open_appeals(rows).await
    }

    /// The same of claims that were noted.
    ///
    /// # Errors
    /// As [`Self::read_appeals`].
    pub async fn open_appeals(&self, rows: Vec<AppealRow>) -> Result<Vec<AppealRead>> {
        let claims: BTreeSet<ClaimId> = rows.iter().map(|row| row.claim).collect();
        let claims: Vec<ClaimId> = claims.into_iter().collect();
        let mut found: BTreeMap<ClaimId, (ClaimRow, Opened)> = BTreeMap::new();
        for chunk in claims.chunks(256) {
            let of = self.store.claims_by_id(chunk).await?;
            let records: Vec<RecordId> = of.iter().map(|row| row.sealed.record).collect();
            let keys = self.vault.keys(&records).await?;
            let events = self.store.appeal_events(chunk).await?;
            let erased = self.erased_among(chunk.iter().copied()).await?;
            for row in of {
                let key = keys.get(&row.sealed.record);
                let Some(key) = key.filter(|_| !erased.contains(&row.id)) else {
                    continue;
                };
                let own = events.iter().filter(|event| event.claim == row.id);
                let opened = Opened::of(&own.collect::<Vec<_>>(), key)?;
                found.insert(row.id, (row, opened));
            }
        }
        let mut revisions: BTreeMap<Token, Vec<RevisionRow>> = BTreeMap::new();
        let mut reads = Vec::with_capacity(rows.len());
        for row in rows {
            let Some((claim, opened)) = found.get(&row.claim) else {
                continue;
            };
            let Some(appeal) = opened.docket.appeal(row.id) else {
                bail!("appeal {} is damaged: run `tally ledger fsck`", row.id);
            };
            let of_unit = match revisions.get(&claim.unit) {
                Some(known) => known,
                None => {
                    let read = self.store.revisions(claim.unit).await?;
                    revisions.entry(claim.unit).or_insert(read)
                }
            };
            let act = self.put_right(row.id, appeal).await?;
            let events = opened.events.iter().filter(|of| of.appeal == row.id);
            reads.push(AppealRead {
                changed: self.changed(claim, appeal, act, of_unit).await?,
                appeal: appeal.clone(),
                overtaken: opened.docket.is_overtaken(row.id),
                events: events.map(|of| (of.day, of.event.clone())).collect(),
                act,
                row,
            });
        }
        Ok(reads)
    }

    /// What took back the decision that is appealed, when not the appeal itself.
    async fn changed(
        &self,
        claim: &ClaimRow,
        appeal: &Appeal,
        put_right: Option<PutRight>,
        revisions: &[RevisionRow],
    ) -> Result<Option<Changed>> {
        let next = appeal.as_filed().appealed.number.saturating_add(1);
        let of = |of: &&RevisionRow| of.claim == claim.id && of.number == next;
        let Some(revision) = revisions.iter().find(of) else {
            return Ok(None);
        };
        if Some(revision.act) == put_right.map(|of| of.act) {
            return Ok(None);
        }
        let act = self.store.claim(revision.act).await?;
        let act = act.context("an act is missing")?;
        // What was changed after it was closed is none of its matter.
        if appeal.ended().is_some_and(|ended| act.received >= ended) {
            return Ok(None);
        }
        Ok(Some(Changed {
            by: act.id,
            on: act.received,
            gone: claim.outcome.as_ref().is_some_and(|of| of.gone.is_some()),
        }))
    }

    /// The moment.
    pub fn moment(&self) -> Moment {
        self.clock.moment()
    }
}
