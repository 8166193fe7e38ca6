//! What all answers in X12 have in common: who answers, envelopes, texts that fit,
//! and a last look at what was written by the guide itself.

use tally_types::{Money, ServiceDate};
use tally_x12::{Interchange, Writer, ack};

/// Where somebody is.
#[derive(Clone, Copy, Default)]
pub struct Address<'a> {
    /// Street and number.
    pub street: &'a str,
    /// The city.
    pub city: &'a str,
    /// The state, two letters.
    pub state: &'a str,
    /// The ZIP code.
    pub zip: &'a str,
}

/// Who pays, and answers.
#[derive(Clone, Copy)]
pub struct Payer<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is called in interchanges.
    pub id: &'a str,
    /// Its tax number, nine digits.
    pub tax: &'a str,
    /// Where it is.
    pub address: Address<'a>,
    /// A telephone number for questions.
    pub telephone: &'a str,
}

/// Of when it is, and its numbers.
#[derive(Clone, Copy)]
pub struct Stamp<'a> {
    /// The day it is made, and of the payment.
    pub date: ServiceDate,
    /// HHMM.
    pub time: &'a str,
    /// The interchange's control number.
    pub control: u32,
    /// The payment's own number: a cheque's, or of the transfer. Of an answer that
    /// pays nothing, the answer's.
    pub trace: &'a str,
}

impl Stamp<'_> {
    /// Of what is sent after these interchanges, which have the numbers before: no two to
    /// one receiver have one.
    #[must_use]
    pub fn after(mut self, interchanges: &[String]) -> Self {
        let more = u32::try_from(interchanges.len()).unwrap_or(u32::MAX);
        self.control = self.control.saturating_add(more);
        self
    }
}

/// Whose claim it is, as remittances name them.
#[derive(Clone, Copy, Default)]
pub struct PatientName<'a> {
    /// The family name.
    pub family: &'a str,
    /// Given names.
    pub given: &'a str,
}

/// Whose contract a patient is covered by, where it is another's.
#[derive(Clone, Copy)]
pub struct InsuredName<'a> {
    /// What the subscriber is called.
    pub name: PatientName<'a>,
    /// The subscriber's number.
    pub identifier: &'a str,
}

/// The control number of an answer's first transaction set.
pub(super) const FIRST: &str = "0001";

/// CCYYMMDD.
pub(super) fn day(date: ServiceDate) -> String {
    let (year, month, day) = date.ymd();
    format!("{year:04}{month:02}{day:02}")
}

/// A day, or from one to another: the qualifier of the form, and the text.
pub(super) fn days(from: ServiceDate, through: ServiceDate) -> (&'static str, String) {
    match from == through {
        true => ("D8", day(from)),
        false => ("RD8", format!("{}-{}", day(from), day(through))),
    }
}

/// A text as an element may hold it: without the usual delimiters and control
/// characters, cut to `most` characters; nothing, where fewer than `least` are left.
pub(super) fn fit(text: &str, least: usize, most: usize) -> String {
    let plain = |c: char| match c.is_control() || tally_x12::Delimiters::USUAL.has(c) {
        true => ' ',
        false => c,
    };
    let clean: String = text.chars().map(plain).collect();
    let cut: String = clean.trim().chars().take(most).collect();
    let cut = cut.trim_end();
    match cut.chars().count() < least {
        true => String::new(),
        false => cut.to_owned(),
    }
}

/// A text that must be there: something else where nothing is left of it.
pub(super) fn fit_or(text: &str, least: usize, most: usize, otherwise: &str) -> String {
    match fit(text, least, most) {
        empty if empty.is_empty() => otherwise.to_owned(),
        text => text,
    }
}

/// A member's identifier. That of a dependant whom nobody knows has a label after
/// it, which is ours alone.
pub(super) fn member(identifier: &str) -> String {
    fit(identifier.split('\n').next().unwrap_or(""), 2, 80)
}

/// An amount; nothing, for nothing.
pub(super) fn said(amount: Money) -> String {
    match amount.is_zero() {
        true => String::new(),
        false => amount.to_string(),
    }
}

/// Begins an interchange and its one functional group.
pub(super) fn open(
    out: &mut Writer,
    (from, to): (&str, &str),
    stamp: &Stamp<'_>,
    group: &str,
    version: &str,
) {
    begin(out, ["ZZ", from, "ZZ", to], stamp, false);
    begin_group(out, (from, to), stamp, group, version);
}

/// Begins the interchange that answers another, and its one functional group: back to
/// whom it came from, under the names it was sent with, of test data where that is.
pub(super) fn open_answer(
    out: &mut Writer,
    asked: &Interchange<'_>,
    payer: &Payer<'_>,
    stamp: &Stamp<'_>,
    group: &str,
    version: &str,
) {
    let ids = ack::sent_back(asked);
    let test = asked.element(15) == "T";
    begin(out, ids.each_ref().map(String::as_str), stamp, test);
    begin_group(out, (payer.id, asked.element(6)), stamp, group, version);
}

fn begin(out: &mut Writer, ids: [&str; 4], stamp: &Stamp<'_>, test: bool) {
    let date = day(stamp.date);
    let short = date.get(2..).unwrap_or("");
    out.interchange(ids, (short, stamp.time), stamp.control, test);
}

fn begin_group(
    out: &mut Writer,
    (from, to): (&str, &str),
    stamp: &Stamp<'_>,
    group: &str,
    version: &str,
) {
    let date = day(stamp.date);
    // GS02 and GS03 are shorter than what an NM1 may say.
    let (from, to) = (fit_or(from, 2, 15, "ZZ"), fit_or(to, 2, 15, "ZZ"));
    out.simple(
        "GS",
        &[group, &from, &to, &date, stamp.time, "1", "X", version],
    );
}

/// Ends them; answers what was written.
pub(super) fn close(mut out: Writer, sets: usize, stamp: &Stamp<'_>) -> String {
    out.simple("GE", &[&sets.to_string(), "1"]);
    let number = format!("{:09}", stamp.control % 1_000_000_000);
    out.simple("IEA", &["1", &number]);
    out.done()
}

/// Where something written does not fit its guide, and how; none when all does.
pub(super) fn unfit(text: &str) -> Option<String> {
    let file = tally_x12::read(text);
    for interchange in &file.interchanges {
        if let Some(code) = interchange.faults.first() {
            return Some(format!("ISA to IEA: {}", code.says()));
        }
        for group in &interchange.groups {
            if let Some(code) = group.faults.first() {
                return Some(format!("GS to GE: {}", code.says()));
            }
            for set in &group.transactions {
                let judged = ack::judge(group, set);
                if let Some(code) = judged.codes.first() {
                    return Some(format!("ST to SE: {}", code.says()));
                }
                if let Some(fault) = judged.faults().first() {
                    return Some(format!("{}: {}", fault.place(), fault.says()));
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_and_cleaned() {
        for (text, fits) in [
            ("M-1001", "M-1001"),
            ("a*b~c", "a b c"),
            ("   ", ""),
            ("***", ""),
            ("x", ""),
            ("abcdefghij", "abcdefgh"),
            ("abcdefg hij", "abcdefg"),
        ] {
            assert_eq!(fit(text, 2, 8), fits, "{text}");
        }
        assert_eq!(member("M-1\n0011223344556677"), "M-1");
        assert_eq!(fit_or("", 1, 8, "0"), "0");
    }
}
