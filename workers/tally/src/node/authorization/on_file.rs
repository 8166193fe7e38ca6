//! What is on file of requests: authorisations of the contract's members.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use tally_core::authorization::{State, entries};
use tally_core::claim::{Authorization, Contract, UnitKey};
use tally_store::port::{Authorizations as _, Enrolment as _, Token};
use tally_types::ServiceDate;

use super::AuthorizationRead;
use crate::node::Node;

/// Puts what members' requests have come to in a contract, in the place of what it
/// has under their numbers: what it was imported with comes first and stays. Answers
/// whether that changes anything. `reads` has the requests of members by token.
pub(super) fn restate(
    node: &Node,
    contract: &mut Contract,
    reads: &BTreeMap<Token, Vec<AuthorizationRead>>,
    day: ServiceDate,
) -> bool {
    let mut changed = false;
    for member in &mut contract.members {
        let Some(reads) = reads.get(&node.member_token(&member.id)) else {
            continue;
        };
        let mut on_file = others(&member.authorizations, reads);
        let states: Vec<State> = reads.iter().map(|read| read.state.clone()).collect();
        on_file.extend(entries(&states, day));
        if on_file != member.authorizations {
            member.authorizations = on_file;
            changed = true;
        }
    }
    changed
}

/// What is on file for a member under other numbers than their requests'.
pub(super) fn others(on_file: &[Authorization], reads: &[AuthorizationRead]) -> Vec<Authorization> {
    let ours: BTreeSet<&str> = reads.iter().map(|read| read.number.as_str()).collect();
    let others = on_file.iter();
    let others = others.filter(|auth| !ours.contains(auth.number.as_str()));
    others.cloned().collect()
}

impl Node {
    /// Puts what its members' requests have come to in a contract that is to be stored.
    /// Answers how much happened to them: see [`tally_store::port::NewContract`].
    pub(in crate::node) async fn put_on_file(
        &self,
        contract: &mut Contract,
        members: &[Token],
    ) -> Result<u32> {
        let rows = self.store.requests_of(members).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let events: usize = rows.iter().map(|row| row.events.len()).sum();
        let mut reads: BTreeMap<Token, Vec<AuthorizationRead>> = BTreeMap::new();
        for row in rows {
            let read = self.open_requests(std::slice::from_ref(&row)).await?;
            reads.entry(row.member).or_default().extend(read);
        }
        restate(self, contract, &reads, self.clock.today());
        Ok(u32::try_from(events)?)
    }

    /// Members of a contract whose authorisations on file are not what their requests
    /// have come to: by position, from 1.
    pub(in crate::node) async fn misfiled(&self, contract: &Contract) -> Result<Vec<usize>> {
        let members = contract.members.iter();
        let tokens: Vec<Token> = members.map(|of| self.member_token(&of.id)).collect();
        // Who left has theirs on file where they are now.
        let unit = self.unit_token(&UnitKey::contract(&contract.id));
        let units = self.store.units_of(&tokens).await?;
        let own = tokens.into_iter().zip(units);
        let own = own.filter(|(_, of)| of.is_none_or(|of| of == unit));
        let tokens: Vec<Token> = own.map(|(member, _)| member).collect();
        let mut stated = contract.clone();
        self.put_on_file(&mut stated, &tokens).await?;
        let pairs = contract.members.iter().zip(&stated.members);
        let wrong = (1..)
            .zip(pairs)
            .filter(|(_, (stored, stated))| stored != stated);
        Ok(wrong.map(|(position, _)| position).collect())
    }
}
