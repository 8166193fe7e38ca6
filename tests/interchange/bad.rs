//! Bad input, a row for each way to be bad: the rule that is named and the
//! place. Every rule has a row, and no error quotes what it found.

use std::collections::BTreeSet;

use tally_core::claim::Frequency;
use tally_core::interchange::{
    FileLimits, Format, IntakeRule, ReadClaims, read_claims, read_contracts,
};

use super::generate::source;

/// A sound FHIR Claim with a planted identifier in every place that can hold one.
const FHIR: &str = r##"{
  "resourceType": "Claim",
  "id": "CANARY-id",
  "text": { "status": "generated", "div": "<div>CANARY narrative</div>" },
  "contained": [
    { "resourceType": "Patient", "id": "p", "identifier": [ { "value": "CANARY-member" } ],
      "name": [ { "family": "CANARY-family" } ], "birthDate": "1984-03-09" },
    { "resourceType": "ClaimResponse", "id": "r", "payment": { "date": "2026-01-18" },
      "item" : [ { "itemSequence": 1, "adjudication": [
        { "category": { "coding": [ { "code": "benefit" } ] }, "amount": { "value": 80.25 } } ] } ] }
  ],
  "identifier": [ { "value": "CANARY-control" } ],
  "status": "active",
  "type": { "coding": [ { "code": "professional" } ] },
  "use": "claim",
  "patient": { "reference": "#p", "display": "CANARY-display" },
  "created": "2026-01-20",
  "provider": { "identifier": { "value": "CANARY-provider" } },
  "careTeam": [ { "sequence": 1, "provider": { "reference": "Practitioner/CANARY" } } ],
  "diagnosis": [
    { "sequence": 1, "diagnosisCodeableConcept": { "coding": [ { "code": "E11.9" } ], "text": "CANARY" } },
    { "sequence": 2, "diagnosisCodeableConcept": { "coding": [ { "code": "I10" } ] } }
  ],
  "insurance": [ { "sequence": 1, "focal": true, "coverage": { "display": "x" }, "preAuthRef": [ "CANARY-auth" ] },
    { "sequence": 7, "focal": false, "coverage": { "display": "CANARY" }, "claimResponse": { "reference": "#r" } } ],
  "supportingInfo": [ { "sequence": 1, "category": { "coding": [ { "code": "drg" } ] },
                        "code": { "coding": [ { "code": "CANARY-group" } ] } } ],
  "item": [
    {
      "sequence": 1, "careTeamSequence": [ 1 ], "diagnosisSequence": [ 1, 2 ],
      "productOrService": { "coding": [ { "system": "http://www.ama-assn.org/go/cpt", "code": "99213" } ] },
      "modifier": [ { "coding": [ { "code": "25" } ] } ],
      "servicedDate": "2026-01-05",
      "quantity": { "value": 2 }, "unitPrice": { "value": 75.00, "currency": "USD" }, "factor": 1.0,
      "net": { "value": 150.00, "currency": "USD" },
      "detail": [ { "sequence": 1, "net": { "value": 100.00 } }, { "sequence": 2, "net": { "value": 50.00 } } ]
    },
    {
      "sequence": 2,
      "productOrService": { "coding": [ { "code": "exam" } ] },
      "bodySite": { "coding": [ { "code": "CANARY-site" } ] },
      "servicedPeriod": { "start": "2026-01-05", "end": "2026-01-06" },
      "net": { "value": 95.50 }
    }
  ],
  "total": { "value": 245.50, "currency": "USD" }
}"##;

/// A sound claim of our own.
const OURS: &str = r#"{
  "format": "tallystick-claim/v1", "kind": "professional", "frequency": "original",
  "control_number": "CANARY-control", "member": "CANARY-member", "billing": "CANARY-provider",
  "diagnoses": [ "E119" ], "authorizations": [ "CANARY-auth" ], "currency": "USD", "charge": "245.50",
  "lines": [
    { "number": 1, "system": "hcpcs", "procedure": "99213", "modifiers": [ "25" ], "diagnoses": [ 1 ],
      "quantity": "2", "charge": "150.00", "from": "2026-01-05" },
    { "number": 2, "procedure": "exam", "charge": 95.50, "from": "2026-01-05", "through": "2026-01-06",
      "rendering": "CANARY-rendering", "emergency": true }
  ]
}"#;

const CONTRACT: &str = r#"{
  "format": "tallystick-contract/v1", "id": "CANARY-contract", "inception": "2025-01-01",
  "members": [
    { "id": "CANARY-1", "name": "CANARY-name", "birth": "1984-03-09", "sex": "female",
      "relationship": "subscriber",
      "spans": [ { "product": "harbor-ppo", "from": "2025-01-01", "through": "2025-12-31" },
                 { "product": "harbor-ppo", "from": "2026-01-01" } ],
      "authorizations": [ { "number": "CANARY-auth", "procedure": "70551", "from": "2026-01-01",
                            "through": "2026-03-31", "units": 1 } ] },
    { "id": "CANARY-2", "birth": "2015-11-30", "relationship": "child", "spans": [] }
  ]
}"#;

/// The text with `from` replaced by `to` where it first stands; it must stand.
fn edit(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

/// That a file is one claim, refused; gives rule and place.
fn refused(bytes: &[u8], format: Option<Format>, what: &str) -> (IntakeRule, String) {
    let ReadClaims {
        read,
        claims,
        refusals,
    } = read_claims(bytes, format, &source());
    assert_eq!((read, claims.len(), refusals.len()), (1, 0, 1), "{what}");
    let refusal = refusals.into_iter().next().unwrap();
    let text = format!("{} {}", refusal.place, refusal.reason);
    assert!(!text.contains("CANARY"), "{what}: {text}");
    assert!(!text.contains("1984"), "{what}: {text}");
    (refusal.rule, refusal.place)
}

#[test]
fn the_bases_are_sound() {
    for text in [FHIR, OURS] {
        let read = read_claims(text.as_bytes(), None, &source());
        assert_eq!(read.refusals, []);
        assert_eq!(read.claims[0].charge.to_string(), "245.50");
        assert_eq!(read.claims[0].member.identifier, "CANARY-member");
    }
    assert!(read_contracts(CONTRACT.as_bytes()).is_ok());
}

type Row = (&'static str, String, IntakeRule, &'static str);

/// A related claim that names one of ours.
const REPLACED: &str = "{ \"relationship\": { \"coding\": [ { \"code\": \"replaces\" } ] }, \
                        \"claim\": { \"reference\": \"Claim/0123456789abcdef0123456789abcdef\" } }";

#[rustfmt::skip] // a row a line
fn fhir_rows() -> Vec<Row> {
    use IntakeRule as R;
    let long = "x".repeat(129);
    let row = |from: &'static str, to: &str, rule, place| (from, to.to_owned(), rule, place);
    vec![
        // Keys twice, wherever they stand, and however they are written.
        row("\"use\": \"claim\"", "\"use\": \"claim\", \"use\": \"claim\"", R::DuplicateKey, "Claim.use"),
        row("\"family\":", "\"family\": 1, \"\\u0066amily\":", R::DuplicateKey, "Claim.contained[0].name[0].family"),
        row("\"display\": \"x\"", "\"display\": \"x\", \"CANARY key\": 1, \"CANARY key\": 2", R::DuplicateKey, "Claim.insurance[0].coverage.(key 3)"),
        // Types.
        row("\"item\": [", "\"item\": 7, \"was\": [", R::WrongType, "Claim.item"),
        row("\"value\": 95.50", "\"value\": \"95.50\"", R::WrongType, "Claim.item[1].net.value"),
        row("\"value\": 95.50", "\"value\": null", R::WrongType, "Claim.item[1].net.value"),
        row("\"net\": { \"value\": 95.50 }", "\"net\": 95.50", R::WrongType, "Claim.item[1].net"),
        row("\"focal\": true", "\"focal\": \"CANARY\"", R::WrongType, "Claim.insurance[0].focal"),
        row("{ \"value\": \"CANARY-control\" }", "\"CANARY\"", R::WrongType, "Claim.identifier[0]"),
        row("\"value\": \"CANARY-member\"", "\"value\": 7", R::WrongType, "Claim.contained[0].identifier[0].value"),
        row("\"servicedPeriod\"", "\"servicedDate\": \"2026-01-05\", \"servicedPeriod\"", R::WrongType, "Claim.item[1].servicedPeriod"),
        // What must be there.
        row("\"use\": \"claim\",", "", R::Missing, "Claim.use"),
        row("\"status\": \"active\",", "", R::Missing, "Claim.status"),
        row("\"value\": 95.50", "\"currency\": \"USD\"", R::Missing, "Claim.item[1].net.value"),
        row("\"coding\": [ { \"code\": \"25\" } ]", "\"text\": \"CANARY\"", R::Missing, "Claim.item[0].modifier[0]"),
        row("\"item\": [", "\"item\": [], \"was\": [", R::Missing, "Claim.item"),
        row("\"sequence\": 2,\n      \"productOrService\"", "\"productOrService\"", R::Missing, "Claim.item[1].sequence"),
        // Too much.
        row("{ \"coding\": [ { \"code\": \"25\" } ] }", &["{ \"coding\": [ { \"code\": \"25\" } ] }"; 5].join(","), R::TooMany, "Claim.item[0].modifier"),
        row("\"CANARY-auth\"", &["\"A\""; 17].join(","), R::TooMany, "Claim.insurance[0].preAuthRef"),
        row("\"diagnosis\": [", &format!("\"diagnosis\": [{}", "{},".repeat(31)), R::TooMany, "Claim.diagnosis"),
        row("\"item\": [", &format!("\"item\": [{}", "{},".repeat(998)), R::TooMany, "Claim.item"),
        row("CANARY-control", &long, R::TooLong, "Claim.identifier[0].value"),
        row("CANARY-member", &long, R::TooLong, "Claim.contained[0].identifier[0].value"),
        row("CANARY-provider", &long, R::TooLong, "Claim.provider.identifier.value"),
        row("CANARY-auth", &long, R::TooLong, "Claim.insurance[0].preAuthRef[0]"),
        row("CANARY-control", "CANARY\\u0000", R::BadText, "Claim.identifier[0].value"),
        row("CANARY-auth", "  ", R::BadText, "Claim.insurance[0].preAuthRef[0]"),
        // What changes the meaning.
        row("\"use\": \"claim\"", "\"use\": \"claim\", \"implicitRules\": \"http://x.example\"", R::NotUnderstood, "Claim.implicitRules"),
        row("\"servicedDate\"", "\"modifierExtension\": [ { \"url\": \"http://x/extension-itemCancelled\", \"valueBoolean\": true } ], \"servicedDate\"", R::NotUnderstood, "Claim.item[0].modifierExtension[0]"),
        row("\"value\": 2 ", "\"value\": 2, \"comparator\": \"<\" ", R::NotUnderstood, "Claim.item[0].quantity.comparator"),
        // What kind of claim, and who.
        row("\"use\": \"claim\"", "\"use\": \"preauthorization\"", R::NotAClaim, "Claim.use"),
        row("\"use\": \"claim\"", "\"use\": \"CANARY\"", R::NotAClaim, "Claim.use"),
        row("\"status\": \"active\"", "\"status\": \"cancelled\"", R::NotActive, "Claim.status"),
        row("\"use\": \"claim\"", "\"use\": \"claim\", \"related\": [ { \"relationship\": { \"coding\": [ { \"code\": \"replaces\" } ] } } ]", R::NoReplaced, "Claim.related[0]"),
        row("\"use\": \"claim\"", "\"use\": \"claim\", \"related\": [ { \"relationship\": { \"coding\": [ { \"code\": \"prior\" } ] }, \"reference\": { \"value\": \"CANARY\" } } ]", R::NoReplaced, "Claim.related[0]"),
        row("\"use\": \"claim\"", "\"use\": \"claim\", \"subType\": { \"coding\": [ { \"system\": \"https://www.cms.gov/codes/billtype\", \"code\": \"0837\" } ] }", R::NoReplaced, "Claim.subType.coding[0].code"),
        row("\"use\": \"claim\"", "\"use\": \"claim\", \"subType\": { \"coding\": [ { \"system\": \"https://www.cms.gov/codes/billtype\", \"code\": \"0832\" } ] }", R::NotOriginal, "Claim.subType.coding[0].code"),
        // Other payers, and what they did.
        row("\"insurance\": [", &format!("\"insurance\": [ {}", "{ \"focal\": false, \"coverage\": {} },".repeat(10)), R::TooMany, "Claim.insurance"),
        row("\"sequence\": 7", "\"sequence\": 256", R::Sequence, "Claim.insurance[1].sequence"),
        row("\"coverage\": { \"display\": \"CANARY\" }, ", "", R::Missing, "Claim.insurance[1].coverage"),
        row("\"itemSequence\": 1", "\"itemSequence\": 9", R::Pointer, "Claim.contained[1].item[0].itemSequence"),
        row("80.25", "80.251", R::SubCent, "Claim.contained[1].item[0].adjudication[0].amount.value"),
        row("\"category\": { \"coding\": [ { \"code\": \"benefit\" } ] }, ", "", R::Missing, "Claim.contained[1].item[0].adjudication[0].category"),
        // What only some kinds of claims have.
        row("\"code\": \"professional\"", "\"code\": \"oral\"", R::BadCode, "Claim.item[1].bodySite.coding[0].code"),
        row("\"code\": \"professional\"", "\"code\": \"institutional\"", R::BadCode, "Claim.supportingInfo[0].code.coding[0].code"),
        row("\"code\": \"professional\"", "\"code\": \"CANARY\"", R::UnknownKind, "Claim.type"),
        row("\"use\": \"claim\"", "\"use\": \"claim\", \"payee\": { \"type\": { \"coding\": [ { \"code\": \"subscriber\" } ] } }", R::NotAssigned, "Claim.payee.type"),
        row("\"focal\": true", "\"focal\": false", R::Coverage, "Claim.insurance"),
        row("\"insurance\": [", "\"insurance\": [ { \"focal\": true, \"coverage\": {} },", R::Coverage, "Claim.insurance"),
        row("\"reference\": \"#p\",", "", R::NoMember, "Claim.patient"),
        row("{ \"value\": \"CANARY-provider\" }", "{}", R::NoProvider, "Claim.provider"),
        row("\"sequence\": 2,\n      \"productOrService\"", "\"sequence\": 1, \"productOrService\"", R::Sequence, "Claim.item[1]"),
        row("\"sequence\": 2,\n      \"productOrService\"", "\"sequence\": 1.5, \"productOrService\"", R::Sequence, "Claim.item[1].sequence"),
        row("\"sequence\": 2,\n      \"productOrService\"", "\"sequence\": 65536, \"productOrService\"", R::Sequence, "Claim.item[1].sequence"),
        row("{ \"sequence\": 2, \"diagnosis", "{ \"sequence\": 1, \"diagnosis", R::Sequence, "Claim.diagnosis[1].sequence"),
        row("\"diagnosisSequence\": [ 1, 2 ]", "\"diagnosisSequence\": [ 1, 3 ]", R::Pointer, "Claim.item[0].diagnosisSequence[1]"),
        row("\"careTeamSequence\": [ 1 ]", "\"careTeamSequence\": [ 2 ]", R::Pointer, "Claim.item[0].careTeamSequence[0]"),
        row("\"diagnosisCodeableConcept\": { \"coding\": [ { \"code\": \"I10\" } ] }", "\"diagnosisReference\": { \"reference\": \"Condition/CANARY\" }", R::Pointer, "Claim.diagnosis[1].diagnosisReference"),
        // Codes.
        row("\"99213\"", "\"99213-25\"", R::BadCode, "Claim.item[0].productOrService.coding[0].code"),
        row("\"exam\"", "\"CANARY code of many words\"", R::BadCode, "Claim.item[1].productOrService.coding[0].code"),
        row("\"exam\"", "\"\"", R::BadCode, "Claim.item[1].productOrService.coding[0].code"),
        row("\"25\"", "\"CANARY2525\"", R::BadCode, "Claim.item[0].modifier[0].coding[0].code"),
        row("\"E11.9\"", "\"E11 9\"", R::BadCode, "Claim.diagnosis[0].diagnosisCodeableConcept.coding[0].code"),
        row("\"coding\": [ { \"code\": \"exam\" } ]", "\"text\": \"CANARY\"", R::NoCode, "Claim.item[1].productOrService"),
        row("\"coding\": [ { \"code\": \"professional\" } ]", "\"coding\": [ { \"code\": \"professional\" }, { \"code\": \"vision\" } ]", R::CodesDiffer, "Claim.type.coding[1].code"),
        // Amounts.
        row("\"value\": 95.50", "\"value\": 28.104000000000003", R::SubCent, "Claim.item[1].net.value"),
        row("\"value\": 95.50", "\"value\": 9550e-3", R::TotalDiffers, "Claim.total"),
        row("\"value\": 95.50", "\"value\": 5e-3", R::SubCent, "Claim.item[1].net.value"),
        row("\"value\": 95.50", "\"value\": -95.50", R::Negative, "Claim.item[1].net.value"),
        row("\"value\": 75.00", "\"value\": -75.00", R::Negative, "Claim.item[0].unitPrice.value"),
        row("\"value\": 2 ", "\"value\": -2 ", R::Negative, "Claim.item[0].quantity.value"),
        row("\"value\": 95.50", "\"value\": 100000000.00", R::OverLimit, "Claim.item[1].net.value"),
        row("\"value\": 95.50", "\"value\": 1e999999999", R::OverLimit, "Claim.item[1].net.value"),
        row("\"value\": 95.50", "\"value\": 99999999.99", R::OverLimit, "Claim.item"),
        row("\"value\": 2 ", "\"value\": 10000000 ", R::OverLimit, "Claim.item[0].quantity.value"),
        row("\"value\": 95.50", "\"value\": 95.50, \"currency\": \"EUR\"", R::Currency, "Claim.item[1].net.currency"),
        row("245.50, \"currency\": \"USD\"", "245.50, \"currency\": \"usd\"", R::Currency, "Claim.total.currency"),
        row("\"net\": { \"value\": 95.50 }", "\"quantity\": { \"value\": 2 }", R::NoAmount, "Claim.item[1].net"),
        row("\"net\": { \"value\": 95.50 }", "\"unitPrice\": { \"value\": 95.505 }", R::SubCent, "Claim.item[1].net"),
        row("\"factor\": 1.0", "\"factor\": 1.1", R::NetDiffers, "Claim.item[0].net"),
        row("\"value\": 100.00", "\"value\": 100.01", R::DetailsDiffer, "Claim.item[0].detail"),
        row("\"value\": 245.50", "\"value\": 245.51", R::TotalDiffers, "Claim.total"),
        row("\"value\": 2 ", "\"value\": 0 ", R::BadQuantity, "Claim.item[0].quantity.value"),
        row("\"value\": 2 ", "\"value\": 2.00001 ", R::BadQuantity, "Claim.item[0].quantity.value"),
        row("\"value\": 2 ", "\"value\": 2, \"unit\": \"minutes\" ", R::BadUnit, "Claim.item[0].quantity.unit"),
        // Dates.
        row("\"servicedDate\": \"2026-01-05\"", "\"servicedDate\": \"2026-02-30\"", R::BadDate, "Claim.item[0].servicedDate"),
        row("\"servicedDate\": \"2026-01-05\"", "\"servicedDate\": \"2026-01\"", R::BadDate, "Claim.item[0].servicedDate"),
        row("\"created\": \"2026-01-20\"", "\"created\": \"CANARY\"", R::BadDate, "Claim.created"),
        row("\"created\": \"2026-01-20\"", "\"created\": \"2026-13\"", R::BadDate, "Claim.created"),
        row("\"created\"", "\"billablePeriod\": { \"start\": \"2026-01-06\", \"end\": \"2026-01-05\" }, \"created\"", R::DatesOutOfOrder, "Claim.billablePeriod"),
        row("\"end\": \"2026-01-06\"", "\"end\": \"2026-01-04\"", R::DatesOutOfOrder, "Claim.item[1].servicedPeriod"),
        row("\"end\": \"2026-01-06\"", "\"end\": \"2026-06-02\"", R::ServiceInFuture, "Claim.item[1]"),
    ]
}

#[rustfmt::skip] // a row a line
fn own_rows() -> Vec<Row> {
    use IntakeRule as R;
    let row = |from: &'static str, to: &str, rule, place| (from, to.to_owned(), rule, place);
    vec![
        row("tallystick-claim/v1", "tallystick-claim/v2", R::FormatVersion, "claim.format"),
        row("\"currency\": \"USD\"", "\"currency\": \"USD\", \"currency\": \"USD\"", R::DuplicateKey, "claim.currency"),
        row("\"kind\"", "\"notes\": \"CANARY\", \"kind\"", R::UnknownField, "claim.notes"),
        row("\"emergency\"", "\"CANARY\": 1, \"emergency\"", R::UnknownField, "claim.lines[1].(key 7)"),
        row("\"lines\": [", "\"lines\": {}, \"x\": [", R::UnknownField, "claim.x"),
        row("\"emergency\": true", "\"emergency\": \"yes\"", R::WrongType, "claim.lines[1].emergency"),
        row("\"member\": \"CANARY-member\",", "", R::Missing, "claim.member"),
        row("\"CANARY-member\"", "\" \"", R::NoMember, "claim.member"),
        row("\"CANARY-provider\"", "\"\"", R::NoProvider, "claim.billing"),
        row("\"frequency\": \"original\"", "\"frequency\": \"CANARY\"", R::NotOriginal, "claim.frequency"),
        row("\"frequency\": \"original\"", "\"frequency\": \"void\"", R::NoReplaced, "claim.replaces"),
        row("\"frequency\": \"original\"", "\"frequency\": \"void\", \"replaces\": \"CANARY\"", R::NoReplaced, "claim.replaces"),
        row("\"frequency\": \"original\"", "\"replaces\": \"0123456789abcdef0123456789abcdef\"", R::NotOriginal, "claim.replaces"),
        row("\"frequency\": \"original\"", "\"dependant\": { \"family\": \"CANARY\" }", R::Missing, "claim.dependant.birth"),
        row("\"frequency\": \"original\"", "\"institutional\": {}", R::UnknownKind, "claim.institutional"),
        row("\"frequency\": \"original\"", "\"coordination\": { \"sequence\": 256 }", R::Sequence, "claim.coordination.sequence"),
        row("\"frequency\": \"original\"", "\"coordination\": { \"others\": [ { \"paid\": \"1.001\" } ] }", R::SubCent, "claim.coordination.others[0].paid"),
        row("\"frequency\": \"original\"", "\"coordination\": { \"others\": [ { \"adjustments\": [ { \"group\": \"CANARY\", \"amount\": 1 } ] } ] }", R::BadCode, "claim.coordination.others[0].adjustments[0].group"),
        row("\"frequency\": \"original\"", "\"circumstances\": { \"accident\": { \"cause\": \"CANARY\" } }", R::BadCode, "claim.circumstances.accident.cause"),
        row("\"emergency\"", "\"prior\": [ { \"payer\": 1, \"paid\": 1 } ], \"emergency\"", R::Pointer, "claim.lines[1].prior[0].payer"),
        row("\"emergency\"", "\"drug\": { \"ndc\": \"CANARY\" }, \"emergency\"", R::BadCode, "claim.lines[1].drug.ndc"),
        row("\"emergency\"", "\"teeth\": [ { \"tooth\": \"1\" } ], \"emergency\"", R::UnknownField, "claim.lines[1].teeth[0].tooth"),
        row("\"professional\"", "\"CANARY\"", R::UnknownKind, "claim.kind"),
        row("\"currency\": \"USD\"", "\"currency\": \"CAD\"", R::Currency, "claim.currency"),
        row("\"diagnoses\": [ 1 ]", "\"diagnoses\": [ 2 ]", R::Pointer, "claim.lines[0].diagnoses[0]"),
        row("\"number\": 2", "\"number\": 1", R::Sequence, "claim.lines[1]"),
        row("\"number\": 2", "\"number\": 0", R::Sequence, "claim.lines[1].number"),
        row("\"hcpcs\"", "\"CANARY\"", R::BadCode, "claim.lines[0].system"),
        row("\"99213\"", "\"9921\"", R::BadCode, "claim.lines[0].procedure"),
        row("\"procedure\": \"exam\",", "", R::NoCode, "claim.lines[1].procedure"),
        row("\"charge\": 95.50,", "", R::NoAmount, "claim.lines[1].charge"),
        row("\"charge\": 95.50", "\"charge\": \"CANARY\"", R::BadNumber, "claim.lines[1].charge"),
        row("\"charge\": 95.50", "\"charge\": \"95.505\"", R::SubCent, "claim.lines[1].charge"),
        row("\"charge\": 95.50", "\"charge\": -1", R::Negative, "claim.lines[1].charge"),
        row("\"charge\": 95.50", "\"charge\": 1e12", R::OverLimit, "claim.lines[1].charge"),
        row("\"charge\": \"245.50\"", "\"charge\": \"245.49\"", R::TotalDiffers, "claim.charge"),
        row("\"quantity\": \"2\"", "\"quantity\": \"0.00001\"", R::BadQuantity, "claim.lines[0].quantity"),
        row("\"quantity\": \"2\"", "\"quantity\": \"2\", \"unit\": \"MJ\"", R::BadUnit, "claim.lines[0].unit"),
        row("\"from\": \"2026-01-05\" }", "\"from\": \"05.01.2026\" }", R::BadDate, "claim.lines[0].from"),
        row("\"from\": \"2026-01-05\" }", "\"from\": \"2026-06-02\" }", R::ServiceInFuture, "claim.lines[0]"),
        row(", \"from\": \"2026-01-05\" }", " }", R::NoDate, "claim.lines[0].from"),
        row("\"through\": \"2026-01-06\"", "\"through\": \"2026-01-04\"", R::DatesOutOfOrder, "claim.lines[1]"),
    ]
}

#[rustfmt::skip] // a row a line
fn file_rows() -> Vec<(Vec<u8>, Option<Format>, IntakeRule, &'static str)> {
    use IntakeRule as R;
    let large = vec![b' '; FileLimits::BYTES + 1];
    let deep = format!(
        "{{\"resourceType\":\"Claim\",\"x\":{}{}}}",
        "[".repeat(64),
        "]".repeat(64)
    );
    let many = format!("[{}1]", "1,".repeat(FileLimits::VALUES));
    let lines = "{}\n".repeat(FileLimits::ITEMS + 1);
    let listed = format!("[{}0]", "0,".repeat(FileLimits::ITEMS));
    let entries = format!("{{\"resourceType\":\"Bundle\",\"entry\":{listed}}}");
    let no_dates = edit(FHIR, "\"created\": \"2026-01-20\",", "");
    let no_dates = edit(&no_dates, "\"servicedDate\": \"2026-01-05\",", "");
    let bundle = "{\"resourceType\":\"Bundle\",\"entry\":[]}";
    vec![
        (Vec::new(), None, R::Empty, "file"),
        (b" \n\t".to_vec(), Some(Format::FhirNdjson), R::Empty, "file"),
        (large, None, R::FileTooLarge, "file"),
        ([b"\xef\xbb\xbf", FHIR.as_bytes()].concat(), None, R::ByteOrderMark, "file"),
        (b"\xff\xfe{\0}\0".to_vec(), None, R::ByteOrderMark, "file"),
        ([&FHIR.as_bytes()[..200], b"\xff", &FHIR.as_bytes()[200..]].concat(), None, R::NotUtf8, "file"),
        (b"\xc3(".to_vec(), None, R::NotUtf8, "file"),
        (b"claim;charge".to_vec(), None, R::UnknownFormat, "file"),
        (b"{\"a\":1}".to_vec(), None, R::UnknownFormat, "file"),
        (b"ISA*00*".to_vec(), None, R::X12Envelope, "interchange 1, ISA to IEA"),
        (FHIR.as_bytes()[..FHIR.len() / 2].to_vec(), None, R::NotJson, "file"),
        (OURS.as_bytes()[..OURS.len() - 1].to_vec(), None, R::NotJson, "file"),
        (edit(FHIR, "\"CANARY-id\"", "\"\\ud800\"").into_bytes(), None, R::NotJson, "file"),
        (edit(FHIR, "95.50", "95.50.1").into_bytes(), None, R::NotJson, "file"),
        (deep.into_bytes(), Some(Format::FhirJson), R::TooDeep, "file"),
        (many.into_bytes(), Some(Format::TallyJson), R::TooManyValues, "file"),
        (bundle.as_bytes().to_vec(), None, R::NoClaim, "file"),
        (b"[]".to_vec(), None, R::NoClaim, "file"),
        (b"{\"resourceType\":\"Patient\"}".to_vec(), None, R::NoClaim, "Patient"),
        (b"{\"resourceType\":\"CANARY\"}".to_vec(), None, R::NoClaim, "resource.resourceType"),
        (b"{\"resourceType\":7}".to_vec(), None, R::WrongType, "resource.resourceType"),
        (b"7".to_vec(), Some(Format::FhirJson), R::WrongType, "resource"),
        (b"7".to_vec(), Some(Format::TallyJson), R::WrongType, "claim"),
        (lines.into_bytes(), None, R::TooMany, "file"),
        (listed.into_bytes(), None, R::TooMany, "claims"),
        (entries.into_bytes(), None, R::TooMany, "Bundle"),
        (b"{}".to_vec(), Some(Format::FhirJson), R::Missing, "resource.resourceType"),
        (FHIR.as_bytes().to_vec(), Some(Format::TallyJson), R::FormatVersion, "claim"),
        (edit(bundle, "[]", "[],\"entry\":[]").into_bytes(), None, R::DuplicateKey, "Bundle.entry"),
        (no_dates.into_bytes(), None, R::NoDate, "Claim.item[0]"),
    ]
}

#[test]
fn every_rule_refuses_what_it_says() {
    let mut seen = BTreeSet::new();
    for (base, rows) in [(FHIR, fhir_rows()), (OURS, own_rows())] {
        for (from, to, rule, place) in rows {
            let text = edit(base, from, &to);
            let what = format!("{from} → {}", to.chars().take(100).collect::<String>());
            let found = refused(text.as_bytes(), None, &what);
            assert_eq!(found, (rule, place.to_owned()), "{what}");
            seen.insert(rule);
        }
    }
    for (bytes, format, rule, place) in file_rows() {
        let what = format!("{rule:?} {place}");
        assert_eq!(
            refused(&bytes, format, &what),
            (rule, place.to_owned()),
            "{what}"
        );
        seen.insert(rule);
    }
    // Those of X12 have rows where X12 is tested; what can be replaced and who can be
    // paid is the node's to say, and not of the file.
    let elsewhere = |rule: &IntakeRule| {
        matches!(
            rule,
            IntakeRule::NotReplaceable
                | IntakeRule::NotPayable
                | IntakeRule::X12Set
                | IntakeRule::TestData
                | IntakeRule::X12Segment
                | IntakeRule::X12Element
        )
    };
    let all = IntakeRule::ALL.into_iter().filter(|rule| !elsewhere(rule));
    let all: BTreeSet<IntakeRule> = all.collect();
    assert_eq!(seen, all, "a rule without a row");
}

/// A replacement or void that names one of ours is read, and names it.
#[test]
fn a_claim_may_take_the_place_of_one_of_ours() {
    let number = "0123456789abcdef0123456789abcdef";
    let related = format!("\"use\": \"claim\", \"related\": [ {REPLACED} ]");
    let void = format!("\"frequency\": \"void\", \"replaces\": \"{number}\"");
    for (text, frequency) in [
        (
            edit(FHIR, "\"use\": \"claim\"", &related),
            Frequency::Replacement,
        ),
        (
            edit(OURS, "\"frequency\": \"original\"", &void),
            Frequency::Void,
        ),
    ] {
        let reading = read_claims(text.as_bytes(), None, &source());
        assert_eq!(reading.refusals, []);
        let claim = &reading.claims[0];
        assert_eq!(claim.frequency, frequency);
        let replaced = claim.replaces.map(|id| id.to_string());
        assert_eq!(replaced.as_deref(), Some(number));
    }
}

#[test]
fn a_broken_line_or_entry_is_one_claim_refused() {
    let claim = FHIR.replace('\n', " ");
    let cut = &claim[..claim.len() / 2];
    let file = [
        claim.as_bytes(),
        cut.as_bytes(),
        b"{\"resourceType\":\"Patient\",\"id\":\"1\"}",
        b"\xff\xff",
        b"",
        b"[]",
        b"{\"resourceType\":\"Claym\"}",
        b"{\"resourceType\":\"Coverage\",\"id\":1,\"id\":2}",
        claim.as_bytes(),
    ]
    .join(&b'\n');
    let read = read_claims(&file, None, &source());
    let found: Vec<(u32, &str, &str)> = read
        .refusals
        .iter()
        .map(|refusal| {
            (
                refusal.position,
                refusal.place.as_str(),
                refusal.rule.text(),
            )
        })
        .collect();
    assert_eq!((read.read, read.claims.len()), (7, 2));
    let expected = [
        (1, "line 2", IntakeRule::NotJson),
        (2, "line 4", IntakeRule::NotUtf8),
        (3, "line 6: resource", IntakeRule::WrongType),
        (4, "line 7: resource.resourceType", IntakeRule::NoClaim),
        (5, "line 8: Coverage.id", IntakeRule::DuplicateKey),
    ]
    .map(|(position, place, rule)| (position, place, rule.text()));
    assert_eq!(found, expected);

    let twice = edit(&claim, "\"use\"", "\"use\": 1, \"use\"");
    let bundle = format!(
        "{{\"resourceType\":\"Bundle\",\"entry\":[{{\"resource\":{claim}}},7,{{\"fullUrl\":\"x\"}},\
         {{\"resource\":[]}},{{\"resourse\":{claim}}},{{\"resource\":{twice}}},{{\"resource\":{claim}}}]}}"
    );
    let read = read_claims(bundle.as_bytes(), None, &source());
    let places: Vec<&str> = read.refusals.iter().map(|r| r.place.as_str()).collect();
    assert_eq!((read.read, read.claims.len()), (6, 2));
    assert_eq!(
        places,
        [
            "Bundle.entry[1]",
            "Bundle.entry[3].resource",
            "Bundle.entry[4].resourse",
            "Bundle.entry[5].resource.use"
        ]
    );
}

#[test]
fn a_file_of_contracts_is_refused_with_a_place() {
    use IntakeRule as R;
    let long = "x".repeat(129);
    #[rustfmt::skip] // a row a line
    let rows = [
        ("contract/v1", "contract/v2", R::FormatVersion, "contract.format"),
        ("\"inception\"", "\"Inception\"", R::UnknownField, "contract.(key 3)"),
        ("\"birth\": \"1984-03-09\"", "\"birth\": \"1984\"", R::BadDate, "contract.members[0].birth"),
        ("\"birth\": \"1984-03-09\",", "", R::Missing, "contract.members[0].birth"),
        ("\"birth\": \"1984-03-09\"", "\"birth\": \"1984-03-09\", \"birth\": \"1984-03-09\"", R::DuplicateKey, "contract.members[0].birth"),
        ("\"female\"", "\"CANARY\"", R::BadText, "contract.members[0].sex"),
        ("\"subscriber\"", "7", R::WrongType, "contract.members[0].relationship"),
        ("\"CANARY-1\"", &format!("\"{long}\""), R::TooLong, "contract.members[0].id"),
        ("\"CANARY-1\"", "\"C\"", R::BadText, "contract.members[0].id"),
        ("\"CANARY-1\"", &format!("\"{}\"", "C".repeat(81)), R::TooLong, "contract.members[0].id"),
        ("\"CANARY-1\"", "\"CANARY-2\"", R::Sequence, "contract.members[1].id"),
        ("\"2025-12-31\"", "\"2026-12-31\"", R::DatesOutOfOrder, "contract.members[0].spans[1]"),
        ("\"2026-03-31\"", "\"2025-03-31\"", R::DatesOutOfOrder, "contract.members[0].authorizations[0]"),
        ("\"sex\": \"female\"", "\"death\": \"1983-03-09\"", R::DatesOutOfOrder, "contract.members[0].death"),
        ("\"units\": 1", "\"units\": 0", R::BadQuantity, "contract.members[0].authorizations[0].units"),
        ("\"70551\"", "\"70 551\"", R::BadCode, "contract.members[0].authorizations[0].procedure"),
    ];
    for (from, to, rule, place) in rows {
        let Err(error) = read_contracts(edit(CONTRACT, from, to).as_bytes()) else {
            panic!("{from} → {to}");
        };
        assert_eq!(
            (error.rule, error.place.as_str()),
            (rule, place),
            "{from} → {to}"
        );
        let text = error.to_string();
        assert!(!text.contains("CANARY") && !text.contains("1984"), "{text}");
    }
    let nobody =
        r#"{"format":"tallystick-contract/v1","id":"C","inception":"2025-01-01","members":[]}"#;
    let Err(error) = read_contracts(nobody.as_bytes()) else {
        panic!("nobody");
    };
    assert_eq!(
        (error.rule, error.place.as_str()),
        (R::Missing, "contract.members")
    );
    let twice = format!("[{CONTRACT},{CONTRACT}]");
    let Err(error) = read_contracts(twice.as_bytes()) else {
        panic!("twice");
    };
    assert_eq!(error.place, "contracts[1].id");
    for bytes in [&b""[..], b"[]", b"{", b"7", b"\xff", b"\xef\xbb\xbf{}"] {
        assert!(read_contracts(bytes).is_err());
    }
}
