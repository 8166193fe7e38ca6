//! A case file: read, checked, and made into a family, claims and what is
//! expected of them. The form is shown in the crate's documentation.

mod beside;
mod expect;
mod file;
mod read;

use tally_core::adjudication::Description;
use tally_core::claim::Claim;
use thiserror::Error;

use crate::compare::Expected;
use crate::family::Family;

/// Why a case cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{file}{}: {what}", at(*line))]
pub struct CaseError {
    /// The file, or the folder.
    pub file: String,
    /// The line, from 1; zero when it is of the whole file.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

fn at(line: usize) -> String {
    match line {
        0 => String::new(),
        line => format!(", line {line}"),
    }
}

/// A case, ready to run.
pub(crate) struct Case {
    pub(crate) title: String,
    pub(crate) clauses: Vec<String>,
    pub(crate) family: Family,
    pub(crate) claims: Vec<(Claim, Expected)>,
}

impl Case {
    /// Reads a case of the policy that `description` is of.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub(crate) fn read(
        file: &str,
        text: &str,
        description: &Description,
    ) -> Result<Self, CaseError> {
        let parsed: file::File = toml::from_str(text).map_err(|error| CaseError {
            file: file.to_owned(),
            line: error.span().map_or(0, |span| line_of(text, span.start)),
            what: error.message().to_owned(),
        })?;
        read::case(file, &parsed, description).map_err(|wrong| CaseError {
            file: file.to_owned(),
            line: wrong.at.map_or(0, |at| line_of(text, at)),
            what: wrong.what,
        })
    }
}

/// The line of a byte of a text, from 1.
fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Something wrong, where it stands.
pub(crate) struct Wrong {
    /// Bytes from the start of the file.
    at: Option<usize>,
    what: String,
}
