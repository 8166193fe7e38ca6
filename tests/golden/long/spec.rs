//! What families and their claims are made from: numbers, so that shrinking is
//! meaningful.

use proptest::prelude::*;
use proptest::sample::Index;

/// Claims of a family at most.
pub const CLAIMS: usize = 8;
const LINES: usize = 5;

#[derive(Debug, Clone)]
pub struct LineSpec {
    pub code: Index,
    pub cents: i64,
    pub quarters: i64,
    /// Days after the claim's first.
    pub after: i32,
    pub modifier: Option<usize>,
    pub place: usize,
    pub emergency: bool,
    /// Which tooth or quadrant, and which surfaces.
    pub tooth: usize,
}

/// What a payer before this one did: in percent of each charge what it wrote off,
/// and of the rest what it left to the patient.
#[derive(Debug, Clone)]
pub struct OtherSpec {
    pub off: i64,
    pub left: i64,
}

#[derive(Debug, Clone)]
pub struct ClaimSpec {
    pub member: usize,
    pub provider: Index,
    pub diagnosis: usize,
    /// Days after 1 January 2025.
    pub day: i32,
    /// Days from the last service to receipt.
    pub delay: i32,
    /// A stay in hospital of so many days, where the product knows them.
    pub stay: Option<i32>,
    pub referral: bool,
    pub accident: Option<usize>,
    pub other: Option<OtherSpec>,
    pub lines: Vec<LineSpec>,
}

#[derive(Debug, Clone)]
pub struct FamilySpec {
    /// How much of every limit is used before, in percent.
    pub used: i64,
    pub claims: Vec<ClaimSpec>,
    /// Which claim is voided, and replaced by what.
    pub changed: Index,
    pub replacement: ClaimSpec,
}

prop_compose! {
    fn line()(
        code in any::<Index>(),
        cents in prop_oneof![0i64..500, 500i64..40_000, 40_000i64..900_000],
        quarters in prop_oneof![6 => Just(4i64), 2 => 0i64..24, 1 => 100i64..400],
        after in prop_oneof![3 => Just(0i32), 1 => 0i32..60],
        modifier in prop::option::weighted(0.3, any::<usize>()),
        place in any::<usize>(),
        emergency in prop::bool::weighted(0.1),
        tooth in any::<usize>(),
    ) -> LineSpec {
        LineSpec { code, cents, quarters, after, modifier, place, emergency, tooth }
    }
}

prop_compose! {
    fn claim()(
        member in any::<usize>(),
        provider in any::<Index>(),
        diagnosis in any::<usize>(),
        day in prop_oneof![3 => 0i32..1_000, 1 => 660i32..740],
        delay in prop_oneof![9 => 0i32..80, 1 => 80i32..500],
        stay in prop::option::weighted(0.15, 1i32..12),
        referral in prop::bool::weighted(0.1),
        accident in prop::option::weighted(0.03, any::<usize>()),
        other in prop::option::weighted(0.15, (0i64..60, 0i64..=100)),
        lines in prop::collection::vec(line(), 1..=LINES),
    ) -> ClaimSpec {
        let other = other.map(|(off, left)| OtherSpec { off, left });
        ClaimSpec {
            member, provider, diagnosis, day, delay, stay, referral, accident, other, lines,
        }
    }
}

prop_compose! {
    pub fn family()(
        used in prop_oneof![3 => Just(0i64), 1 => prop::sample::select(vec![50i64, 97, 100])],
        claims in prop::collection::vec(claim(), 1..=CLAIMS),
        changed in any::<Index>(),
        replacement in claim(),
    ) -> FamilySpec {
        FamilySpec { used, claims, changed, replacement }
    }
}
