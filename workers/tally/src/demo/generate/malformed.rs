//! What reaches a payer and cannot be read: one example of each kind, among
//! sound claims or as a whole file.

use super::bill::{Bill, BillId};
use super::dice::Dice;
use super::files::{Format, format_of};

/// What is wrong with one claim of a file that can otherwise be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The total is not the sum of the lines.
    TotalDiffers,
    /// An amount with the residue of a float.
    SubCent,
    /// A key that stands twice.
    KeyTwice,
    /// Another currency.
    Currency,
    /// A negative amount.
    Negative,
    /// More money than any claim is.
    Absurd,
    /// A service that ends before it begins.
    EndsBefore,
    /// A question about authorisation, not a claim.
    Preauthorization,
    /// A replacement of an earlier claim.
    Replacement,
    /// A line with no amount.
    NoAmount,
    /// A line of ndjson that was cut.
    CutLine,
    /// A day that is in no calendar.
    NoSuchDay,
    /// A text where a number belongs.
    WrongType,
    /// A service that has not happened yet.
    Future,
    /// No lines.
    NoLines,
    /// No units.
    NoUnits,
    /// A code with its modifier in it.
    BadCode,
    /// A claim that was taken back.
    Cancelled,
    /// Nothing names who bills.
    NoProvider,
}

impl Fault {
    /// Every kind.
    pub const ALL: [Self; 19] = [
        Self::TotalDiffers,
        Self::SubCent,
        Self::KeyTwice,
        Self::Currency,
        Self::Negative,
        Self::CutLine,
        Self::EndsBefore,
        Self::Preauthorization,
        Self::NoAmount,
        Self::Replacement,
        Self::Absurd,
        Self::NoSuchDay,
        Self::WrongType,
        Self::Future,
        Self::NoLines,
        Self::NoUnits,
        Self::BadCode,
        Self::Cancelled,
        Self::NoProvider,
    ];

    /// What it is called in the list of what was planted.
    pub fn name(self) -> &'static str {
        match self {
            Self::TotalDiffers => "total-differs",
            Self::SubCent => "sub-cent",
            Self::KeyTwice => "key-twice",
            Self::Currency => "currency",
            Self::Negative => "negative",
            Self::Absurd => "absurd",
            Self::EndsBefore => "ends-before-it-begins",
            Self::Preauthorization => "preauthorization",
            Self::Replacement => "replacement",
            Self::NoAmount => "no-amount",
            Self::CutLine => "cut-line",
            Self::NoSuchDay => "no-such-day",
            Self::WrongType => "wrong-type",
            Self::Future => "service-in-future",
            Self::NoLines => "no-lines",
            Self::NoUnits => "no-units",
            Self::BadCode => "bad-code",
            Self::Cancelled => "cancelled",
            Self::NoProvider => "no-provider",
        }
    }

    /// Whether a format can have it.
    fn fits(self, format: Format) -> bool {
        match self {
            Self::CutLine => format == Format::Ndjson,
            Self::Preauthorization | Self::Cancelled => format != Format::Tally,
            _ => true,
        }
    }
}

/// A file nothing of which can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ruin {
    /// A transfer that broke off; the whole file follows.
    CutShort,
    /// Nothing.
    Empty,
    /// A letter.
    Letter,
    /// Bytes that are no text.
    NotText,
    /// A byte-order mark before a file that would be sound.
    Mark,
    /// Nothing but brackets.
    Deep,
}

impl Ruin {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::CutShort,
        Self::Empty,
        Self::Letter,
        Self::NotText,
        Self::Mark,
        Self::Deep,
    ];

    /// What it is called in the list of what was planted.
    pub fn name(self) -> &'static str {
        match self {
            Self::CutShort => "file-cut-short",
            Self::Empty => "file-empty",
            Self::Letter => "file-a-letter",
            Self::NotText => "file-not-text",
            Self::Mark => "file-byte-order-mark",
            Self::Deep => "file-too-deep",
        }
    }

    /// The bytes, made from those of a sound file of several claims.
    pub fn bytes(self, sound: &[u8]) -> Vec<u8> {
        match self {
            Self::CutShort => sound[..sound.len() * 3 / 5].to_vec(),
            Self::Empty => b"\n".to_vec(),
            Self::Letter => {
                b"Good morning,\n\nplease find the claims of last week enclosed.\n".to_vec()
            }
            Self::NotText => {
                let mut bytes = sound.to_vec();
                let middle = bytes.len() / 2;
                bytes[middle] = 0xff;
                bytes
            }
            Self::Mark => [b"\xef\xbb\xbf", sound].concat(),
            Self::Deep => {
                let deep = "[".repeat(400) + &"]".repeat(400);
                format!("{{\"resourceType\":\"Bundle\",\"entry\":{deep}}}").into_bytes()
            }
        }
    }
}

/// How many malformed there are: claims of sound files, and whole files.
pub fn counts(claims: usize) -> (usize, usize) {
    let all = (claims * 25 + 500) / 1000;
    let files = if all < 4 { 0 } else { all / 4 };
    (all - files, files)
}

/// Marks `count` bills, spread over the population, with a fault each.
pub fn mark(dice: &mut Dice, bills: &mut [Bill], count: usize) -> Vec<(Fault, BillId)> {
    let mut marked = Vec::new();
    if bills.is_empty() {
        return marked;
    }
    for turn in 0..count {
        let fault = Fault::ALL[turn % Fault::ALL.len()];
        let start = (turn * bills.len() / count.max(1) + dice.below(7)) % bills.len();
        let free = |bill: &&mut Bill| {
            !bill.reserved && bill.fault.is_none() && fault.fits(format_of(bill.billing))
        };
        let (before, after) = bills.split_at_mut(start);
        if let Some(bill) = after.iter_mut().chain(before).find(free) {
            bill.fault = Some(fault);
            marked.push((fault, bill.id));
        }
    }
    marked
}
