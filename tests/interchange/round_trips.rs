//! What goes out comes back equal: our JSON, FHIR in each of its forms, and
//! contracts.

use proptest::prelude::*;
use tally_core::claim::Claim;
use tally_core::interchange::{Format, claim_json, contract_json, read_claims, read_contracts};

use super::generate::{Shown, claims, contracts, declared, id_at, source};
use super::parts::fhir_claims;
use super::writer::{bundle, fhir};

/// Reads a text back, and checks that it is these claims in this order.
fn comes_back(text: &str, expected: &[&Claim]) -> Result<(), TestCaseError> {
    let read = read_claims(text.as_bytes(), None, &source());
    prop_assert_eq!(&read.refusals, &[]);
    prop_assert_eq!(read.claims.len(), expected.len());
    for (position, (found, expected)) in (0u32..).zip(read.claims.iter().zip(expected)) {
        let mut expected = (*expected).clone();
        expected.id = id_at(position);
        prop_assert!(
            *found == expected,
            "{} became {}",
            claim_json(&expected),
            claim_json(found)
        );
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_claim_as_our_json(Shown(claim) in declared()) {
        comes_back(&claim_json(&claim), &[&claim])?;
    }

    #[test]
    fn a_list_of_claims_as_our_json(Shown(a) in claims(), Shown(b) in claims()) {
        comes_back(&format!("[{},\n{}]", claim_json(&a), claim_json(&b)), &[&a, &b])?;
    }

    #[test]
    fn a_claim_as_fhir(Shown(claim) in fhir_claims()) {
        comes_back(&fhir(&claim), &[&claim])?;
    }

    #[test]
    fn claims_as_a_bundle(Shown(a) in fhir_claims(), Shown(b) in fhir_claims()) {
        let patient = "{\"resourceType\":\"Patient\",\"id\":\"1\"}".to_owned();
        comes_back(&bundle(&[fhir(&a), patient, fhir(&b)]), &[&a, &b])?;
    }

    #[test]
    fn claims_as_ndjson(Shown(a) in fhir_claims(), Shown(b) in fhir_claims()) {
        let nested = bundle(&[fhir(&a)]);
        let text = format!(
            "{}\n\n{{\"resourceType\":\"Patient\",\"id\":\"1\"}}\r\n{nested}\n{}",
            fhir(&a),
            fhir(&b)
        );
        comes_back(&text, &[&a, &a, &b])?;
    }

    #[test]
    fn contracts_as_json(Shown(a) in contracts(), Shown(b) in contracts()) {
        prop_assert!(a.check().is_ok());
        let read = read_contracts(contract_json(&a).as_bytes());
        prop_assert_eq!(read.as_ref().err(), None);
        prop_assert!(read.is_ok_and(|read| read == [a.clone()]));
        let both = format!("[{},{}]", contract_json(&a), contract_json(&b));
        match read_contracts(both.as_bytes()) {
            Ok(read) => prop_assert!(read == [a, b]),
            Err(error) => {
                let members = |c: &tally_core::claim::Contract| -> Vec<String> {
                    c.members.iter().map(|m| m.id.clone()).collect()
                };
                let shared = members(&a).iter().any(|id| members(&b).contains(id));
                prop_assert!(a.id == b.id || shared, "{}", error);
            }
        }
    }
}

#[test]
fn the_claims_id_is_of_its_place_in_the_file() {
    let one = r#"{"format":"tallystick-claim/v1","kind":"oral","member":"M","billing":"P",
        "lines":[{"procedure":"D0120","charge":1,"from":"2026-01-05"}]}"#;
    let read = read_claims(
        format!("[{one},{{}},{one}]").as_bytes(),
        Some(Format::TallyJson),
        &source(),
    );
    assert_eq!(
        (read.read, read.claims.len(), read.refusals.len()),
        (3, 2, 1)
    );
    assert!(read.claims[0].id == id_at(0) && read.claims[1].id == id_at(2));
    assert_eq!(read.refusals[0].position, 1);
    assert_eq!(read.refusals[0].place, "claims[1]");
}
