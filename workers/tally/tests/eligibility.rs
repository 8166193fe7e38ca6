//! Eligibility through the binary: who is covered, with the balances that claims left.

mod common;
#[path = "common/office.rs"]
mod office;
#[path = "common/x12.rs"]
mod x12;

use common::{errors, json, scratch, text};
use office::{compact, enrol, run, service, settled, submit};
use serde_json::Value;
use x12::{Professional, inquiry, professional, segments};

const FHIR: &str = r#"{
  "resourceType": "CoverageEligibilityRequest", "status": "active", "id": "Q-1",
  "purpose": [ "validation", "benefits" ],
  "patient": { "identifier": { "value": "MEMBER" } }, "created": "DAY", "servicedDate": "DAY",
  "insurer": { "display": "Harbor" },
  "insurance": [ { "focal": true, "coverage": { "display": "Harbor" } } ]
}"#;

/// What of an X-ray out of network goes to the deductible.
fn use_some(data: &std::path::Path) {
    let day = compact(service());
    let claim = professional(
        9,
        &[Professional {
            control: "A-1",
            member: "M-1001",
            charge: "400",
            diagnosis: "S8001XA",
            lines: &[("73562", "", "400", "1", &day)],
        }],
    );
    submit(data, "claim.837", &claim);
}

/// The used balances by name, as `member show` has them.
fn used(data: &std::path::Path, name: &str, family: bool) -> String {
    let said = json(&run(data, &["member", "show", "--json", "M-1001"]), 0);
    let rows = said["accumulators"].as_array().unwrap();
    let row = rows
        .iter()
        .find(|row| row["accumulator"] == name && row["member"].is_null() == family)
        .unwrap_or_else(|| panic!("{name}: {said}"));
    row["used"].as_str().unwrap().to_owned()
}

#[test]
fn an_inquiry_in_x12_is_answered_with_what_is_left() {
    let (_scratch, data) = scratch();
    enrol(&data);
    use_some(&data);
    let day = compact(service());
    let file = office::file(&data, "asked.270", &inquiry("M-1001", "19800101", &day));
    let answer = text(&run(&data, &["eligibility", file.to_str().unwrap()]), 0);
    insta::assert_snapshot!("answer", settled(&answer));
    // EB03 of the plan, EB06 29: what remains of the member's deductible in network.
    let used = used(&data, "in-deductible", false);
    assert_ne!(used, "0.00");
    let remaining: Vec<String> = segments(&answer)
        .into_iter()
        .filter(|eb| eb[0] == "EB" && eb[1] == "C" && eb[2] == "IND" && eb.last().unwrap() == "Y")
        .map(|eb| eb[7].clone())
        .collect();
    let [limit, left] = &remaining[..] else {
        panic!("{answer}");
    };
    let cents = |text: &str| text.replace('.', "").parse::<i64>().unwrap();
    assert_eq!(cents(limit) - cents(left), cents(&used), "{answer}");
    let said = json(
        &run(&data, &["eligibility", "--json", file.to_str().unwrap()]),
        0,
    );
    assert_eq!(said["271"], answer.as_str());
    assert_eq!(
        (&said["asked"], &said["unanswered"]),
        (&1.into(), &0.into())
    );
    assert!(said["999"].as_str().unwrap().contains("AK9*A*1*1*1~"));
}

/// Of types of service that have terms of their own, in force on the day: an office visit
/// (98), magnetic resonance (62), chiropractic (33), and what is not covered (35). They
/// are what a claim of that day is decided by.
#[test]
fn a_type_of_service_is_answered_with_its_copayment_and_share() {
    let (_scratch, data) = scratch();
    enrol(&data);
    let day = compact(service());
    let asked = inquiry("M-1001", "19800101", &day).replace("EQ*30~", "EQ*98^62^33^35~");
    let file = office::file(&data, "asked.270", &asked);
    let answer = text(&run(&data, &["eligibility", file.to_str().unwrap()]), 0);
    let of = |service: &str| -> Vec<String> {
        let all = segments(&answer).into_iter();
        let told = all.filter(|eb| eb[0] == "EB" && eb[3] == service);
        // Without the plan's name.
        told.map(|eb| [&eb[1..5], &eb[6..]].concat().join("*"))
            .collect()
    };
    let visit = [
        "1**98*",
        "B*IND*98**27*30.00****N*Y",
        "A*IND*98****0***N*Y",
        "A*IND*98****0.4***N*N",
    ];
    assert_eq!(of("98"), visit, "{answer}");
    let scan = of("62");
    assert_eq!(scan[1], "B*IND*62***100.00****Y*Y", "{answer}");
    // In network, none out of it, and twelve visits of which none is used.
    let limit = ["F*IND*33**23***VS*12**W", "F*IND*33**29***VS*12**W"];
    assert_eq!(
        of("33")[3..],
        [&["I**33********N"], &limit[..]].concat(),
        "{answer}"
    );
    assert_eq!(of("35"), ["I**35********W"], "{answer}");
    let claim = professional(
        9,
        &[Professional {
            control: "A-1",
            member: "M-1001",
            charge: "150",
            diagnosis: "J069",
            lines: &[("99213", "", "150", "1", &day)],
        }],
    );
    let id = &submit(&data, "claim.837", &claim)[0];
    let paid = text(
        &run(
            &data,
            &["claim", "remittance", id, "--output-format", "x12"],
        ),
        0,
    );
    assert!(paid.contains("CAS*PR*3*30"), "{paid}");
}

#[test]
fn who_is_not_found_is_told_why() {
    let (_scratch, data) = scratch();
    enrol(&data);
    let day = compact(service());
    for (member, birth, reason) in [("M-9", "19800101", "75"), ("M-1001", "19810101", "71")] {
        let file = office::file(&data, "asked.270", &inquiry(member, birth, &day));
        let output = run(&data, &["eligibility", file.to_str().unwrap()]);
        let answer = text(&output, 1);
        assert!(answer.contains(&format!("AAA*Y**{reason}*C~")), "{answer}");
        assert!(
            errors(&output).contains("1 of 1 asked about"),
            "{}",
            errors(&output)
        );
    }
    // What is no inquiry.
    let file = office::file(&data, "claim.837", &x12::visit("A-1", "M-1001", "10", &day));
    let output = run(&data, &["eligibility", file.to_str().unwrap()]);
    assert_eq!(text(&output, 1), "");
    assert!(
        errors(&output).contains("no eligibility inquiry"),
        "{}",
        errors(&output)
    );
}

/// An inquiry with a byte that is no UTF-8 has its acknowledgement, which says where.
#[test]
fn a_byte_that_is_no_text_is_acknowledged() {
    let (_scratch, data) = scratch();
    enrol(&data);
    let day = compact(service());
    let inquiry = inquiry("M-1001", "19800101", &day);
    let at = inquiry.find("CLINIC").unwrap();
    let file = office::file(&data, "asked.270", &inquiry);
    let mut bytes = inquiry.into_bytes();
    // Latin-1.
    bytes[at] = 0xc7;
    std::fs::write(&file, bytes).unwrap();
    let output = run(&data, &["eligibility", file.to_str().unwrap()]);
    assert_eq!(text(&output, 1), "");
    let said = errors(&output);
    assert!(
        said.contains("IK3*NM1*6*2100B*8~\nIK4*3**6~\nIK5*R*5~"),
        "{said}"
    );
}

#[test]
fn a_request_in_fhir_is_answered_with_the_same_balances() {
    let (_scratch, data) = scratch();
    enrol(&data);
    use_some(&data);
    let request = |member: &str| {
        let day = service().to_string();
        let text = FHIR.replace("DAY", &day).replace("MEMBER", member);
        office::file(&data, "asked.json", &text)
    };
    let file = request("M-1001");
    let output = run(&data, &["eligibility", file.to_str().unwrap()]);
    let response: Value = json(&output, 0);
    assert_eq!(response["resourceType"], "CoverageEligibilityResponse");
    let insurance = &response["insurance"][0];
    assert_eq!(insurance["inforce"], true);
    let year = service().year();
    assert_eq!(insurance["benefitPeriod"]["start"], format!("{year}-01-01"));
    assert_eq!(insurance["benefitPeriod"]["end"], format!("{year}-12-31"));
    for (name, family) in [("in-deductible", false), ("in-deductible-family", true)] {
        let items = insurance["item"].as_array().unwrap();
        let item = items.iter().find(|item| item["name"] == name).unwrap();
        let shown = item["benefit"][0]["usedMoney"]["value"].as_f64().unwrap();
        assert_eq!(format!("{shown:.2}"), used(&data, name, family));
    }
    let file = request("M-9");
    let output = run(&data, &["eligibility", "--json", file.to_str().unwrap()]);
    let response: Value = json(&output, 1);
    assert_eq!(response["outcome"], "error");
    let broken = office::file(&data, "broken.json", &FHIR.replace("active", "draft"));
    let output = run(&data, &["eligibility", broken.to_str().unwrap()]);
    text(&output, 1);
    assert!(
        errors(&output).contains("CoverageEligibilityRequest.status"),
        "{}",
        errors(&output)
    );
}
