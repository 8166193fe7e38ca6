//! The answers to a request.

use super::*;
use tally_types::{Quantity, ShortCode};

fn decided(verdicts: [Verdict; 2], number: &str) -> State {
    let [first, second] = verdicts;
    let line = |number, verdict| LineDecision { number, verdict };
    let decision = Event::Decided(Decision {
        by: "reviewer".into(),
        authorization: number.into(),
        lines: vec![line(1, first), line(2, second)],
    });
    match requested(read(REQUEST)).after(&decision, day("2026-02-03")) {
        Ok(state) => state,
        Err(error) => panic!("{error}"),
    }
}

fn part() -> Verdict {
    Verdict::Certified(Grant {
        units: Quantity::whole(6).unwrap(),
        from: day("2026-03-01"),
        through: day("2026-03-21"),
    })
}

fn refused() -> Verdict {
    Verdict::NotCertified(ReviewReason {
        code: ShortCode::of("0V"),
        text: "Conservative care was not tried.".into(),
    })
}

fn pended() -> Verdict {
    Verdict::Pended(vec!["The notes.".into(), "The plan of care.".into()])
}

/// Sequence, traces, and the code of the review of each item.
fn items(answer: &Value) -> Vec<(u64, Vec<&str>, Option<&str>)> {
    let items = answer["item"].as_array().unwrap().iter();
    items
        .map(|item| {
            let extensions = item["extension"].as_array();
            let traces = extensions.into_iter().flatten();
            let traces = traces.filter_map(|e| e["valueIdentifier"]["value"].as_str());
            let review = &item["adjudication"][0]["extension"][0]["extension"][0];
            let code = review["valueCodeableConcept"]["coding"][0]["code"].as_str();
            (
                item["itemSequence"].as_u64().unwrap(),
                traces.collect(),
                code,
            )
        })
        .collect()
}

#[test]
fn every_item_comes_back_with_what_was_decided() {
    let total = || Verdict::in_total(&read(REQUEST).lines[0]).unwrap();
    let traces = vec!["CANARY-T-2", "CANARY-T-3"];
    for (state, outcome, codes) in [
        (requested(read(REQUEST)), "queued", [None, None]),
        (decided([pended(), pended()], ""), "queued", [Some("A4"); 2]),
        (
            decided([total(), pended()], "AUTH1"),
            "partial",
            [Some("A1"), Some("A4")],
        ),
        (
            decided([refused(), pended()], ""),
            "partial",
            [Some("A3"), Some("A4")],
        ),
        (
            decided([total(), part()], "AUTH1"),
            "complete",
            [Some("A1"), Some("A6")],
        ),
        (
            decided([refused(), refused()], ""),
            "complete",
            [Some("A3"); 2],
        ),
    ] {
        let answer = answer(&state, "2026-02-03");
        assert_eq!(answer["outcome"], outcome);
        assert_eq!(answer["use"], "preauthorization");
        assert_eq!(answer["request"]["identifier"]["value"], "CANARY-R-1");
        let [first, second] = codes;
        let expected = [(1, vec![], first), (2, traces.clone(), second)];
        assert_eq!(items(&answer), expected);
        let number = answer.get("preAuthRef").and_then(Value::as_str);
        assert_eq!(
            number,
            Some(state.number()).filter(|number| !number.is_empty())
        );
        assert_eq!(answer.get("preAuthPeriod").is_some(), number.is_some());
    }
}

#[test]
fn an_answer_that_is_taken_back_says_so() {
    let state = decided([refused(), part()], "AUTH1");
    let event = Event::Cancelled {
        by: "provider".into(),
        reason: "Not needed.".into(),
    };
    let state = state.after(&event, day("2026-02-05")).ok().unwrap();
    let answer = answer(&state, "2026-02-05");
    assert_eq!(answer["disposition"], "Taken back.");
    let codes: Vec<_> = items(&answer).into_iter().map(|item| item.2).collect();
    assert_eq!(codes, [Some("A3"), Some("C")]);
}

#[test]
fn a_whole_answer() {
    let state = decided([refused(), part()], "AUTH1");
    let text = serde_json::to_string_pretty(&answer(&state, "2026-02-03")).unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn what_is_needed_stands_in_notes() {
    let state = decided([refused(), pended()], "");
    let answer = answer(&state, "2026-02-03");
    let notes = answer["processNote"].as_array().unwrap();
    let texts: Vec<_> = notes
        .iter()
        .map(|note| note["text"].as_str().unwrap())
        .collect();
    assert_eq!(
        texts,
        [
            "Conservative care was not tried.",
            "The notes.",
            "The plan of care."
        ]
    );
    assert_eq!(answer["item"][0]["noteNumber"], serde_json::json!([1]));
    assert_eq!(answer["item"][1]["noteNumber"], serde_json::json!([2, 3]));
}
