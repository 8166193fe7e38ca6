//! What is told against what was found.

use core::fmt;

use sha2::{Digest, Sha256};

use crate::adjudication::{
    Exchange, LineOutcome, Outcome, OutcomeAdjustment, OutcomePosting, Settlement, TableKey,
    TableRow, Transcript,
};
use crate::canon::{Canon, DecodeError, Reader};
use crate::ledger::commitment::{Salt, Subject, commit};
use crate::ledger::entry::Entry;
use crate::ledger::receipt::hex;

/// The version of a re-execution's encoding, its first byte.
const VERSION: u8 = 1;
/// The most bytes that are shown of a side.
const MAX_SHOWN: usize = 200;

/// What differs. Numbers are stable and never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words say what they are")]
pub enum Field {
    Claim,
    Policy,
    Status,
    Line,
    Charge,
    Denied,
    Allowed,
    Paid,
    Adjustment,
    Clause,
    Posting,
    Reason,
    Text,
    Finding,
    Asked,
    Bytes,
    Dossier,
}

crate::canon_enum!(Field {
    Claim = 1,
    Policy = 2,
    Status = 3,
    Line = 4,
    Charge = 5,
    Denied = 6,
    Allowed = 7,
    Paid = 8,
    Adjustment = 9,
    Clause = 10,
    Posting = 11,
    Reason = 12,
    Text = 13,
    Finding = 14,
    Asked = 15,
    Bytes = 16,
    Dossier = 17,
});

impl Field {
    /// The field's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claim => "id",
            Self::Policy => "policy",
            Self::Status => "status",
            Self::Line => "outcome",
            Self::Charge => "charge",
            Self::Denied => "denied",
            Self::Allowed => "allowed",
            Self::Paid => "paid",
            Self::Adjustment => "adjustment",
            Self::Clause => "clause",
            Self::Posting => "accumulator",
            Self::Reason => "reason",
            Self::Text => "text",
            Self::Finding => "finding",
            Self::Asked => "answer to the policy:",
            Self::Bytes => "bytes",
            Self::Dossier => "what the payer shows for it",
        }
    }
}

/// The first thing that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstDifference {
    /// The line, or zero for the claim.
    pub line: u16,
    /// What.
    pub field: Field,
    /// What is told.
    pub theirs: String,
    /// What was found.
    pub ours: String,
    /// The clause that it is told by; may be empty.
    pub clause: String,
}

crate::canon_record!(FirstDifference {
    line,
    field,
    theirs,
    ours,
    clause,
});

impl FirstDifference {
    pub(super) fn new(line: u16, field: Field, theirs: &str, ours: &str, clause: &str) -> Self {
        Self {
            line,
            field,
            theirs: shown(theirs),
            ours: shown(ours),
            clause: shown(clause),
        }
    }
}

/// As much of a text as is shown.
fn shown(text: &str) -> String {
    let mut end = text.len().min(MAX_SHOWN);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or_default().to_owned()
}

impl fmt::Display for FirstDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str("claim")?,
            line => write!(f, "line {line}")?,
        }
        if self.field == Field::Dossier {
            return write!(f, ": {} does not hold: {}", self.field.as_str(), self.ours);
        }
        let or = |text: &str| if text.is_empty() { "none" } else { text }.to_owned();
        let (theirs, ours) = (or(&self.theirs), or(&self.ours));
        write!(f, ": {} {theirs}, ours {ours}", self.field.as_str())?;
        match self.clause.as_str() {
            "" => Ok(()),
            clause => write!(f, " (clause {clause})"),
        }
    }
}

/// Whether what was found is what is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agreement {
    /// Byte for byte.
    Agreed,
    /// It is not.
    Differs(FirstDifference),
}

/// Holds the outcome that was `found` against the one that is told, byte for byte; what
/// differs first is named in the order that people read it in.
#[must_use]
pub fn compare(told: &Outcome, found: &Outcome) -> Agreement {
    let (theirs, ours) = (told.to_canon(), found.to_canon());
    if theirs == ours {
        return Agreement::Agreed;
    }
    let whole = || claim(Field::Bytes, &hash(&theirs), &hash(&ours));
    Agreement::Differs(difference(told, found).unwrap_or_else(whole))
}

fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn claim(field: Field, theirs: &str, ours: &str) -> FirstDifference {
    FirstDifference::new(0, field, theirs, ours, "")
}

fn difference(told: &Outcome, found: &Outcome) -> Option<FirstDifference> {
    if told.claim() != found.claim() {
        let (theirs, ours) = (told.claim().to_string(), found.claim().to_string());
        return Some(claim(Field::Claim, &theirs, &ours));
    }
    if told.policy() != found.policy() {
        let of = |outcome: &Outcome| outcome.policy().map_or(String::new(), |of| hex(&of));
        return Some(claim(Field::Policy, &of(told), &of(found)));
    }
    lines(told.lines(), found.lines())
        .or_else(|| waits(told.settlement(), found.settlement()))
        .or_else(|| status(told, found))
        .or_else(|| findings(told, found))
}

/// Two outcomes of other kinds: one waits, the other has lines.
fn status(told: &Outcome, found: &Outcome) -> Option<FirstDifference> {
    let (theirs, ours) = (told.status().as_str(), found.status().as_str());
    (theirs != ours).then(|| claim(Field::Status, theirs, ours))
}

fn lines(told: &[LineOutcome], found: &[LineOutcome]) -> Option<FirstDifference> {
    if told.is_empty() || found.is_empty() {
        return None;
    }
    let find = |lines: &[LineOutcome], number| {
        let mut of = lines.iter().filter(|line| line.number() == number);
        of.next().cloned()
    };
    let mut numbers: Vec<u16> = told.iter().chain(found).map(LineOutcome::number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
        .into_iter()
        .find_map(|number| match (find(told, number), find(found, number)) {
            (Some(theirs), Some(ours)) => line(&theirs, &ours),
            (theirs, ours) => {
                let of = |line: Option<LineOutcome>| {
                    line.map_or(String::new(), |line| line.paid().to_string())
                };
                let field = Field::Line;
                Some(FirstDifference::new(
                    number,
                    field,
                    &of(theirs),
                    &of(ours),
                    "",
                ))
            }
        })
}

fn line(told: &LineOutcome, found: &LineOutcome) -> Option<FirstDifference> {
    // The clause of an amount is that of the first adjustment that differs.
    let because = first(told.adjustments(), found.adjustments())
        .and_then(|(theirs, ours)| theirs.or(ours))
        .map_or(told.clause(), |adjustment| &adjustment.clause);
    let yes = |denied: bool| if denied { "yes" } else { "no" }.to_owned();
    let amounts = [
        (
            Field::Charge,
            told.charge().to_string(),
            found.charge().to_string(),
        ),
        (Field::Denied, yes(told.denied()), yes(found.denied())),
        (
            Field::Allowed,
            told.allowed().to_string(),
            found.allowed().to_string(),
        ),
        (
            Field::Paid,
            told.paid().to_string(),
            found.paid().to_string(),
        ),
    ];
    let number = told.number();
    let mut differing = amounts.iter().filter(|(_, theirs, ours)| theirs != ours);
    if let Some((field, theirs, ours)) = differing.next() {
        return Some(FirstDifference::new(number, *field, theirs, ours, because));
    }
    let of = |field, theirs: Option<String>, ours: Option<String>, clause: &str| {
        let (theirs, ours) = (theirs.unwrap_or_default(), ours.unwrap_or_default());
        FirstDifference::new(number, field, &theirs, &ours, clause)
    };
    if let Some((theirs, ours)) = first(told.adjustments(), found.adjustments()) {
        let clause = theirs.map_or("", |adjustment| &adjustment.clause);
        let (theirs, ours) = (theirs.map(adjusted), ours.map(adjusted));
        return Some(of(Field::Adjustment, theirs, ours, clause));
    }
    if told.clause() != found.clause() {
        let (theirs, ours) = (told.clause().to_owned(), found.clause().to_owned());
        return Some(of(Field::Clause, Some(theirs), Some(ours), ""));
    }
    first(told.postings(), found.postings()).map(|(theirs, ours)| {
        let (theirs, ours) = (theirs.map(posted), ours.map(posted));
        of(Field::Posting, theirs, ours, told.clause())
    })
}

/// The first place where two lists differ.
fn first<'a, T: PartialEq>(
    theirs: &'a [T],
    ours: &'a [T],
) -> Option<(Option<&'a T>, Option<&'a T>)> {
    (0..theirs.len().max(ours.len()))
        .map(|at| (theirs.get(at), ours.get(at)))
        .find(|(theirs, ours)| theirs != ours)
}

fn adjusted(of: &OutcomeAdjustment) -> String {
    let remark = match of.rarc.is_none() {
        true => String::new(),
        false => format!(" {}", of.rarc),
    };
    let OutcomeAdjustment {
        group,
        carc,
        amount,
        clause,
        ..
    } = of;
    format!("{group}-{carc}{remark} {amount} by {clause}")
}

fn posted(of: &OutcomePosting) -> String {
    let family = if of.family { " of the family" } else { "" };
    let OutcomePosting {
        accumulator,
        period,
        before,
        amount,
        ..
    } = of;
    format!("`{accumulator}`{family} from {period}: {before} and {amount}")
}

fn waits(told: &Settlement, found: &Settlement) -> Option<FirstDifference> {
    let (
        Settlement::Pended {
            reason,
            text,
            resolution,
            line,
            clause,
            charges,
        },
        Settlement::Pended {
            reason: our_reason,
            text: our_text,
            resolution: our_resolution,
            line: our_line,
            clause: our_clause,
            charges: our_charges,
        },
    ) = (told, found)
    else {
        return None;
    };
    let numbers = (line.to_string(), our_line.to_string());
    let pairs = [
        (Field::Reason, reason.as_str(), our_reason.as_str()),
        (Field::Line, &numbers.0, &numbers.1),
        (Field::Clause, clause, our_clause),
        (Field::Text, text, our_text),
        (Field::Text, resolution, our_resolution),
    ];
    let mut differing = pairs.iter().filter(|(_, theirs, ours)| theirs != ours);
    if let Some((field, theirs, ours)) = differing.next() {
        return Some(FirstDifference::new(*line, *field, theirs, ours, clause));
    }
    first(charges, our_charges).map(|(theirs, ours)| {
        let number = theirs.or(ours).map_or(0, |(number, _)| *number);
        let of = |charge: Option<&(u16, tally_types::Money)>| {
            charge.map_or(String::new(), |(_, amount)| amount.to_string())
        };
        FirstDifference::new(number, Field::Charge, &of(theirs), &of(ours), "")
    })
}

fn findings(told: &Outcome, found: &Outcome) -> Option<FirstDifference> {
    first(told.findings(), found.findings()).map(|(theirs, ours)| {
        let of = |finding: Option<&crate::adjudication::Flagged>| {
            finding.map_or(String::new(), |of| format!("{} {}", of.pattern, of.score))
        };
        let number = theirs.or(ours).map_or(0, |of| of.line);
        let clause = theirs.map_or("", |of| &of.clause);
        FirstDifference::new(number, Field::Finding, &of(theirs), &of(ours), clause)
    })
}

/// What a counterparty found when it ran the policy again: what the entries `Agreed`
/// and `Disputed` commit to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reexecuted {
    /// The leaf hash of the adjudication's entry.
    pub adjudication: [u8; 32],
    /// SHA-256 of the canonical bytes of the outcome that was found; zeros where nothing
    /// could be.
    pub found: [u8; 32],
    /// What ran it: the program and its version.
    pub engine: String,
    /// The first thing that differs; `None` when nothing does.
    pub difference: Option<FirstDifference>,
}

impl Reexecuted {
    /// Of an adjudication that could not be run again, since what the payer shows for it
    /// does not hold.
    #[must_use]
    pub fn unproven(adjudication: [u8; 32], engine: &str, why: &str) -> Self {
        Self {
            adjudication,
            found: [0; 32],
            engine: engine.to_owned(),
            difference: Some(FirstDifference::new(0, Field::Dossier, "", why, "")),
        }
    }

    /// Its entry.
    #[must_use]
    pub fn entry(&self, salt: &Salt) -> Entry {
        let commitment = commit(Subject::Reexecution, salt, &self.to_canon());
        match self.difference {
            None => Entry::Agreed(commitment),
            Some(_) => Entry::Disputed(commitment),
        }
    }
}

impl Canon for Reexecuted {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        self.adjudication.put(out);
        self.found.put(out);
        self.engine.put(out);
        self.difference.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            VERSION => {}
            n => return Err(from.invalid("re-execution version", n.into())),
        }
        let found = Self {
            adjudication: Canon::take(from)?,
            found: Canon::take(from)?,
            engine: Canon::take(from)?,
            difference: Canon::take(from)?,
        };
        let long = found.difference.as_ref().is_some_and(|of| {
            let mut texts = [&of.theirs, &of.ours, &of.clause].into_iter();
            texts.any(|text| text.len() > MAX_SHOWN)
        });
        if long {
            return Err(from.invalid("length of what is shown", MAX_SHOWN as u64));
        }
        Ok(found)
    }
}

/// A value of a policy's table, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// How the policy calls the table.
    pub table: String,
    /// The column.
    pub column: String,
    /// The value, with the places that the column has.
    pub value: String,
}

/// What was asked or answered first in another way, as it is told and as it was found.
/// `read` says how a value reads, by its table and its place in the row: the policy's
/// tables know. What they have no column for stands as it is encoded.
pub(super) fn differently(
    told: &Transcript,
    found: &Transcript,
    read: impl Fn(u16, usize, i64) -> Option<Cell>,
) -> Option<(String, String)> {
    let (mut theirs, mut ours) = (told.0.iter(), found.0.iter());
    for number in 1u32.. {
        let (one, other) = match (theirs.next(), ours.next()) {
            (None, None) => return None,
            (Some(one), Some(other)) if one == other => continue,
            pair => pair,
        };
        return match (one, other) {
            (
                Some(Exchange::Lookup { table, keys, rows }),
                Some(Exchange::Lookup {
                    table: same,
                    keys: alike,
                    rows: found,
                }),
            ) if (table, keys) == (same, alike) => {
                let mut pairs = keys.iter().zip(rows.iter().zip(found));
                let (key, (told, found)) = pairs.find(|(_, (told, found))| told != found)?;
                Some(rows_of(*table, key, (told, found), read))
            }
            (
                Some(Exchange::Query { questions, answers }),
                Some(Exchange::Query {
                    questions: same,
                    answers: found,
                }),
            ) if questions == same => {
                let mut pairs = (1u32..).zip(answers.iter().zip(found));
                let (at, (told, found)) = pairs.find(|(_, (told, found))| told != found)?;
                let of = |answer: &i64| format!("call {number}, answer {at}: {answer}");
                Some((of(told), of(found)))
            }
            (one, other) => {
                let of = |call: Option<&Exchange>| match call {
                    None => format!("no call {number}"),
                    Some(Exchange::Lookup { table, keys, .. }) => {
                        format!("call {number}, {} rows of table {table}", keys.len())
                    }
                    Some(Exchange::Query { questions, .. }) => {
                        format!("call {number}, {} questions of history", questions.len())
                    }
                };
                Some((of(one), of(other)))
            }
        };
    }
    None
}

/// Two rows of one table for one key that differ: the first column that does, as it reads.
fn rows_of(
    table: u16,
    key: &TableKey,
    (told, found): (&TableRow, &TableRow),
    read: impl Fn(u16, usize, i64) -> Option<Cell>,
) -> (String, String) {
    let codes = [key.a, key.b].map(|code| code.to_string()).join(" ");
    let of = |table: &str, says: &str| {
        format!("table {table}, {} on {}: {says}", codes.trim_end(), key.on)
    };
    let mut columns = told.values.iter().zip(&found.values);
    let at = columns.position(|(told, found)| told != found).unwrap_or(0);
    let cell = |row: &TableRow| {
        let cell = read(table, at, *row.values.get(at)?)?;
        Some(match row.found {
            true => of(&cell.table, &format!("{} {}", cell.column, cell.value)),
            false => of(&cell.table, "nothing"),
        })
    };
    if let (Some(theirs), Some(ours)) = (cell(told), cell(found))
        && theirs != ours
    {
        return (theirs, ours);
    }
    let encoded = |row: &TableRow| {
        let values = row.values.map(|value| value.to_string()).join(" ");
        of(
            &table.to_string(),
            if row.found { &values } else { "nothing" },
        )
    };
    (encoded(told), encoded(found))
}
