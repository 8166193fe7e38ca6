//! What is done to a store and to its model.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{GROUPS, UNITS};

/// What is done to both.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A new submission, with a claim of each of these units.
    Accept(Vec<u64>),
    /// A submission that was seen, if there is one.
    Again(usize),
    /// The next claims of a partition are committed.
    Commit { partition: u32, limit: usize },
    /// A batch that was committed is committed again.
    Late(usize),
    /// A host fault of a claim that is queued.
    Fail(usize),
    /// The flags of a group become these versions of these.
    Flags {
        group: u64,
        flags: BTreeMap<u64, u64>,
    },
    /// What waits is appended: some of the outbox, and some flags.
    Integrate { entries: usize, flags: usize },
    /// The last integration once more.
    Relay,
    /// What was set aside is released.
    Release,
    /// A claim's fact is stated.
    State {
        group: u64,
        claim: usize,
        version: u64,
    },
    /// The groups that are marked first are judged, and once more.
    Judge(u32),
    /// A claim that is set aside is given up.
    Discard(usize),
    /// One claim that is set aside is released.
    Let(usize),
    /// Statements by their marks; zero is none.
    Make(Vec<u64>),
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => vec(0..UNITS, 1..6).prop_map(Step::Accept),
        1 => any::<usize>().prop_map(Step::Again),
        6 => (0..2u32, 1..5usize).prop_map(|(partition, limit)| Step::Commit { partition, limit }),
        1 => any::<usize>().prop_map(Step::Late),
        2 => any::<usize>().prop_map(Step::Fail),
        3 => (0..GROUPS, proptest::collection::btree_map(0..3u64, 0..3u64, 0..3))
            .prop_map(|(group, flags)| Step::Flags { group, flags }),
        3 => (0..5usize, 0..4usize).prop_map(|(entries, flags)| Step::Integrate { entries, flags }),
        1 => Just(Step::Relay),
        1 => Just(Step::Release),
        2 => (0..GROUPS, any::<usize>(), 0..3u64)
            .prop_map(|(group, claim, version)| Step::State { group, claim, version }),
        2 => (1..4u32).prop_map(Step::Judge),
        1 => any::<usize>().prop_map(Step::Discard),
        1 => any::<usize>().prop_map(Step::Let),
        2 => vec(0..6u64, 1..4).prop_map(Step::Make),
    ]
}
