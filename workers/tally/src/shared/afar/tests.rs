//! What is believed of what nodes serve: a real one, and one who stands before it.

use std::sync::Mutex;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use tally_core::ledger::shared::Change;
use tokio::net::TcpListener;

use super::*;
use crate::api::{Api, router};
use crate::config::{Config, LedgerConfig};
use crate::node::applying::tests::applicant;
use crate::roles::Stopper;
use crate::shared::signed::HEADER;
use crate::shared::{Started, charter_text, found};

fn block(height: u64, id: u8) -> SharedBlock {
    SharedBlock {
        height,
        id: [id; 32],
        size: height,
    }
}

/// What too few say is not believed, however far it goes.
#[test]
fn blocks_are_what_enough_say() {
    let honest = [block(1, 1), block(2, 2), block(3, 3)];
    let liar = [block(1, 1), block(2, 9), block(3, 9), block(4, 9)];
    let names = ["cedar", "harbor", "lakeside"].map(|name| OrganisationId::parse(name).unwrap());
    let answers = |of: &[&[SharedBlock]]| -> Answers {
        let said = of.iter().map(|one| one.to_vec());
        names.iter().cloned().zip(said).collect()
    };
    let of_three = answers(&[&honest, &liar, &honest[..2]]);
    assert_eq!(agreed(&of_three, 2), honest[..2]);
    assert_eq!(agreed(&of_three, 1), liar);
    assert_eq!(agreed(&of_three, 3), honest[..1]);
    assert_eq!(agreed(&of_three, 4), []);
    assert_eq!(agreed(&Answers::new(), 1), []);
}

/// What one who stands before a node does with what it answers.
#[derive(Clone, PartialEq, Eq)]
enum Before {
    Nothing,
    /// Takes its signatures away.
    Unsigned,
    /// Shows this checkpoint in the place of the last.
    Shows(String),
}

async fn standing(before: Before, request: Request, next: Next) -> Response {
    let of_checkpoint = request.uri().path().ends_with("/shared/checkpoint");
    let mut answer = next.run(request).await;
    match before {
        Before::Shows(old) if of_checkpoint => return old.into_response(),
        Before::Unsigned => drop(answer.headers_mut().remove(HEADER)),
        _ => {}
    }
    answer
}

/// The API of the only authority's node, with somebody before it: where it is.
async fn served(api: Api, before: &Arc<Mutex<Before>>) -> String {
    let before = Arc::clone(before);
    let stands = from_fn(move |request, next| {
        let before = before.lock().unwrap().clone();
        standing(before, request, next)
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = router(api).layer(stands);
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

async fn kept(started: &Started, more_than: u64) -> String {
    let mut at = started.member.checkpoint.clone();
    let kept = at.wait_for(|kept| kept.as_ref().is_some_and(|kept| kept.size > more_than));
    let kept = tokio::time::timeout(Duration::from_secs(20), kept).await;
    let kept = kept.expect("in time").unwrap();
    kept.as_ref().unwrap().note.clone()
}

/// Blocks count as the authority signed them, and what is older than what was read is no
/// answer: whoever stands before all nodes could else hold a member back, unseen.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_unsigned_or_old_is_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (node, one) = applicant(&folder.path().join("one"), "one").await;
    let node = Arc::new(node);
    let charter = found("ledger.example", &[one], Vec::new()).unwrap();
    let file = folder.path().join("charter.json");
    std::fs::write(&file, charter_text(&charter).unwrap()).unwrap();
    let config = LedgerConfig {
        charter: file,
        organisation: "one".into(),
        listen: None,
        peers: Vec::new(),
        witnesses: Vec::new(),
        sent: None,
    };
    let (_stopper, stop) = Stopper::new();
    let started = crate::shared::start(&node, &config, &stop).await.unwrap();
    let api = Api {
        node: Arc::clone(&node),
        config: Arc::new(Config::of("test", "[node]\ndata = \"x\"\n", []).unwrap()),
        nudge: Arc::default(),
        ledger: Some(started.member.clone()),
    };
    let before = Arc::new(Mutex::new(Before::Unsigned));
    let now = |stands: Before| *before.lock().unwrap() = stands;
    let url = served(api, &before).await;
    let old = kept(&started, 1).await;

    let genesis = Arc::new(Snapshot::found(&charter).unwrap());
    let two = OrganisationId::parse("two").unwrap();
    let mut afar = Afar::new(two, genesis.state.authorities.clone(), vec![url]);
    let why = afar.next(&genesis, 0).await.err().unwrap();
    let why = format!("{why:#}");
    assert!(why.contains("0 of 1 authorities of epoch 0"), "{why}");
    assert!(why.contains("came from one; of http://"), "{why}");
    assert!(why.contains("it is not signed"), "{why}");
    now(Before::Nothing);
    let read = afar.next(&genesis, 0).await.unwrap();
    let (_, at, _) = read.blocks.last().unwrap();
    assert_eq!(at.frontier.size(), 3);

    node.propose(Change::Witnesses(Vec::new())).await.unwrap();
    kept(&started, 3).await;
    let read = afar.next(at, 0).await.unwrap();
    let (_, at, _) = read.blocks.last().unwrap();
    assert!(at.frontier.size() > 3 && read.checkpoint.is_some());
    now(Before::Shows(old));
    let why = afar.next(at, 0).await.err().unwrap();
    assert!(format!("{why:#}").contains("older"), "{why:#}");
    now(Before::Nothing);
    assert!(afar.next(at, 0).await.unwrap().blocks.is_empty());
}
