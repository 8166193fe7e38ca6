//! The engine's own rules, numbered and ordered. A number is never used again.
//!
//! 1xx deny a line, 2xx make a claim wait, 3xx are contract faults of a policy:
//! the claim waits and the insurer is told. An outcome names a rule by its id
//! (`E101`) where it would otherwise name a clause of the policy.

/// A rule of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u16)]
pub enum EngineRule {
    /// The member is not in enrolment: CO 31.
    MemberUnknown = 101,
    /// The service is before the member's cover began: PR 26.
    BeforeCover = 102,
    /// The service is after the member's cover ended: PR 27.
    AfterCover = 103,
    /// An exact duplicate of a line of an earlier claim: OA 18.
    DuplicateOfClaim = 104,
    /// An exact duplicate of an earlier line of the same claim: OA 18.
    DuplicateOfLine = 105,
    /// The service began after the member's death: CO 13.
    AfterDeath = 106,
    /// The sender itself declares the whole charge not covered: PR 96.
    DeclaredNotCovered = 107,
    /// The lines fall under two products.
    TwoProducts = 201,
    /// No policy of the product is in force on the date of service.
    NoPolicy = 202,
    /// The lines fall under two versions of the policy.
    TwoPolicies = 203,
    /// A line begins under cover and ends outside it, or under another product.
    CoverChanges = 204,
    /// The sender declares a part of a line's charge not covered.
    PartNotCovered = 205,
    /// The lines fall under two covers of the member, with a gap between them.
    TwoCovers = 206,
    /// The policy used all its fuel.
    OutOfFuel = 301,
    /// The policy stopped itself or broke a rule of the machine.
    Trap = 302,
    /// What the policy handed over is not a value of the interface.
    BadAnswer = 303,
    /// The policy handed over, or asked for, more bytes than it may.
    TooMuchData = 304,
    /// The policy asked something that has no meaning.
    BadQuestion = 305,
    /// The policy did not determine each line once, in order.
    WrongLines = 306,
    /// The policy named a clause, accumulator, reason or pattern it did not declare.
    BadIndex = 307,
    /// More adjustments, postings or findings than a determination may have.
    TooMany = 308,
    /// The amounts of a line do not balance, or break a rule of the remittance.
    Unbalanced = 309,
    /// A posting would take an accumulator below zero or above its limit.
    OverLimit = 310,
}

impl EngineRule {
    /// Every rule, in order.
    pub const ALL: [Self; 23] = [
        Self::MemberUnknown,
        Self::BeforeCover,
        Self::AfterCover,
        Self::DuplicateOfClaim,
        Self::DuplicateOfLine,
        Self::AfterDeath,
        Self::DeclaredNotCovered,
        Self::TwoProducts,
        Self::NoPolicy,
        Self::TwoPolicies,
        Self::CoverChanges,
        Self::PartNotCovered,
        Self::TwoCovers,
        Self::OutOfFuel,
        Self::Trap,
        Self::BadAnswer,
        Self::TooMuchData,
        Self::BadQuestion,
        Self::WrongLines,
        Self::BadIndex,
        Self::TooMany,
        Self::Unbalanced,
        Self::OverLimit,
    ];

    /// The number.
    #[must_use]
    pub fn number(self) -> u16 {
        self as u16
    }

    /// The id, as it stands in place of a clause: `E` and the number.
    #[must_use]
    pub fn id(self) -> String {
        format!("E{}", self.number())
    }

    /// The rule an id names.
    #[must_use]
    pub fn of_id(id: &str) -> Option<Self> {
        let number: u16 = id.strip_prefix('E')?.parse().ok()?;
        Self::ALL.into_iter().find(|rule| rule.number() == number)
    }

    /// What it says, for people.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::MemberUnknown => "The member is not in enrolment.",
            Self::BeforeCover => "The service is before the member's cover began.",
            Self::AfterCover => "The service is after the member's cover ended.",
            Self::DuplicateOfClaim => "The line exactly repeats a line of an earlier claim.",
            Self::DuplicateOfLine => "The line exactly repeats an earlier line of this claim.",
            Self::AfterDeath => "The service began after the member's death.",
            Self::DeclaredNotCovered => "The sender declares the charge not covered.",
            Self::TwoProducts => "The lines fall under two products.",
            Self::NoPolicy => "No policy of the product is in force on the date of service.",
            Self::TwoPolicies => "The lines fall under two versions of the policy.",
            Self::CoverChanges => "The member's cover changes between a line's first and last day.",
            Self::PartNotCovered => "A part of a line's charge is declared not covered.",
            Self::TwoCovers => "The lines fall under two covers, with a gap between them.",
            Self::OutOfFuel => "The policy used all its fuel.",
            Self::Trap => "The policy stopped without an answer.",
            Self::BadAnswer => "What the policy handed over is not a value of the interface.",
            Self::TooMuchData => "The policy moved more data than it may.",
            Self::BadQuestion => "The policy asked a question that has no meaning.",
            Self::WrongLines => "The policy did not determine each line once, in order.",
            Self::BadIndex => "The policy named something it did not declare.",
            Self::TooMany => {
                "The policy answered with more adjustments, postings or findings than it may."
            }
            Self::Unbalanced => "The policy's amounts do not balance.",
            Self::OverLimit => "The policy took an accumulator past its limit.",
        }
    }

    /// What would resolve a claim that waits for this rule; empty for a denial.
    #[must_use]
    pub fn resolution(self) -> &'static str {
        match self {
            Self::MemberUnknown
            | Self::BeforeCover
            | Self::AfterCover
            | Self::DuplicateOfClaim
            | Self::DuplicateOfLine
            | Self::AfterDeath
            | Self::DeclaredNotCovered => "",
            Self::TwoProducts | Self::TwoPolicies | Self::TwoCovers => {
                "Submit the lines of each period as a claim of their own."
            }
            Self::NoPolicy => {
                "The insurer publishes a policy in force on that date; the provider then submits the claim again."
            }
            Self::CoverChanges => "Split the line at the day the cover changes.",
            Self::PartNotCovered => {
                "Submit what is not covered as a line of its own, or the insurer reviews the claim by hand."
            }
            _ => {
                "The insurer publishes a corrected policy; the provider then submits the claim again."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_go_out_and_back_in_order() {
        assert!(
            EngineRule::ALL
                .windows(2)
                .all(|w| w[0].number() < w[1].number())
        );
        for rule in EngineRule::ALL {
            assert_eq!(EngineRule::of_id(&rule.id()), Some(rule));
        }
        assert_eq!(EngineRule::of_id("E1"), None);
    }
}
