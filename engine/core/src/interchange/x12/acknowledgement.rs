//! The claim acknowledgement, X12 277CA (005010X214): which claims of an 837 were
//! taken into adjudication, by which number of ours, and which were not, and why.
//!
//! A transaction set that does not fit its guide has a 999 that says so, and none of
//! this: nothing in it was looked at as a claim.

mod receive;
mod status;
mod write;

use thiserror::Error;

use tally_x12::ack;

use super::reply::{Payer, Stamp, day, unfit};
use crate::interchange::{ReadClaims, Source};

pub use status::{StatusCodes, status_codes};

/// Why there is no acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AcknowledgementError {
    /// What was read is not of this file, or not from this source.
    #[error("{read} claims were read, the file has {found}: acknowledge the file that was read")]
    AnotherReading {
        /// How many were read.
        read: u32,
        /// How many there are.
        found: u32,
    },
    /// A claim of the file was neither read nor refused.
    #[error("claim {0} of the file was neither read nor refused: name the source it was read from")]
    Unread(u32),
    /// What was written does not fit the guide: a name or identifier of the payer is
    /// not one.
    #[error("the acknowledgement does not fit its guide: {0}")]
    Unfit(String),
}

/// The acknowledgements of a file that was read: an interchange for each interchange
/// in it that has claims to tell of, in order, with control numbers that count up
/// from the stamp's. Claims that were read have our number (REF 1K): their id.
///
/// # Errors
/// When what was read is not of this file and source, or when what is given of the
/// payer does not fit the guide.
pub fn claim_acknowledgements(
    text: &str,
    source: &Source<'_>,
    reading: &ReadClaims,
    payer: &Payer<'_>,
    stamp: &Stamp<'_>,
) -> Result<Vec<String>, AcknowledgementError> {
    // What could not be looked at as X12 has nothing to tell of.
    if let ([], [refusal]) = (&reading.claims[..], &reading.refusals[..])
        && refusal.place == "file"
    {
        return Ok(Vec::new());
    }
    let file = tally_x12::read(text);
    let received = receive::receive(&file, source, reading)?;
    let mut written = Vec::new();
    for (interchange, of) in file.interchanges.iter().zip(&received) {
        if of.is_empty() {
            continue;
        }
        let number = u32::try_from(written.len()).unwrap_or(u32::MAX);
        let stamp = Stamp {
            control: stamp.control.saturating_add(number),
            ..*stamp
        };
        let text = write::write(interchange, of, source, payer, &stamp);
        if let Some(fault) = unfit(&text) {
            return Err(AcknowledgementError::Unfit(fault));
        }
        written.push(text);
    }
    Ok(written)
}

/// The receipts of a file, whatever its transaction sets are: for each interchange a
/// TA1 where its envelope is at fault or it asks for one, and a 999 for each of its
/// functional groups, with control numbers that count up from the stamp's. One that
/// itself holds nothing but acknowledgements has none, or two machines would
/// acknowledge each other for ever.
#[must_use]
pub fn functional_acknowledgements(text: &str, stamp: &Stamp<'_>) -> Vec<String> {
    let date = day(stamp.date);
    let file = tally_x12::read(text);
    let answers = |interchange: &&tally_x12::Interchange<'_>| !interchange.only_acknowledges();
    (0u32..)
        .zip(file.interchanges.iter().filter(answers))
        .map(|(number, interchange)| {
            let judged: Vec<Vec<ack::Judged<'_>>> = interchange
                .groups
                .iter()
                .map(|group| {
                    let sets = group.transactions.iter();
                    sets.map(|set| ack::judge(group, set)).collect()
                })
                .collect();
            let stamp = ack::Stamp {
                date: &date,
                time: stamp.time,
                control: stamp.control.saturating_add(number),
            };
            ack::acknowledge(interchange, &judged, stamp)
        })
        .collect()
}
