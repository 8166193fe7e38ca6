//! What becomes of the versions of flags when groups are judged.

use std::collections::{BTreeMap, BTreeSet};

use tally_core::fraud::FlagId;
use tally_core::ledger::Commitment;

use crate::port::{Answer, FlagGroup, FlagRow, StoreError};

/// A version of a flag that is stored.
pub(crate) struct Version {
    pub(crate) id: i64,
    pub(crate) flag: FlagId,
    pub(crate) commitment: Commitment,
    pub(crate) standing: bool,
}

/// What is to be done so that the flags of groups are what was said.
pub(crate) struct Changes<'a> {
    /// Versions that stand no longer.
    pub(crate) withdrawn: Vec<i64>,
    /// Versions that stand again.
    pub(crate) again: Vec<i64>,
    /// Versions that are not stored, in order.
    pub(crate) new: Vec<(&'a FlagGroup, &'a FlagRow)>,
}

/// By the versions that stand in the groups, and those, standing or not, that
/// have a commitment of what was said.
pub(crate) fn changes<'a>(
    said: &'a BTreeMap<FlagGroup, &'a [FlagRow]>,
    standing: &[Version],
    stored: &BTreeMap<Commitment, Version>,
) -> Answer<Changes<'a>> {
    let wanted = wanted(said);
    let mut new: Vec<(&FlagGroup, &FlagRow)> = Vec::new();
    let mut known: BTreeMap<Commitment, FlagId> = stored
        .values()
        .map(|version| (version.commitment, version.flag))
        .collect();
    for (group, flag) in said
        .iter()
        .flat_map(|(group, flags)| flags.iter().map(move |flag| (group, flag)))
    {
        match known.insert(flag.commitment, flag.id) {
            Some(same) if same == flag.id => {}
            Some(_) => return Err(StoreError::Damaged { what: "commitment" }),
            None => new.push((group, flag)),
        }
    }
    Ok(Changes {
        withdrawn: standing
            .iter()
            .filter(|version| !wanted.contains(&version.commitment))
            .map(|version| version.id)
            .collect(),
        again: stored
            .values()
            .filter(|version| !version.standing)
            .map(|version| version.id)
            .collect(),
        new,
    })
}

/// The commitments of what was said.
pub(crate) fn wanted(said: &BTreeMap<FlagGroup, &[FlagRow]>) -> BTreeSet<Commitment> {
    said.values()
        .flat_map(|flags| flags.iter().map(|flag| flag.commitment))
        .collect()
}
