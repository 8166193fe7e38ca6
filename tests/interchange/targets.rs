//! What each fuzz target does with its input. `fuzz/` runs these under
//! libFuzzer, `smoke.rs` on seeded inputs in every test run.

use tally_core::adjudication::Outcome;
use tally_core::authorization::{
    Certification, Dated, Decision, Event, LineDecision, Record, Stage, State, Verdict, entries,
};
use tally_core::canon::Canon;
use tally_core::claim::{Claim, Contract};
use tally_core::interchange::{
    AuthorizationAnswer, Format, Insurer, ReadClaims, Source, authorization_response, claim_json,
    contract_json, operation_outcome, read_authorization_request, read_claims, read_contracts,
    read_eligibility_request,
};
use tally_core::ledger::access::{Bestowal, Reading};
use tally_core::ledger::counterparty::{Against, Checked, Dossier, Reexecuted, ToldDispute};
use tally_core::ledger::erasure::ErasureReceipt;
use tally_core::ledger::{
    Checkpoint, Entry, Note, PaymentAdvice, PolicyPublished, Published, Receipt, ReceiptBody,
    ReceivedClaim, Trust,
};
use tally_queue::envelope::{CONTENT_TYPE, Directory, Envelope, MAX_BYTES, NodeKey, SigningKey};
use tally_table::Table;
use tally_types::{Money, ServiceDate};

#[path = "targets_shared.rs"]
pub mod shared;
#[allow(dead_code)] // the API reads more of a token than its target
#[path = "../../workers/tally/src/api/token.rs"]
mod tokens;
#[path = "targets_x12.rs"]
mod x12;

/// A target and its name.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 20] = [
    ("fhir", fhir),
    ("ndjson", ndjson),
    ("json", json),
    ("contracts", contracts),
    ("canonical", canonical),
    ("ledger", ledger),
    ("dossier", dossier),
    ("table", table),
    ("envelope", envelope),
    ("token", token),
    ("x12", x12::syntax),
    ("x12_claims", x12::claims),
    ("authorization", authorization),
    ("receipt", shared::receipt),
    ("block", shared::block),
    ("sealed", shared::sealed),
    ("authorities", shared::authorities),
    ("witness", shared::witness),
    ("snapshot", shared::snapshot),
    ("gossip", shared::gossip),
];

fn source() -> Source<'static> {
    Source {
        submitter: "fuzz",
        interchange: "0",
        received: ServiceDate::MAX,
    }
}

/// What holds of every answer of intake, and of every claim it accepts.
fn claims(bytes: &[u8], format: Option<Format>) {
    let ReadClaims {
        read,
        claims,
        refusals,
    } = read_claims(bytes, format, &source());
    assert!(read >= 1);
    assert_eq!(read as usize, claims.len() + refusals.len());
    let answer: Result<serde_json::Value, _> = serde_json::from_str(&operation_outcome(&refusals));
    assert!(answer.is_ok());
    for claim in &claims {
        let sum = Money::checked_sum(claim.lines.iter().map(|line| line.charge));
        assert_eq!(sum, Some(claim.charge));
        assert!(Claim::from_canon(&claim.to_canon()).is_ok_and(|back| back == *claim));
        let again = read_claims(claim_json(claim).as_bytes(), None, &source());
        assert!(
            again
                .claims
                .first()
                .is_some_and(|back| back.lines == claim.lines)
        );
    }
}

/// A FHIR Claim or Bundle, and an eligibility request.
pub fn fhir(bytes: &[u8]) {
    claims(bytes, Some(Format::FhirJson));
    if let Err(refusal) = read_eligibility_request(bytes) {
        assert!(!refusal.place.is_empty());
    }
}

/// FHIR ndjson.
pub fn ndjson(bytes: &[u8]) {
    claims(bytes, Some(Format::FhirNdjson));
}

/// Our own JSON, and whatever is detected.
pub fn json(bytes: &[u8]) {
    claims(bytes, Some(Format::TallyJson));
    claims(bytes, None);
}

/// Enrolment.
pub fn contracts(bytes: &[u8]) {
    if let Ok(contracts) = read_contracts(bytes) {
        for contract in &contracts {
            let back = read_contracts(contract_json(contract).as_bytes());
            assert!(back.is_ok_and(|back| back == [contract.clone()]));
        }
    }
}

fn only_its_own_bytes<T: Canon>(bytes: &[u8]) {
    if let Ok(value) = T::from_canon(bytes) {
        assert_eq!(value.to_canon(), bytes);
    }
}

/// The canonical decoders: what decodes has these bytes and no others.
pub fn canonical(bytes: &[u8]) {
    only_its_own_bytes::<Claim>(bytes);
    only_its_own_bytes::<Contract>(bytes);
    only_its_own_bytes::<Outcome>(bytes);
    only_its_own_bytes::<Entry>(bytes);
    only_its_own_bytes::<ReceiptBody>(bytes);
    only_its_own_bytes::<Bestowal>(bytes);
    only_its_own_bytes::<Reading>(bytes);
    only_its_own_bytes::<Reexecuted>(bytes);
    only_its_own_bytes::<ToldDispute>(bytes);
    only_its_own_bytes::<ReceivedClaim>(bytes);
    only_its_own_bytes::<PaymentAdvice>(bytes);
}

/// What holds of an answer: it is JSON, and has every line.
fn answered(state: &State) {
    let response = authorization_response(&AuthorizationAnswer {
        state,
        id: "PA0123456789AB",
        insurer: Insurer {
            name: "An insurer",
            identifier: "1",
        },
        created: ServiceDate::MAX,
    });
    let response: Result<serde_json::Value, _> = serde_json::from_str(&response);
    let items = response
        .ok()
        .and_then(|of| Some(of.get("item")?.as_array()?.len()));
    assert_eq!(items, Some(state.lines().len()));
}

/// A request for prior authorisation: what is read can be decided as it was asked for,
/// and is on file then; and the bytes it is kept in.
pub fn authorization(bytes: &[u8]) {
    only_its_own_bytes::<Record>(bytes);
    let request = match read_authorization_request(bytes) {
        Ok(request) => request,
        Err(refusal) => return assert!(!refusal.place.is_empty()),
    };
    let day = ServiceDate::MAX;
    assert!(request.check().is_ok());
    let requested = State::requested(request.clone(), day);
    assert_eq!(
        requested.is_ok(),
        request.certification != Certification::Cancel
    );
    let Ok(requested) = requested else { return };
    assert!(requested.stage(day) == Stage::Requested && requested.waits());
    answered(&requested);
    let lines = request.lines.iter().map(|asked| LineDecision {
        number: asked.number,
        verdict: Verdict::in_total(asked)
            .unwrap_or_else(|| Verdict::Pended(vec!["Days.".to_owned()])),
    });
    let event = Event::Decided(Decision {
        by: "fuzz".to_owned(),
        authorization: "PA0123456789AB".to_owned(),
        lines: lines.collect(),
    });
    let decided = requested.after(&event, day);
    assert!(decided.is_ok());
    let Ok(decided) = decided else { return };
    answered(&decided);
    let certified = decided
        .lines()
        .iter()
        .filter(|line| line.granted().is_some());
    let revised = request.certification == Certification::Revised && decided.waits();
    let expected = if revised { 0 } else { certified.count() };
    assert_eq!(entries(std::slice::from_ref(&decided), day).len(), expected);
    let record = Record {
        request,
        received: day,
        events: vec![Dated { day, event }],
    };
    let back = Record::from_canon(&record.to_canon());
    assert!(back.is_ok_and(|back| back == record && back.state(day).is_ok_and(|s| s == decided)));
}

/// The texts of the ledger.
pub fn ledger(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(note) = Note::parse(text) {
        assert_eq!(note.to_string(), text);
    }
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert!(text.starts_with(&checkpoint.text()));
    }
    if let Ok(receipt) = Receipt::parse(text) {
        assert_eq!(receipt.to_string(), text);
        let _ = receipt.open();
    }
    if let Ok(receipt) = ErasureReceipt::parse(text) {
        assert_eq!(receipt.to_string(), text);
        let _ = receipt.verify(None);
    }
    let _ = Trust::parse(text);
}

/// A dossier of the seed's claim, held against the keys of the seeds, and the claim as it
/// was sent, where the provider still has it.
pub fn held(bytes: &[u8], sent: Option<&Claim>) -> Option<Checked> {
    let dossier = Dossier::from_canon(bytes).ok()?;
    assert_eq!(dossier.to_canon(), bytes);
    let trust = Trust::parse(include_str!("../../fuzz/seeds/ledger/trust.json")).ok()?;
    let insurer = tally_core::ledger::SigningKey::new("insurer", &[3; 32]).ok()?;
    let publication = PolicyPublished {
        product: "gold".to_owned(),
        effective: ServiceDate::new(2020, 1, 1)?,
        policy: [1; 32],
        tables: Vec::new(),
        abi: 1,
        fuel: 20_000_000,
        fuel_costs: 1,
        description: [2; 32],
    };
    let publications = [(1, publication.clone())];
    let published = Published::sign(publication, &insurer);
    let against = Against {
        trust: &trust,
        sent,
        published: Some(&published),
        publications: &publications,
    };
    dossier.check(against).ok()
}

/// What a payer sends: whatever holds tells the seed's outcome, with what the policy was
/// given and answered, which the receipt commits to. Of the claim that is what the policy
/// saw; the rest is the seed's where the provider has what it sent.
pub fn dossier(bytes: &[u8]) {
    let Some(checked) = held(bytes, None) else {
        return;
    };
    let Some(seed) = held(include_bytes!("../../fuzz/seeds/dossier/whole"), None) else {
        panic!("the seed does not hold")
    };
    assert!(checked.told == seed.told && checked.body == seed.body);
    assert!(checked.context == seed.context && checked.transcript == seed.transcript);
    assert_eq!(checked.told.claim(), checked.claim.id);
    assert_eq!(checked.policy(), Some([1; 32]));
    let _ = checked.alone();
    if let Some(mut beside) = held(bytes, Some(&seed.claim)) {
        // The day it came in is the payer's to say.
        beside.claim.received = seed.claim.received;
        assert!(beside.claim == seed.claim);
    }
}

/// Reference tables, as text and as bytes.
pub fn table(bytes: &[u8]) {
    if let Ok(table) = Table::from_bytes(bytes) {
        assert_eq!(table.to_bytes(), bytes);
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(table) = Table::from_csv(text)
    {
        assert!(Table::from_bytes(&table.to_bytes()).is_ok_and(|back| back == table));
    }
}

/// What outside systems publish. Only the seed's own payload is signed by the
/// submitter whom the node knows.
pub fn envelope(bytes: &[u8]) {
    let read = |bytes: &[u8]| Envelope::read(bytes, Some(CONTENT_TYPE), MAX_BYTES);
    let Ok(envelope) = read(bytes) else {
        return;
    };
    assert!(read(&envelope.to_json()).is_ok_and(|back| back == envelope));
    let (Some(node), Ok(signer)) = (
        NodeKey::new(&[9; 32]),
        SigningKey::new("submitter", &[5; 32]),
    ) else {
        return;
    };
    let mut directory = Directory::new(node);
    directory.serve("harbor-health");
    let registered = directory.register("mercy-clinic", &signer.verifier().public());
    assert!(registered.is_ok());
    if let Ok(opened) = envelope.verify(&directory) {
        assert!(*opened.payload == br#"{"resourceType":"Claim"}"#);
        assert_eq!(opened.interchange, "000000905");
    }
}

/// Tokens: what reads has one form, and no damage of it verifies.
pub fn token(bytes: &[u8]) {
    // RFC 8037, appendix A: the key that signed the seeds.
    const KEY: [u8; 32] = [
        0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07,
        0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07,
        0x51, 0x1a,
    ];
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(token) = tokens::Token::parse(text) {
        assert!(!token.issuer().is_empty());
        if token.verify(&KEY, "harbor-health", 1_800_000_000).is_ok() {
            let seed = include_str!("../../fuzz/seeds/token/sound");
            assert_eq!(text, seed);
        }
    }
}
