//! Detection: what a batch's claims add to what detectors remember, and the
//! flags that follow. A flag never changes a payment.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use tally_core::canon::{Blob, Canon as _};
use tally_core::claim::ClaimId;
use tally_core::fraud::{self, Fact, FactKey, Flag, Parameters};
use tally_core::ledger::{Salt, Subject, commit};
use tally_store::port::{
    FactRow, FlagChange, FlagGroup, FlagRow, Group, Reading as _, Token, Work as _,
};
use tally_store::vault;

use super::Node;
use super::work::{Done, FACT, FLAG};

/// A flag with the salt of its commitment, as it is sealed.
pub(super) struct SaltedFlag {
    pub(super) salt: Salt,
    pub(super) flag: Blob,
}

tally_core::canon_record!(SaltedFlag { salt, flag });

/// Who a claim concerns, in tokens.
#[derive(Clone, Copy)]
struct Parties {
    member: Token,
    provider: Token,
}

impl Node {
    fn group(&self, fact: &Fact) -> Group {
        self.group_of(fact.detector, &fact.key)
    }

    fn group_of(&self, detector: fraud::DetectorId, key: &FactKey) -> Group {
        Group {
            detector,
            key: self.keys.tokens.token("fact", &[&key.0]),
        }
    }

    /// The facts of a batch, and the flags of every group they fall in.
    pub(super) async fn detect(&self, done: &[Done]) -> Result<(Vec<FactRow>, Vec<FlagChange>)> {
        let parameters = Parameters::default();
        let mut rows = Vec::new();
        let mut groups: BTreeMap<Group, Vec<Fact>> = BTreeMap::new();
        let mut parties: BTreeMap<ClaimId, Parties> = BTreeMap::new();
        for done in done {
            let member = self.member_token(&done.claim.member.identifier);
            let provider = self.provider_token(&done.claim.billing.identifier);
            parties.insert(done.claim.id, Parties { member, provider });
            let pseudonym = super::keys::hex(&member.0);
            for fact in fraud::facts_of(&done.claim, &pseudonym, done.death) {
                let group = self.group(&fact);
                rows.push(FactRow {
                    group,
                    claim: fact.claim,
                    line: fact.line,
                    sealed: done.key.seal(FACT, &fact.to_canon())?,
                });
                groups.entry(group).or_default().push(fact);
            }
        }
        self.remember(&mut groups).await?;

        let mut found: BTreeMap<FlagGroup, Vec<Flag>> = BTreeMap::new();
        for (group, facts) in &groups {
            let flags = fraud::flags_of(group.detector, facts, &parameters);
            found.insert(FlagGroup::Facts(*group), flags);
        }
        for done in done {
            let flags = fraud::flags_of_findings(&done.claim, &done.outcome);
            if !flags.is_empty() {
                found.insert(FlagGroup::Findings(done.claim.id), flags);
            }
        }
        let renderers = rendering(self, done);
        let changes = self.changes(found, &mut parties, &renderers).await?;
        Ok((rows, changes))
    }

    /// Adds the facts that are stored of these groups.
    async fn remember(&self, groups: &mut BTreeMap<Group, Vec<Fact>>) -> Result<()> {
        let wanted: Vec<Group> = groups.keys().copied().collect();
        let stored = self.store.facts(&wanted).await?;
        let records: Vec<_> = stored.iter().map(|row| row.sealed.record).collect();
        let keys = self.vault.keys(&records).await?;
        for row in stored {
            // An erased claim is forgotten by detectors too.
            let Some(key) = keys.get(&row.sealed.record) else {
                continue;
            };
            let fact = Fact::from_canon(&key.open(FACT, &row.sealed)?)
                .context("a stored fact is damaged")?;
            groups.entry(row.group).or_default().push(fact);
        }
        Ok(())
    }

    /// Flags as rows: those that have not changed as they are stored, the
    /// others under fresh salts and keys.
    async fn changes(
        &self,
        found: BTreeMap<FlagGroup, Vec<Flag>>,
        parties: &mut BTreeMap<ClaimId, Parties>,
        renderers: &BTreeMap<ClaimId, BTreeSet<Token>>,
    ) -> Result<Vec<FlagChange>> {
        let groups: Vec<FlagGroup> = found.keys().copied().collect();
        let (with_flags, rows): (BTreeSet<FlagGroup>, Vec<FlagRow>) =
            self.store.flags_in(&groups).await?.into_iter().unzip();
        let mut stored = BTreeMap::new();
        for (row, flag) in self.open_flags(rows).await? {
            stored.insert(row.id, (row, flag));
        }
        let mut changes = Vec::new();
        for (group, flags) in found {
            if flags.is_empty() && !with_flags.contains(&group) {
                continue;
            }
            let mut rows = Vec::with_capacity(flags.len());
            for flag in flags {
                let old = stored.remove(&flag.id);
                rows.push(match old {
                    Some((row, before)) if before == flag => row,
                    old => {
                        let old = old.map(|(row, _)| row);
                        self.new_flag(&flag, old, parties, renderers).await?
                    }
                });
            }
            changes.push(FlagChange { group, flags: rows });
        }
        Ok(changes)
    }

    async fn new_flag(
        &self,
        flag: &Flag,
        old: Option<FlagRow>,
        parties: &mut BTreeMap<ClaimId, Parties>,
        renderers: &BTreeMap<ClaimId, BTreeSet<Token>>,
    ) -> Result<FlagRow> {
        let claims: BTreeSet<ClaimId> = flag.claims.iter().map(|(claim, _)| *claim).collect();
        let mut members = BTreeSet::new();
        let mut providers: BTreeSet<Token> = old
            .map(|row| row.providers.into_iter().collect())
            .unwrap_or_default();
        for claim in &claims {
            if !parties.contains_key(claim)
                && let Some(row) = self.store.claim(*claim).await?
            {
                let Parties { member, provider } = Parties {
                    member: row.member,
                    provider: row.provider,
                };
                parties.insert(*claim, Parties { member, provider });
            }
            if let Some(parties) = parties.get(claim) {
                members.insert(parties.member);
                providers.insert(parties.provider);
            }
            providers.extend(renderers.get(claim).into_iter().flatten());
        }
        let salt: Salt = vault::random()?;
        let bytes = flag.to_canon();
        let key = self.vault.fresh(1).await?.pop().context("no record key")?;
        let salted = SaltedFlag {
            salt,
            flag: Blob(bytes),
        };
        Ok(FlagRow {
            id: flag.id,
            pattern: flag.pattern.as_str().to_owned(),
            score: flag.score,
            first_seen: flag.first_seen,
            last_seen: flag.last_seen,
            exposure: flag.exposure,
            claims: claims.into_iter().collect(),
            members: members.into_iter().collect(),
            providers: providers.into_iter().collect(),
            commitment: commit(Subject::Flag, &salt, &salted.flag.0),
            sealed: key.seal(FLAG, &salted.to_canon())?,
        })
    }

    /// Opens flags; those whose key was destroyed are left out.
    pub(super) async fn open_flags(&self, rows: Vec<FlagRow>) -> Result<Vec<(FlagRow, Flag)>> {
        let records: Vec<_> = rows.iter().map(|row| row.sealed.record).collect();
        let keys = self.vault.keys(&records).await?;
        let mut open = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(key) = keys.get(&row.sealed.record) else {
                continue;
            };
            let salted = SaltedFlag::from_canon(&key.open(FLAG, &row.sealed)?)
                .context("a stored flag is damaged")?;
            let flag = Flag::from_canon(&salted.flag.0).context("a stored flag is damaged")?;
            open.push((row, flag));
        }
        Ok(open)
    }
}

/// Who rendered the lines of each claim, beside who billed.
fn rendering(node: &Node, done: &[Done]) -> BTreeMap<ClaimId, BTreeSet<Token>> {
    done.iter()
        .map(|done| {
            let tokens = done
                .claim
                .lines
                .iter()
                .filter_map(|line| line.rendering.as_ref())
                .map(|provider| node.provider_token(&provider.identifier))
                .collect();
            (done.claim.id, tokens)
        })
        .collect()
}
