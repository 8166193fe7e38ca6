//! Another component separator than the ISA names.

use std::collections::BTreeSet;

use super::Transaction;
use crate::syntax::{Delimiters, Segment};

/// Composites that every claim, and every payment of a service, has.
const COMPOSITES: [(&str, usize); 2] = [("CLM", 5), ("SVC", 1)];

/// Some senders separate components by another character than they say. It shows
/// where there must be a composite, `11>B>1`, `HC>99213`: when all of them agree,
/// that character is taken, and it is noted.
pub(super) fn mend(set: &mut Transaction<'_>) -> bool {
    let Some(delimiters) = set.segments.first().map(Segment::delimiters) else {
        return false;
    };
    let mut found = BTreeSet::new();
    for segment in &set.segments {
        let at = COMPOSITES.iter().find(|(tag, _)| *tag == segment.tag());
        if let Some((_, element)) = at {
            let text = segment.element(*element);
            found.insert(text.chars().find(|c| !c.is_alphanumeric()));
        }
    }
    let mut found = found.into_iter();
    let (Some(Some(c)), None) = (found.next(), found.next()) else {
        return false;
    };
    if delimiters.has(c) || !c.is_ascii_punctuation() || matches!(c, '.' | '-') {
        return false;
    }
    for segment in &mut set.segments {
        *segment = segment.with(Delimiters {
            component: c,
            ..delimiters
        });
    }
    true
}
