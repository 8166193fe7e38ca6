//! Requests as they are sent, and their answers.

mod answers;
mod damage;
mod published;
mod requests;

use serde_json::Value;

use super::*;
use crate::authorization::*;
use crate::interchange::fhir::authorization::read_authorization_request;
use tally_types::ServiceDate;

/// A request as Da Vinci PAS sends it, with names that no error may have.
const REQUEST: &str = r##"{
  "resourceType": "Bundle", "type": "collection",
  "entry": [
    { "fullUrl": "http://x.example/Claim/c", "resource": {
      "resourceType": "Claim", "id": "c",
      "extension": [ { "url": "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-levelOfServiceCode",
        "valueCodeableConcept": { "coding": [ { "system": "https://codesystem.x12.org/005010/1338", "code": "U" } ] } } ],
      "identifier": [ { "system": "http://x.example/trace", "value": "CANARY-R-1" } ],
      "status": "active", "use": "preauthorization", "created": "2026-02-01T11:01:00+05:00",
      "type": { "coding": [ { "code": "professional" } ] },
      "priority": { "coding": [ { "code": "normal" } ] },
      "patient": { "reference": "Patient/CANARY" },
      "insurer": { "display": "An insurer" },
      "provider": { "reference": "Organization/o" },
      "insurance": [ { "sequence": 1, "focal": true, "coverage": { "reference": "Coverage/v" } } ],
      "careTeam": [
        { "sequence": 1, "provider": { "identifier": { "value": "1245319599" } },
          "role": { "coding": [ { "code": "SJ" } ] } },
        { "sequence": 2, "provider": { "identifier": { "value": "CANARY-DR" } },
          "role": { "coding": [ { "code": "DN" } ] } } ],
      "supportingInfo": [ { "sequence": 1, "category": { "coding": [ { "code": "additionalInformation" } ] },
        "valueReference": { "reference": "DocumentReference/CANARY" } } ],
      "diagnosis": [ { "sequence": 1, "diagnosisCodeableConcept":
        { "coding": [ { "system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M54.5" } ] } } ],
      "item": [
        { "sequence": 2, "careTeamSequence": [ 2, 1 ], "diagnosisSequence": [ 1 ],
          "extension": [
            { "url": "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-itemTraceNumber",
              "valueIdentifier": { "system": "http://x.example/item", "value": "CANARY-T-2" } },
            { "url": "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-itemTraceNumber",
              "valueIdentifier": { "value": "CANARY-T-3" } },
            { "url": "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-serviceItemRequestType",
              "valueCodeableConcept": { "coding": [ { "system": "https://codesystem.x12.org/005010/1525", "code": "HS" } ] } },
            { "url": "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-certificationType",
              "valueCodeableConcept": { "coding": [ { "system": "https://codesystem.x12.org/005010/1322", "code": "I" } ] } } ],
          "category": { "coding": [ { "system": "https://codesystem.x12.org/005010/1365", "code": "PT" } ] },
          "productOrService": { "coding": [ { "system": "http://www.ama-assn.org/go/cpt", "code": "97110" } ] },
          "modifier": [ { "coding": [ { "code": "GP" } ] } ],
          "servicedPeriod": { "start": "2026-03-01", "end": "2026-03-31" },
          "quantity": { "value": 12, "code": "{visit}" } },
        { "sequence": 1,
          "productOrService": { "coding": [ { "system": "http://www.ama-assn.org/go/cpt", "code": "72148" } ] },
          "servicedDate": "2026-02-20" } ] } },
    { "fullUrl": "http://x.example/Organization/o", "resource": { "resourceType": "Organization", "id": "o",
      "identifier": [ { "system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567893" } ] } },
    { "fullUrl": "http://x.example/Coverage/v", "resource": { "resourceType": "Coverage", "id": "v",
      "subscriberId": "CANARY-M-1" } } ]
}"##;

fn read(text: &str) -> Request {
    match read_authorization_request(text.as_bytes()) {
        Ok(request) => request,
        Err(refusal) => panic!("{refusal:?}"),
    }
}

fn day(text: &str) -> ServiceDate {
    ServiceDate::parse(text).unwrap()
}

fn requested(request: Request) -> State {
    match State::requested(request, day("2026-02-02")) {
        Ok(state) => state,
        Err(error) => panic!("{error}"),
    }
}

fn answer(state: &State, created: &str) -> Value {
    let text = authorization_response(&AuthorizationAnswer {
        state,
        id: "A-1",
        insurer: Insurer {
            name: "An insurer",
            identifier: "P1",
        },
        created: day(created),
    });
    assert!(!text.contains('\n'));
    serde_json::from_str(&text).unwrap()
}
