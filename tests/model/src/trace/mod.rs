//! Traces: what nodes say they did, one JSON object a line, held against the rules.

mod event;
mod replay;

pub use event::{Event, Line, Names};
pub use replay::Trace;
use thiserror::Error;

use crate::rules::Refusal;

/// The first line that is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {reason}: {text}")]
pub struct Violation {
    /// Which line, from 1.
    pub line: usize,
    /// As it stands.
    pub text: String,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Reason {
    /// It says what no rule allows.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It is no event.
    #[error("not an event: {0}")]
    Form(String),
}

/// Replays the lines of several nodes, in the order of cause and effect.
///
/// # Errors
/// The first line that is not allowed.
pub fn check_trace<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<(), Violation> {
    let mut trace = Trace::default();
    for line in lines {
        trace.line(line)?;
    }
    Ok(())
}
