//! Which ids may be meant by one that is not there.

/// So many are named at most.
const MOST: usize = 3;

/// Those of some ids that one may be misspelt for, the nearest first: a third of the letters
/// differs at most, or one of them begins with the other.
pub fn nearest<'a>(id: &str, ids: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let far = |of: &'a str| (distance(id, of), of);
    let may_be = |(far, of): &(usize, &str)| {
        *far <= id.len().max(of.len()) / 3 || of.starts_with(id) || id.starts_with(*of)
    };
    let mut near: Vec<_> = ids.map(far).filter(may_be).collect();
    near.sort_unstable();
    near.into_iter().take(MOST).map(|(_, of)| of).collect()
}

/// How many letters have to be put in, taken out or changed to come from one word to another
/// (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.bytes().enumerate() {
        let mut before = std::mem::replace(&mut row[0], at + 1);
        for (column, of) in (1..).zip(other.bytes()) {
            let changed = before + usize::from(letter != of);
            let more = 1 + row[column].min(row[column - 1]);
            before = std::mem::replace(&mut row[column], changed.min(more));
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_come_first() {
        for (one, other, far) in [
            ("harbour", "harbor", 1),
            ("kitten", "sitting", 3),
            ("", "abc", 3),
            ("lakeside", "lakeside", 0),
        ] {
            assert_eq!(distance(one, other), far);
            assert_eq!(distance(other, one), far);
        }
        let ids = ["cedar", "harbor", "harbor-health", "lakeside", "arbor"];
        let near = |id: &str| nearest(id, ids.into_iter());
        assert_eq!(near("harbour"), ["harbor", "arbor"]);
        assert_eq!(near("harbor-h"), ["harbor", "harbor-health"]);
        assert_eq!(near("lakesdie"), ["lakeside"]);
        assert!(near("summit").is_empty());
    }
}
