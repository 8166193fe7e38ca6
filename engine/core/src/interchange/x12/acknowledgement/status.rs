//! What a refusal at intake is in the codes of claim status: category and status
//! codes (X12's lists 507 and 508), by number. The words for them are those of the
//! rules.

use crate::interchange::IntakeRule;

/// A category with up to three statuses, each perhaps with whom it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusCodes {
    /// The category: `A2` accepted, `A3` returned unprocessed, `A6` something is
    /// missing, `A7` something is not valid, `A8` things do not agree.
    pub category: &'static str,
    /// Statuses, each with an entity's code where it needs one.
    pub statuses: &'static [(&'static str, &'static str)],
}

const fn of(
    category: &'static str,
    statuses: &'static [(&'static str, &'static str)],
) -> StatusCodes {
    StatusCodes { category, statuses }
}

/// Taken into adjudication.
pub(super) const ACCEPTED: StatusCodes = of("A2", &[("20", "PR")]);

/// The receipt of a file, or of a provider's claims.
pub(super) const RECEIVED: StatusCodes = of("A1", &[("19", "PR")]);

/// The codes of a rule of intake.
#[must_use]
pub fn status_codes(rule: IntakeRule) -> StatusCodes {
    use IntakeRule as Rule;
    match rule {
        // The format: 481. Of such files there is no claim to tell of.
        Rule::Empty
        | Rule::FileTooLarge
        | Rule::ByteOrderMark
        | Rule::NotUtf8
        | Rule::UnknownFormat
        | Rule::NotJson
        | Rule::TooDeep
        | Rule::TooManyValues
        | Rule::DuplicateKey
        | Rule::NoClaim
        | Rule::FormatVersion
        | Rule::X12Envelope
        | Rule::X12Segment
        | Rule::X12Element
        | Rule::NotUnderstood => of("A3", &[("481", "")]),
        // A version that is not read: 493.
        Rule::X12Set => of("A3", &[("493", "")]),
        Rule::WrongType | Rule::UnknownField | Rule::TooMany => of("A7", &[("481", "")]),
        // Of the claim (275): missing, too long (512), a character (511).
        Rule::Missing => of("A6", &[("21", ""), ("275", "")]),
        Rule::TooLong => of("A7", &[("512", ""), ("275", "")]),
        Rule::BadText => of("A7", &[("511", ""), ("275", "")]),
        // Why it is submitted: 541. Its frequency: 535. Its form: 698.
        Rule::TestData => of("A3", &[("541", "")]),
        Rule::NotAClaim | Rule::NotActive => of("A7", &[("541", "")]),
        Rule::NotOriginal => of("A7", &[("535", "")]),
        Rule::UnknownKind => of("A7", &[("698", "")]),
        // Policy (163) and member number (164) of the insured; the provider's NPI (562).
        Rule::Coverage => of("A7", &[("163", "IL")]),
        Rule::NoMember => of("A6", &[("164", "IL")]),
        Rule::NoProvider => of("A6", &[("562", "85")]),
        Rule::NotPayable => of("A7", &[("562", "85")]),
        // Of the claim (275): not valid.
        Rule::NotAssigned => of("A7", &[("21", ""), ("275", "")]),
        // Line information (247), pointers (477), the number of the claim replaced (464).
        Rule::Sequence => of("A7", &[("247", "")]),
        Rule::Pointer => of("A8", &[("477", "")]),
        Rule::NoReplaced => of("A6", &[("464", "")]),
        Rule::NotReplaceable => of("A7", &[("464", "")]),
        // The procedure: 454.
        Rule::BadCode | Rule::CodesDiffer => of("A7", &[("454", "")]),
        Rule::NoCode => of("A6", &[("454", "")]),
        // Charges (178): fractions of a cent (697), below zero (693), currency (681).
        Rule::BadNumber | Rule::OverLimit => of("A7", &[("178", "")]),
        Rule::SubCent => of("A7", &[("697", ""), ("178", "")]),
        Rule::Negative => of("A7", &[("693", ""), ("178", "")]),
        Rule::Currency => of("A7", &[("681", "")]),
        // A line's charge: 583. Out of balance: 400.
        Rule::NoAmount => of("A6", &[("583", "")]),
        Rule::NetDiffers | Rule::DetailsDiffer => of("A8", &[("400", ""), ("583", "")]),
        Rule::TotalDiffers => of("A8", &[("400", ""), ("178", "")]),
        // Units: 476.
        Rule::BadQuantity | Rule::BadUnit => of("A7", &[("476", "")]),
        // Dates of service (187), in the future (510).
        Rule::BadDate => of("A7", &[("187", "")]),
        Rule::DatesOutOfOrder => of("A8", &[("187", "")]),
        Rule::ServiceInFuture => of("A7", &[("510", ""), ("187", "")]),
        Rule::NoDate => of("A6", &[("187", "")]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_codes() {
        // Statuses that mean something only beside another.
        let beside = ["21", "510", "511", "512", "693", "697"];
        // Statuses that say whom they are about.
        let about = ["163", "164", "562"];
        for rule in IntakeRule::ALL {
            let codes = status_codes(rule);
            assert!(
                ["A3", "A6", "A7", "A8"].contains(&codes.category),
                "{}",
                rule.id()
            );
            assert!((1..=3).contains(&codes.statuses.len()), "{}", rule.id());
            let alone = codes.statuses.iter().all(|(code, _)| beside.contains(code));
            assert!(!alone, "{}", rule.id());
            for (code, entity) in codes.statuses {
                assert_eq!(about.contains(code), !entity.is_empty(), "{}", rule.id());
            }
        }
    }
}
