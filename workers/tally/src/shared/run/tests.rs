//! One authority alone, its keys, and who may not order.

use tally_store::port::{Log, SharedLedger as _};

use super::*;
use tally_core::ledger::shared::{Change, Charter, Envelope, Motion, Possession, Witness, build};
use tally_core::ledger::{Entry, Note};

use crate::node::applying::tests::{applicant, copy};
use crate::node::keyring::{Key, Place};
use crate::node::{How, Rotated};
use crate::roles::Stopper;
use crate::roles::health::{self, Watched};
use crate::shared::Ledger as _;
use crate::shared::{charter_text, found};

/// A node of an organisation, and what it applies with.
async fn member(folder: &std::path::Path, id: &str) -> (Arc<Node>, crate::shared::Application) {
    let (node, application) = applicant(folder, id).await;
    (Arc::new(node), application)
}

fn configured(folder: &std::path::Path, charter: &str, id: &str) -> LedgerConfig {
    let path = folder.join("charter.json");
    std::fs::write(&path, charter).unwrap();
    LedgerConfig {
        charter: path,
        organisation: id.into(),
        listen: None,
        peers: Vec::new(),
        witnesses: Vec::new(),
        sent: None,
    }
}

/// Whoever has no authority's key orders nothing on a ledger of several authorities.
#[tokio::test]
async fn who_is_no_authority_orders_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (node, one) = member(&folder.path().join("one"), "one").await;
    let (_, two) = member(&folder.path().join("two"), "two").await;
    let charter = found("ledger.example", &[one, two], Vec::new()).unwrap();
    let config = configured(folder.path(), &charter_text(&charter).unwrap(), "one");
    std::fs::remove_file(folder.path().join("one/keys/authority.key")).unwrap();
    let (_stopper, stop) = Stopper::new();
    let refused = start(&node, &config, &stop)
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(refused.contains("no authority's key"), "{refused}");
    assert_eq!(node.store().shared_head().await.unwrap().unwrap().height, 0);
}

/// One authority's ledger takes its own log in, in order, under checkpoints of one
/// signature, and goes on after a start anew.
#[tokio::test]
async fn one_authority_orders_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (node, one) = member(&folder.path().join("one"), "one").await;
    let charter = found("ledger.example", &[one], Vec::new()).unwrap();
    let config = configured(folder.path(), &charter_text(&charter).unwrap(), "one");
    for _ in 0..2 {
        let (stopper, stop) = Stopper::new();
        let started = start(&node, &config, &stop).await.unwrap();
        let mut checkpoints = started.member.checkpoint.clone();
        let kept = checkpoints.wait_for(|kept| kept.as_ref().is_some_and(|k| k.size == 3));
        let kept = tokio::time::timeout(Duration::from_secs(20), kept).await;
        assert_eq!(kept.unwrap().unwrap().as_ref().unwrap().epoch, 0);
        stopper.stop();
        let mut tasks = started.tasks;
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap().unwrap();
        }
    }
    // The charter, an envelope's header, and the log's first entry.
    let leaves = node.store().shared_leaves(0, 9).await.unwrap();
    assert_eq!(leaves.len(), 3);
    let own = tally_store::port::Log::entries(node.store(), 0, 1)
        .await
        .unwrap();
    assert_eq!(leaves.get(2), own.first());
}

/// One authority's journal is its store: with the store lost, whatever is put back, its key
/// begins no other history. With the store it goes on.
#[tokio::test]
async fn one_authority_that_lost_its_store_orders_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (home, away) = (folder.path().join("one"), folder.path().join("away"));
    let (node, one) = member(&home, "one").await;
    let charter = found("ledger.example", &[one], Vec::new()).unwrap();
    let config = configured(folder.path(), &charter_text(&charter).unwrap(), "one");
    let (stopper, stop) = Stopper::new();
    let started = start(&node, &config, &stop).await.unwrap();
    kept(&started, |kept| kept.size == 3).await;
    ended(started, stopper).await;
    drop(node);

    let start_again = || starts(&home, &config);
    let begun = home.join("keys/log-begun");
    let refused = || async {
        // The node's own log is not begun again; nor is the ledger's, where a folder does not
        // know that there was one.
        let policies = crate::config::PoliciesConfig::None;
        let clock = crate::node::clock::Clock::System;
        let node = Node::open_with(&home, clock, policies).await;
        let gone = node.err().unwrap().to_string();
        assert!(gone.contains("the log of this node is gone"), "{gone}");
        std::fs::remove_file(&begun).unwrap();
        let refused = start_again().await.unwrap_err().to_string();
        assert!(refused.contains("could order another history"), "{refused}");
    };
    copy(&home, &away);
    put_back(&home, &folder.path().join("nothing"));
    refused().await;
    // Nor where all is lost, and only its keys are put back.
    std::fs::remove_dir_all(&home).unwrap();
    std::fs::create_dir(&home).unwrap();
    for kept in ["keys", "node.json"] {
        copy(&away.join(kept), &home.join(kept));
    }
    refused().await;
    put_back(&home, &away);
    start_again().await.unwrap();
}

/// With a backup of the store that lacks blocks which it ordered and signed, one authority
/// begins no other history behind them: whoever saw the first would have evidence.
#[tokio::test]
async fn one_authority_with_an_older_store_orders_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let [home, older, newest] = ["one", "older", "newest"].map(|name| folder.path().join(name));
    let (node, one) = member(&home, "one").await;
    let charter = found("ledger.example", &[one], Vec::new()).unwrap();
    let config = configured(folder.path(), &charter_text(&charter).unwrap(), "one");
    drop(node);
    starts(&home, &config).await.unwrap();
    copy(&home, &older);
    let node = opened(&home).await;
    let (stopper, stop) = Stopper::new();
    let started = start(&node, &config, &stop).await.unwrap();
    node.propose(witnessed("first")).await.unwrap();
    kept(&started, |kept| kept.size > 3).await;
    ended(started, stopper).await;
    drop(node);
    copy(&home, &newest);

    put_back(&home, &older);
    for _ in 0..2 {
        let refused = starts(&home, &config).await.unwrap_err().to_string();
        for said in ["an older store was put back", "tally org init"] {
            assert!(refused.contains(said), "{refused}");
        }
    }
    put_back(&home, &newest);
    starts(&home, &config).await.unwrap();
}

async fn opened(home: &std::path::Path) -> Arc<Node> {
    let policies = crate::config::PoliciesConfig::None;
    let node = Node::open_with(home, crate::node::clock::Clock::System, policies).await;
    Arc::new(node.unwrap())
}

/// Starts, has a checkpoint, and ends.
async fn starts(home: &std::path::Path, config: &LedgerConfig) -> Result<()> {
    let node = opened(home).await;
    let (stopper, stop) = Stopper::new();
    let started = start(&node, config, &stop).await?;
    kept(&started, |kept| kept.size >= 3).await;
    ended(started, stopper).await;
    Ok(())
}

/// The store of a folder, of another or of none, in the place of its own.
fn put_back(home: &std::path::Path, from: &std::path::Path) {
    for store in ["node.db", "node.db-wal", "node.db-shm"] {
        let _ = std::fs::remove_file(home.join(store));
        if from.join(store).exists() {
            copy(&from.join(store), &home.join(store));
        }
    }
}

/// A change that one authority may make: another witness.
fn witnessed(name: &str) -> Change {
    let key = SigningKey::cosigner(name, &[9; 32]).unwrap();
    Change::Witnesses(vec![Witness {
        name: name.to_owned(),
        key: key.verifier().public(),
    }])
}

/// Writes a block that brings an entry as the second of the log of `one`.
async fn brought(node: &Node, charter: &Charter, entry: Vec<u8>) {
    let genesis = Arc::new(Snapshot::found(charter).unwrap());
    let scribe = Scribe::open(node.store(), charter, &genesis, Arc::default()).await;
    let mut scribe = scribe.unwrap();
    let (id, key) = (
        OrganisationId::parse("one").unwrap(),
        node.signing_key().unwrap(),
    );
    let envelope = Envelope::seal("ledger.example", id, 1, vec![entry], &key);
    let (block, next) = build(scribe.at(), &[envelope]).unwrap();
    let next = Arc::new(next);
    assert_eq!(block.envelopes.len(), 1);
    let written = scribe.write(node.store(), &block, &next, next.id).await;
    written.unwrap();
}

/// A store that lost its last entry after that was on the ledger, with another in its place
/// or with none yet: nothing more is appended and sent on, also after a start, and the node
/// says what, where and what next. What stands is still served.
#[tokio::test]
async fn a_log_that_lost_its_tail_goes_no_further() {
    for (appends, what) in [(true, "something else"), (false, "lacks")] {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("one");
        let (node, one) = member(&home, "one").await;
        let charter = found("ledger.example", &[one], Vec::new()).unwrap();
        let config = configured(folder.path(), &charter_text(&charter).unwrap(), "one");
        drop(node);
        starts(&home, &config).await.unwrap();
        let node = opened(&home).await;
        assert_eq!(node.forked().await.unwrap(), None);
        if appends {
            node.propose(witnessed("first")).await.unwrap();
        }
        let lost = Entry::Voted(Motion {
            proposal: [7; 32],
            assent: true,
        });
        brought(&node, &charter, lost.to_canon()).await;
        drop(node);

        for _ in 0..2 {
            let node = opened(&home).await;
            let (stopper, stop) = Stopper::new();
            let started = start(&node, &config, &stop).await.unwrap();
            let mut refused = started.member.refused.subscribe();
            let said = refused.wait_for(|said| said.is_some());
            let said = tokio::time::timeout(Duration::from_secs(20), said).await;
            let said = said.expect("in time").unwrap().clone().unwrap();
            for part in [what, "entry 1 of `one`'s log", "leave, and join"] {
                assert!(said.contains(part), "{said}");
            }
            let size = || async { Log::head(node.store()).await.unwrap().size };
            let before = size().await;
            let error = node.propose(witnessed("next")).await.unwrap_err();
            assert!(error.is::<crate::node::Forked>(), "{error:#}");
            let at = tokio::time::timeout(2 * AGAIN, started.member.subscribe().changed()).await;
            assert!(at.is_err(), "something was ordered");
            assert_eq!(size().await, before);
            assert_eq!(before, 1 + u64::from(appends));
            let watched = Watched {
                node: Arc::clone(&node),
                broker: None,
                metrics: crate::metrics::install().unwrap(),
                ledger: None,
            };
            let any = ([127, 0, 0, 1], 0).into();
            let ready = health::serve(any, watched, stop.clone()).await.unwrap();
            let (status, text) = asked(format!("http://{ready}/ready")).await;
            assert_eq!(status, 503);
            assert!(text.contains(what), "{text}");
            // What is decided goes on.
            node.drain(&|_| ()).await.unwrap();
            ended(started, stopper).await;
        }
    }
}

/// An organisation that no member of the ledger is called as is said, with those that may be
/// meant: it may be misspelt, or a newcomer's, which is not refused.
#[tokio::test]
async fn an_organisation_that_is_no_member_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (harbor, one) = member(&folder.path().join("one"), "harbor").await;
    let (newcomer, _) = member(&folder.path().join("two"), "summit").await;
    let charter = found("ledger.example", &[one], Vec::new()).unwrap();
    let charter = charter_text(&charter).unwrap();
    for (node, id, near) in [(harbor, "harbour", true), (newcomer, "summit", false)] {
        let mut config = configured(folder.path(), &charter, id);
        config.peers = vec!["http://127.0.0.1:1".to_owned()];
        let (stopper, stop) = Stopper::new();
        let started = start(&node, &config, &stop).await.unwrap();
        let mut lacks = started.member.lacks.subscribe();
        let said = lacks.wait_for(|said| said.is_some());
        let said = tokio::time::timeout(Duration::from_secs(20), said).await;
        let said = said.expect("in time").unwrap().clone().unwrap();
        for part in [
            &*format!("ledger.example has no member `{id}`"),
            "`ledger.organisation` is misspelt",
            "`tally org join`",
        ] {
            assert!(said.contains(part), "{said}");
        }
        assert_eq!(said.contains("nearest to it: `harbor`"), near, "{said}");
        let watched = Watched {
            node: Arc::clone(&node),
            broker: None,
            metrics: crate::metrics::install().unwrap(),
            ledger: Some(Arc::new(started.member.clone().into())),
        };
        let any = ([127, 0, 0, 1], 0).into();
        let ready = health::serve(any, watched, stop.clone()).await.unwrap();
        let (status, text) = asked(format!("http://{ready}/ready")).await;
        let told: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((status, told["lacks"].as_str()), (200, Some(&*said)));
        ended(started, stopper).await;
    }
}

async fn rotated(node: &Node, key: Key) -> crate::shared::Application {
    match node.rotate(key, How::default()).await.unwrap() {
        Rotated::ToBeVoted(application) => *application,
        Rotated::Done => panic!("{key:?} is voted on"),
    }
}

async fn ended(mut started: Started, stopper: Stopper) {
    stopper.stop();
    while let Some(ended) = started.tasks.join_next().await {
        ended.unwrap().unwrap();
    }
}

async fn kept(started: &Started, wanted: impl FnMut(&SharedCheckpoint) -> bool) {
    let (mut checkpoints, mut wanted) = (started.member.checkpoint.clone(), wanted);
    let kept = checkpoints.wait_for(|kept| kept.as_ref().is_some_and(&mut wanted));
    let kept = tokio::time::timeout(Duration::from_secs(20), kept).await;
    drop(kept.expect("in time").unwrap());
}

/// One authority takes other keys by its own vote, and goes on with them: the handover
/// is signed by the old one, what comes then by the new ones.
#[tokio::test]
async fn one_authority_takes_other_keys() {
    let folder = tempfile::tempdir().unwrap();
    let (node, one) = member(&folder.path().join("one"), "one").await;
    let was = one.organisation.clone();
    let charter = found("ledger.example", &[one], Vec::new()).unwrap();
    let config = configured(folder.path(), &charter_text(&charter).unwrap(), "one");
    let (stopper, stop) = Stopper::new();
    let started = start(&node, &config, &stop).await.unwrap();
    kept(&started, |kept| kept.size == 3).await;

    let first = rotated(&node, Key::Signing).await.organisation;
    let both = rotated(&node, Key::Authority).await;
    let to_be = both.organisation.clone();
    assert_eq!(to_be.signing, first.signing, "what is to come stays in it");
    assert_eq!(rotated(&node, Key::Authority).await.organisation, to_be);
    assert!(to_be.signing != was.signing && to_be.authority != was.authority);
    let ring = &node.keys().ring;
    assert!(ring.has(Key::Signing, Place::Next) && ring.has(Key::Authority, Place::Next));
    let change = Change::Rotate {
        organisation: both.organisation,
        possession: both.possession,
    };
    node.propose(change).await.unwrap();
    kept(&started, |kept| kept.hands_over).await;
    // Signed by the new keys, on the ledger and under its checkpoint.
    let mut at = started.member.subscribe();
    let known = at.wait_for(|at| at.state.authorities.epoch == 1);
    drop(
        tokio::time::timeout(Duration::from_secs(20), known)
            .await
            .unwrap(),
    );
    node.propose(Change::Witnesses(Vec::new())).await.unwrap();
    kept(&started, |kept| kept.epoch == 1 && !kept.hands_over).await;
    for key in [Key::Signing, Key::Authority] {
        let places = ring.places(key).unwrap();
        assert_eq!(places, [Place::Present, Place::Aside(1)], "{key:?}");
    }
    let now = at
        .borrow()
        .state
        .members
        .values()
        .next()
        .unwrap()
        .organisation
        .clone();
    assert_eq!(now, to_be);
    ended(started, stopper).await;

    // And again after a start.
    let (stopper, stop) = Stopper::new();
    let started = start(&node, &config, &stop).await.unwrap();
    node.propose(Change::Leave(was.id)).await.unwrap_err();
    ended(started, stopper).await;
}

/// One authority takes in no second, neither one that joins nor a member that takes an
/// authority's key: it could not start again.
#[tokio::test]
async fn one_authority_takes_in_no_second() {
    let folder = tempfile::tempdir().unwrap();
    let (node, one) = member(&folder.path().join("one"), "one").await;
    let (other, two) = member(&folder.path().join("two"), "two").await;
    let charter = found("ledger.example", &[one], Vec::new()).unwrap();
    let config = configured(folder.path(), &charter_text(&charter).unwrap(), "one");
    let (stopper, stop) = Stopper::new();
    let started = start(&node, &config, &stop).await.unwrap();
    let (organisation, possession) = (two.organisation, two.possession);
    let joins = Change::Join {
        organisation: organisation.clone(),
        possession: possession.clone(),
    };
    let refused = node.propose(joins).await.unwrap_err().to_string();
    assert!(refused.contains("takes in no other"), "{refused}");

    let mut plain = organisation.clone();
    plain.authority = None;
    let key = other.signing_key().unwrap();
    let shown = Possession::show("ledger.example", &plain, &key, None);
    let joins = Change::Join {
        organisation: plain,
        possession: shown,
    };
    node.propose(joins).await.unwrap();
    let mut at = started.member.subscribe();
    let joined = at.wait_for(|at| at.state.members.len() == 2);
    let joined = tokio::time::timeout(Duration::from_secs(20), joined).await;
    drop(joined.expect("in time").unwrap());
    let rotates = Change::Rotate {
        organisation,
        possession,
    };
    let refused = node.propose(rotates).await.unwrap_err().to_string();
    assert!(refused.contains("takes in no other"), "{refused}");
    ended(started, stopper).await;
}

/// A key that another was made in the place of, and that was voted in all the same.
#[tokio::test]
async fn one_authority_takes_a_key_that_was_put_aside() {
    let folder = tempfile::tempdir().unwrap();
    let (node, one) = member(&folder.path().join("one"), "one").await;
    let charter = found("ledger.example", &[one], Vec::new()).unwrap();
    let config = configured(folder.path(), &charter_text(&charter).unwrap(), "one");
    let (stopper, stop) = Stopper::new();
    let started = start(&node, &config, &stop).await.unwrap();
    kept(&started, |kept| kept.size == 3).await;
    let both = rotated(&node, Key::Authority).await;
    let anew = How {
        anew: true,
        ..How::default()
    };
    drop(node.rotate(Key::Authority, anew).await.unwrap());
    let ring = &node.keys().ring;
    let made = both.organisation.authority.unwrap();
    let place = || ring.place_of(Key::Authority, &made);
    assert_eq!(place(), Some(Place::Aside(1)));
    let change = Change::Rotate {
        organisation: both.organisation,
        possession: both.possession,
    };
    node.propose(change).await.unwrap();
    kept(&started, |kept| kept.hands_over).await;
    node.propose(Change::Witnesses(Vec::new())).await.unwrap();
    kept(&started, |kept| kept.epoch == 1 && !kept.hands_over).await;
    ended(started, stopper).await;
    assert_eq!(place(), Some(Place::Present));
    assert_eq!(ring.places(Key::Authority).unwrap().len(), 3);
}

/// A witness that one authority could not reach cosigned for another, which says so.
#[tokio::test]
async fn cosignatures_are_taken_from_other_authorities() {
    let folder = tempfile::tempdir().unwrap();
    let (node, one) = member(&folder.path().join("one"), "one").await;
    let witness = SigningKey::cosigner("w.example", &[5; 32]).unwrap();
    let named = tally_core::ledger::shared::Witness {
        name: "w.example".into(),
        key: witness.verifier().public(),
    };
    let charter = found("ledger.example", &[one], vec![named]).unwrap();
    let config = configured(folder.path(), &charter_text(&charter).unwrap(), "one");
    let (stopper, stop) = Stopper::new();
    let started = start(&node, &config, &stop).await.unwrap();
    kept(&started, |kept| kept.size == 3).await;
    ended(started, stopper).await;

    let genesis = Arc::new(Snapshot::found(&charter).unwrap());
    let scribe = Scribe::open(node.store(), &charter, &genesis, Arc::default()).await;
    let mut scribe = scribe.unwrap();
    let own = Note::parse(&scribe.kept().unwrap().note).unwrap();
    let stranger = SigningKey::cosigner("w.example", &[6; 32]).unwrap();
    let other = own.text.replacen("\n3\n", "\n4\n", 1);
    for (text, line, taken) in [
        (&own.text, stranger.cosign(&own.text, 7), false),
        (&own.text, witness.cosign(&other, 7), false),
        (&other, witness.cosign(&other, 7), false),
        (&own.text, witness.cosign(&own.text, 7), true),
        (&own.text, witness.cosign(&own.text, 8), false),
    ] {
        let before = scribe.kept().cloned();
        let mut note = own.clone();
        note.text.clone_from(text);
        note.signatures.push(line);
        let said = Gossip::Checkpoint(note.to_string()).to_canon();
        scribe.heard(node.store(), &said).await.unwrap().unwrap();
        assert_eq!(scribe.kept() != before.as_ref(), taken);
    }
    let stored = node.store().shared_checkpoint().await.unwrap();
    assert_eq!(stored.as_ref(), scribe.kept());
    let note = Note::parse(&stored.unwrap().note).unwrap();
    let signed = genesis.signers.verify(&note).unwrap();
    assert_eq!(signed.cosigners, [("w.example".to_owned(), 7)]);
}

/// Killed when another authority's key was in force and its handover not signed: the
/// old key signs that after the start, then the new one goes on.
#[tokio::test]
async fn a_handover_is_signed_by_the_old_key_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let (node, one) = member(&folder.path().join("one"), "one").await;
    let charter = found("ledger.example", &[one], Vec::new()).unwrap();
    let config = configured(folder.path(), &charter_text(&charter).unwrap(), "one");
    let (stopper, stop) = Stopper::new();
    let started = start(&node, &config, &stop).await.unwrap();
    kept(&started, |kept| kept.size == 3).await;
    ended(started, stopper).await;

    let both = rotated(&node, Key::Authority).await;
    let change = Change::Rotate {
        organisation: both.organisation,
        possession: both.possession,
    };
    node.propose(change).await.unwrap();
    // Its block is written as the node would, and nothing signed.
    let genesis = Arc::new(Snapshot::found(&charter).unwrap());
    let pool = Arc::new(Pool::default());
    let scribe = Scribe::open(node.store(), &charter, &genesis, pool).await;
    let mut scribe = scribe.unwrap();
    let at = Arc::clone(scribe.at());
    let entries = tally_store::port::Log::entries(node.store(), 1, 9).await;
    let id = OrganisationId::parse("one").unwrap();
    let key = node.signing_key().unwrap();
    let envelope = Envelope::seal("ledger.example", id, 1, entries.unwrap(), &key);
    let (block, next) = build(&at, &[envelope]).unwrap();
    let next = Arc::new(next);
    assert!(next.boundary);
    let written = scribe.write(node.store(), &block, &next, next.id).await;
    written.unwrap();
    drop(scribe);

    let (stopper, stop) = Stopper::new();
    let started = start(&node, &config, &stop).await.unwrap();
    kept(&started, |kept| kept.hands_over).await;
    node.propose(Change::Witnesses(Vec::new())).await.unwrap();
    kept(&started, |kept| kept.epoch == 1).await;
    ended(started, stopper).await;
    let places = node.keys().ring.places(Key::Authority).unwrap();
    assert_eq!(places, [Place::Present, Place::Aside(1)]);
}

async fn asked(url: String) -> (u16, String) {
    let ask = move || {
        let settings = ureq::Agent::config_builder().http_status_as_error(false);
        let agent: ureq::Agent = settings.build().into();
        let mut answer = agent.get(&url).call().unwrap();
        let status = answer.status().as_u16();
        (status, answer.body_mut().read_to_string().unwrap())
    };
    tokio::task::spawn_blocking(ask).await.unwrap()
}
