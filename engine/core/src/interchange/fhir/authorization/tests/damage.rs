//! Whatever is sent: it is read whole or refused, nothing panics, and what is read
//! comes back in the answer.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::canon::Canon as _;
use crate::interchange::Refusal;

/// Replaces one value of a document, counted from its start, by another.
fn replace(value: &mut Value, at: &mut usize, by: &Value) -> bool {
    if *at == 0 {
        *value = by.clone();
        return true;
    }
    *at -= 1;
    match value {
        Value::Array(items) => items.iter_mut().any(|item| replace(item, at, by)),
        Value::Object(fields) => fields.values_mut().any(|field| replace(field, at, by)),
        _ => false,
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

/// What is read is sound, stored and answered; what is not says where.
fn assert_taken_or_named(found: Result<Request, Refusal>) {
    match found {
        Ok(request) => {
            assert_eq!(request.check(), Ok(()));
            let back = Request::from_canon(&request.to_canon());
            assert!(back.is_ok_and(|back| back == request));
            if request.certification != Certification::Cancel {
                answer(&requested(request), "2026-02-03");
            }
        }
        Err(refusal) => {
            assert!(!refusal.place.is_empty() && !refusal.reason.is_empty());
            assert!(!refusal.reason.contains("CANARY"));
        }
    }
}

fn other_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(serde_json::json!([])),
        Just(serde_json::json!({})),
        Just(serde_json::json!([{}])),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u16>().prop_map(Value::from),
        "\\PC{0,40}".prop_map(Value::from),
        "[A-Z0-9]{0,6}".prop_map(Value::from),
        "20[0-9]{2}-[01][0-9]-[0-3][0-9]".prop_map(Value::from),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..300)) {
        assert_taken_or_named(read_authorization_request(&bytes));
    }

    #[test]
    fn no_damaged_request_panics(
        changes in vec((any::<Index>(), any::<u8>()), 0..4),
        end in any::<Index>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = REQUEST.as_bytes().to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if cut {
            bytes.truncate(end.index(bytes.len()));
        }
        assert_taken_or_named(read_authorization_request(&bytes));
    }

    #[test]
    fn no_value_in_the_place_of_another_panics(at in any::<Index>(), by in other_value()) {
        let mut document: Value = serde_json::from_str(REQUEST).unwrap();
        let mut at = at.index(count(&document));
        prop_assert!(replace(&mut document, &mut at, &by));
        assert_taken_or_named(read_authorization_request(document.to_string().as_bytes()));
    }

    #[test]
    fn sequence_and_trace_numbers_come_back(
        items in btree_map(1u16.., vec("[A-Z0-9]{1,12}", 0..4), 1..6)
    ) {
        let url = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-itemTraceNumber";
        let mut bundle: Value = serde_json::from_str(REQUEST).unwrap();
        let sent = items.iter().map(|(sequence, traces)| {
            let traces = traces.iter();
            let traces: Vec<Value> = traces
                .map(|trace| serde_json::json!({ "url": url, "valueIdentifier": { "value": trace } }))
                .collect();
            serde_json::json!({
                "sequence": sequence,
                "extension": traces,
                "productOrService": { "coding": [ { "code": "97110" } ] },
                "servicedDate": "2026-03-01",
            })
        });
        bundle["entry"][0]["resource"]["item"] = sent.collect();
        let answer = answer(&requested(read(&bundle.to_string())), "2026-02-03");
        let back = answer["item"].as_array().unwrap().iter().map(|item| {
            let extensions = item["extension"].as_array().into_iter().flatten();
            let traces = extensions.filter(|extension| extension["url"] == url);
            let traces = traces.map(|of| of["valueIdentifier"]["value"].as_str().unwrap().to_owned());
            (item["itemSequence"].as_u64().unwrap(), traces.collect::<Vec<_>>())
        });
        let sent = items.into_iter().map(|(sequence, traces)| (sequence.into(), traces));
        prop_assert!(back.eq(sent));
    }
}
