//! How a claim stands to the plan's network, as far as its outcome says: a line that is
//! refused for it (CARC 242), or that moved the accumulators of one side alone.

use tally_types::Carc;

use super::super::super::json::{Json, object};
use super::super::write::{carin, concept};
use crate::adjudication::{LineOutcome, Outcome};
use crate::claim::Claim;
use crate::interchange::benefit::BenefitNetwork;

/// On which side of the network something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Network {
    In,
    Out,
    /// The plan has none, or it is not known.
    Other,
}

impl Network {
    /// The side that an accumulator is of by its name (`in-deductible`); of `deductible`
    /// and `out-of-pocket` neither, of a count of visits nothing follows.
    fn of_accumulator(name: &str) -> Option<Self> {
        let plain = name.starts_with("deductible") || name.starts_with("out-of-pocket");
        match BenefitNetwork::of_accumulator(name).0 {
            BenefitNetwork::In => Some(Self::In),
            BenefitNetwork::Out => Some(Self::Out),
            BenefitNetwork::Any => plain.then_some(Self::Other),
        }
    }

    /// What all say, where they say the same.
    fn agreed(all: impl IntoIterator<Item = Self>) -> Self {
        let mut all = all.into_iter();
        let first = all.next().unwrap_or(Self::Other);
        match all.all(|other| other == first) {
            true => first,
            false => Self::Other,
        }
    }

    /// How a line was settled: by the terms of which side.
    pub fn of_line(line: &LineOutcome) -> Self {
        if is_refused(line) {
            return Self::Out;
        }
        let moved = line.postings().iter().filter(|of| of.amount != 0);
        Self::agreed(moved.filter_map(|of| Self::of_accumulator(&of.accumulator)))
    }

    /// How a claim was settled.
    pub fn of_claim(outcome: &Outcome) -> Self {
        Self::agreed(outcome.lines().iter().map(Self::of_line))
    }

    /// Who rendered a claim is out of the network where every line is refused for it:
    /// an emergency is settled by the terms of the network wherever it is.
    fn of_rendering(outcome: &Outcome) -> Self {
        match !outcome.lines().is_empty() && outcome.lines().iter().all(is_refused) {
            true => Self::Out,
            false => Self::Other,
        }
    }

    /// Who bills it: known where nobody else rendered it.
    fn of_billing(claim: &Claim, outcome: &Outcome) -> Self {
        let others = claim
            .lines
            .iter()
            .filter_map(|line| line.rendering.as_ref());
        match others.into_iter().all(|one| *one == claim.billing) {
            true => Self::of_rendering(outcome),
            false => Self::Other,
        }
    }
}

fn is_refused(line: &LineOutcome) -> bool {
    let mut reasons = line.adjustments().iter();
    line.denied() && reasons.any(|of| of.carc == Carc::OUT_OF_NETWORK)
}

/// How who bills and renders, and the claim as a whole, stand to the network.
pub(super) fn statuses(claim: &Claim, outcome: &Outcome) -> [Json<'static>; 3] {
    [
        status("billingnetworkstatus", Network::of_billing(claim, outcome)),
        status("renderingnetworkstatus", Network::of_rendering(outcome)),
        status("benefitpaymentstatus", Network::of_claim(outcome)),
    ]
}

pub(super) fn status(category: &'static str, network: Network) -> Json<'static> {
    let code = match network {
        Network::In => "innetwork",
        Network::Out => "outofnetwork",
        Network::Other => "other",
    };
    object([
        (
            "category",
            concept([carin("C4BBAdjudicationDiscriminator", category)]),
        ),
        (
            "reason",
            concept([carin("C4BBPayerAdjudicationStatus", code)]),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_side_of_an_accumulator_is_in_its_name() {
        for (name, side) in [
            ("in-deductible", Some(Network::In)),
            ("in-out-of-pocket-family", Some(Network::In)),
            ("out-deductible", Some(Network::Out)),
            ("out-out-of-pocket", Some(Network::Out)),
            ("deductible", Some(Network::Other)),
            ("out-of-pocket", Some(Network::Other)),
            ("therapy-visits", None),
            ("inpatient-days", None),
        ] {
            assert_eq!(Network::of_accumulator(name), side, "{name}");
        }
    }
}
