//! What of an authorisation is used, by which claims, and what is left.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use tally_core::adjudication::{LineState, PastLine, is_counted, past_lines, uses};
use tally_core::authorization::{State, entries_by_line};
use tally_core::claim::{Authorization, ClaimId};
use tally_store::port::{Authorizations as _, Enrolment as _, Reading as _};
use tally_types::{Quantity, ServiceDate};

use super::AuthorizationRead;
use super::on_file::others;
use crate::node::Node;

/// What a claim's line took of an authorisation's line.
pub struct UsedBy {
    /// The claim.
    pub claim: ClaimId,
    /// Its line.
    pub line: u16,
    /// The day of the service.
    pub on: ServiceDate,
    /// Units.
    pub units: Quantity,
}

/// What became of the units of a line that is certified.
pub struct LineUse {
    /// The line's number.
    pub line: u16,
    /// Units that are left; none where the policy counts them, of a referral to anybody.
    pub left: Option<Quantity>,
    /// The last day it is good for, which taking back moves.
    pub through: ServiceDate,
    /// Who took the others.
    pub used: Vec<UsedBy>,
}

impl Node {
    /// What became of the units of what is certified, by all claims that stand today.
    /// Each claim that is named leaves an audit entry; where a `party` is said, only
    /// claims that it submitted are named.
    ///
    /// # Errors
    /// When the store fails or a payload is damaged.
    pub async fn authorization_use(
        &self,
        read: &AuthorizationRead,
        party: Option<&str>,
        purpose: &str,
    ) -> Result<Vec<LineUse>> {
        let member = read.record.request.member.identifier.as_str();
        let token = self.member_token(member);
        let Some(unit) = self.store.units_of(&[token]).await?.pop().flatten() else {
            return Ok(Vec::new());
        };
        let contract = self.contract_of(unit, None).await?;
        let contract = contract.as_ref().map(|(_, contract)| contract);
        let on_file = contract
            .and_then(|contract| contract.members.iter().find(|of| of.id == member))
            .map_or(&[][..], |of| &of.authorizations);
        let rows = self.store.requests_of(&[token]).await?;
        let reads = self.open_requests(&rows).await?;
        let states: Vec<State> = reads.iter().map(|read| read.state.clone()).collect();
        let ours = entries_by_line(&states, self.clock.today());
        let mut listed: Vec<Authorization> = others(on_file, &reads);
        let first = listed.len();
        listed.extend(ours.iter().map(|(entry, _)| entry.clone()));

        let mut lines: Vec<PastLine> = Vec::new();
        let mut of: Vec<(ClaimId, u16)> = Vec::new();
        for (claim, outcome) in self.standing_claims(unit).await? {
            of.extend(claim.lines.iter().map(|line| (claim.id, line.number)));
            lines.extend(past_lines(&claim, &outcome, LineState::Pended));
        }
        let mut found: BTreeMap<usize, LineUse> = ours
            .iter()
            .enumerate()
            .filter(|(_, (entry, _))| entry.number == read.number)
            .map(|(at, (entry, line))| {
                let fresh = LineUse {
                    line: *line,
                    left: is_counted(entry).then_some(entry.units),
                    through: entry.through,
                    used: Vec::new(),
                };
                (first.saturating_add(at), fresh)
            })
            .collect();
        for one in uses(&listed, member, &lines) {
            let Some(line) = found.get_mut(&one.authorization) else {
                continue;
            };
            let (Some((claim, number)), Some(past)) = (of.get(one.line), lines.get(one.line))
            else {
                continue;
            };
            let less = |left: Quantity| left.checked_sub(one.units).unwrap_or(Quantity::ZERO);
            line.left = line.left.map(less);
            line.used.push(UsedBy {
                claim: *claim,
                line: *number,
                on: past.from,
                units: one.units,
            });
        }
        let mut found: Vec<LineUse> = found.into_values().collect();
        found.sort_by_key(|of| of.line);
        let claims = found.iter().flat_map(|of| of.used.iter());
        let mut claims: BTreeSet<ClaimId> = claims.map(|by| by.claim).collect();
        if let Some(party) = party {
            let ids: Vec<ClaimId> = claims.iter().copied().collect();
            for row in self.store.claims_by_id(&ids).await? {
                if row.submitter != party {
                    claims.remove(&row.id);
                }
            }
            for of in &mut found {
                of.used.retain(|by| claims.contains(&by.claim));
            }
        }
        self.note_all(purpose, claims.into_iter()).await?;
        Ok(found)
    }
}
