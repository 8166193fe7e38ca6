//! Why a claim is refused at intake: numbered rules, each with the place in
//! the file where it was broken.

/// A rule of intake. Ordered; a number is never used again.
///
/// 1xx are about the file, 2xx about its structure, 3xx about what kind of
/// claim it is and who it names, 4xx about codes, 5xx about amounts and
/// quantities, 6xx about dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u16)]
pub enum IntakeRule {
    /// The file holds nothing.
    Empty = 101,
    /// The file is larger than one submission may be.
    FileTooLarge = 102,
    /// The file begins with a byte-order mark.
    ByteOrderMark = 103,
    /// The file, or a line of it, is not UTF-8.
    NotUtf8 = 104,
    /// The file is of no format that is read.
    UnknownFormat = 105,
    /// The file, or a line of it, is no JSON: cut short or malformed.
    NotJson = 107,
    /// The JSON is nested more deeply than any claim.
    TooDeep = 108,
    /// The JSON has more values than one submission may have.
    TooManyValues = 109,
    /// An object has the same key twice.
    DuplicateKey = 110,
    /// There is no claim in the file.
    NoClaim = 111,
    /// A claim in our own format names no version of it that is read.
    FormatVersion = 112,
    /// The envelope of an X12 interchange, group or transaction set is at fault.
    X12Envelope = 113,
    /// An X12 transaction set that is no claim, or of a version that is not read.
    X12Set = 114,
    /// An X12 interchange that says it is of test data (ISA15 `T`), where none is read.
    TestData = 115,

    /// A value has another type than its place asks for.
    WrongType = 201,
    /// Something required is not there.
    Missing = 202,
    /// A field our own format, or an entry of a Bundle, does not have.
    UnknownField = 203,
    /// More lines, diagnoses, modifiers or authorisations than a claim may have,
    /// or more claims than a file may.
    TooMany = 204,
    /// A text is longer than it may be.
    TooLong = 205,
    /// A text has characters it may not have.
    BadText = 206,
    /// The sender marks the claim with something that changes its meaning and
    /// that is not understood (FHIR `modifierExtension`, `implicitRules`).
    NotUnderstood = 207,
    /// A segment of an X12 transaction set has no place where it stands, or one is
    /// missing.
    X12Segment = 208,
    /// An element of an X12 segment is at fault.
    X12Element = 209,

    /// A `use` other than `claim`.
    NotAClaim = 301,
    /// A status other than `active`.
    NotActive = 302,
    /// A replacement, void or other frequency than an original.
    NotOriginal = 303,
    /// No known kind of claim.
    UnknownKind = 304,
    /// No coverage, or not exactly one, that the claim is to be decided under.
    Coverage = 305,
    /// Nothing names the member.
    NoMember = 306,
    /// Nothing names the billing provider.
    NoProvider = 307,
    /// A sequence number is wrong, or used twice.
    Sequence = 308,
    /// Something points to a diagnosis or provider that is not there.
    Pointer = 309,
    /// A replacement or void that names no claim of this payer.
    NoReplaced = 310,
    /// A replacement or void of a claim that it cannot be of: another provider's,
    /// another contract's, one that was voided.
    NotReplaceable = 311,
    /// The billing provider is nobody whom a payment could be told to: no NPI, no tax
    /// number, and named by no payee of the payer's.
    NotPayable = 312,
    /// The benefits are not assigned to whoever bills: the payment would be the member's.
    NotAssigned = 313,

    /// A code is not of the form its list has.
    BadCode = 401,
    /// A line names no procedure, drug or service.
    NoCode = 402,
    /// Two codes are given for one thing, and they say different things.
    CodesDiffer = 403,

    /// A number is no decimal, or beyond what can be held.
    BadNumber = 501,
    /// An amount has a fraction of a cent.
    SubCent = 502,
    /// An amount, price, factor or quantity is negative.
    Negative = 503,
    /// An amount or quantity is absurdly large.
    OverLimit = 504,
    /// A currency other than USD.
    Currency = 505,
    /// A line with neither a net amount nor a price to make it from.
    NoAmount = 506,
    /// A net amount that is not quantity × unit price × factor.
    NetDiffers = 507,
    /// Details that do not add up to what they are details of.
    DetailsDiffer = 508,
    /// A total that is not the sum of the lines.
    TotalDiffers = 509,
    /// A quantity of zero, or with more than four decimal places.
    BadQuantity = 510,
    /// A quantity is of a unit that the service is not counted in: minutes, where it is
    /// no anaesthesia.
    BadUnit = 511,

    /// No calendar date of the form asked for.
    BadDate = 601,
    /// A period that ends before it begins.
    DatesOutOfOrder = 602,
    /// A service later than the day the claim was received.
    ServiceInFuture = 603,
    /// Nothing says when a line was rendered.
    NoDate = 604,
}

impl IntakeRule {
    /// Every rule, in order.
    pub const ALL: [Self; 54] = [
        Self::Empty,
        Self::FileTooLarge,
        Self::ByteOrderMark,
        Self::NotUtf8,
        Self::UnknownFormat,
        Self::NotJson,
        Self::TooDeep,
        Self::TooManyValues,
        Self::DuplicateKey,
        Self::NoClaim,
        Self::FormatVersion,
        Self::X12Envelope,
        Self::X12Set,
        Self::TestData,
        Self::WrongType,
        Self::Missing,
        Self::UnknownField,
        Self::TooMany,
        Self::TooLong,
        Self::BadText,
        Self::NotUnderstood,
        Self::X12Segment,
        Self::X12Element,
        Self::NotAClaim,
        Self::NotActive,
        Self::NotOriginal,
        Self::UnknownKind,
        Self::Coverage,
        Self::NoMember,
        Self::NoProvider,
        Self::Sequence,
        Self::Pointer,
        Self::NoReplaced,
        Self::NotReplaceable,
        Self::NotPayable,
        Self::NotAssigned,
        Self::BadCode,
        Self::NoCode,
        Self::CodesDiffer,
        Self::BadNumber,
        Self::SubCent,
        Self::Negative,
        Self::OverLimit,
        Self::Currency,
        Self::NoAmount,
        Self::NetDiffers,
        Self::DetailsDiffer,
        Self::TotalDiffers,
        Self::BadQuantity,
        Self::BadUnit,
        Self::BadDate,
        Self::DatesOutOfOrder,
        Self::ServiceInFuture,
        Self::NoDate,
    ];

    /// The number.
    #[must_use]
    pub fn number(self) -> u16 {
        self as u16
    }

    /// The id: `I` and the number.
    #[must_use]
    pub fn id(self) -> String {
        format!("I{}", self.number())
    }

    /// The rule an id names.
    #[must_use]
    pub fn of_id(id: &str) -> Option<Self> {
        let number: u16 = id.strip_prefix('I')?.parse().ok()?;
        Self::ALL.into_iter().find(|rule| rule.number() == number)
    }

    /// What it says, for people, in general; a refusal's reason is specific.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Empty => "The file is empty.",
            Self::FileTooLarge => "The file is too large.",
            Self::ByteOrderMark => "The file begins with a byte-order mark.",
            Self::NotUtf8 => "The text is not UTF-8.",
            Self::UnknownFormat => "The format is not recognised.",
            Self::NotJson => "The text is not JSON.",
            Self::TooDeep => "The JSON is nested too deeply.",
            Self::TooManyValues => "The JSON has too many values.",
            Self::DuplicateKey => "A key stands twice in one object.",
            Self::NoClaim => "There is no claim in the file.",
            Self::FormatVersion => "The claim names no format version that is read.",
            Self::X12Envelope => "The envelope of an X12 file is at fault.",
            Self::X12Set => "The transaction set is not a claim, or of a version not read.",
            Self::TestData => "The file says that it is of test data, and none is read here.",
            Self::WrongType => "A value has the wrong type.",
            Self::Missing => "Something required is missing.",
            Self::UnknownField => "A field is not one of the format's.",
            Self::TooMany => "There are more items than a claim may have.",
            Self::TooLong => "A text is too long.",
            Self::BadText => "A text has characters it may not have.",
            Self::NotUnderstood => "The claim's meaning is changed in a way not understood.",
            Self::X12Segment => "A segment is missing or out of place.",
            Self::X12Element => "An element of a segment is at fault.",
            Self::NotAClaim => "It is used for something other than a claim.",
            Self::NotActive => "The claim is not active.",
            Self::NotOriginal => "The claim is not an original.",
            Self::UnknownKind => "The kind of claim is not known.",
            Self::Coverage => "The claim does not name one coverage to be decided under.",
            Self::NoMember => "Nothing names the member.",
            Self::NoProvider => "Nothing names the billing provider.",
            Self::Sequence => "A sequence number is wrong or used twice.",
            Self::Pointer => "It points to something that is not there.",
            Self::NoReplaced => "It names no claim that it replaces or voids.",
            Self::NotReplaceable => "The claim it names cannot be replaced or voided by it.",
            Self::NotPayable => "The billing provider is not named so that it could be paid.",
            Self::NotAssigned => "The benefits are not assigned to the provider.",
            Self::BadCode => "A code is malformed.",
            Self::NoCode => "A line names no procedure, drug or service.",
            Self::CodesDiffer => "Two codes are given for one thing and contradict each other.",
            Self::BadNumber => "A number cannot be held exactly.",
            Self::SubCent => "An amount has a fraction of a cent.",
            Self::Negative => "A number is negative.",
            Self::OverLimit => "A number is too large.",
            Self::Currency => "The currency is not USD.",
            Self::NoAmount => "A line has no amount.",
            Self::NetDiffers => "A net amount is not quantity times unit price times factor.",
            Self::DetailsDiffer => "The details do not add up.",
            Self::TotalDiffers => "The total is not the sum of the lines.",
            Self::BadQuantity => "A quantity cannot be used.",
            Self::BadUnit => "A quantity is of a unit that the service is not counted in.",
            Self::BadDate => "A date is malformed.",
            Self::DatesOutOfOrder => "A period ends before it begins.",
            Self::ServiceInFuture => "A service is later than the day of receipt.",
            Self::NoDate => "A line has no date of service.",
        }
    }

    /// The FHIR issue type (`http://hl7.org/fhir/issue-type`) of the rule.
    #[must_use]
    pub fn issue_type(self) -> &'static str {
        match self {
            Self::Empty
            | Self::ByteOrderMark
            | Self::NotUtf8
            | Self::NotJson
            | Self::DuplicateKey
            | Self::WrongType
            | Self::UnknownField
            | Self::X12Envelope
            | Self::X12Segment
            | Self::X12Element => "structure",
            Self::FileTooLarge | Self::TooLong | Self::TooDeep | Self::TooManyValues => "too-long",
            Self::UnknownFormat
            | Self::FormatVersion
            | Self::X12Set
            | Self::TestData
            | Self::NotAClaim
            | Self::NotActive
            | Self::NotOriginal
            | Self::NotAssigned
            | Self::BadUnit
            | Self::Currency => "not-supported",
            Self::NotUnderstood => "extension",
            Self::NoClaim
            | Self::Missing
            | Self::NoMember
            | Self::NoReplaced
            | Self::NoProvider
            | Self::NoCode
            | Self::NoAmount
            | Self::NoDate => "required",
            Self::UnknownKind | Self::BadCode => "code-invalid",
            Self::CodesDiffer
            | Self::NetDiffers
            | Self::DetailsDiffer
            | Self::TotalDiffers
            | Self::DatesOutOfOrder
            | Self::NotReplaceable
            | Self::ServiceInFuture => "invariant",
            Self::TooMany
            | Self::BadText
            | Self::Coverage
            | Self::Sequence
            | Self::Pointer
            | Self::NotPayable
            | Self::BadNumber
            | Self::SubCent
            | Self::Negative
            | Self::OverLimit
            | Self::BadQuantity
            | Self::BadDate => "value",
        }
    }
}

/// One claim, or one file, refused: its first error. Neither place nor reason
/// holds anything that could name a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Position of the claim in the file, from zero.
    pub position: u32,
    /// Where: `line 12: Claim.item[2].net`.
    pub place: String,
    /// Which rule.
    pub rule: IntakeRule,
    /// What was found, in a sentence.
    pub reason: String,
}

/// A rule broken at a place: a refusal before its claim's position is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub place: String,
    pub rule: IntakeRule,
    pub reason: String,
}

/// Somewhere in a file, where a rule can be broken.
pub(super) trait Place {
    /// A broken rule here.
    fn fault(&self, rule: IntakeRule, reason: impl Into<String>) -> Fault;
}

impl Fault {
    pub fn new(rule: IntakeRule, place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            rule,
            reason: reason.into(),
        }
    }

    pub fn at(self, position: u32) -> Refusal {
        Refusal {
            position,
            place: self.place,
            rule: self.rule,
            reason: self.reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_go_out_and_back_in_order() {
        assert!(
            IntakeRule::ALL
                .windows(2)
                .all(|w| w[0].number() < w[1].number())
        );
        for rule in IntakeRule::ALL {
            assert_eq!(IntakeRule::of_id(&rule.id()), Some(rule));
        }
        assert_eq!(IntakeRule::of_id("I1"), None);
    }
}
