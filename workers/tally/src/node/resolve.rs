//! Whose a claim is: the contract under which its member was covered when it was
//! rendered. Who moved to another contract is covered there from then on; what comes
//! late for a day of before goes where they were.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;

use anyhow::Result;
use tally_core::claim::{Claim, Contract, MemberReference, UnitKey};
use tally_store::port::{Enrolment as _, NewAct, Token};
use tally_types::ServiceDate;

use super::Node;
use super::succession::Succeeding;

/// A version of a contract.
pub(super) type Known = (u32, Arc<Contract>);

/// Whose accumulators a claim moves, and by which version of the contract.
pub(super) struct Resolved {
    pub(super) unit: Token,
    pub(super) partition: u32,
    pub(super) contract: Option<Known>,
    /// Whether the member was covered there before, and is enrolled elsewhere.
    pub(super) former: bool,
    pub(super) act: Option<NewAct>,
}

impl Resolved {
    /// Whether it is a contract's.
    pub(super) fn is_enrolled(&self) -> bool {
        self.contract.is_some()
    }
}

impl From<Succeeding> for Resolved {
    fn from(succeeding: Succeeding) -> Self {
        Self {
            unit: succeeding.unit,
            partition: succeeding.partition,
            contract: succeeding.contract,
            former: false,
            act: Some(succeeding.act),
        }
    }
}

/// What enrolment says of the members of claims, by their tokens.
#[derive(Default)]
pub(super) struct Enrolled {
    /// The contracts they are enrolled under.
    now: BTreeMap<Token, Known>,
    /// Those they were covered under before, where they are asked for.
    before: BTreeMap<Token, Vec<Known>>,
}

impl Enrolled {
    /// The contract under which a member was covered on a day, and whether it is one of
    /// before. Where none was in force, the one they are enrolled under.
    pub(super) fn on(
        &self,
        member: Token,
        whose: &MemberReference,
        day: ServiceDate,
    ) -> Option<(&Known, bool)> {
        let now = self.now.get(&member)?;
        if covers(&now.1, whose, day) {
            return Some((now, false));
        }
        let mut before = self.before.get(&member).into_iter().flatten();
        let then = before.find(|(_, contract)| covers(contract, whose, day));
        Some(then.map_or((now, false), |then| (then, true)))
    }

    /// All contracts that were found.
    pub(super) fn contracts(&self) -> impl Iterator<Item = &Contract> {
        let before = self.before.values().flatten();
        self.now
            .values()
            .chain(before)
            .map(|(_, contract)| &**contract)
    }
}

fn covers(contract: &Contract, whose: &MemberReference, day: ServiceDate) -> bool {
    let at = contract.find(whose);
    let member = at.and_then(|at| contract.members.get(at));
    member.is_some_and(|member| member.span_on(day).is_some())
}

impl Node {
    /// What enrolment says of the members of claims.
    pub(super) async fn enrolled(&self, claims: &[Claim]) -> Result<Enrolled> {
        let of = |claim: &Claim| (claim.member.clone(), claim.first_service());
        self.enrolled_on(claims.iter().map(of).collect()).await
    }

    /// What enrolment says of members on days.
    pub(super) async fn enrolled_on(
        &self,
        asked: Vec<(MemberReference, ServiceDate)>,
    ) -> Result<Enrolled> {
        let mut enrolled = Enrolled::default();
        let token = |member: &MemberReference| self.member_token(&member.identifier);
        let named: BTreeSet<Token> = asked.iter().map(|(member, _)| token(member)).collect();
        self.look_up(&mut enrolled, &named).await?;
        // Dependants whom a claim describes are found among the subscriber's.
        let mut whose = Vec::with_capacity(asked.len());
        for (mut member, day) in asked {
            let contract = enrolled.now.get(&token(&member));
            member.resolve(contract.map(|(_, contract)| &**contract));
            whose.push((token(&member), member, day));
        }
        let members: BTreeSet<Token> = whose.iter().map(|(member, ..)| *member).collect();
        let others = members.difference(&named).copied().collect();
        self.look_up(&mut enrolled, &others).await?;
        let uncovered = whose.iter().filter(|(token, member, day)| {
            let now = enrolled.now.get(token);
            now.is_some_and(|(_, contract)| !covers(contract, member, *day))
        });
        let members: BTreeMap<Token, &MemberReference> = uncovered
            .map(|(token, member, _)| (*token, member))
            .collect();
        let tokens: Vec<Token> = members.keys().copied().collect();
        if tokens.is_empty() {
            return Ok(enrolled);
        }
        let units = self.store.units_before(&tokens).await?;
        let contracts = self
            .latest_contracts(units.iter().flatten().copied())
            .await?;
        for ((token, member), units) in members.into_iter().zip(units) {
            let mut before = Vec::new();
            for unit in units {
                if let Some((version, contract)) = contracts.get(&unit) {
                    let latest = (*version, Arc::new(contract.clone()));
                    before.extend(self.last_naming(unit, latest, member).await?);
                }
            }
            enrolled.before.insert(token, before);
        }
        Ok(enrolled)
    }

    /// Looks up the contracts that members are enrolled under.
    async fn look_up(&self, enrolled: &mut Enrolled, members: &BTreeSet<Token>) -> Result<()> {
        let members: Vec<Token> = members.iter().copied().collect();
        if members.is_empty() {
            return Ok(());
        }
        let units = self.store.units_of(&members).await?;
        let contracts = self
            .latest_contracts(units.iter().flatten().copied())
            .await?;
        let contracts: BTreeMap<Token, Known> = contracts
            .into_iter()
            .map(|(unit, (version, contract))| (unit, (version, Arc::new(contract))))
            .collect();
        let known = |unit: Option<Token>| contracts.get(&unit?).cloned();
        let members = members.into_iter().zip(units);
        enrolled
            .now
            .extend(members.filter_map(|(member, unit)| Some((member, known(unit)?))));
        Ok(())
    }

    /// The last version of a unit's contract that names a member.
    pub(super) async fn last_naming(
        &self,
        unit: Token,
        latest: Known,
        member: &MemberReference,
    ) -> Result<Option<Known>> {
        let names = |contract: &Contract| {
            let mut member = member.clone();
            member.resolve(Some(contract));
            contract.find(&member).is_some()
        };
        let (mut version, mut contract) = latest;
        while !names(&contract) {
            version = version.saturating_sub(1);
            let Some((_, earlier)) = self.contract_of(unit, Some(version)).await? else {
                return Ok(None);
            };
            contract = Arc::new(earlier);
        }
        Ok(Some((version, contract)))
    }

    /// The unit of a claim: that of the contract under which its member was covered on
    /// its first day, or one of its own for a member that enrolment does not know. A
    /// dependant that the claim describes is found among the subscriber's, and named by
    /// their own identifier from here on.
    pub(super) fn resolve(
        &self,
        claim: &mut Claim,
        submitter: &str,
        partitions: NonZeroU32,
        enrolled: &Enrolled,
    ) -> Resolved {
        let named = enrolled
            .now
            .get(&self.member_token(&claim.member.identifier));
        claim.member.resolve(named.map(|(_, contract)| &**contract));
        let member = self.member_token(&claim.member.identifier);
        let found = enrolled.on(member, &claim.member, claim.first_service());
        let found = found.filter(|((_, contract), _)| contract.find(&claim.member).is_some());
        let (key, contract, former) = match found {
            Some((known, former)) => {
                let key = UnitKey::contract(&known.1.id);
                (key, Some(known.clone()), former)
            }
            None => (UnitKey::unknown(submitter, &claim.member), None, false),
        };
        Resolved {
            unit: self.unit_token(&key),
            partition: key.partition(partitions),
            contract,
            former,
            act: None,
        }
    }
}
