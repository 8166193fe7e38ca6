//! Eligibility: the inquiry, X12 270 (005010X279A1), and what is answered, 271: is
//! somebody covered on a day, and what is left of deductible and maximum.
//!
//! [`eligibility_of`] decides what is so, from enrolment; the rest is how it is read and
//! written. Somebody whose date of birth does not fit is not answered about.

mod answer;
mod inquiry;
mod write;

use thiserror::Error;

use super::reply::{Payer, Stamp, unfit};

pub use answer::{Asked, Cover, Eligibility, Enrolment, Unanswered, eligibility_of};
pub use inquiry::{Inquiry, Person};

/// Why an inquiry has no answer at all.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EligibilityError {
    /// What was written does not fit the guide: a name or text given is not one.
    #[error("the answer does not fit its guide: {0}")]
    Unfit(String),
}

/// What a file of inquiries was answered.
pub struct Eligibilities {
    /// An interchange for each that holds inquiries, in order, with control numbers
    /// that count up from the stamp's.
    pub texts: Vec<String>,
    /// How many patients were asked about.
    pub asked: u32,
    /// Of how many nothing could be said.
    pub unanswered: u32,
}

/// Answers the inquiries of a file. A transaction set that does not fit its guide,
/// and whatever is no 270, has no answer but its 999. Inquiries without a date are
/// of the stamp's.
///
/// # Errors
/// When what is written does not fit the guide: a plan's name, or the payer's.
pub fn answer_eligibility(
    text: &str,
    enrolment: &dyn Enrolment,
    payer: &Payer<'_>,
    stamp: &Stamp<'_>,
) -> Result<Eligibilities, EligibilityError> {
    let file = tally_x12::read(text);
    let mut all = Eligibilities {
        texts: Vec::new(),
        asked: 0,
        unanswered: 0,
    };
    for interchange in &file.interchanges {
        let trees = inquiry::sets(interchange);
        if trees.is_empty() {
            continue;
        }
        let number = u32::try_from(all.texts.len()).unwrap_or(u32::MAX);
        let stamp = Stamp {
            control: stamp.control.saturating_add(number),
            ..*stamp
        };
        let text = write::write(&trees, interchange, enrolment, payer, &stamp, &mut all);
        if let Some(fault) = unfit(&text) {
            return Err(EligibilityError::Unfit(fault));
        }
        all.texts.push(text);
    }
    Ok(all)
}

/// The inquiries of a file, in order: a patient each.
#[must_use]
pub fn read_inquiries(text: &str, today: tally_types::ServiceDate) -> Vec<Inquiry> {
    let file = tally_x12::read(text);
    let mut found = Vec::new();
    for interchange in &file.interchanges {
        for tree in inquiry::sets(interchange) {
            for level in inquiry::levels(&tree) {
                found.push(inquiry::read(&level, today));
            }
        }
    }
    found
}
