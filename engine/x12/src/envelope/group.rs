//! The GS, and whether what it says is what its transaction sets are.

use super::{Group, Transaction};
use crate::check::{is_date, is_time, unreadable};
use crate::fault::GroupCode;
use crate::guide::{Guide, guides};
use crate::syntax::Segment;

/// What is wrong with the elements of a GS, each for itself.
pub(super) fn of_header(segment: &Segment<'_>) -> Vec<GroupCode> {
    let party = |number: usize| {
        let text = segment.element(number);
        (2..=15).contains(&text.chars().count()) && !text.trim().is_empty() && !unreadable(text)
    };
    let control = segment.element(6);
    let digits = control.bytes().all(|b| b.is_ascii_digit());
    let sound = [
        (GroupCode::Sender, party(2)),
        (GroupCode::Receiver, party(3)),
        (GroupCode::Date, is_date(segment.element(4))),
        (GroupCode::Time, is_time(segment.element(5))),
        (
            GroupCode::ControlNumber,
            (1..=9).contains(&control.len()) && digits,
        ),
        (GroupCode::Agency, segment.element(7) == "X"),
    ];
    let unsound = sound.into_iter().filter(|(_, sound)| !sound);
    unsound.map(|(code, _)| code).collect()
}

/// The guides of a version: of a question and of its answer it is the same.
fn of_version(version: &str) -> impl Iterator<Item = &'static Guide> + Clone {
    let all = guides().iter();
    all.filter(move |guide| guide.versions().contains(&version))
}

/// The guide that a transaction set says itself that it follows.
fn of_set(set: &Transaction<'_>) -> Option<&'static Guide> {
    of_version(set.convention()).find(|guide| guide.set() == set.set())
}

/// Whether the kind of group, GS01, and its version, GS08, are read, belong together,
/// and are those of what it holds.
pub(super) fn of_kind(group: &Group<'_>) -> Option<GroupCode> {
    let header = group.header?;
    let (kind, version) = (header.element(1), header.element(8));
    let known = guides().iter().any(|guide| guide.group() == kind);
    let sets = || group.transactions.iter().map(of_set);
    let all = |fits: &dyn Fn(&Guide) -> bool| {
        !group.transactions.is_empty() && sets().all(|guide| guide.is_some_and(fits))
    };
    let mut belongs = of_version(version).map(|guide| guide.group() == kind);
    if belongs.clone().any(|belongs| belongs) {
        // Where only some sets differ, it is they that are at fault.
        return all(&|of| !of.versions().contains(&version)).then_some(GroupCode::Version);
    }
    // One of the two is wrong: what the group holds tells which.
    let of_kind = match belongs.next() {
        Some(_) => all(&|of| of.group() == kind),
        None => known,
    };
    Some(match of_kind {
        true => GroupCode::Version,
        false => GroupCode::NotSupported,
    })
}
