//! Detection, done again: what detectors remember, and the flags that stand.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use tally_core::adjudication::Outcome;
use tally_core::claim::{Claim, ClaimId};
use tally_core::fraud::{self, DetectorId, Fact, Flag, Parameters};
use tally_store::port::{Detection as _, FlagGroup, Group, Token};

use super::Replayed;
use crate::node::Node;
use crate::node::detect::open_fact;

/// What detectors would remember and flag, from the claims alone.
#[derive(Default)]
pub(super) struct Redetected {
    groups: BTreeMap<Group, Vec<Fact>>,
    /// Whose death a group is judged by.
    members: BTreeMap<Group, Token>,
    findings: BTreeMap<FlagGroup, Vec<Flag>>,
}

impl Redetected {
    pub(super) fn add(
        &mut self,
        facts: Vec<(Group, Fact)>,
        member: Token,
        claim: &Claim,
        outcome: &Outcome,
    ) {
        for (group, fact) in facts {
            if group.detector == DetectorId::ServiceAfterDeath {
                self.members.insert(group, member);
            }
            self.groups.entry(group).or_default().push(fact);
        }
        self.judge(claim, outcome);
    }

    /// The findings on a claim that is decided.
    pub(super) fn judge(&mut self, claim: &Claim, outcome: &Outcome) {
        let flags = fraud::flags_of_findings(claim, outcome);
        if !flags.is_empty() || self.findings.contains_key(&FlagGroup::Findings(claim.id)) {
            self.findings.insert(FlagGroup::Findings(claim.id), flags);
        }
    }

    /// A claim stands no more.
    pub(super) fn forget(&mut self, claim: ClaimId) {
        for facts in self.groups.values_mut() {
            facts.retain(|fact| fact.claim != claim);
        }
        self.findings.insert(FlagGroup::Findings(claim), Vec::new());
    }
}

impl Node {
    /// What detectors remember, and the flags that stand, against what follows
    /// from the claims.
    pub(super) async fn check_detection(
        &self,
        detected: Redetected,
        replayed: &mut Replayed,
    ) -> Result<()> {
        let Redetected {
            groups,
            members,
            findings,
        } = detected;
        let parameters = Parameters::default();
        let mut expected = findings;
        let wanted: Vec<Group> = groups.keys().copied().collect();
        for chunk in wanted.chunks(512) {
            let stored = self.store.facts(chunk).await?;
            let records: Vec<_> = stored.iter().map(|row| row.sealed.record).collect();
            let keys = self.vault.keys(&records).await?;
            let mut remembered: BTreeMap<Group, Vec<Option<Fact>>> = BTreeMap::new();
            let mut erased: BTreeSet<Group> = BTreeSet::new();
            for row in &stored {
                match keys.get(&row.sealed.record) {
                    None => {
                        erased.insert(row.group);
                    }
                    Some(key) => remembered
                        .entry(row.group)
                        .or_default()
                        .push(open_fact(key, row)),
                }
            }
            for group in chunk {
                let facts = groups.get(group).map(Vec::as_slice).unwrap_or_default();
                // An erased claim's part in a flag cannot be had again.
                if erased.contains(group) {
                    continue;
                }
                let order = |fact: &Fact| (fact.claim, fact.line);
                let mut ours: Vec<&Fact> = facts.iter().collect();
                ours.sort_by_key(|fact| order(fact));
                let stored: Option<Vec<Fact>> = remembered
                    .remove(group)
                    .unwrap_or_default()
                    .into_iter()
                    .collect();
                let same = stored.is_some_and(|mut stored| {
                    stored.sort_by_key(order);
                    stored.iter().eq(ours)
                });
                if !same {
                    replayed.broke(
                        "fact",
                        facts.first().map(|fact| fact.claim),
                        format!(
                            "what {} remembers is not what the claims say",
                            group.detector.as_str()
                        ),
                    );
                }
                let death = match members.get(group) {
                    Some(member) => {
                        let deaths = self.deaths_of([*member]).await.unwrap_or_default();
                        deaths.get(member).copied().flatten()
                    }
                    None => None,
                };
                let facts = fraud::with_death(facts, death);
                let flags = fraud::flags_of(group.detector, &facts, &parameters);
                expected.insert(FlagGroup::Facts(*group), flags);
            }
        }
        self.check_flags_stand(expected, replayed).await
    }

    async fn check_flags_stand(
        &self,
        expected: BTreeMap<FlagGroup, Vec<Flag>>,
        replayed: &mut Replayed,
    ) -> Result<()> {
        let groups: Vec<FlagGroup> = expected.keys().copied().collect();
        for chunk in groups.chunks(512) {
            let rows = self.store.flags_in(chunk).await?;
            let ids: BTreeMap<_, _> = rows.iter().map(|(group, row)| (row.id, *group)).collect();
            let open = self
                .open_flags(rows.into_iter().map(|(_, row)| row).collect())
                .await?;
            let mut stand: BTreeMap<FlagGroup, Vec<Flag>> = BTreeMap::new();
            for (row, flag) in open {
                if let Some(group) = ids.get(&row.id) {
                    stand.entry(*group).or_default().push(flag);
                }
            }
            for group in chunk {
                let mut ours: Vec<&Flag> = expected.get(group).into_iter().flatten().collect();
                let mut theirs = stand.remove(group).unwrap_or_default();
                ours.sort_by_key(|flag| flag.id);
                theirs.sort_by_key(|flag| flag.id);
                if !theirs.iter().eq(ours.iter().copied()) {
                    let claim = ours.iter().copied().chain(&theirs).next();
                    replayed.broke(
                        "flag",
                        claim
                            .and_then(|flag| flag.claims.first())
                            .map(|(claim, _)| *claim),
                        format!(
                            "{} flags stand where {} follow from the claims, or they say otherwise",
                            theirs.len(),
                            ours.len()
                        ),
                    );
                }
            }
        }
        Ok(())
    }
}
