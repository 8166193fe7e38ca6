//! The canonical encoding: every value goes out and back, and only its own
//! bytes decode.

use proptest::prelude::*;
use tally_core::canon::{Canon, DecodeError};

use super::generate::{Shown, contexts, contracts, declared, outcomes, transcripts};

/// Checks the encoding of a value; `changes` are seeds of damage to its bytes.
fn check<T: Canon + PartialEq>(value: &T, changes: &[(usize, u8)]) -> Result<(), TestCaseError> {
    let bytes = value.to_canon();
    prop_assert!(T::from_canon(&bytes).is_ok_and(|back| back == *value));
    let mut longer = bytes.clone();
    longer.push(0);
    prop_assert!(matches!(
        T::from_canon(&longer),
        Err(DecodeError::Trailing(1))
    ));
    for (at, flip) in changes {
        let at = at % bytes.len();
        // A claim may end where its lines do: then it is another.
        if let Ok(other) = T::from_canon(&bytes[..at]) {
            prop_assert_eq!(other.to_canon(), &bytes[..at], "cut at {}", at);
            prop_assert!(other != *value);
        }
        let mut changed = bytes.clone();
        changed[at] ^= flip;
        // What decodes at all is another value, with these as its only bytes.
        if let Ok(other) = T::from_canon(&changed) {
            prop_assert_eq!(other.to_canon(), changed);
            prop_assert!(other != *value);
        }
    }
    Ok(())
}

fn changes() -> impl Strategy<Value = Vec<(usize, u8)>> {
    proptest::collection::vec((any::<usize>(), 1u8..), 32)
}

proptest! {
    #[test]
    fn claims_have_one_encoding(Shown(claim) in declared(), changes in changes()) {
        check(&claim, &changes)?;
    }

    #[test]
    fn contracts_have_one_encoding(Shown(contract) in contracts(), changes in changes()) {
        check(&contract, &changes)?;
    }

    #[test]
    fn contexts_have_one_encoding(Shown(context) in contexts(), changes in changes()) {
        check(&context, &changes)?;
    }

    #[test]
    fn outcomes_have_one_encoding(outcome in outcomes(), changes in changes()) {
        check(&outcome, &changes)?;
    }

    #[test]
    fn transcripts_have_one_encoding(Shown(exchanges) in transcripts(), changes in changes()) {
        check(&exchanges, &changes)?;
    }
}

#[test]
fn a_length_beyond_the_input_allocates_nothing() {
    let mut bytes = u32::MAX.to_be_bytes().to_vec();
    assert!(matches!(
        Vec::<u64>::from_canon(&bytes),
        Err(DecodeError::TooLong { .. })
    ));
    bytes = 60_000u32.to_be_bytes().to_vec();
    assert!(matches!(
        Vec::<u64>::from_canon(&bytes),
        Err(DecodeError::Truncated(4))
    ));
    assert!(matches!(
        String::from_canon(&[0, 0, 0, 1, 0xff]),
        Err(DecodeError::Utf8(4))
    ));
}
