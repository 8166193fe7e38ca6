//! What strangers can do to a node that members hand envelopes to.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, StatusCode};
use futures_util::stream::{self, StreamExt as _};
use serde_json::Value;
use tally_core::canon::Canon as _;
use tally_core::ledger::shared::{Change, Envelope, OrganisationId, Possession};
use tally_store::port::Log as _;
use tower::ServiceExt as _;

use crate::api::{Api, Bounds, ROOT, bounded};
use crate::config::{Config, LedgerConfig};
use crate::node::Node;
use crate::node::applying::tests::applicant;
use crate::roles::{Stop, Stopper};
use crate::shared::{Ledger as _, Started, charter_text, found, start};

/// `one` orders alone, and `two` is a member.
struct Net {
    one: Arc<Node>,
    two: Node,
    started: Started,
    router: Router,
    _stop: (Stopper, Stop),
}

impl Net {
    async fn start(folder: &std::path::Path) -> Self {
        let (one, application) = applicant(&folder.join("one"), "one").await;
        let (two, joining) = applicant(&folder.join("two"), "two").await;
        let charter = found("ledger.example", &[application], Vec::new()).unwrap();
        let path = folder.join("charter.json");
        std::fs::write(&path, charter_text(&charter).unwrap()).unwrap();
        let config = LedgerConfig {
            charter: path,
            organisation: "one".into(),
            listen: None,
            witnesses: Vec::new(),
            sent: None,
            peers: Vec::new(),
        };
        let one = Arc::new(one);
        let stop = Stopper::new();
        let started = start(&one, &config, &stop.1).await.unwrap();

        let mut plain = joining.organisation;
        plain.authority = None;
        let key = two.signing_key().unwrap();
        let possession = Possession::show("ledger.example", &plain, &key, None);
        let joins = Change::Join {
            organisation: plain,
            possession,
        };
        one.propose(joins).await.unwrap();
        let mut at = started.member.subscribe();
        let joined = at.wait_for(|at| at.state.members.len() == 2);
        let joined = tokio::time::timeout(Duration::from_secs(20), joined).await;
        drop(joined.expect("in time").unwrap());

        let text = format!(
            "[node]\ndata = {:?}\npayer = \"one\"\n",
            folder.join("one").display().to_string()
        );
        let api = Api {
            node: Arc::clone(&one),
            config: Arc::new(Config::of("test", &text, []).unwrap()),
            nudge: Arc::default(),
            ledger: Some(started.member.clone()),
        };
        Self {
            router: bounded(api, Bounds::default()),
            one,
            two,
            started,
            _stop: stop,
        }
    }

    /// An envelope of the first of a node's entries from an index on.
    async fn envelope(of: &Node, id: &str, first: u64) -> Vec<u8> {
        let mut entries = of.store().entries(first, 1).await.unwrap();
        if entries.is_empty() {
            entries.push(vec![1; 40]);
        }
        let id = OrganisationId::parse(id).unwrap();
        let key = of.signing_key().unwrap();
        Envelope::seal("ledger.example", id, first, entries, &key).to_canon()
    }

    async fn post(&self, body: impl Into<Body>) -> (StatusCode, Value) {
        let request = Request::post(format!("{ROOT}/ledger/shared/envelopes"));
        let request = request.body(body.into()).unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// A connection on which this comes, and then nothing.
    fn slow(&self, begins: Vec<u8>) -> tokio::task::JoinHandle<StatusCode> {
        let first = stream::iter([Ok::<_, Infallible>(Bytes::from(begins))]);
        let body = Body::from_stream(first.chain(stream::pending()));
        let request = Request::post(format!("{ROOT}/ledger/shared/envelopes"));
        let request = request.body(body).unwrap();
        let router = self.router.clone();
        tokio::spawn(async move { router.oneshot(request).await.unwrap().status() })
    }
}

/// Strangers that send slowly, nothing of use or what stands already, shut no member out.
#[tokio::test]
async fn slow_strangers_shut_no_member_out() {
    let folder = tempfile::tempdir().unwrap();
    let net = Net::start(folder.path()).await;
    let stands = Net::envelope(&net.one, "one", 0).await;
    let mut forged = Net::envelope(&net.two, "two", 0).await;
    forged[100] ^= 1;
    forged.resize(300, 0);
    let mut slow = Vec::new();
    for _ in 0..40 {
        slow.push(net.slow(vec![0]));
        slow.push(net.slow(stands.clone()));
        slow.push(net.slow(forged.clone()));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let envelope = Net::envelope(&net.two, "two", 0).await;
    let (status, body) = net.post(envelope).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    assert_eq!(body["taken"], true);
    assert_eq!(body["next"], 0);

    // None of them is waited for long.
    for slow in slow {
        let status = tokio::time::timeout(Duration::from_secs(10), slow).await;
        let status = status.expect("in time").unwrap();
        let expected = [
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::FORBIDDEN,
            StatusCode::ACCEPTED,
        ];
        assert!(expected.contains(&status), "{status}");
    }
    drop(net.started);
}

/// A member that sends without end, or slowly, takes its own share alone.
#[tokio::test]
async fn one_member_takes_no_others_share() {
    let folder = tempfile::tempdir().unwrap();
    let net = Net::start(folder.path()).await;
    let much = Net::envelope(&net.two, "two", 9).await;
    let mut busy = 0;
    for _ in 0..300 {
        let (status, body) = net.post(much.clone()).await;
        if status == StatusCode::SERVICE_UNAVAILABLE {
            assert_eq!(body["code"], "A117");
            busy += 1;
        }
    }
    let whole = Net::envelope(&net.two, "two", 8).await;
    for _ in 0..20 {
        // All but its end.
        drop(net.slow(whole[..whole.len() - 1].to_vec()));
    }
    let next = net.started.member.subscribe().borrow().clone();
    let next = next.state.next(&OrganisationId::parse("one").unwrap());
    let (status, body) = net
        .post(Net::envelope(&net.one, "one", next.unwrap()).await)
        .await;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    assert!(busy > 0, "all of 300 at once were taken");
}

/// What is no envelope, or nobody's, is refused for what it is.
#[tokio::test]
async fn what_is_no_members_envelope_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let net = Net::start(folder.path()).await;
    let envelope = Net::envelope(&net.two, "two", 0).await;
    let mut signature = envelope.clone();
    signature[60] ^= 1;
    let other = Net::envelope(&net.two, "six", 0).await;
    let mut long = envelope.clone();
    long.resize(300 << 10, 0);
    let cut = envelope[..envelope.len() - 1].to_vec();
    for (body, expected) in [
        (b"junk".to_vec(), StatusCode::BAD_REQUEST),
        (cut, StatusCode::BAD_REQUEST),
        (other, StatusCode::FORBIDDEN),
        (signature, StatusCode::FORBIDDEN),
        (long, StatusCode::PAYLOAD_TOO_LARGE),
        (envelope, StatusCode::ACCEPTED),
    ] {
        let (status, body) = net.post(body).await;
        assert_eq!(status, expected, "{body}");
    }
}

/// A checkpoint is verified once: afterwards it is shown without a look at what it was
/// verified by.
#[tokio::test]
async fn a_checkpoint_is_verified_once() {
    let folder = tempfile::tempdir().unwrap();
    let net = Net::start(folder.path()).await;
    let kept = loop {
        match net.started.member.checkpoint().await.unwrap() {
            Some(kept) => break kept,
            None => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let seen = super::Seen::default();
    let (right, empty) = (net.one.store(), net.two.store());
    let shown = seen.body(right, kept.clone()).await.unwrap();
    assert_eq!(shown.signers, ["one"]);
    let again = seen.body(empty, kept.clone()).await.unwrap();
    assert_eq!((again.size, again.root), (shown.size, shown.root));
    // Another is not taken for it.
    let fresh = super::Seen::default();
    assert!(fresh.body(empty, kept.clone()).await.is_err());
    let mut other = kept;
    other.note = other.note.replace("ledger.example", "another.example");
    assert!(seen.body(right, other).await.is_err());
}
