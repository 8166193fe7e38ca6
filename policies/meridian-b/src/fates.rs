//! Which lines deny which, and what becomes of them all (clauses 3.2 to 3.4 and
//! 3.6): a line that is denied, whatever for, denies no other and uses up none of
//! another's units.

use alloc::vec;
use alloc::vec::Vec;

use tally_sdk::edits::{UnitLimit, UnitRule};
use tally_sdk::prelude::*;

use crate::clauses::clause;
use crate::edit::{self, Denials};

/// Why a line denies another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Clause 3.4.
    Pair,
    /// Clause 3.6.
    Frequency,
}

impl Why {
    fn denial(self) -> Denial {
        match self {
            Self::Pair => Denial::contractual(Carc::NCCI, clause::PAIRS),
            Self::Frequency => Denial::contractual(Carc::BENEFIT_MAXIMUM, clause::FREQUENCY),
        }
    }
}

/// Two lines of this claim, by their positions, of which the one denies the other
/// if it is itself paid.
#[derive(Clone, Copy)]
pub struct Edge {
    /// The line that denies.
    pub by: usize,
    /// The line that is denied.
    pub line: usize,
    /// Why.
    pub why: Why,
}

/// The lines of a claim while it is found which are paid.
struct Fates<'a> {
    claim: &'a Claim,
    limits: &'a [Option<UnitLimit>],
    edges: &'a [Edge],
    paid: Vec<bool>,
}

/// Denies what lines of the claim that are paid deny, and what has too many units of
/// a day. Lines are decided from those that nothing on the claim can deny; the answer
/// does not depend on their order, but where a clause says so. Of lines that deny each
/// other, which no sound table has, the first is paid.
pub fn settle(claim: &Claim, limits: &[Option<UnitLimit>], edges: &[Edge], denials: &mut Denials) {
    let mut fates = Fates {
        claim,
        limits,
        edges,
        paid: vec![false; claim.lines.len()],
    };
    loop {
        let next = fates.ready(denials);
        if !next.contains(&true) {
            return;
        }
        fates.limit(&next, denials);
        fates.pay(&next, denials);
    }
}

impl Fates<'_> {
    fn open(&self, denials: &Denials, i: usize) -> bool {
        !edit::denied(denials, i) && self.paid.get(i) == Some(&false)
    }

    /// Whether two lines are of one service, supplier and day: their units count
    /// together, so that they are decided together.
    fn together(&self, i: usize, j: usize) -> bool {
        match (self.claim.lines.get(i), self.claim.lines.get(j)) {
            (Some(one), Some(other)) => {
                one.procedure == other.procedure
                    && one.from == other.from
                    && one.rendering == other.rendering
            }
            _ => false,
        }
    }

    /// The lines that can be decided: open, and nothing open can deny them or one
    /// that they are decided together with. None when all are decided.
    fn ready(&self, denials: &Denials) -> Vec<bool> {
        let lines = 0..self.claim.lines.len();
        let open: Vec<bool> = lines.clone().map(|i| self.open(denials, i)).collect();
        let is_open = |i: usize| open.get(i) == Some(&true);
        let mut ready = open.clone();
        for edge in self.edges {
            let waits = is_open(edge.by) && is_open(edge.line);
            if waits && ready.get(edge.line) == Some(&true) && !self.together(edge.by, edge.line) {
                for i in lines.clone().filter(|i| self.together(edge.line, *i)) {
                    if let Some(ready) = ready.get_mut(i) {
                        *ready = false;
                    }
                }
            }
        }
        if !ready.contains(&true)
            && let Some(first) = lines.clone().find(|i| is_open(*i))
        {
            let with_first = |i: usize| is_open(i) && self.together(first, i);
            return lines.map(with_first).collect();
        }
        ready
    }

    /// Clauses 3.2 and 3.3, of lines that nothing else denies.
    fn limit(&self, next: &[bool], denials: &mut Denials) {
        let limits = self.limits.iter().zip(next);
        let limits: Vec<Option<UnitLimit>> = limits
            .map(|(limit, next)| limit.filter(|limit| *next && limit.rule != UnitRule::Line))
            .collect();
        let over = edits::over_units(self.claim, &limits);
        for (i, (limit, _)) in limits.iter().zip(over).enumerate().filter(|(_, l)| l.1) {
            let (carc, clause) = match limit.map(|limit| limit.rule) {
                Some(UnitRule::DayAppealable) => (Carc::FREQUENCY, clause::UNITS_DAY_APPEAL),
                _ => (Carc::OVER_UNITS, clause::UNITS_DAY),
            };
            edit::deny(denials, i, Denial::contractual(carc, clause));
        }
    }

    /// Pays what is not denied, and denies what that denies.
    fn pay(&mut self, next: &[bool], denials: &mut Denials) {
        for (i, (paid, next)) in self.paid.iter_mut().zip(next).enumerate() {
            *paid |= *next && !edit::denied(denials, i);
        }
        for edge in self.edges {
            let paid = |i: usize| self.paid.get(i) == Some(&true);
            if paid(edge.by) && !edit::denied(denials, edge.line) {
                // Of those that are decided together the first denies the others:
                // their edges stand in the order of the lines.
                edit::deny(denials, edge.line, edge.why.denial());
                if let Some(paid) = self.paid.get_mut(edge.line) {
                    *paid = false;
                }
            }
        }
    }
}
