//! Writing segments.

use crate::syntax::Delimiters;

/// Writes segments, a line each, and counts those of a transaction set.
///
/// What is written never holds a delimiter: one in a text becomes a blank.
pub struct Writer {
    delimiters: Delimiters,
    out: String,
    count: usize,
}

impl Default for Writer {
    fn default() -> Self {
        Self::new(Delimiters::USUAL)
    }
}

impl Writer {
    /// Nothing yet.
    #[must_use]
    pub fn new(delimiters: Delimiters) -> Self {
        Self {
            delimiters,
            out: String::new(),
            count: 0,
        }
    }

    /// Writes a segment. Empty elements at its end are left out, and empty
    /// components at an element's end. An element with several items is composite.
    pub fn segment(&mut self, tag: &str, elements: &[&[&str]]) {
        let last = elements
            .iter()
            .rposition(|parts| parts.iter().any(|part| !part.is_empty()))
            .map_or(0, |at| at.saturating_add(1));
        self.out.push_str(tag);
        for parts in elements.iter().take(last) {
            self.out.push(self.delimiters.element);
            let last = parts
                .iter()
                .rposition(|part| !part.is_empty())
                .map_or(0, |at| at.saturating_add(1));
            for (at, part) in parts.iter().take(last).enumerate() {
                if at > 0 {
                    self.out.push(self.delimiters.component);
                }
                self.text(part);
            }
        }
        self.out.push(self.delimiters.segment);
        self.out.push('\n');
        self.count = self.count.saturating_add(1);
    }

    /// Writes a segment whose elements are all simple.
    pub fn simple(&mut self, tag: &str, elements: &[&str]) {
        let parts: Vec<[&str; 1]> = elements.iter().map(|element| [*element]).collect();
        let parts: Vec<&[&str]> = parts.iter().map(|part| &part[..]).collect();
        self.segment(tag, &parts);
    }

    /// Writes an ISA of 005010, filled up as it must be.
    ///
    /// `ids` are the sender's qualifier and name, then the receiver's; `stamp` the
    /// date, YYMMDD, and the time, HHMM.
    pub fn interchange(&mut self, ids: [&str; 4], stamp: (&str, &str), control: u32, test: bool) {
        let all = self.delimiters;
        let [from_kind, from, to_kind, to] = ids.map(|id| self.clean(id));
        let fields = [
            "00".to_owned(),
            " ".repeat(10),
            "00".to_owned(),
            " ".repeat(10),
            format!("{from_kind:<2.2}"),
            format!("{from:<15.15}"),
            format!("{to_kind:<2.2}"),
            format!("{to:<15.15}"),
            format!("{:<6.6}", stamp.0),
            format!("{:<4.4}", stamp.1),
            all.repetition.unwrap_or('^').to_string(),
            "00501".to_owned(),
            format!("{:09}", control % 1_000_000_000),
            "0".to_owned(),
            if test { "T" } else { "P" }.to_owned(),
        ];
        self.out.push_str("ISA");
        for field in fields {
            self.out.push(all.element);
            self.out.push_str(&field);
        }
        self.out.push(all.element);
        self.out.push(all.component);
        self.out.push(all.segment);
        self.out.push('\n');
    }

    /// Begins a transaction set: its ST is the first that is counted.
    pub fn begin(&mut self, set: &str, control: &str, version: &str) {
        self.count = 0;
        self.simple("ST", &[set, control, version]);
    }

    /// Ends a transaction set.
    pub fn end(&mut self, control: &str) {
        let count = self.count.saturating_add(1).to_string();
        self.simple("SE", &[&count, control]);
    }

    /// What was written.
    #[must_use]
    pub fn done(self) -> String {
        self.out
    }

    fn clean(&self, text: &str) -> String {
        let blank = |c: char| c.is_control() || self.delimiters.has(c);
        text.chars()
            .map(|c| if blank(c) { ' ' } else { c })
            .collect()
    }

    fn text(&mut self, text: &str) {
        let clean = self.clean(text);
        self.out.push_str(&clean);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read;

    #[test]
    fn empty_ends_are_left_out_and_delimiters_become_blanks() {
        let mut writer = Writer::default();
        writer.segment("SV1", &[&["HC", "99213", "", ""], &["40"], &[], &[""]]);
        writer.simple("NTE", &["ADD", "a*b~c:d^e"]);
        assert_eq!(writer.done(), "SV1*HC:99213*40~\nNTE*ADD*a b c d e~\n");
    }

    #[test]
    fn what_is_written_is_read() {
        let mut writer = Writer::default();
        writer.interchange(
            ["ZZ", "PAYER", "ZZ", "PROVIDER"],
            ("240101", "1200"),
            7,
            false,
        );
        writer.simple(
            "GS",
            &[
                "HP",
                "PAYER",
                "PROVIDER",
                "20240101",
                "1200",
                "1",
                "X",
                "005010X221A1",
            ],
        );
        writer.begin("835", "0001", "");
        writer.simple("LX", &["1"]);
        writer.end("0001");
        writer.simple("GE", &["1", "1"]);
        writer.simple("IEA", &["1", "000000007"]);
        let text = writer.done();
        let file = read(&text);
        let [interchange] = &file.interchanges[..] else {
            panic!("one");
        };
        assert_eq!(interchange.faults, []);
        assert_eq!(interchange.element(6), "PAYER");
        assert_eq!(interchange.groups[0].faults, []);
        assert_eq!(interchange.groups[0].transactions[0].faults, []);
    }
}
