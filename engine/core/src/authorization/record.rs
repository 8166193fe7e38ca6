//! What is kept: a request and the events after it. What they come to is computed.

use tally_types::{Quantity, ServiceDate};

use super::decision::Decision;
use super::fault::TransitionError;
use super::request::Request;
use super::state::State;
use crate::canon::{Canon, DecodeError, Reader};

/// The version of the encoding, a record's first byte.
const VERSION: u8 = 1;

/// What can happen to a request. It may hold what a reviewer wrote: no `Debug`, no
/// `Display`.
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    /// The lines that wait are decided.
    Decided(Decision),
    /// It is taken back, by the provider or the payer.
    Cancelled {
        /// Who takes it back, as authenticated.
        by: String,
        /// Why, in their words.
        reason: String,
    },
    /// A decided revision takes its place: see [`State::supersession`].
    Superseded {
        /// The number of what takes its place.
        by: String,
    },
    /// Units of a line are used by a service. Adjudication needs none of these: it
    /// counts what earlier claims have used.
    Used {
        /// The line's number.
        line: u16,
        /// Units.
        units: Quantity,
        /// The day of the service.
        on: ServiceDate,
    },
}

/// An event and the day it is dated.
#[derive(Clone, PartialEq, Eq)]
pub struct Dated {
    /// The day.
    pub day: ServiceDate,
    /// What happened.
    pub event: Event,
}

/// A request and the events after it, in order. It holds protected health
/// information: no `Debug`, no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// What was asked for.
    pub request: Request,
    /// The day it was received.
    pub received: ServiceDate,
    /// What happened since.
    pub events: Vec<Dated>,
}

impl Record {
    /// What it has come to by the end of `day`.
    ///
    /// # Errors
    /// When an event cannot follow what was before it.
    pub fn state(&self, day: ServiceDate) -> Result<State, TransitionError> {
        let mut state = State::requested(self.request.clone(), self.received)?;
        for dated in self.events.iter().take_while(|dated| dated.day <= day) {
            state = state.after(&dated.event, dated.day)?;
        }
        Ok(state)
    }
}

impl Canon for Event {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Decided(decision) => {
                out.push(1);
                decision.put(out);
            }
            Self::Cancelled { by, reason } => {
                out.push(2);
                by.put(out);
                reason.put(out);
            }
            Self::Superseded { by } => {
                out.push(3);
                by.put(out);
            }
            Self::Used { line, units, on } => {
                out.push(4);
                line.put(out);
                units.put(out);
                on.put(out);
            }
        }
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            1 => Ok(Self::Decided(Canon::take(from)?)),
            2 => Ok(Self::Cancelled {
                by: Canon::take(from)?,
                reason: Canon::take(from)?,
            }),
            3 => Ok(Self::Superseded {
                by: Canon::take(from)?,
            }),
            4 => Ok(Self::Used {
                line: Canon::take(from)?,
                units: Canon::take(from)?,
                on: Canon::take(from)?,
            }),
            n => Err(from.invalid("event of an authorisation", n.into())),
        }
    }
}
crate::canon_record!(Dated { day, event });

impl Canon for Record {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        self.request.put(out);
        self.received.put(out);
        self.events.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            VERSION => {}
            n => return Err(from.invalid("authorisation version", n.into())),
        }
        Ok(Self {
            request: Canon::take(from)?,
            received: Canon::take(from)?,
            events: Canon::take(from)?,
        })
    }
}
