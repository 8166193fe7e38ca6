//! The fuzz targets of the shared ledger.

use std::sync::OnceLock;

use tally_core::canon::Canon;
use tally_core::ledger::shared::{Authorities, Block, Envelope, Snapshot, build};
use tally_core::ledger::witness::{Evidence, Log, Request, Signers, add_checkpoint};
use tally_core::ledger::{Receipt, SigningKey, verify_receipt};

/// A ledger as it stands, with proposals open.
fn ledger() -> &'static Snapshot {
    static LEDGER: OnceLock<Snapshot> = OnceLock::new();
    let seed = include_bytes!("../../fuzz/seeds/snapshot/later");
    LEDGER.get_or_init(|| Snapshot::from_canon(seed).unwrap_or_else(|error| panic!("{error}")))
}

/// What is built of envelopes is admitted by whoever follows, from bytes.
fn followed(snapshot: &Snapshot, envelopes: &[Envelope]) {
    let Some((block, after)) = build(snapshot, envelopes) else {
        panic!("nothing was built")
    };
    let read = Block::parse(&block.to_canon());
    assert!(read.is_ok_and(|read| snapshot.extend(&read).is_ok_and(|next| next == after)));
    assert!(Snapshot::from_canon(&after.to_canon()).is_ok_and(|back| back == after));
}

/// A receipt with a shared proof.
pub fn receipt(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(receipt) = Receipt::parse(text) {
        assert_eq!(receipt.to_string(), text);
        let _ = verify_receipt(&receipt, None);
        if let Some(shared) = &receipt.shared {
            let _ = shared.verify(&receipt.entry);
        }
    }
}

/// A block of the shared ledger.
pub fn block(bytes: &[u8]) {
    if let Ok(block) = Block::parse(bytes) {
        assert_eq!(block.to_canon(), bytes);
        let _ = ledger().extend(&block);
        followed(ledger(), &block.envelopes);
    }
}

/// What an organisation sends.
pub fn sealed(bytes: &[u8]) {
    if let Ok(envelope) = Envelope::from_canon(bytes) {
        assert_eq!(envelope.to_canon(), bytes);
        followed(ledger(), &[envelope]);
    }
}

/// A set of authorities as text.
pub fn authorities(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes);
    if let Ok(set) = text
        .map_err(|_| ())
        .and_then(|text| Authorities::parse(text).map_err(|_| ()))
    {
        assert_eq!(set.text().as_bytes(), bytes);
        assert!(Authorities::from_canon(&set.to_canon()).is_ok_and(|back| back == set));
        let checkpoint = set.checkpoint(1, [0; 32], None);
        assert!(Signers::parse(&set.text()).is_ok_and(|of| of.origin() == checkpoint.origin));
    }
}

/// A request to a witness, and evidence.
pub fn witness(bytes: &[u8]) {
    if let Ok(request) = Request::parse(bytes) {
        assert_eq!(request.to_string().as_bytes(), bytes);
    }
    if let Some(evidence) = std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| Evidence::parse(text).ok())
    {
        assert_eq!(evidence.to_string().as_bytes(), bytes);
        let _ = evidence.contradicts();
    }
    let Ok(key) = SigningKey::cosigner("w.example", &[9; 32]) else {
        return;
    };
    let log = Log::new(Signers::Authorities(ledger().state.authorities.clone()));
    let decision = add_checkpoint(bytes, |_| Some(&log), &[key], 1);
    let status = decision.answer.status;
    assert!([200, 400, 403, 404, 409, 422].contains(&status));
    assert_eq!(status == 200, decision.record.is_some());
    assert!(decision.evidence.is_none());
}

/// A snapshot, as a node keeps it.
pub fn snapshot(bytes: &[u8]) {
    if let Ok(snapshot) = Snapshot::from_canon(bytes) {
        assert_eq!(snapshot.to_canon(), bytes);
        let _ = snapshot.checkpoint().text();
        followed(&snapshot, &[]);
    }
}
