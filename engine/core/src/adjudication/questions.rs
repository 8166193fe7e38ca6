//! What a policy may ask while it runs, and the transcript of what it was
//! answered: with the context, all that its determination depends on.

use sha2::{Digest, Sha256};
use tally_types::{Code, ServiceDate, ShortCode};

use crate::canon::{Canon, DecodeError, Reader};
use crate::claim::ClaimKind;

/// A row asked for: one or two codes, and the day it must be in force on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TableKey {
    /// The first code.
    pub a: Code,
    /// The second code, or none.
    pub b: Code,
    /// The day.
    pub on: ServiceDate,
}

/// A row answered: up to four columns, unused ones zero.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct TableRow {
    /// Whether there is such a row.
    pub found: bool,
    /// The columns.
    pub values: [i64; 4],
}

/// What to measure over earlier lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Units of service, in ten-thousandths.
    Units,
    /// Service lines.
    Lines,
    /// The last first date of service, as a day; `i64::MIN` when there is none.
    LastDate,
}

/// A question about this unit's own earlier lines that were not denied.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// What to measure.
    pub what: Measure,
    /// The procedure, or none for any.
    pub code: Code,
    /// The revenue code, or none for any.
    pub revenue: ShortCode,
    /// Who rendered it, or the billing provider where none is named; none for any.
    pub provider: Code,
    /// Who billed it; none for any.
    pub billing: Code,
    /// On what kind of claim; none for any.
    pub kind: Option<ClaimKind>,
    /// The earliest first date of service.
    pub from: ServiceDate,
    /// The latest first date of service.
    pub through: ServiceDate,
    /// The latest last date of service.
    pub until: ServiceDate,
    /// Of the whole family, or of this member.
    pub family: bool,
}

/// One call out of the sandbox, with its answer.
#[derive(Clone, PartialEq, Eq)]
pub enum Exchange {
    /// `reference.lookup`.
    Lookup {
        /// Position in the description's tables.
        table: u16,
        /// The keys.
        keys: Vec<TableKey>,
        /// The rows, one a key.
        rows: Vec<TableRow>,
    },
    /// `history.query`.
    Query {
        /// The questions.
        questions: Vec<Question>,
        /// The answers, one a question.
        answers: Vec<i64>,
    },
}

/// Every call out of the sandbox, in order.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Transcript(pub Vec<Exchange>);

impl Transcript {
    /// Its hash. It has no salt, so nobody may have it who may not read the transcript:
    /// receipts carry a commitment.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(b"tallystick/transcript/v1");
        hasher.update(self.0.to_canon());
        hasher.finalize().into()
    }
}

/// Who answers a policy's questions. Answers are a function of the question:
/// asked twice, they are the same.
pub trait Answers: Send + Sync {
    /// One row a key, in order; `None` when there is no table of that number.
    fn lookup(&self, table: u16, keys: &[TableKey]) -> Option<Vec<TableRow>>;

    /// One number a question, in order.
    fn query(&self, questions: &[Question]) -> Vec<i64>;
}

crate::canon_record!(TableKey { a, b, on });
crate::canon_record!(TableRow { found, values });
crate::canon_enum!(Measure { Units = 1, Lines = 2, LastDate = 3 });
crate::canon_record!(Question {
    what,
    code,
    revenue,
    provider,
    billing,
    kind,
    from,
    through,
    until,
    family
});

impl Canon for [i64; 4] {
    fn put(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|value| value.put(out));
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok([
            i64::take(from)?,
            i64::take(from)?,
            i64::take(from)?,
            i64::take(from)?,
        ])
    }
}

impl Canon for Exchange {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Lookup { table, keys, rows } => {
                out.push(1);
                table.put(out);
                keys.put(out);
                rows.put(out);
            }
            Self::Query { questions, answers } => {
                out.push(2);
                questions.put(out);
                answers.put(out);
            }
        }
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            1 => Ok(Self::Lookup {
                table: Canon::take(from)?,
                keys: Canon::take(from)?,
                rows: Canon::take(from)?,
            }),
            2 => Ok(Self::Query {
                questions: Canon::take(from)?,
                answers: Canon::take(from)?,
            }),
            n => Err(from.invalid("exchange", n.into())),
        }
    }
}
