//! Sorting. The standard library's sorts call themselves, which the sandbox
//! refuses of any policy: how deep calls go must be known beforehand.

/// Sorts by a key; items of one key keep their order. Made for the lines of a
/// claim: its cost grows with the square of their number.
///
/// ```
/// let mut lines = [(3, 'a'), (1, 'b'), (3, 'c'), (2, 'd')];
/// tally_sdk::sort_by_key(&mut lines, |line| line.0);
/// assert_eq!(lines, [(1, 'b'), (2, 'd'), (3, 'a'), (3, 'c')]);
/// ```
pub fn sort_by_key<T, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    for end in 1..items.len() {
        let mut at = end;
        while let Some(before) = at.checked_sub(1)
            && let (Some(low), Some(high)) = (items.get(before), items.get(at))
            && key(low) > key(high)
        {
            items.swap(before, at);
            at = before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_sorts_as_the_standard_library_does(items in proptest::collection::vec(0u8..9, 0..60)) {
            let mut ours: Vec<(u8, usize)> = items.into_iter().zip(0..).collect();
            let mut theirs = ours.clone();
            sort_by_key(&mut ours, |item| item.0);
            theirs.sort_by_key(|item| item.0);
            prop_assert_eq!(ours, theirs);
        }
    }
}
