//! Detection: what a batch's claims add to what detectors remember; and,
//! beside adjudication, judging the groups that have grown. A flag never
//! changes a payment.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use tally_core::canon::{Blob, Canon as _};
use tally_core::claim::{Claim, ClaimId, Contract};
use tally_core::fraud::{self, DetectorId, Fact, FactKey, Flag, Parameters};
use tally_core::ledger::{Salt, Subject, commit};
use tally_store::port::{
    Detection as _, Enrolment as _, FactRow, FlagGroup, FlagRow, Group, Judged, Reading as _,
    StoreError, Token, Unjudged,
};
use tally_store::vault::{self, RecordKey};
use tally_types::ServiceDate;

use super::Node;
use super::work::{Done, FACT, FLAG};
use crate::failpoint;

/// Groups judged at once.
const GROUPS: u32 = 256;

/// A flag with the salt of its commitment, as it is sealed.
pub(super) struct SaltedFlag {
    pub(super) salt: Salt,
    pub(super) flag: Blob,
}

tally_core::canon_record!(SaltedFlag { salt, flag });

/// Groups with a fact that cannot be had.
#[derive(Default)]
pub struct Damaged(BTreeSet<Group>);

/// Who a claim concerns, in tokens: the member, who billed, who rendered.
struct Parties {
    member: Token,
    providers: BTreeSet<Token>,
}

impl Node {
    fn group_of(&self, detector: DetectorId, key: &FactKey) -> Group {
        Group {
            detector,
            key: self.keys.tokens.token("fact", &[&key.0]),
        }
    }

    /// The group in which a member's death is judged.
    pub(super) fn death_group(&self, member: &str) -> Group {
        let member = super::keys::hex(&self.member_token(member).0);
        self.group_of(DetectorId::ServiceAfterDeath, &fraud::death_key(&member))
    }

    /// What a claim adds to what detectors remember, by group. What is known of
    /// a death is asked when a group is judged, not remembered.
    pub(super) fn facts_by_group(&self, claim: &Claim) -> Vec<(Group, Fact)> {
        let member = self.member_token(&claim.member.identifier);
        fraud::facts_of(claim, &super::keys::hex(&member.0), None)
            .into_iter()
            .map(|fact| (self.group_of(fact.detector, &fact.key), fact))
            .collect()
    }

    /// What the claims of a batch add, sealed.
    pub(super) fn facts(&self, done: &[Done]) -> Result<Vec<FactRow>> {
        let mut rows = Vec::new();
        for done in done {
            for (group, fact) in self.facts_by_group(&done.claim) {
                rows.push(FactRow {
                    group,
                    claim: fact.claim,
                    line: fact.line,
                    sealed: done.key.seal(FACT, &fact.to_canon())?,
                });
            }
        }
        Ok(rows)
    }

    /// The policies' findings on the claims of a batch, as flags.
    pub(super) async fn findings(&self, done: &[Done]) -> Result<Vec<(ClaimId, Vec<FlagRow>)>> {
        let mut found = Vec::new();
        for done in done {
            let flags = fraud::flags_of_findings(&done.claim, &done.outcome);
            if !flags.is_empty() {
                found.push((done, flags));
            }
        }
        let count = found.iter().map(|(_, flags)| flags.len()).sum();
        let mut keys = self.vault.fresh(count).await?.into_iter();
        let mut findings = Vec::with_capacity(found.len());
        for (done, flags) in found {
            let parties = BTreeMap::from([(done.claim.id, self.parties(&done.claim))]);
            let rows: Result<_> = flags
                .iter()
                .map(|flag| flag_row(flag, &parties, keys.next()))
                .collect();
            findings.push((done.claim.id, rows?));
        }
        Ok(findings)
    }

    /// Judges every group that has grown, until none is left that can be.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn judge(&self) -> Result<u64> {
        let mut judged = 0;
        let mut damaged = Damaged::default();
        while let Some(groups) = self.judge_some(&mut damaged).await? {
            judged += groups;
        }
        Ok(judged)
    }

    /// Judges some groups that have grown; none when there are no more. Those
    /// with a fact that cannot be had stay marked, and are told once.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn judge_some(&self, damaged: &mut Damaged) -> Result<Option<u64>> {
        let damaged = &mut damaged.0;
        let limit = GROUPS.saturating_add(u32::try_from(damaged.len())?);
        let marked = self.store.unjudged(limit).await?;
        let marked: Vec<Unjudged> = marked
            .into_iter()
            .filter(|unjudged| !damaged.contains(&unjudged.group))
            .collect();
        if marked.is_empty() {
            return Ok(None);
        }
        let settled = self.judgements(marked, damaged).await?;
        failpoint::reach("before-judge");
        match self.store.judge(&settled).await {
            Ok(()) => Ok(Some(settled.len() as u64)),
            // Another process judged one of them: look again.
            Err(StoreError::Fenced { .. }) => Ok(Some(0)),
            Err(error) => Err(error.into()),
        }
    }

    /// What follows from all facts of each group.
    async fn judgements(
        &self,
        marked: Vec<Unjudged>,
        damaged: &mut BTreeSet<Group>,
    ) -> Result<Vec<Judged>> {
        let wanted: Vec<Group> = marked.iter().map(|unjudged| unjudged.group).collect();
        let mut groups = self.remember(&wanted, damaged).await?;
        let of_deaths = |group: &Group| group.detector == DetectorId::ServiceAfterDeath;
        let claims: Vec<ClaimId> = groups
            .iter()
            .filter(|(group, _)| of_deaths(group))
            .filter_map(|(_, facts)| Some(facts.first()?.claim))
            .collect();
        let deaths = self.deaths_known(&claims).await?;
        for (group, facts) in &mut groups {
            if of_deaths(group)
                && let Some(fact) = facts.first()
            {
                let death = deaths.get(&fact.claim).copied().flatten();
                *facts = fraud::with_death(facts, death);
            }
        }
        // A provider's day may hold thousands: not on a thread that others wait
        // for.
        let found: BTreeMap<FlagGroup, Vec<Flag>> = tokio::task::spawn_blocking(move || {
            let parameters = Parameters::default();
            let flags = |(group, facts): (Group, Vec<Fact>)| {
                let flags = fraud::flags_of(group.detector, &facts, &parameters);
                (FlagGroup::Facts(group), flags)
            };
            groups.into_iter().map(flags).collect()
        })
        .await
        .context("judging facts")?;
        let mut flags = self.changes(found).await?;
        Ok(marked
            .into_iter()
            .filter(|unjudged| !damaged.contains(&unjudged.group))
            .map(|Unjudged { group, marks }| Judged {
                group,
                marks,
                flags: flags.remove(&FlagGroup::Facts(group)).unwrap_or_default(),
            })
            .collect())
    }

    /// The facts that are stored of groups, opened.
    async fn remember(
        &self,
        wanted: &[Group],
        damaged: &mut BTreeSet<Group>,
    ) -> Result<BTreeMap<Group, Vec<Fact>>> {
        let mut groups: BTreeMap<Group, Vec<Fact>> =
            wanted.iter().map(|group| (*group, Vec::new())).collect();
        let stored = self.store.facts(wanted).await?;
        let records: Vec<_> = stored.iter().map(|row| row.sealed.record).collect();
        let keys = self.vault.keys(&records).await?;
        // An erased claim is forgotten by detectors too.
        let opened = tokio::task::spawn_blocking(move || {
            let open = |row: FactRow| {
                let fact = open_fact(keys.get(&row.sealed.record)?, &row);
                Some((row, fact))
            };
            stored.into_iter().filter_map(open).collect::<Vec<_>>()
        });
        for (row, fact) in opened.await.context("opening facts")? {
            let fact = match fact {
                Some(fact) => Some(fact),
                None => self.fact_again(&row).await?,
            };
            match fact {
                Some(fact) => groups.entry(row.group).or_default().push(fact),
                None => {
                    tracing::error!(claim = %row.claim, detector = row.group.detector.as_str(), "what a detector remembers is damaged: its group is not judged; run `tally ledger replay`");
                    groups.remove(&row.group);
                    damaged.insert(row.group);
                }
            }
        }
        groups.retain(|group, _| !damaged.contains(group));
        Ok(groups)
    }

    /// A fact that does not open, from its claim; none when that does not open
    /// either.
    async fn fact_again(&self, row: &FactRow) -> Result<Option<Fact>> {
        let Some(claim) = self.store.claim(row.claim).await? else {
            return Ok(None);
        };
        let Ok(mut reads) = self.open_rows(vec![claim]).await else {
            return Ok(None);
        };
        Ok(reads.pop().and_then(|read| {
            self.facts_by_group(&read.claim)
                .into_iter()
                .find(|(group, fact)| *group == row.group && fact.line == row.line)
                .map(|(_, fact)| fact)
        }))
    }

    /// What enrolment now says of the deaths of claims' members.
    async fn deaths_known(
        &self,
        claims: &[ClaimId],
    ) -> Result<BTreeMap<ClaimId, Option<ServiceDate>>> {
        let rows = self.store.claims_by_id(claims).await?;
        let members: BTreeSet<Token> = rows.iter().map(|row| row.member).collect();
        let deaths = self.deaths_of(members).await?;
        let death = |member| deaths.get(member).copied().flatten();
        Ok(rows
            .iter()
            .map(|row| (row.id, death(&row.member)))
            .collect())
    }

    /// What enrolment now says of members' deaths.
    pub(super) async fn deaths_of(
        &self,
        members: impl IntoIterator<Item = Token>,
    ) -> Result<BTreeMap<Token, Option<ServiceDate>>> {
        let members: Vec<Token> = members.into_iter().collect();
        let units = self.store.units_of(&members).await?;
        let of: Vec<(Token, Option<Token>)> = members.into_iter().zip(units).collect();
        self.deaths(&of).await
    }

    /// The same of members whose units are known; one without a unit is in no
    /// contract.
    pub(super) async fn deaths(
        &self,
        of: &[(Token, Option<Token>)],
    ) -> Result<BTreeMap<Token, Option<ServiceDate>>> {
        let units = of.iter().filter_map(|(_, unit)| *unit);
        let contracts = self.latest_contracts(units).await?;
        let death = |member, unit: Option<Token>| {
            let (_, contract) = contracts.get(&unit?)?;
            self.death(contract, member)
        };
        Ok(of
            .iter()
            .map(|(member, unit)| (*member, death(*member, *unit)))
            .collect())
    }

    /// What a contract says of a member's death.
    pub(super) fn death(&self, contract: &Contract, member: Token) -> Option<ServiceDate> {
        contract
            .members
            .iter()
            .find(|known| self.member_token(&known.id) == member)?
            .death
    }

    /// Flags as rows: those that have not changed as they are stored, the
    /// others under fresh salts and keys.
    async fn changes(
        &self,
        found: BTreeMap<FlagGroup, Vec<Flag>>,
    ) -> Result<BTreeMap<FlagGroup, Vec<FlagRow>>> {
        let groups: Vec<FlagGroup> = found.keys().copied().collect();
        let rows = self.store.flags_in(&groups).await?;
        let rows = rows.into_iter().map(|(_, row)| row).collect();
        let mut stored = BTreeMap::new();
        for (row, flag) in self.open_flags(rows).await? {
            stored.insert(row.id, (row, flag));
        }
        let changed: Vec<&Flag> = found
            .values()
            .flatten()
            .filter(|flag| stored.get(&flag.id).is_none_or(|(_, old)| old != *flag))
            .collect();
        let mut keys = self.vault.fresh(changed.len()).await?.into_iter();
        let claims: BTreeSet<ClaimId> = changed
            .iter()
            .flat_map(|flag| flag.claims.iter().map(|(claim, _)| *claim))
            .collect();
        let parties = self.parties_of(claims.into_iter().collect()).await?;
        let mut changes = BTreeMap::new();
        for (group, flags) in found {
            let mut rows = Vec::with_capacity(flags.len());
            for flag in flags {
                rows.push(match stored.remove(&flag.id) {
                    Some((row, before)) if before == flag => row,
                    _ => flag_row(&flag, &parties, keys.next())?,
                });
            }
            changes.insert(group, rows);
        }
        Ok(changes)
    }

    fn parties(&self, claim: &Claim) -> Parties {
        let rendering = claim
            .lines
            .iter()
            .filter_map(|line| line.rendering.as_ref());
        Parties {
            member: self.member_token(&claim.member.identifier),
            providers: std::iter::once(&claim.billing)
                .chain(rendering)
                .map(|provider| self.provider_token(&provider.identifier))
                .collect(),
        }
    }

    /// Who claims concern. Of one that was erased it is still known who billed.
    async fn parties_of(&self, claims: Vec<ClaimId>) -> Result<BTreeMap<ClaimId, Parties>> {
        let mut parties = BTreeMap::new();
        for chunk in claims.chunks(256) {
            let rows = self.store.claims_by_id(chunk).await?;
            for row in &rows {
                let known = Parties {
                    member: row.member,
                    providers: BTreeSet::from([row.provider]),
                };
                parties.insert(row.id, known);
            }
            for read in self.open_rows(rows).await? {
                parties.insert(read.row.id, self.parties(&read.claim));
            }
        }
        Ok(parties)
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

/// A flag under a fresh salt and key.
fn flag_row(
    flag: &Flag,
    parties: &BTreeMap<ClaimId, Parties>,
    key: Option<RecordKey>,
) -> Result<FlagRow> {
    let claims: BTreeSet<ClaimId> = flag.claims.iter().map(|(claim, _)| *claim).collect();
    let known = || claims.iter().filter_map(|claim| parties.get(claim));
    let members: BTreeSet<Token> = known().map(|parties| parties.member).collect();
    let providers: BTreeSet<Token> = known()
        .flat_map(|parties| parties.providers.iter().copied())
        .collect();
    let salt: Salt = vault::random()?;
    let key = key.context("no record key")?;
    let salted = SaltedFlag {
        salt,
        flag: Blob(flag.to_canon()),
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
