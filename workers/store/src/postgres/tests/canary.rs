//! What is given as tokens and sealed payloads stands nowhere in the database's
//! files in the clear, nor in any error, nor in the server's log.

use std::path::Path;

use tally_rig::Postgres;

use super::open;
use crate::conformance::world::{
    adjudicated, change, claim_id, flag, group, integrate_all, submission,
};
use crate::port::{
    Audit, AuditRow, Batch, Detection, Enrolment, FactRow, Intake, NewContract, Sealed, Token, Work,
};
use crate::postgres::{PgSettings, migrate};
use crate::vault::{RecordKey, Tokens, Vault, WrapKey};

const MEMBER: &str = "CANARY-MEMBER-A1B2C3";
const NAME: &str = "Canary Featherstone";
const PROVIDER: &str = "CANARY-NPI-1999999984";
const CONTRACT: &str = "CANARY-CONTRACT-77";
const WRAP: [u8; 32] = *b"CANARY-WRAPPING-KEY-CANARY-WRAPP";
const TOKENS: [u8; 32] = *b"CANARY-TOKEN-KEY-CANARY-TOKEN-KE";

/// How the planted things could be written.
fn planted() -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for plain in [MEMBER, NAME, PROVIDER, CONTRACT] {
        forms.push(plain.as_bytes().to_vec());
    }
    forms.push(WRAP.to_vec());
    forms.push(TOKENS.to_vec());
    for plain in forms.clone() {
        let hex: String = plain.iter().map(|byte| format!("{byte:02x}")).collect();
        forms.push(hex.to_uppercase().into_bytes());
        forms.push(hex.into_bytes());
        forms.push(plain[..12].to_vec());
    }
    forms
}

fn assert_absent(place: &str, bytes: &[u8]) {
    let forms = planted();
    for at in 0..bytes.len() {
        // All forms begin with one of few bytes.
        if !b"CcN4n".contains(&bytes[at]) {
            continue;
        }
        let found = forms.iter().find(|form| bytes[at..].starts_with(form));
        assert!(found.is_none(), "something planted is in {place}");
    }
}

fn assert_files_clean(folder: &Path) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += assert_files_clean(&path);
        } else if let Ok(bytes) = std::fs::read(&path) {
            assert_absent(&path.display().to_string(), &bytes);
            files += 1;
        }
    }
    files
}

fn seal(key: &RecordKey, label: &str) -> Sealed {
    let plain = format!("{MEMBER} {NAME} {PROVIDER} {CONTRACT}");
    key.seal(label, plain.as_bytes()).unwrap()
}

#[tokio::test]
async fn planted_identifiers_are_in_no_file_and_no_error() {
    let mut server = tokio::task::spawn_blocking(|| Postgres::start().unwrap())
        .await
        .unwrap();
    let settings = PgSettings::new(server.fresh_database().unwrap());
    migrate(&settings).await.unwrap();
    let tokens = Tokens::new(TOKENS);
    let vault = Vault::connect(&server.fresh_database().unwrap(), WrapKey::new(WRAP))
        .await
        .unwrap();
    let store = open(&settings).await;
    let keys = vault.fresh(4).await.unwrap();
    let unit = tokens.token("unit", &[CONTRACT.as_bytes()]);
    let member = tokens.token("member", &[MEMBER.as_bytes()]);
    let provider = tokens.token("provider", &[PROVIDER.as_bytes()]);
    let contract = NewContract {
        unit,
        members: vec![member],
        left: Vec::new(),
        moving: false,
        touched: Vec::new(),
        events: 0,
        sealed: seal(&keys[0], "contract"),
    };
    store.put_contract(&contract).await.unwrap();
    let mut new = submission(1, &[(1, 0), (2, 0)]);
    for (claim, key) in new.claims.iter_mut().zip(&keys[1..]) {
        claim.unit = unit;
        claim.contract = Some(1);
        claim.member = member;
        claim.provider = provider;
        claim.sealed = seal(key, "claim");
    }
    store.accept(&new).await.unwrap();
    let mut claims = Vec::new();
    for (claim, (key, sequence)) in new.claims.iter().zip(keys[1..].iter().zip(1..)) {
        let mut decided = adjudicated(claim.id, 0, sequence);
        decided.unit = unit;
        decided.record = seal(key, "record");
        decided.history = seal(key, "history");
        claims.push(decided);
    }
    let mut flagged = flag(1, 0);
    flagged.members = vec![member];
    flagged.providers = vec![provider];
    flagged.sealed = seal(&keys[3], "flag");
    let batch = Batch {
        claims,
        facts: vec![FactRow {
            group: group(1),
            claim: new.claims[0].id,
            line: 1,
            sealed: seal(&keys[1], "fact"),
        }],
        findings: Vec::new(),
    };
    store.commit(&batch).await.unwrap();
    let flags = change(1, vec![flagged]);
    store.judge(std::slice::from_ref(&flags)).await.unwrap();
    integrate_all(&store).await.unwrap();
    let read = AuditRow {
        at: 0,
        actor: "an operator".into(),
        action: "claim-read".into(),
        subject: member.0.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    store.note(&[read]).await.unwrap();

    // What is refused is told to us, and to the server's log.
    let mut elsewhere = contract.clone();
    elsewhere.unit = Token([3; 32]);
    let mut refused = flags.clone();
    refused.flags[0].commitment = [3; 32];
    refused.flags[0].score = 1001;
    let mut again = new.clone();
    again.token = Token([9; 32]);
    let mut orphan = batch.clone();
    orphan.claims.clear();
    orphan.facts[0].claim = claim_id(99);
    let errors = [
        store.commit(&batch).await.unwrap_err(),
        store.put_contract(&elsewhere).await.unwrap_err(),
        store.judge(&[refused]).await.unwrap_err(),
        store.commit(&orphan).await.unwrap_err(),
        store.accept(&again).await.unwrap_err(),
    ];
    for error in errors {
        assert_absent("an error", format!("{error} {error:?}").as_bytes());
    }
    store.close().await;
    vault.close().await.unwrap();
    tokio::task::spawn_blocking(move || {
        server.ask("postgres", "checkpoint").unwrap();
        server.stop();
        assert_absent("the log", &std::fs::read(server.log()).unwrap());
        assert!(assert_files_clean(server.data()) > 500);
    })
    .await
    .unwrap();
}
