//! Bills into files: each sender has its own format and sends when enough has
//! gathered, or after three weeks.

use tally_types::ServiceDate;

use super::DemoFile;
use super::bill::Bill;
use super::dice::Dice;
use super::malformed::Ruin;
use super::providers::{self, Npi};
use super::time::{plus, workday};
use super::wire;

/// How a sender writes its claims.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// A FHIR Bundle.
    Bundle,
    /// A FHIR Claim a line.
    Ndjson,
    /// A list of our own claims.
    Tally,
}

struct Sender {
    format: Format,
    name: &'static str,
    prefix: &'static str,
    extension: &'static str,
}

const SENDERS: [Sender; 3] = [
    Sender {
        format: Format::Bundle,
        name: "brightwater-clearing",
        prefix: "BWC",
        extension: "bundle.json",
    },
    Sender {
        format: Format::Ndjson,
        name: "northgate-practices",
        prefix: "NGP",
        extension: "ndjson",
    },
    Sender {
        format: Format::Tally,
        name: "quillmark-billing",
        prefix: "QMB",
        extension: "json",
    },
];

/// How the claims of a provider are sent: firms by the clearing house, the
/// others by one of two billing offices.
pub fn format_of(npi: Npi) -> Format {
    if providers::is_firm(npi) {
        return Format::Bundle;
    }
    // The eighth digit: the last is a check digit.
    match npi.as_bytes().get(7).map_or(0, |b| b % 2) {
        0 => Format::Ndjson,
        _ => Format::Tally,
    }
}

/// Most days a claim waits for company.
const WAIT: i32 = 21;
/// Fewest claims of a file, unless no more come.
const FEWEST: usize = 5;

/// Numbers the bills, writes them into files, and adds as many ruined files.
/// Answers the files in the order they are received, and the bills, numbered.
pub fn write(dice: &mut Dice, mut bills: Vec<Bill>, ruined: usize) -> (Vec<DemoFile>, Vec<Bill>) {
    bills.sort_by_key(|bill| (bill.ready, bill.id));
    let mut files: Vec<(ServiceDate, usize, DemoFile)> = Vec::new();
    let mut numbered = Vec::with_capacity(bills.len());
    for sender in &SENDERS {
        let (mut mine, others): (Vec<Bill>, Vec<Bill>) = bills
            .into_iter()
            .partition(|bill| format_of(bill.billing) == sender.format);
        bills = others;
        for (i, bill) in mine.iter_mut().enumerate() {
            bill.control = format!("{}-{:06}", sender.prefix, i + 1);
        }
        let mut rest: &[Bill] = &mine;
        let mut before: Option<(ServiceDate, usize)> = None;
        while !rest.is_empty() {
            let (file, after) = rest.split_at(length(dice, rest));
            rest = after;
            let ready = file.last().map_or(super::time::FIRST, |bill| bill.ready);
            let received = workday(plus(ready, 1));
            let nth = match before {
                Some((day, nth)) if day == received => nth + 1,
                _ => 1,
            };
            before = Some((received, nth));
            let suffix = if nth > 1 {
                format!("-{nth}")
            } else {
                String::new()
            };
            files.push((
                received,
                files.len(),
                DemoFile {
                    received,
                    name: format!("{}-{received}{suffix}.{}", sender.name, sender.extension),
                    bytes: wire::write(sender.format, file, received),
                },
            ));
        }
        numbered.append(&mut mine);
    }
    files.sort_by_key(|(received, order, _)| (*received, *order));
    let files = files.into_iter().map(|(_, _, file)| file).collect();
    (ruin(files, ruined), numbered)
}

/// How many of the bills in order go into the next file.
fn length(dice: &mut Dice, bills: &[Bill]) -> usize {
    let wanted = usize::try_from(dice.between(8, 38)).unwrap_or(8);
    let Some(first) = bills.first() else { return 0 };
    let patient = bills
        .iter()
        .take_while(|bill| bill.ready.days_since(first.ready) <= WAIT)
        .count();
    let length = wanted.min(patient.max(FEWEST)).min(bills.len());
    // No handful is left alone at the end.
    if bills.len() - length < FEWEST {
        bills.len()
    } else {
        length
    }
}

/// Puts ruined files among the sound ones: each just before the one it should
/// have been. None is made of lines: those are refused one by one.
fn ruin(sound: Vec<DemoFile>, count: usize) -> Vec<DemoFile> {
    let whole: Vec<usize> = (0..sound.len())
        .filter(|i| !sound[*i].name.ends_with(".ndjson"))
        .collect();
    let mut turns = (0..count).map(|turn| {
        let due = (turn * 2 + 1) * whole.len() / (count * 2);
        (whole.get(due).copied(), Ruin::ALL[turn % Ruin::ALL.len()])
    });
    let mut next = turns.next();
    let mut files = Vec::with_capacity(sound.len() + count);
    for (i, file) in sound.into_iter().enumerate() {
        while let Some((Some(due), ruin)) = next
            && due == i
        {
            files.push(DemoFile {
                received: file.received,
                name: format!("{}.{}", ruin.name(), file.name),
                bytes: ruin.bytes(&file.bytes),
            });
            next = turns.next();
        }
        files.push(file);
    }
    files
}
