//! Damage: whatever is done to a file, nothing panics, every claim is counted
//! once, and a claim not touched is read as it was.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;
use tally_core::interchange::{ReadClaims, claim_json, contract_json, read_claims, read_contracts};

use super::generate::{Shown, contracts, source};
use super::parts::fhir_claims;
use super::writer::{bundle, fhir};

/// What holds of every answer.
pub fn check(read: &ReadClaims) {
    assert!(read.read >= 1);
    assert_eq!(
        usize::try_from(read.read).unwrap(),
        read.claims.len() + read.refusals.len()
    );
    let ids: BTreeSet<_> = read.claims.iter().map(|claim| claim.id).collect();
    assert_eq!(ids.len(), read.claims.len());
    let positions: BTreeSet<u32> = read.refusals.iter().map(|r| r.position).collect();
    assert_eq!(positions.len(), read.refusals.len());
    assert!(positions.iter().all(|position| *position < read.read));
}

/// Removes one key of an object, the `n`th in document order.
fn remove_key(value: &mut Value, n: &mut usize) -> bool {
    match value {
        Value::Object(map) => {
            if *n < map.len() {
                let key = map.keys().nth(*n).unwrap().clone();
                map.remove(&key);
                return true;
            }
            *n -= map.len();
            map.values_mut().any(|value| remove_key(value, n))
        }
        Value::Array(items) => items.iter_mut().any(|value| remove_key(value, n)),
        _ => false,
    }
}

proptest! {
    #[test]
    fn cut_short(Shown(claim) in fhir_claims(), at in any::<Index>(), ours in any::<bool>()) {
        let text = if ours { claim_json(&claim) } else { fhir(&claim) };
        let at = at.index(text.len());
        let read = read_claims(&text.as_bytes()[..at], None, &source());
        check(&read);
        prop_assert_eq!((read.read, read.claims.len()), (1, 0));
    }

    #[test]
    fn bytes_flipped_in_ndjson(
        Shown(a) in fhir_claims(),
        Shown(b) in fhir_claims(),
        flips in proptest::collection::vec((any::<Index>(), 1u8..), 1..4),
    ) {
        // Only the first line is damaged.
        let mut bytes = fhir(&a).into_bytes();
        for (at, flip) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
        }
        let marked = [&b"\xef\xbb\xbf"[..], b"\xff\xfe", b"\xfe\xff"];
        prop_assume!(!marked.iter().any(|mark| bytes.starts_with(mark)));
        let interchange = bytes.starts_with(b"ISA");
        bytes.push(b'\n');
        bytes.extend_from_slice(fhir(&b).as_bytes());
        let read = read_claims(&bytes, None, &source());
        check(&read);
        prop_assert!(read.read >= 2 || interchange);
        prop_assert!(read.claims.iter().any(|claim| claim.lines == b.lines));
    }

    #[test]
    fn bytes_flipped_in_a_bundle_or_a_list(
        Shown(a) in fhir_claims(),
        Shown(b) in fhir_claims(),
        flips in proptest::collection::vec((any::<Index>(), 1u8..), 1..4),
        ours in any::<bool>(),
    ) {
        let text = if ours {
            format!("[{},{}]", claim_json(&a), claim_json(&b))
        } else {
            bundle(&[fhir(&a), fhir(&b)])
        };
        let mut bytes = text.into_bytes();
        for (at, flip) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
        }
        let read = read_claims(&bytes, None, &source());
        check(&read);
        let unreadable = read.claims.is_empty() && read.refusals.len() == 1;
        prop_assert!(read.read == 2 || unreadable, "{} read", read.read);
    }

    #[test]
    fn fields_deleted(Shown(claim) in fhir_claims(), n in any::<Index>(), ours in any::<bool>()) {
        let text = if ours { claim_json(&claim) } else { fhir(&claim) };
        let mut value: Value = serde_json::from_str(&text).unwrap();
        let mut n = n.index(200);
        remove_key(&mut value, &mut n);
        let read = read_claims(value.to_string().as_bytes(), None, &source());
        check(&read);
        prop_assert_eq!(read.read, 1);
    }

    #[test]
    fn contracts_damaged(
        Shown(contract) in contracts(),
        at in any::<Index>(),
        flip in any::<u8>(),
        n in any::<Index>(),
    ) {
        let text = contract_json(&contract);
        let at = at.index(text.len());
        prop_assert!(read_contracts(&text.as_bytes()[..at]).is_err());
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= flip;
        let _ = read_contracts(&bytes);
        let mut value: Value = serde_json::from_str(&text).unwrap();
        remove_key(&mut value, &mut n.index(40));
        let _ = read_contracts(value.to_string().as_bytes());
    }

    #[test]
    fn rubbish(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        check(&read_claims(&bytes, None, &source()));
        prop_assert!(read_contracts(&bytes).is_err());
    }
}
