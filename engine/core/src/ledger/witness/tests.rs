//! A witness by the specification's words, on a log of one key and on a shared one.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::ledger::tree::{self, Frontier, consistency_proof, leaf_hash};

const ORIGIN: &str = "log.example/one";
const TIME: u64 = 1_800_000_000;

/// A log grown of so many leaves, which may fork.
struct Tree {
    nodes: BTreeMap<(u8, u64), Hash>,
    roots: Vec<Hash>,
}

fn tree(size: u64, fork: u64) -> Tree {
    let (mut frontier, mut nodes) = (Frontier::default(), BTreeMap::new());
    let mut roots = vec![frontier.root()];
    for at in 0..size {
        let leaf = if at >= fork { at + 1_000_000 } else { at };
        for node in frontier.append(leaf_hash(&leaf.to_be_bytes())) {
            nodes.insert((node.level, node.index), node.hash);
        }
        roots.push(frontier.root());
    }
    Tree { nodes, roots }
}

fn signer(name: &str, secret: u8) -> SigningKey {
    SigningKey::new(name, &[secret; 32]).unwrap()
}

fn cosigner(secret: u8) -> SigningKey {
    SigningKey::cosigner(&format!("w{secret}.example"), &[secret; 32]).unwrap()
}

impl Tree {
    fn root(&self, size: u64) -> Hash {
        self.roots[usize::try_from(size).unwrap()]
    }

    fn note(&self, size: u64) -> Note {
        let checkpoint = Checkpoint {
            origin: ORIGIN.into(),
            size,
            root: self.root(size),
            extensions: vec![],
        };
        checkpoint.sign(&signer(ORIGIN, 1))
    }

    fn proof(&self, old: u64, new: u64) -> Vec<Hash> {
        if old == 0 {
            return Vec::new();
        }
        consistency_proof(&self.nodes, old, new).unwrap()
    }

    fn request(&self, old: u64, new: u64) -> Request {
        Request::new(old, self.proof(old, new), self.note(new)).unwrap()
    }
}

fn log() -> Log {
    Log::new(Signers::Key(signer(ORIGIN, 1).verifier().clone()))
}

fn ask(log: &Log, request: &Request) -> Decision {
    let body = request.to_string();
    let found = |origin: &str| (origin == ORIGIN).then_some(log);
    add_checkpoint(body.as_bytes(), found, &[cosigner(5)], TIME)
}

fn at(size: u64) -> Log {
    ask(&log(), &tree(20, 99).request(0, size)).record.unwrap()
}

#[test]
fn a_log_grows_and_is_cosigned() {
    let tree = tree(20, 99);
    let mut log = log();
    for size in [0, 0, 1, 7, 7, 8, 20] {
        let asked = tree.request(log.size(), size);
        let decision = ask(&log, &asked);
        assert_eq!(decision.answer.status, 200, "{}", decision.answer.body);
        log = decision.record.unwrap();
        assert_eq!(log.size(), size);
        // The client takes the cosignature over; the witness serves the same.
        let mut note = asked.note.clone();
        let known = [cosigner(5).verifier().clone()];
        assert_eq!(merge(&mut note, &decision.answer.body, &known), Ok(1));
        assert_eq!(merge(&mut note, &decision.answer.body, &known), Ok(1));
        assert_eq!(log.last(), Some(&note));
        assert_eq!(note.verify_cosignature(1, &known[0]), Ok(TIME));
        let kept = Signers::parse(&log.signers().to_string()).unwrap();
        let last = Note::parse(&note.to_string()).unwrap();
        assert_eq!(Log::resume(kept, last).unwrap(), log);
    }
}

/// The statuses of the specification, in its order.
#[test]
fn what_is_answered() {
    let tree = tree(20, 99);
    let log = at(7);
    let good = tree.request(7, 12);
    let with = |change: &dyn Fn(&mut Request)| {
        let mut request = good.clone();
        change(&mut request);
        let decision = ask(&log, &request);
        assert_eq!((decision.record, decision.evidence), (None, None));
        (decision.answer.status, decision.answer.body)
    };
    let status = |change: &dyn Fn(&mut Request)| with(change).0;
    let other = |r: &mut Request, name: &str, secret, size| {
        let mut checkpoint = r.checkpoint.clone();
        checkpoint.origin = name.into();
        checkpoint.size = size;
        r.note = checkpoint.sign(&signer(name, secret));
    };
    assert_eq!(status(&|r| other(r, "log.example/two", 1, 12)), 404);
    assert_eq!(status(&|r| other(r, ORIGIN, 2, 12)), 403);
    assert_eq!(status(&|r| r.note.signatures[0].bytes[10] ^= 1), 403);
    // A known key's signature that fails beside one that holds.
    assert_eq!(
        status(&|r| {
            let mut twice = r.note.signatures[0].clone();
            twice.bytes[10] ^= 1;
            r.note.signatures.push(twice);
        }),
        403
    );
    assert_eq!(status(&|r| r.old = 13), 400);
    assert_eq!(status(&|r| r.proof = vec![[0; 32]; 64]), 400);
    assert_eq!(with(&|r| r.old = 5), (409, "7\n".into()));
    assert_eq!(with(&|r| r.old = 0), (409, "7\n".into()));
    assert_eq!(Answer::new(409, "7\n").content_type(), "text/x.tlog.size");
    assert_eq!(
        (told_size("7\n"), told_size("07\n"), told_size("7")),
        (Some(7), None, None)
    );
    assert_eq!(status(&|r| r.proof[0][0] ^= 1), 422);
    assert_eq!(status(&|r| r.proof.truncate(1)), 422);
    assert_eq!(status(&|r| r.proof.clear()), 422);
    // From the empty tree nothing is proven, and it has one root.
    let first = |proof, size, root| {
        let mut request = good.clone();
        request.old = 0;
        request.proof = proof;
        request.checkpoint.size = size;
        request.checkpoint.root = root;
        request.note = request.checkpoint.sign(&signer(ORIGIN, 1));
        let log = super::tests::log();
        ask(&log, &request).answer.status
    };
    assert_eq!(first(vec![], 12, [1; 32]), 200);
    assert_eq!(first(vec![[1; 32]], 12, [1; 32]), 422);
    assert_eq!(first(vec![], 0, tree::empty_root()), 200);
    assert_eq!(first(vec![], 0, [1; 32]), 422);
    // Lines of others are passed over, and not served on.
    let mut more = good.clone();
    more.note
        .signatures
        .insert(0, cosigner(9).cosign(&more.note.text, 1));
    let record = ask(&log, &more).record.unwrap();
    assert_eq!(record.last().unwrap().signatures.len(), 2);
}

#[test]
fn what_is_no_request() {
    let good = tree(20, 99).request(7, 12).to_string();
    assert!(Request::parse(good.as_bytes()).is_ok());
    for bad in [
        String::new(),
        good.replacen("old 7", "old 07", 1),
        good.replacen("old 7", "old +7", 1),
        good.replacen("old 7", "old -7", 1),
        good.replacen("old 7", "old 18446744073709551616", 1),
        good.replacen("old 7\n", "old 7 \n", 1),
        good.replacen("old 7\n", "", 1),
        good.replacen("old 7\n", "old 7\r\n", 1),
        good.replacen("old 7\n", "old 7\nAAAA\n", 1),
        good.replacen("\n\n", "\n", 1),
        good.replacen("=\n", "\n", 1),
        good.replacen("— ", "- ", 1),
        good.replacen("\n12\n", "\n012\n", 1),
        format!("{good}\n"),
        good[..good.len() - 1].to_owned(),
        format!("old 7\n\n{}", "x".repeat(MAX_REQUEST)),
    ] {
        assert!(Request::parse(bad.as_bytes()).is_err(), "{bad}");
    }
    assert!(Request::parse(&[0xff; 40]).is_err());
}

/// A log that shows one witness one tree and another witness another is caught by
/// whoever sees both.
#[test]
fn a_split_view_is_evidence() {
    let (one, two) = (tree(20, 99), tree(20, 5));
    let signers = [Signers::Key(signer(ORIGIN, 1).verifier().clone())];
    let prove = |request: &Request| {
        let decision = ask(&at(7), request);
        assert_eq!(decision.answer.status, 422);
        decision.evidence
    };
    // Two roots of one size; and a larger tree that begins otherwise.
    let same = Request::new(7, vec![], two.note(7)).unwrap();
    let larger = two.request(7, 12);
    for request in [same, larger] {
        let evidence = prove(&request).unwrap();
        let read = Evidence::parse(&evidence.to_string()).unwrap();
        assert_eq!(read, evidence);
        assert_eq!(read.check(&signers).unwrap(), [ORIGIN]);
        // Anybody else's keys name nobody.
        let strangers = [Signers::Key(signer(ORIGIN, 2).verifier().clone())];
        assert_eq!(read.check(&strangers), Err(EvidenceError::Nobody));
        let mut agreeing = read;
        agreeing.smaller = two.note(7);
        assert_eq!(agreeing.check(&signers), Err(EvidenceError::Agree));
        agreeing.root = one.root(7);
        assert!(matches!(
            agreeing.check(&signers),
            Err(EvidenceError::Proof(_))
        ));
    }
    // Also from a client that does not know where the witness stands.
    let mut lost = Request::new(7, vec![], two.note(7)).unwrap();
    lost.old = 0;
    let decision = ask(&at(7), &lost);
    assert_eq!(decision.answer.status, 409);
    assert!(decision.evidence.unwrap().check(&signers).is_ok());
    // Whoever sends a sound checkpoint with rubbish for a proof shows nothing.
    let mut rubbish = one.request(7, 12);
    rubbish.proof[0] = [9; 32];
    assert_eq!(prove(&rubbish), None);
    // Of a tree whose size is a power of two its root has to be given.
    let evidence = Evidence {
        smaller: one.note(8),
        larger: two.note(12),
        root: two.root(8),
        proof: two.proof(8, 12),
    };
    assert_eq!(evidence.check(&signers).unwrap(), [ORIGIN]);
    assert_eq!(
        Evidence::of(one.note(8), two.note(12), &two.proof(8, 12)),
        None
    );
}

proptest! {
    #[test]
    fn honest_logs_are_never_accused(
        a in 0u64..20, b in 0u64..20, fork in 0u64..20, wrong in any::<[u8; 32]>(), at in 0usize..6,
    ) {
        let (one, two) = (tree(20, 99), tree(20, fork));
        let (small, large) = (a.min(b), a.max(b));
        let proof = two.proof(small, large);
        let shown = small == large || !small.is_power_of_two();
        let split = small > fork && shown;
        let found = Evidence::of(one.note(small), two.note(large), &proof);
        let found = found.filter(|evidence| small > 0 && evidence.contradicts());
        prop_assert_eq!(found.is_some(), split, "{} {} {}", small, large, fork);
        // With any hash in any place an honest log's checkpoints agree.
        let mut proof = one.proof(small, large);
        if let Some(hash) = proof.get_mut(at) {
            *hash = wrong;
        }
        let found = Evidence::of(one.note(small), one.note(large), &proof);
        prop_assert!(!found.is_some_and(|evidence| evidence.contradicts()));
    }

    #[test]
    fn junk_is_no_request(text in "(old [0-9]{1,3}\n)?\\PC{0,40}(\n\n)?\\PC*") {
        let _ = Request::parse(text.as_bytes());
        let _ = Evidence::parse(&text);
        let _ = Signers::parse(&text);
    }
}
