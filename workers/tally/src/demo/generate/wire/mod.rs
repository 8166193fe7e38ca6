//! Claims as senders write them. A bill becomes texts, what is wrong with it
//! is done to the texts, and a format writes them down.

mod draft;
mod fhir;
mod json;
mod tally;

use tally_types::ServiceDate;

use super::bill::Bill;
use super::files::Format;
use super::malformed::Fault;
use draft::Draft;
use json::Writer;

/// A file of claims, received on a day.
pub fn write(format: Format, bills: &[Bill], received: ServiceDate) -> Vec<u8> {
    let drafts = bills.iter().map(|bill| Draft::of(bill, received));
    let text = match format {
        Format::Bundle => {
            let drafts: Vec<Draft> = drafts.collect();
            let mut out = Writer::new();
            fhir::bundle(&mut out, &drafts, received);
            out.finish()
        }
        Format::Ndjson => {
            let mut lines = String::new();
            for (draft, bill) in drafts.zip(bills) {
                let mut out = Writer::new();
                fhir::claim(&mut out, &draft, true);
                let mut line = out.finish();
                if bill.fault == Some(Fault::CutLine) {
                    line.truncate(line.len() * 2 / 3);
                }
                lines.push_str(&line);
                lines.push('\n');
            }
            lines
        }
        Format::Tally => {
            let drafts: Vec<Draft> = drafts.collect();
            let mut out = Writer::new();
            out.list(&drafts, tally::claim);
            out.finish()
        }
    };
    text.into_bytes()
}
