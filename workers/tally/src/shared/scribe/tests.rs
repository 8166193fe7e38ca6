//! What is said again, and what a long note costs.

use std::time::{Duration, Instant};

use super::*;
use crate::node::Node;
use crate::node::applying::tests::applicant;
use crate::shared::found;

const EPOCHS: u64 = 70;

/// A ledger of one that has had so many epochs, each with the same authority, by the
/// handovers that are kept.
async fn aged(folder: &std::path::Path) -> (Node, Charter, Arc<Snapshot>) {
    let (node, application) = applicant(folder, "one").await;
    let charter = found("ledger.example", &[application], Vec::new()).unwrap();
    let genesis = Arc::new(Snapshot::found(&charter).unwrap());
    let mut set = genesis.state.authorities.clone();
    let key = node.authority_key("ledger.example").unwrap().unwrap();
    let pool = Arc::new(Pool::default());
    drop(Scribe::open(node.store(), &charter, &genesis, pool).await);
    for epoch in 0..EPOCHS {
        let mut next = set.clone();
        next.epoch = epoch + 1;
        let handover = set.checkpoint(2 + epoch, [7; 32], Some(&next));
        let kept = SharedCheckpoint {
            size: 2 + epoch,
            epoch,
            hands_over: true,
            note: handover.sign(&key).to_string(),
        };
        node.store().keep_checkpoint(&kept).await.unwrap();
        set = next;
    }
    (node, charter, genesis)
}

#[tokio::test]
async fn of_many_handovers_the_last_is_said_again() {
    let folder = tempfile::tempdir().unwrap();
    let (node, charter, genesis) = aged(folder.path()).await;
    let pool = Arc::new(Pool::default());
    let opened = Scribe::open(node.store(), &charter, &genesis, pool).await;
    let mut scribe = opened.unwrap();
    assert_eq!(scribe.reached(), EPOCHS);
    for _ in 0..2 {
        scribe.say_again();
        let said = scribe.take_outbox();
        let last = scribe.kept().unwrap().note.clone();
        assert!(said.contains(&Gossip::Checkpoint(last)));
        assert!(said.len() <= 3, "{} are said again", said.len());
    }

    // Who asks is told the others, some at once.
    let asks = Gossip::Handovers(3).to_canon();
    let taken = scribe.heard(node.store(), &asks).await.unwrap();
    assert_eq!(taken, Ok(Taken::Asks(3)));
    let kept = node.store().handovers().await.unwrap();
    let notes = |from: usize, most: usize| {
        let some = kept.iter().skip(from).take(most);
        some.map(|of| Gossip::Checkpoint(of.note.clone()))
            .collect::<Vec<_>>()
    };
    for (from, told) in [
        (3, notes(3, HANDOVERS)),
        (68, notes(68, 2)),
        (70, Vec::new()),
    ] {
        assert_eq!(scribe.handovers(node.store(), from).await.unwrap(), told);
    }
}

/// The shortest of a few times that something took.
async fn took(mut what: impl AsyncFnMut()) -> Duration {
    let mut shortest = Duration::MAX;
    for _ in 0..5 {
        let begun = Instant::now();
        what().await;
        shortest = shortest.min(begun.elapsed());
    }
    shortest
}

/// Whoever says a note of 64 kB with as many lines as there may be has it read once.
#[tokio::test]
async fn a_long_note_is_read_once() {
    let folder = tempfile::tempdir().unwrap();
    let (node, charter, genesis) = aged(folder.path()).await;
    let pool = Arc::new(Pool::default());
    let opened = Scribe::open(node.store(), &charter, &genesis, pool).await;
    let mut scribe = opened.unwrap();
    let key = SigningKey::new("ledger.example", &[1; 32]).unwrap();
    let checkpoint = Checkpoint {
        origin: "ledger.example".into(),
        size: 900,
        root: [0; 32],
        extensions: vec!["epoch 99".into(), "x".repeat(45_000)],
    };
    let mut note = checkpoint.sign(&key);
    let line = note.signatures[0].clone();
    note.signatures.resize(128, line);
    let text = note.to_string();
    let once = took(async || drop(Note::parse(&text).unwrap())).await;
    let told = Gossip::Checkpoint(text.clone()).to_canon();
    let heard = took(async || {
        scribe.heard(node.store(), &told).await.unwrap().unwrap();
    });
    let heard = heard.await;
    assert!(heard < 20 * once, "{heard:?}, and {once:?} to read it");
}
