//! Appeals: which there are, and what happened to them. What people wrote is sealed;
//! what it comes to is the core's to say.

use std::future::Future;

use tally_core::appeal::AppealId;
use tally_core::claim::ClaimId;
use tally_types::ServiceDate;

use super::{Answer, Sealed};

/// What an event does to the list of open appeals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppealEffect {
    /// An appeal is filed, at a level. What was open of the claim is open no more.
    Opens {
        /// The level, from 1.
        level: u8,
    },
    /// It stays open.
    Stays,
    /// It is closed.
    Closes,
}

/// An event to be added to those of a claim's appeals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAppealEvent {
    /// The claim.
    pub claim: ClaimId,
    /// Its number among the events of the claim's appeals, from 1 and without a gap:
    /// one that is taken is fenced.
    pub number: u32,
    /// The appeal.
    pub appeal: AppealId,
    /// What happened: the stable number of the core's event, 1 to 6.
    pub kind: u8,
    /// The day.
    pub day: ServiceDate,
    /// What it does.
    pub effect: AppealEffect,
    /// The event, under the claim's key.
    pub sealed: Sealed,
}

/// An event that is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppealEventRow {
    /// The claim.
    pub claim: ClaimId,
    /// Its number among the events of the claim's appeals.
    pub number: u32,
    /// The appeal.
    pub appeal: AppealId,
    /// The day.
    pub day: ServiceDate,
    /// The event.
    pub sealed: Sealed,
}

/// An appeal, as far as it is not sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppealRow {
    /// Its place among all appeals, in the order of filing.
    pub place: u64,
    /// The appeal.
    pub id: AppealId,
    /// The claim.
    pub claim: ClaimId,
    /// The level, from 1.
    pub level: u8,
    /// The day it was received.
    pub filed: ServiceDate,
    /// Whether it is neither decided, taken back nor overtaken.
    pub open: bool,
}

/// Which appeals are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppealFilter {
    /// Open ones alone.
    pub open: bool,
    /// Only those after this place.
    pub after: u64,
    /// At most so many.
    pub limit: u32,
}

/// Appeals.
pub trait Appeals {
    /// Adds an event, in one transaction. Fenced when its number is not the next of the
    /// claim, so that whoever checked what may follow checked against all there is.
    fn add_appeal_event(&self, event: &NewAppealEvent) -> impl Future<Output = Answer<()>> + Send;
    /// An appeal.
    fn appeal(&self, id: AppealId) -> impl Future<Output = Answer<Option<AppealRow>>> + Send;
    /// Appeals, in the order of filing.
    fn appeals(&self, filter: &AppealFilter)
    -> impl Future<Output = Answer<Vec<AppealRow>>> + Send;
    /// The appeals of a claim, in the order of filing.
    fn appeals_of(&self, claim: ClaimId) -> impl Future<Output = Answer<Vec<AppealRow>>> + Send;
    /// All events of the appeals of claims: of each claim in their order.
    fn appeal_events(
        &self,
        claims: &[ClaimId],
    ) -> impl Future<Output = Answer<Vec<AppealEventRow>>> + Send;
}
