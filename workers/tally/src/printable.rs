//! What others wrote, as people are shown it.

/// A text without what a terminal would obey, and without what turns a text about.
#[must_use]
pub fn printable(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let plain = |c: char| match c.is_control() || turns(c) {
        true => '\u{fffd}',
        false => c,
    };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_obeyed_or_turned_about() {
        let text = "paid \u{1b}[2J\n9\u{202e}5.40\u{2069}";
        assert_eq!(
            printable(text),
            "paid \u{fffd}[2J\u{fffd}9\u{fffd}5.40\u{fffd}"
        );
        assert_eq!(printable("§ 3.1: 95.40 “é”"), "§ 3.1: 95.40 “é”");
    }
}
