//! Detection: what a batch's claims add to what detectors remember, and the
//! flags that follow. A flag never changes a payment.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use tally_core::canon::{Blob, Canon as _};
use tally_core::claim::{Claim, ClaimId, Contract};
use tally_core::fraud::{self, DetectorId, Fact, FactKey, Flag, Parameters};
use tally_core::ledger::{Salt, Subject, commit};
use tally_store::port::{
    Batch, ClaimFilter, FactRow, FlagChange, FlagGroup, FlagRow, Group, Reading as _, Token,
    Work as _,
};
use tally_store::vault::{self, RecordKey};
use tally_types::ServiceDate;

use super::Node;
use super::work::{Done, FACT, FLAG};

/// A flag with the salt of its commitment, as it is sealed.
pub(super) struct SaltedFlag {
    pub(super) salt: Salt,
    pub(super) flag: Blob,
}

tally_core::canon_record!(SaltedFlag { salt, flag });

/// What a batch adds, and the flags that follow.
pub(super) struct Detected {
    pub(super) facts: Vec<FactRow>,
    /// How many facts each group had.
    pub(super) groups: Vec<(Group, u64)>,
    pub(super) flags: Vec<FlagChange>,
}

/// What is stored of groups.
struct Remembered {
    counts: BTreeMap<Group, u64>,
    /// Groups with a fact that cannot be read, nor had again from its claim.
    damaged: BTreeSet<Group>,
}

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

    fn group_of(&self, detector: DetectorId, key: &FactKey) -> Group {
        Group {
            detector,
            key: self.keys.tokens.token("fact", &[&key.0]),
        }
    }

    /// What a claim adds to what detectors remember, by group. `death` is what
    /// enrolment knows now.
    pub(super) fn facts_by_group(
        &self,
        claim: &Claim,
        death: Option<ServiceDate>,
    ) -> Vec<(Group, Fact)> {
        let member = self.member_token(&claim.member.identifier);
        fraud::facts_of(claim, &super::keys::hex(&member.0), death)
            .into_iter()
            .map(|mut fact| {
                // What may be restated stands with the one detector that asks.
                if fact.detector != DetectorId::ServiceAfterDeath {
                    fact.death = None;
                }
                (self.group(&fact), fact)
            })
            .collect()
    }

    /// The facts of a batch, and the flags of every group they fall in. Claims
    /// whose groups cannot be read are taken out of the batch, and with them
    /// those that follow in their unit.
    pub(super) async fn detect(
        &self,
        done: &mut Vec<Done>,
        failed: &mut BTreeMap<Token, ClaimId>,
    ) -> Result<Detected> {
        loop {
            let mut rows = Vec::new();
            let mut groups: BTreeMap<Group, Vec<Fact>> = BTreeMap::new();
            for done in done.iter() {
                for (group, fact) in self.facts_by_group(&done.claim, done.death) {
                    rows.push(FactRow {
                        group,
                        claim: fact.claim,
                        line: fact.line,
                        sealed: done.key.seal(FACT, &fact.to_canon())?,
                    });
                    groups.entry(group).or_default().push(fact);
                }
            }
            let remembered = self.remember(&mut groups).await?;
            if remembered.damaged.is_empty() {
                return self.judge(done, rows, groups, remembered.counts).await;
            }
            let damaged = |done: &Done| {
                self.facts_by_group(&done.claim, done.death)
                    .iter()
                    .any(|(group, _)| remembered.damaged.contains(group))
            };
            for done in done.iter().filter(|done| damaged(done)) {
                tracing::error!(claim = %done.row.claim, "what a detector remembers is damaged; the claim is tried again");
                failed.entry(done.row.unit).or_insert(done.row.claim);
            }
            done.retain(|done| !failed.contains_key(&done.row.unit));
        }
    }

    async fn judge(
        &self,
        done: &[Done],
        rows: Vec<FactRow>,
        groups: BTreeMap<Group, Vec<Fact>>,
        counts: BTreeMap<Group, u64>,
    ) -> Result<Detected> {
        let parameters = Parameters::default();
        let mut found: BTreeMap<FlagGroup, Vec<Flag>> = BTreeMap::new();
        for (group, facts) in &groups {
            let flags = fraud::flags_of(group.detector, facts, &parameters);
            found.insert(FlagGroup::Facts(*group), flags);
        }
        let mut parties: BTreeMap<ClaimId, Parties> = BTreeMap::new();
        for done in done {
            let member = self.member_token(&done.claim.member.identifier);
            let provider = self.provider_token(&done.claim.billing.identifier);
            parties.insert(done.claim.id, Parties { member, provider });
            let flags = fraud::flags_of_findings(&done.claim, &done.outcome);
            if !flags.is_empty() {
                found.insert(FlagGroup::Findings(done.claim.id), flags);
            }
        }
        let renderers = rendering(self, done);
        Ok(Detected {
            facts: rows,
            groups: counts.into_iter().collect(),
            flags: self.changes(found, &mut parties, &renderers).await?,
        })
    }

    /// Adds the facts that are stored of these groups, and counts them.
    async fn remember(&self, groups: &mut BTreeMap<Group, Vec<Fact>>) -> Result<Remembered> {
        let wanted: Vec<Group> = groups.keys().copied().collect();
        let stored = self.store.facts(&wanted).await?;
        let mut remembered = Remembered {
            counts: wanted.into_iter().map(|group| (group, 0)).collect(),
            damaged: BTreeSet::new(),
        };
        let records: Vec<_> = stored.iter().map(|row| row.sealed.record).collect();
        let keys = self.vault.keys(&records).await?;
        for row in stored {
            *remembered.counts.entry(row.group).or_default() += 1;
            // An erased claim is forgotten by detectors too.
            let Some(key) = keys.get(&row.sealed.record) else {
                continue;
            };
            let fact = match open_fact(key, &row) {
                Some(fact) => Some(fact),
                None => self.fact_again(&row).await?,
            };
            match fact {
                Some(fact) => groups.entry(row.group).or_default().push(fact),
                None => {
                    remembered.damaged.insert(row.group);
                }
            }
        }
        Ok(remembered)
    }

    /// A fact that does not open, from its claim; none when that does not open
    /// either.
    async fn fact_again(&self, row: &FactRow) -> Result<Option<Fact>> {
        let Some(claim) = self.store.claim(row.claim).await? else {
            return Ok(None);
        };
        let death = match self.contract_of(claim.unit, None).await {
            Ok(contract) => contract.and_then(|(_, contract)| self.death(&contract, claim.member)),
            Err(_) => return Ok(None),
        };
        let Ok(mut reads) = self.open_rows(vec![claim]).await else {
            return Ok(None);
        };
        Ok(reads.pop().and_then(|read| {
            self.facts_by_group(&read.claim, death)
                .into_iter()
                .find(|(group, fact)| *group == row.group && fact.line == row.line)
                .map(|(_, fact)| fact)
        }))
    }

    /// What a contract says of a member's death.
    pub(super) fn death(&self, contract: &Contract, member: Token) -> Option<ServiceDate> {
        contract
            .members
            .iter()
            .find(|known| self.member_token(&known.id) == member)?
            .death
    }

    /// Restates what detectors remember of a member, when enrolment learns of a
    /// death or corrects one.
    pub(super) async fn restate_death(
        &self,
        member: &str,
        death: Option<ServiceDate>,
    ) -> Result<()> {
        loop {
            match self.restate_once(member, death).await {
                Err(error) if super::is_fenced(&error) => {}
                other => return other,
            }
        }
    }

    async fn restate_once(&self, member: &str, death: Option<ServiceDate>) -> Result<()> {
        let filter = ClaimFilter {
            member: Some(self.member_token(member)),
            limit: 1,
            ..ClaimFilter::default()
        };
        let first = self.store.claims(&filter).await?;
        let Some(first) = self.open_rows(first).await?.pop() else {
            return Ok(());
        };
        let group = self
            .facts_by_group(&first.claim, death)
            .into_iter()
            .map(|(group, _)| group)
            .find(|group| group.detector == DetectorId::ServiceAfterDeath);
        let Some(group) = group else {
            return Ok(());
        };
        let stored = self.store.facts(&[group]).await?;
        let records: Vec<_> = stored.iter().map(|row| row.sealed.record).collect();
        let keys = self.vault.keys(&records).await?;
        let mut rows = Vec::new();
        let mut facts = Vec::new();
        for row in &stored {
            let Some(key) = keys.get(&row.sealed.record) else {
                continue;
            };
            let Some(fact) = open_fact(key, row) else {
                continue;
            };
            let fact = Fact { death, ..fact };
            rows.push(FactRow {
                sealed: key.seal(FACT, &fact.to_canon())?,
                ..row.clone()
            });
            facts.push(fact);
        }
        if rows.is_empty() {
            return Ok(());
        }
        let flags = fraud::flags_of(group.detector, &facts, &Parameters::default());
        let found = BTreeMap::from([(FlagGroup::Facts(group), flags)]);
        let flags = self
            .changes(found, &mut BTreeMap::new(), &BTreeMap::new())
            .await?;
        self.store
            .commit(&Batch {
                groups: vec![(group, stored.len() as u64)],
                facts: rows,
                flags,
                ..Batch::default()
            })
            .await?;
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
                let (member, provider) = (row.member, row.provider);
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

    /// Opens flags; those whose key was destroyed, or that are damaged, are left
    /// out: fsck names the latter, and the next claim of their group replaces
    /// them.
    pub(super) async fn open_flags(&self, rows: Vec<FlagRow>) -> Result<Vec<(FlagRow, Flag)>> {
        let records: Vec<_> = rows.iter().map(|row| row.sealed.record).collect();
        let keys = self.vault.keys(&records).await?;
        let open = |row: FlagRow| {
            let key = keys.get(&row.sealed.record)?;
            let salted = SaltedFlag::from_canon(&key.open(FLAG, &row.sealed).ok()?).ok()?;
            let flag = Flag::from_canon(&salted.flag.0).ok()?;
            Some((row, flag))
        };
        Ok(rows.into_iter().filter_map(open).collect())
    }
}

/// A stored fact; none when it is damaged.
pub(super) fn open_fact(key: &RecordKey, row: &FactRow) -> Option<Fact> {
    Fact::from_canon(&key.open(FACT, &row.sealed).ok()?).ok()
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
