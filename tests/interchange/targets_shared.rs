//! The fuzz targets of the shared ledger.

use std::sync::OnceLock;

use sha2::{Digest as _, Sha256};
use tally_core::canon::Canon;
use tally_core::ledger::shared::{Authorities, Block, Envelope, Gossip, Snapshot, build};
use tally_core::ledger::tree::{Frontier, leaf_hash};
use tally_core::ledger::witness::{Evidence, Log, Request, Signers, add_checkpoint, merge};
use tally_core::ledger::{
    Checkpoint, Entry, Note, Receipt, SigningKey, Trust, TrustedLog, Verdict, verify_receipt,
};

/// A ledger as it stands, with proposals open.
fn ledger() -> &'static Snapshot {
    static LEDGER: OnceLock<Snapshot> = OnceLock::new();
    let seed = include_bytes!("../../fuzz/seeds/snapshot/later");
    LEDGER.get_or_init(|| Snapshot::from_canon(seed).unwrap_or_else(|error| panic!("{error}")))
}

/// What is built of envelopes is admitted by whoever follows, from bytes, and stands in
/// a block alone. Answers what was built.
fn followed(snapshot: &Snapshot, envelopes: &[Envelope]) -> Option<Block> {
    let Some((block, after)) = build(snapshot, envelopes) else {
        panic!("nothing was built")
    };
    let read = Block::parse(&block.to_canon());
    assert!(read.is_ok_and(|read| snapshot.extend(&read).is_ok_and(|next| next == after)));
    assert!(Snapshot::from_canon(&after.to_canon()).is_ok_and(|back| back == after));
    // It stands once: nobody can append it again.
    assert!(after.extend(&block).is_err());
    let again = build(&after, &block.envelopes);
    assert!(again.is_some_and(|(block, _)| block.envelopes.is_empty()));
    for leaf in block.leaves() {
        assert!(Entry::from_canon(&leaf).is_ok_and(|entry| entry.to_canon() == leaf));
    }
    (!block.envelopes.is_empty()).then_some(block)
}

/// The same entries as the next of their organisation's log, signed by its key: so that
/// not all that is changed ends at a signature. The keys of the seed are called after
/// their organisations.
fn sealed_anew(envelope: Envelope) -> Option<Envelope> {
    let organisation = envelope.header.organisation;
    let state = &ledger().state;
    let member = state.members.get(&organisation)?;
    let secret: [u8; 32] = Sha256::digest(format!("{organisation}/signing/0")).into();
    let key = SigningKey::new("key", &secret).ok()?;
    assert_eq!(key.verifier().public(), member.organisation.signing);
    let entries = envelope.entries.into_iter().map(|entry| entry.0).collect();
    let next = member.next;
    Some(Envelope::seal(
        &state.origin,
        organisation,
        next,
        entries,
        &key,
    ))
}

/// Whom the seed's receipt can be trusted by.
fn seed_of_receipts() -> &'static (Receipt, Trust) {
    static SEED: OnceLock<(Receipt, Trust)> = OnceLock::new();
    SEED.get_or_init(|| {
        let text = include_str!("../../fuzz/seeds/receipt/both");
        let receipt = Receipt::parse(text).unwrap_or_else(|error| panic!("{error}"));
        let mut logs = vec![TrustedLog::local(receipt.key.clone())];
        logs.extend(
            receipt
                .shared
                .as_ref()
                .map(|of| TrustedLog::shared(&of.authorities)),
        );
        (receipt, Trust { logs })
    })
}

/// A receipt with a shared proof. Whatever is trusted says what the seed says: at most
/// signatures that no quorum needs are missing, or in another order.
pub fn receipt(bytes: &[u8]) {
    let Some(receipt) = std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| Receipt::parse(text).ok())
    else {
        return;
    };
    assert_eq!(receipt.to_string().as_bytes(), bytes);
    if let Some(shared) = &receipt.shared {
        let _ = shared.verify(&receipt.entry);
    }
    let held = verify_receipt(&receipt, None).is_ok();
    let (seed, trust) = seed_of_receipts();
    let verdict = verify_receipt(&receipt, Some(trust)).map(|(verdict, _)| verdict);
    assert!(held || verdict.is_err());
    if verdict == Ok(Verdict::Consistent) {
        // None of its logs is one of the trust file's.
        let shared = receipt.shared.as_ref().map(|of| &of.authorities.origin);
        let mut logs = shared
            .map(String::as_str)
            .into_iter()
            .chain([receipt.key.name()]);
        assert!(logs.all(|log| trust.log(log).is_none()));
    }
    if verdict == Ok(Verdict::Trusted) {
        assert_eq!(
            (receipt.claim, &receipt.entry, &receipt.salt, &receipt.body),
            (seed.claim, &seed.entry, &seed.salt, &seed.body)
        );
        assert_eq!(receipt.local, seed.local);
    }
}

/// A block of the shared ledger.
pub fn block(bytes: &[u8]) {
    if let Ok(block) = Block::parse(bytes) {
        assert_eq!(block.to_canon(), bytes);
        // Whoever builds of these envelopes builds this block, and no other is admitted.
        if let Ok(next) = ledger().extend(&block) {
            let built = build(ledger(), &block.envelopes);
            assert!(built.is_some_and(|(built, after)| built == block && after == next));
        }
        followed(ledger(), &block.envelopes);
        let anew: Vec<_> = block
            .envelopes
            .into_iter()
            .filter_map(sealed_anew)
            .collect();
        followed(ledger(), &anew);
    }
}

/// What an organisation sends.
pub fn sealed(bytes: &[u8]) {
    if let Ok(envelope) = Envelope::from_canon(bytes) {
        assert_eq!(envelope.to_canon(), bytes);
        let whole = envelope.is_whole();
        let taken = followed(ledger(), std::slice::from_ref(&envelope));
        assert!(taken.is_none() || whole);
        if let Some(anew) = sealed_anew(envelope) {
            followed(ledger(), &[anew]);
        }
    }
}

/// What an authority says to the others beside the chain.
pub fn gossip(bytes: &[u8]) {
    let Ok(gossip) = Gossip::from_canon(bytes) else {
        return;
    };
    assert_eq!(gossip.to_canon(), bytes);
    match gossip {
        Gossip::Envelope(envelope) => sealed(&envelope.to_canon()),
        Gossip::Signed(text) | Gossip::Checkpoint(text) => {
            let Ok(note) = Note::parse(&text) else {
                return;
            };
            assert_eq!(note.to_string(), text);
            // Nobody else has the keys: what a quorum signed is what the seed says.
            if ledger().signers.verify(&note).is_ok() {
                assert_eq!(note.text, ledger().checkpoint().text());
            }
        }
        Gossip::Handovers(_) => {}
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
        assert!((1..=set.members.len()).contains(&set.quorum()));
        assert!(set.keys().is_ok_and(|keys| keys.len() == set.members.len()));
        assert!(
            set.cosigners()
                .is_ok_and(|keys| keys.len() == set.witnesses.len())
        );
        // Nobody signed it.
        let text = checkpoint.text();
        let unsigned = Note {
            text,
            signatures: Vec::new(),
        };
        assert!(set.verify(&unsigned).is_err());
    }
}

/// A request to a witness, and evidence.
pub fn witness(bytes: &[u8]) {
    if let Some(evidence) = std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| Evidence::parse(text).ok())
    {
        assert_eq!(evidence.to_string().as_bytes(), bytes);
        let _ = evidence.contradicts();
    }
    let shared = Log::new(Signers::Authorities(ledger().state.authorities.clone()));
    cosigned(&shared, bytes);
    let Ok(request) = Request::parse(bytes) else {
        return;
    };
    assert_eq!(request.to_string().as_bytes(), bytes);
    // As signed by a log of one key, new and at seven leaves: so that its proof is looked at.
    let Ok(key) = SigningKey::new(&request.checkpoint.origin, &[1; 32]) else {
        return;
    };
    let new = Log::new(Signers::Key(key.verifier().clone()));
    let again = |old, proof, text| Request::new(old, proof, key.sign_note(text)).ok();
    let mut seven = Frontier::default();
    (0..7u8).for_each(|leaf| drop(seven.append(leaf_hash(&[leaf]))));
    let checkpoint = Checkpoint {
        origin: request.checkpoint.origin.clone(),
        size: seven.size(),
        root: seven.root(),
        extensions: Vec::new(),
    };
    let first = again(0, Vec::new(), checkpoint.text());
    let first = first.and_then(|first| cosigned(&new, first.to_string().as_bytes()));
    let Some((request, first)) = again(request.old, request.proof, request.note.text).zip(first)
    else {
        return;
    };
    for log in [&new, &first] {
        let Some(after) = cosigned(log, request.to_string().as_bytes()) else {
            continue;
        };
        // It goes on from there: the same again holds, and nothing from before.
        let size = request.checkpoint.size;
        let ask = |old| again(old, Vec::new(), request.note.text.clone());
        let same = ask(size).map(|ask| cosigned(&after, ask.to_string().as_bytes()));
        assert_eq!(same, Some(Some(after.clone())));
        let stale = size.checked_sub(1).and_then(ask);
        assert!(stale.is_none_or(|ask| cosigned(&after, ask.to_string().as_bytes()).is_none()));
    }
}

/// Asks a witness; answers what it keeps, if it cosigned.
fn cosigned(log: &Log, body: &[u8]) -> Option<Log> {
    let key = SigningKey::cosigner("w.example", &[9; 32]).ok()?;
    let decision = add_checkpoint(body, |_| Some(log), std::slice::from_ref(&key), 1);
    let status = decision.answer.status;
    assert!([200, 400, 403, 404, 409, 422].contains(&status));
    assert_eq!(status == 200, decision.record.is_some());
    if status == 200 {
        let mut note = Request::parse(body).ok()?.note;
        let known = [key.verifier().clone()];
        assert_eq!(merge(&mut note, &decision.answer.body, &known), Ok(1));
        assert!(decision.evidence.is_none());
    }
    decision.record
}

/// A snapshot, as a node keeps it.
pub fn snapshot(bytes: &[u8]) {
    if let Ok(snapshot) = Snapshot::from_canon(bytes) {
        assert_eq!(snapshot.to_canon(), bytes);
        let checkpoint = snapshot.checkpoint();
        if let Ok(read) = Checkpoint::parse(&checkpoint.text()) {
            assert_eq!(read, checkpoint);
        }
        followed(&snapshot, &[]);
    }
}
