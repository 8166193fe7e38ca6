//! What is given as tokens and sealed payloads stands in no file in the clear,
//! nor in any error.

use std::path::Path;

use tempfile::TempDir;

use crate::conformance::world::{adjudicated, change, flag, group, integrate_all, submission};
use crate::port::{
    Audit, AuditRow, Batch, Detection, Enrolment, FactRow, Intake, Judged, NewContract, Sealed,
    StoreError, Token, Work,
};
use crate::sqlite::SqliteStore;
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
        forms.push(plain.to_ascii_lowercase());
        forms.push(plain.iter().flat_map(|byte| [*byte, 0]).collect());
        // A part of it is too much as well.
        forms.push(plain[..12].to_vec());
    }
    forms
}

fn assert_absent(place: &str, bytes: &[u8]) {
    for form in planted() {
        let found = bytes.windows(form.len()).any(|window| window == form);
        assert!(!found, "{} is in {place}", String::from_utf8_lossy(&form));
    }
}

fn assert_files_clean(folder: &Path) -> usize {
    let mut files = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.display().to_string();
        assert_absent("a file's name", name.as_bytes());
        assert_absent(&name, &std::fs::read(&path).unwrap());
        files += 1;
    }
    files
}

fn seal(key: &RecordKey, label: &str) -> Sealed {
    let plain = format!("{MEMBER} {NAME} {PROVIDER} {CONTRACT}");
    key.seal(label, plain.as_bytes()).unwrap()
}

#[tokio::test]
async fn planted_identifiers_are_in_no_file_and_no_error() {
    let folder = TempDir::new().unwrap();
    let tokens = Tokens::new(TOKENS);
    let wrap = WrapKey::new(WRAP);
    let vault = Vault::open(&folder.path().join("keys.db"), wrap)
        .await
        .unwrap();
    let store = super::open(&folder.path().join("node.db")).await;
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
    // Both databases, their logs and shared memory, and the two locks.
    assert_eq!(assert_files_clean(folder.path()), 8);

    for error in errors(&store, &batch, &flags, &contract).await {
        assert_absent("an error", format!("{error} {error:?}").as_bytes());
    }
    store.close().await.unwrap();
    vault.close().await.unwrap();
    assert_eq!(assert_files_clean(folder.path()), 4);
}

async fn errors(
    store: &SqliteStore,
    batch: &Batch,
    flags: &Judged,
    contract: &NewContract,
) -> Vec<StoreError> {
    let mut elsewhere = contract.clone();
    elsewhere.unit = Token([3; 32]);
    let mut refused = flags.clone();
    refused.flags[0].commitment = [3; 32];
    refused.flags[0].score = 1001;
    let mut late = refused.clone();
    late.marks = vec![99];
    let mut orphan = batch.facts.clone();
    orphan[0].claim = crate::conformance::world::claim_id(99);
    let orphan = Batch {
        facts: orphan,
        ..Batch::default()
    };
    vec![
        store.commit(batch).await.unwrap_err(),
        store.put_contract(&elsewhere).await.unwrap_err(),
        store.judge(&[late]).await.unwrap_err(),
        // A flag with a score that none has, and a fact of a claim that is not
        // there: what SQLite itself refuses.
        store.judge(&[refused]).await.unwrap_err(),
        store.commit(&orphan).await.unwrap_err(),
    ]
}
