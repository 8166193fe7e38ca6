//! Numbers that stand for names: stable, never reused.

use tally_core::adjudication::Status;
use tally_core::fraud::DetectorId;

use crate::port::{ActKind, Answer, PartKind, RequestEventKind, StoreError};

/// A status as it is stored.
pub(crate) const fn status(status: Status) -> i16 {
    match status {
        Status::Paid => 1,
        Status::Denied => 2,
        Status::Pended => 3,
    }
}

pub(crate) fn status_of(number: i64) -> Answer<Status> {
    [Status::Paid, Status::Denied, Status::Pended]
        .into_iter()
        .find(|known| i64::from(status(*known)) == number)
        .ok_or(StoreError::Damaged { what: "status" })
}

/// What a claim of the queue is, as it is stored; zero is a claim.
pub(crate) const fn kind(act: Option<ActKind>) -> i16 {
    match act {
        None => 0,
        Some(ActKind::Void) => 1,
        Some(ActKind::Replacement) => 2,
        Some(ActKind::Readjudication) => 3,
        Some(ActKind::Review) => 4,
    }
}

pub(crate) fn kind_of(number: i64) -> Answer<Option<ActKind>> {
    let acts = ActKind::ALL.into_iter().map(Some);
    acts.chain([None])
        .find(|known| i64::from(kind(*known)) == number)
        .ok_or(StoreError::Damaged {
            what: "kind of act",
        })
}

/// What happened to a request, as it is stored.
pub(crate) const fn request_event(kind: RequestEventKind) -> i16 {
    match kind {
        RequestEventKind::Decided => 1,
        RequestEventKind::Cancelled => 2,
        RequestEventKind::Superseded => 3,
    }
}

pub(crate) fn request_event_of(number: i64) -> Answer<RequestEventKind> {
    RequestEventKind::ALL
        .into_iter()
        .find(|known| i64::from(request_event(*known)) == number)
        .ok_or(StoreError::Damaged {
            what: "event of a request",
        })
}

/// A detector as it is stored; zero is a policy's finding.
pub(crate) const fn detector(id: DetectorId) -> i16 {
    match id {
        DetectorId::SuspectDuplicate => 1,
        DetectorId::ImpossibleDay => 2,
        DetectorId::ServiceAfterDeath => 3,
    }
}

pub(crate) fn detector_of(number: i64) -> Answer<DetectorId> {
    DetectorId::ALL
        .into_iter()
        .find(|id| i64::from(detector(*id)) == number)
        .ok_or(StoreError::Damaged { what: "detector" })
}

/// What a payment says of a claim, as it is stored.
pub(crate) const fn part(kind: PartKind) -> i16 {
    match kind {
        PartKind::Payment => 0,
        PartKind::Recovery => 1,
        PartKind::Reversal => 2,
        PartKind::ReversalAhead => 3,
    }
}

pub(crate) fn part_of(number: i64) -> Answer<PartKind> {
    [
        PartKind::Payment,
        PartKind::Recovery,
        PartKind::Reversal,
        PartKind::ReversalAhead,
    ]
    .into_iter()
    .find(|known| i64::from(part(*known)) == number)
    .ok_or(StoreError::Damaged {
        what: "part of a payment",
    })
}
