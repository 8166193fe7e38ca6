//! Adjustment reason codes: which groups each may stand in, and whether it
//! needs a remark. Numbers only; short descriptions of our own. The official
//! texts of the CARC and RARC lists are X12's.

use tally_types::{Carc, Group, ShortCode};

/// One reason code the engine knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason {
    /// The code.
    pub carc: Carc,
    /// The groups it may stand in.
    pub groups: &'static [Group],
    /// Whether a remark code must stand beside it.
    pub needs_remark: bool,
    /// In our words.
    pub meaning: &'static str,
}

const ANY: &[Group] = &[Group::Co, Group::Pr, Group::Oa, Group::Pi];
const PR: &[Group] = &[Group::Pr];
const CO_PR: &[Group] = &[Group::Co, Group::Pr];
const CO_PR_OA: &[Group] = &[Group::Co, Group::Pr, Group::Oa];
const CO: &[Group] = &[Group::Co];
const OA: &[Group] = &[Group::Oa];

const fn reason(carc: u16, groups: &'static [Group], meaning: &'static str) -> Reason {
    Reason {
        carc: Carc(carc),
        groups,
        needs_remark: false,
        meaning,
    }
}

const fn remarked(carc: u16, groups: &'static [Group], meaning: &'static str) -> Reason {
    Reason {
        carc: Carc(carc),
        groups,
        needs_remark: true,
        meaning,
    }
}

/// The table, in order of the code.
pub const REASONS: &[Reason] = &[
    reason(1, PR, "deductible"),
    reason(2, PR, "coinsurance"),
    reason(3, PR, "copayment"),
    reason(4, CO_PR_OA, "modifier does not go with the procedure"),
    reason(5, CO_PR_OA, "not at this place of service"),
    reason(6, CO_PR, "not for a patient of this age"),
    reason(7, CO_PR_OA, "not for a patient of this sex"),
    reason(8, CO_PR_OA, "not by a provider of this specialty"),
    reason(11, CO_PR_OA, "diagnosis does not go with the procedure"),
    reason(13, CO_PR_OA, "after the patient's death"),
    reason(14, CO_PR_OA, "before the patient's birth"),
    remarked(16, CO_PR_OA, "information is missing or wrong"),
    reason(18, OA, "exact duplicate"),
    reason(19, CO_PR_OA, "an injury or illness of work"),
    reason(20, CO_PR_OA, "a liability insurer is responsible"),
    reason(21, CO_PR_OA, "a no-fault insurer is responsible"),
    reason(22, CO_PR_OA, "another payer comes first"),
    reason(23, OA, "what earlier payers did"),
    reason(24, CO, "paid by capitation"),
    reason(26, CO_PR, "before coverage began"),
    reason(27, CO_PR, "after coverage ended"),
    reason(29, CO_PR, "filed too late"),
    reason(31, CO_PR, "member unknown"),
    reason(32, CO_PR_OA, "not an eligible dependent"),
    reason(35, CO_PR, "lifetime maximum reached"),
    reason(39, CO_PR_OA, "authorisation was refused"),
    reason(40, CO_PR_OA, "not an emergency"),
    reason(45, CO_PR, "above the fee schedule"),
    reason(49, CO_PR_OA, "routine examination or screening"),
    reason(50, CO_PR, "not medically necessary"),
    reason(51, CO_PR, "pre-existing condition"),
    reason(53, CO_PR_OA, "by a relative or one of the household"),
    reason(54, CO_PR, "more doctors or assistants than are covered"),
    reason(55, CO_PR_OA, "experimental"),
    reason(58, CO_PR_OA, "not a suitable place of service"),
    reason(59, CO_PR, "multiple-procedure reduction"),
    reason(94, OA, "processed above the charge"),
    remarked(96, CO_PR_OA, "not covered"),
    reason(97, CO_PR_OA, "included in another service"),
    reason(104, CO_PR_OA, "withheld"),
    reason(107, CO_PR_OA, "the service it belongs to is not there"),
    reason(108, CO_PR_OA, "guidelines for renting or buying not met"),
    reason(109, CO_PR_OA, "another payer is responsible"),
    reason(110, CO_PR_OA, "billed before the date of service"),
    reason(114, CO_PR_OA, "not an approved product"),
    reason(119, CO_PR, "benefit maximum reached"),
    remarked(129, CO_PR_OA, "what an earlier payer did seems wrong"),
    reason(140, CO_PR_OA, "name and number do not agree"),
    reason(146, CO_PR_OA, "diagnosis not valid on the date of service"),
    reason(147, CO_PR_OA, "no contracted rate in force"),
    reason(149, CO_PR_OA, "lifetime maximum of the service reached"),
    reason(150, CO_PR_OA, "level of service not supported"),
    reason(151, CO_PR, "frequency not supported"),
    reason(152, CO_PR_OA, "length of service not supported"),
    reason(154, CO_PR, "supply for so many days not supported"),
    reason(163, CO_PR_OA, "attachment not received"),
    reason(167, CO_PR_OA, "diagnosis not covered"),
    reason(169, CO_PR, "allowed as another benefit"),
    reason(170, CO_PR_OA, "not by a provider of this type"),
    reason(
        171,
        CO_PR_OA,
        "not by this provider in this type of facility",
    ),
    reason(172, CO_PR_OA, "not covered by this specialty"),
    reason(177, CO_PR_OA, "eligibility requirements not met"),
    reason(179, CO_PR, "waiting period not over"),
    reason(
        181,
        CO_PR,
        "procedure code not valid on the date of service",
    ),
    reason(182, CO_PR_OA, "modifier not valid on the date of service"),
    reason(183, CO_PR_OA, "referring provider may not refer"),
    reason(184, CO_PR_OA, "prescriber may not prescribe"),
    reason(185, CO_PR_OA, "rendering provider may not perform it"),
    reason(197, CO_PR, "no prior authorisation"),
    reason(198, CO_PR_OA, "beyond what was authorised"),
    reason(199, CO_PR_OA, "revenue code and procedure do not agree"),
    reason(200, CO_PR_OA, "during a lapse of coverage"),
    reason(204, CO_PR, "not covered under this plan"),
    reason(222, CO_PR, "more units than allowed"),
    remarked(
        226,
        CO_PR_OA,
        "information asked of the provider is missing",
    ),
    remarked(227, CO_PR_OA, "information asked of the patient is missing"),
    reason(231, CO_PR_OA, "excludes another procedure of the day"),
    remarked(234, CO_PR_OA, "not paid separately"),
    reason(
        236,
        CO,
        "not payable with another procedure of the same day",
    ),
    reason(242, CO_PR, "not by a network provider"),
    reason(243, CO_PR, "not authorised by the gatekeeper"),
    remarked(252, CO_PR_OA, "a document is required"),
    reason(253, ANY, "sequestration"),
    reason(256, CO_PR_OA, "not payable by the managed-care contract"),
    reason(272, CO_PR, "the plan's guidelines not met"),
    reason(273, CO_PR, "beyond the plan's guidelines"),
    reason(288, CO_PR, "no referral"),
];

/// The entry of a code.
#[must_use]
pub fn find(carc: Carc) -> Option<&'static Reason> {
    REASONS
        .binary_search_by_key(&carc, |reason| reason.carc)
        .ok()
        .and_then(|i| REASONS.get(i))
}

/// Whether a reason is of the plan's price: what it takes off nobody pays, unless the
/// patient owes it (group PR). A service that is included in another one (97) is in that
/// one's price, which takes its charge over (94, below zero).
#[must_use]
pub fn is_of_the_price(carc: Carc) -> bool {
    matches!(
        carc,
        Carc::ABOVE_FEE_SCHEDULE
            | Carc::MULTIPLE_PROCEDURE
            | Carc::EXCESS_OF_CHARGES
            | Carc::INCLUDED
            | Carc::SEQUESTRATION
            | Carc::WITHHOLD
    )
}

/// Whether a remark code has the form of one: `N`, `M` or `MA` and a number.
#[must_use]
pub fn is_remark(code: ShortCode) -> bool {
    let mut letters = 0u32;
    let mut digits = 0u32;
    let mut prefix_ok = false;
    for c in code.chars() {
        match (c, letters, digits) {
            ('N' | 'M', 0, 0) => {
                prefix_ok = true;
                letters = if c == 'N' { 2 } else { 1 };
            }
            ('A', 1, 0) => letters = 2,
            ('0'..='9', 1.., 0..=3) => digits = digits.saturating_add(1),
            _ => return false,
        }
    }
    prefix_ok && digits > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        assert!(REASONS.windows(2).all(|w| w[0].carc < w[1].carc));
        assert_eq!(find(Carc(18)).map(|r| r.groups), Some(OA));
        assert_eq!(find(Carc(9999)), None);
    }

    /// Those known beside which X12 asks for a remark.
    #[test]
    fn remarks_are_needed_where_the_code_says_so() {
        let needing: Vec<u16> = REASONS
            .iter()
            .filter(|reason| reason.needs_remark)
            .map(|reason| reason.carc.0)
            .collect();
        assert_eq!(needing, [16, 96, 129, 226, 227, 234, 252]);
        for carc in [6, 54, 154, 169, 179, 272, 273] {
            let reason = find(Carc(carc)).unwrap();
            assert_eq!(reason.groups, CO_PR, "{carc}");
        }
        // Where no rule says which group, each of the three may be.
        for carc in [13, 49, 146, 170, 185, 198] {
            let reason = find(Carc(carc)).unwrap();
            assert_eq!(reason.groups, CO_PR_OA, "{carc}");
        }
    }

    #[test]
    fn remarks_have_a_form() {
        for (text, good) in [
            ("N130", true),
            ("M86", true),
            ("MA130", true),
            ("N", false),
            ("NA1", false),
            ("130", false),
            ("N1A", false),
            ("N12345", false),
        ] {
            assert_eq!(is_remark(ShortCode::of(text)), good, "{text}");
        }
    }
}
