//! Where a plan stands among the payers of a claim, by what the claim says of them.

use alloc::vec::Vec;

use super::PriorPayer;
use super::prior::{PriorError, before_us};
use crate::claim::{Accident, Claim, Line, Payer};

/// Where a plan stands among the payers of a claim.
pub enum Standing {
    /// It is the first, or the only one.
    First,
    /// Others decided before it: what they did of each line, in their order.
    After(Vec<Vec<PriorPayer>>),
    /// Others come before it, and none of them has decided.
    TooEarly,
    /// What others did cannot be told: of the line with this number, or of the
    /// claim, which is zero.
    Unclear(u16),
    /// Whoever answers for an accident comes before it: the employer at work, the
    /// vehicle's insurer on the road.
    Liable(Accident),
}

impl Standing {
    /// Reads what a claim says of other payers.
    ///
    /// Where this plan's own place is not said it is the first only when nobody has
    /// decided. A payer whose place is not said may come before this plan: what it
    /// decided is unclear. So it is when fewer payers are there than come before it
    /// (SBR01), when two have one place (be it this plan's own, and the other decided),
    /// or when what one reported does not add up.
    #[must_use]
    pub fn of(claim: &Claim) -> Self {
        let decided = |at: u8, payer: &Payer| {
            let of_line = |line: &Line| line.prior.iter().any(|prior| prior.payer == at);
            payer.paid.is_some() || !payer.adjustments.is_empty() || claim.lines.iter().any(of_line)
        };
        let payers = || (0u8..).zip(&claim.payers);
        let here = |payer: &Payer| claim.sequence == 0 || payer.sequence == claim.sequence;
        if payers().any(|(at, payer)| here(payer) && decided(at, payer)) {
            return Self::Unclear(0);
        }
        if claim.sequence <= 1 {
            return match claim.accident {
                Some(accident @ (Accident::Employment | Accident::Vehicle)) => {
                    Self::Liable(accident)
                }
                Some(Accident::Other) | None => Self::First,
            };
        }
        let mut earlier = 0u8;
        let mut heard = false;
        let mut unplaced = false;
        for (at, payer) in payers() {
            let decided = decided(at, payer);
            unplaced |= decided && payer.sequence == 0;
            if (1..claim.sequence).contains(&payer.sequence) {
                earlier = earlier.saturating_add(1);
                heard |= decided;
            }
        }
        if !heard && !unplaced {
            return Self::TooEarly;
        }
        if unplaced || earlier.saturating_add(1) < claim.sequence {
            return Self::Unclear(0);
        }
        match before_us(claim) {
            Ok(lines) => Self::After(lines),
            Err(PriorError::Line { line, .. }) => {
                Self::Unclear(claim.lines.get(line).map_or(0, |line| line.number))
            }
            Err(_) => Self::Unclear(0),
        }
    }

    /// What earlier payers did of the line at a position; nothing where none decided.
    #[must_use]
    pub fn before(&self, line: usize) -> &[PriorPayer] {
        match self {
            Self::After(lines) => lines.get(line).map_or(&[], Vec::as_slice),
            _ => &[],
        }
    }
}
