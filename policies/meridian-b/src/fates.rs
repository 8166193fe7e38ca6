//! What the lines of a claim decide of each other (clauses 3.2 to 3.4 and 3.6): a
//! line that is denied, whatever for, denies no other and uses up none of another's
//! units.

use alloc::vec;
use alloc::vec::Vec;

use tally_sdk::edits::{UnitLimit, UnitRule};
use tally_sdk::prelude::*;

use crate::clauses::clause;
use crate::edit::{self, Denials};
use crate::pairs::Pair;

/// Lines of one service, supplier and day: their units count together, so that they
/// are decided together.
pub struct Together<'a> {
    /// The first of them.
    pub line: &'a Line,
    /// Their positions.
    pub positions: Vec<usize>,
}

/// The lines that are not denied so far, by service, supplier and day.
pub fn together<'a>(claim: &'a Claim, denials: &Denials) -> Vec<Together<'a>> {
    let mut all: Vec<Together<'a>> = Vec::new();
    let lines = claim.lines.iter().enumerate();
    for (i, line) in lines.filter(|(i, _)| !edit::denied(denials, *i)) {
        let known = all.iter_mut().find(|known| {
            known.line.procedure == line.procedure
                && known.line.from == line.from
                && known.line.rendering == line.rendering
        });
        match known {
            Some(known) => known.positions.push(i),
            None => all.push(Together {
                line,
                positions: vec![i],
            }),
        }
    }
    all
}

/// What decides of the lines.
pub struct Rules<'a> {
    /// Units, by line.
    pub limits: &'a [Option<UnitLimit>],
    /// Days between preventive services, by line.
    pub days: &'a [Option<i32>],
    /// Lines of which the one denies the other.
    pub pairs: &'a [Pair],
}

struct Fates<'a> {
    claim: &'a Claim,
    rules: &'a Rules<'a>,
    all: &'a [Together<'a>],
    paid: Vec<bool>,
}

/// Denies what lines that are paid deny, and what has too many units of a day: first
/// lines that no other can deny, then those that wait for them. Their order on the
/// claim matters only where a clause says so. Of lines that deny each other, which no
/// sound table has, the first is paid.
pub fn settle(claim: &Claim, rules: &Rules<'_>, all: &[Together<'_>], denials: &mut Denials) {
    let mut fates = Fates {
        claim,
        rules,
        all,
        paid: vec![false; claim.lines.len()],
    };
    loop {
        let next = fates.next(denials);
        if next.is_empty() {
            return;
        }
        fates.limit(&next, denials);
        fates.pay(&next, denials);
        fates.deny(denials);
    }
}

impl<'a> Fates<'a> {
    fn paid(&self, i: usize) -> bool {
        self.paid.get(i) == Some(&true)
    }

    fn open(&self, denials: &Denials, i: usize) -> bool {
        !self.paid(i) && !edit::denied(denials, i)
    }

    /// The lines that can be decided: those that no open line can deny. None when all
    /// are decided.
    fn next(&self, denials: &Denials) -> Vec<&'a Together<'a>> {
        let mut waits = vec![false; self.claim.lines.len()];
        let open = |i: usize| self.open(denials, i);
        for pair in self.rules.pairs {
            if open(pair.first)
                && open(pair.second)
                && let Some(waits) = waits.get_mut(pair.second)
            {
                *waits = true;
            }
        }
        let any = |one: &Together<'_>, is: &dyn Fn(usize) -> bool| {
            one.positions.iter().any(|position| is(*position))
        };
        let waits = |i: usize| waits.get(i) == Some(&true);
        let undecided = || self.all.iter().filter(|one| any(one, &open));
        let next: Vec<&Together<'_>> = undecided()
            .filter(|one| {
                let mut before = undecided().filter(|other| self.too_near(other, one));
                !any(one, &waits) && before.next().is_none()
            })
            .collect();
        if next.is_empty() {
            return undecided().take(1).collect();
        }
        next
    }

    /// Clause 3.6: whether `later` is too near to another of its kind that comes before
    /// it by day, and of one day on the claim.
    fn too_near(&self, other: &Together<'_>, later: &Together<'_>) -> bool {
        let days = |of: &Together<'_>| {
            let first = of.positions.first()?;
            self.rules.days.get(*first).copied().flatten()
        };
        let order = |of: &Together<'_>| (of.line.from, of.positions.first().copied());
        days(later).is_some_and(|days| {
            other.line.procedure == later.line.procedure
                && order(other) < order(later)
                && later.line.from.days_since(other.line.from) <= days
        })
    }

    /// Clauses 3.2 and 3.3.
    fn limit(&self, next: &[&Together<'_>], denials: &mut Denials) {
        let mut limits: Vec<Option<UnitLimit>> = vec![None; self.claim.lines.len()];
        for i in next.iter().flat_map(|one| &one.positions) {
            let limit = self.rules.limits.get(*i).copied().flatten();
            if let Some(slot) = limits.get_mut(*i)
                && self.open(denials, *i)
            {
                *slot = limit.filter(|limit| limit.rule != UnitRule::Line);
            }
        }
        if limits.iter().all(Option::is_none) {
            return;
        }
        let over = edits::over_units(self.claim, &limits);
        for (i, (limit, over)) in limits.into_iter().zip(over).enumerate() {
            let Some(limit) = limit.filter(|_| over) else {
                continue;
            };
            let (carc, clause) = match limit.rule {
                UnitRule::DayAppealable => (Carc::FREQUENCY, clause::UNITS_DAY_APPEAL),
                UnitRule::Day | UnitRule::Line => (Carc::OVER_UNITS, clause::UNITS_DAY),
            };
            edit::deny(denials, i, Denial::contractual(carc, clause));
        }
    }

    /// Pays what is not denied; of preventive services of one day the first (3.6).
    fn pay(&mut self, next: &[&Together<'_>], denials: &mut Denials) {
        for one in next {
            let mut any = false;
            for i in &one.positions {
                let once = self.rules.days.get(*i).is_some_and(Option::is_some);
                if any && once {
                    edit::deny(denials, *i, too_early());
                } else if self.open(denials, *i)
                    && let Some(paid) = self.paid.get_mut(*i)
                {
                    *paid = true;
                    any = true;
                }
            }
        }
    }

    /// Denies what lines that are paid deny.
    fn deny(&self, denials: &mut Denials) {
        for one in self.all {
            if !one.positions.iter().any(|i| self.paid(*i)) {
                continue;
            }
            for later in self.all.iter().filter(|later| self.too_near(one, later)) {
                for i in later.positions.iter().filter(|i| !self.paid(**i)) {
                    edit::deny(denials, *i, too_early());
                }
            }
        }
        for pair in self.rules.pairs {
            if self.paid(pair.first) && !self.paid(pair.second) {
                let denial = Denial::contractual(Carc::NCCI, clause::PAIRS);
                edit::deny(denials, pair.second, denial);
            }
        }
    }
}

/// Clause 3.6.
fn too_early() -> Denial {
    Denial::contractual(Carc::BENEFIT_MAXIMUM, clause::FREQUENCY)
}
