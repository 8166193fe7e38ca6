//! Other payers (part 7): whether one comes first, and what it did.

use alloc::vec::Vec;

use tally_sdk::Accident;
use tally_sdk::cob::prior::{PriorError, before_us};
use tally_sdk::cob::{Coordination, Method, Pocket, PriorPayer, Unpaid};
use tally_sdk::prelude::*;

use crate::clauses::clause;

/// Clause 7.1.
pub const COORDINATION: Coordination = Coordination {
    method: Method::NonDuplication,
    unpaid: Unpaid::Liability,
    pocket: Pocket::AsBorne,
    clause: clause::COORDINATION,
};

/// Where the plan stands among the payers.
pub enum Others {
    /// It is the first.
    Nobody,
    /// Others decided before it: of each line.
    Decided(Vec<Vec<PriorPayer>>),
    /// Clause 7.2, with the line's number, or zero.
    Unclear(u16),
    /// Clause 7.3.
    First,
    /// Clause 7.4.
    Work,
    /// Clause 7.5.
    Vehicle,
}

/// Reads what a claim says of other payers.
pub fn read(claim: &Claim) -> Others {
    if claim.sequence <= 1 {
        return match claim.accident {
            Some(Accident::Employment) => Others::Work,
            Some(Accident::Vehicle) => Others::Vehicle,
            Some(Accident::Other) | None => Others::Nobody,
        };
    }
    let mut earlier = 0u8;
    let mut heard = false;
    let mut unplaced = false;
    for (at, payer) in (0u8..).zip(&claim.payers) {
        let of_line = |line: &Line| line.prior.iter().any(|prior| prior.payer == at);
        let decided = payer.paid.is_some()
            || !payer.adjustments.is_empty()
            || claim.lines.iter().any(of_line);
        // One whose place is not said may come before this plan.
        unplaced |= decided && payer.sequence == 0;
        if (1..claim.sequence).contains(&payer.sequence) {
            earlier = earlier.saturating_add(1);
            heard |= decided;
        }
    }
    if !heard && !unplaced {
        return Others::First;
    }
    if unplaced || earlier.saturating_add(1) < claim.sequence {
        return Others::Unclear(0);
    }
    match before_us(claim) {
        Ok(lines) => Others::Decided(lines),
        Err(PriorError::Line { line, .. }) => {
            Others::Unclear(claim.lines.get(line).map_or(0, |line| line.number))
        }
        Err(_) => Others::Unclear(0),
    }
}

impl Others {
    /// What earlier payers did of the line at a position.
    pub fn of(&self, line: usize) -> &[PriorPayer] {
        match self {
            Self::Decided(lines) => lines.get(line).map_or(&[], Vec::as_slice),
            _ => &[],
        }
    }
}
