//! Organisations of the configuration and of a shared ledger, on the real API.

use std::path::Path;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::json;
use tally_core::ledger::shared::{Charter, Role};
use tower::ServiceExt as _;

use super::*;
use crate::config::{LedgerConfig, PoliciesConfig};
use crate::node::clock::Clock;
use crate::node::{Applying, Node};
use crate::roles::Stopper;

const OLD: [u8; 32] = [7; 32];

async fn node(folder: &Path, id: &str) -> Node {
    let folder = folder.join(id);
    let node = Node::open_with(&folder, Clock::System, PoliciesConfig::None);
    node.await.unwrap()
}

fn id(text: &str) -> OrganisationId {
    OrganisationId::parse(text).unwrap()
}

fn public(secret: &[u8; 32]) -> [u8; 32] {
    SigningKey::from_bytes(secret).verifying_key().to_bytes()
}

/// harbor, which orders alone, and north, a provider.
async fn charter(harbor: &Node, north: &Node) -> Charter {
    harbor.make_authority(false).unwrap();
    let applying = |id: &str, role: Role| Applying {
        ledger: "ledger.example".into(),
        id: id.into(),
        name: id.into(),
        roles: vec![role],
        address: match role {
            Role::Payer => "127.0.0.1:9000".into(),
            _ => String::new(),
        },
        url: String::new(),
    };
    let applications = [
        harbor.application(&applying("harbor", Role::Payer)).await,
        north.application(&applying("north", Role::Provider)).await,
    ];
    let applications = applications.map(Result::unwrap);
    crate::shared::found("ledger.example", &applications, Vec::new()).unwrap()
}

fn config(payer: &str, organisations: &[(&str, [u8; 32], &str)]) -> Config {
    let mut text = format!("[node]\ndata = \"x\"\npayer = \"{payer}\"\n");
    for (id, key, may) in organisations {
        let key = hex(key);
        text.push_str(&format!(
            "[[organisation]]\nid = \"{id}\"\nkey = \"{key}\"\nmay = [{may}]\n"
        ));
    }
    Config::of("test", &text, []).unwrap()
}

/// A ledger of both, on which something may have changed since.
async fn snapshot(change: impl Fn(&OrganisationId, &mut Member)) -> Snapshot {
    let folder = tempfile::tempdir().unwrap();
    let (harbor, north) = (
        node(folder.path(), "harbor").await,
        node(folder.path(), "north").await,
    );
    let mut at = Snapshot::found(&charter(&harbor, &north).await).unwrap();
    for (id, member) in &mut Arc::make_mut(&mut at.state).members {
        change(id, Arc::make_mut(member));
    }
    at
}

#[tokio::test]
async fn on_the_ledger_its_key_there_counts() {
    let at = Arc::new(snapshot(|_, _| ()).await);
    let (own, other) = (
        id("harbor"),
        [("north", public(&OLD), ""), ("siu", public(&[8; 32]), "")],
    );
    let configured = config("harbor-health", &other);
    let both = Both::new(&configured, Some((Arc::clone(&at), &own)));
    let north = both.known("north", None).unwrap();
    assert_eq!(
        north.key,
        at.state.members[&id("north")].organisation.signing
    );
    assert!(north.caller.sends && !north.left);
    let siu = both.known("siu", None).unwrap();
    assert_eq!(siu.key, public(&[8; 32]));
    let said = both.see_to(&[[0; 32]]).unwrap();
    assert_eq!(said.len(), 1);
    assert!(said[0].contains("`north` signs with"), "{}", said[0]);
    // What the payer allowed one key is not another's who came to be there under its name.
    let there = at.state.members[&id("north")].organisation.signing;
    for (key, may) in [(public(&OLD), false), (there, true)] {
        let allowed = [("north", key, "\"read-flags\", \"ask-eligibility\"")];
        let configured = config("harbor-health", &allowed);
        let both = Both::new(&configured, Some((Arc::clone(&at), &own)));
        let caller = both.known("north", None).unwrap().caller;
        assert_eq!((caller.reads_flags, caller.asks_eligibility), (may, may));
    }
    // Who is there alone sends nothing.
    let nobody = config("harbor-health", &[]);
    let both = Both::new(&nobody, Some((at, &own)));
    assert!(!both.known("north", None).unwrap().caller.sends);
    assert!(both.known("elsewhere", None).is_none());
}

#[tokio::test]
async fn who_has_left_is_not_let_in_and_a_payer_that_left_goes_on() {
    let own = id("harbor");
    let configured = config("harbor-health", &[("north", public(&OLD), "")]);
    let nobody = config("harbor-health", &[]);
    let left = Arc::new(snapshot(|id, member| member.left = id.as_str() == "north").await);
    let both = Both::new(&configured, Some((Arc::clone(&left), &own)));
    assert!(both.known("north", None).unwrap().left);
    assert!(both.see_to(&[[0; 32]]).unwrap()[0].contains("has left"));
    let both = Both::new(&nobody, Some((left, &own)));
    assert!(both.known("north", None).is_none());

    let alone = Arc::new(snapshot(|id, member| member.left = id.as_str() == "harbor").await);
    let both = Both::new(&configured, Some((Arc::clone(&alone), &own)));
    let north = both.known("north", None).unwrap();
    assert!(!north.left && north.key == public(&OLD));
    assert!(both.is_meant("harbor-health") && !both.is_meant("harbor"));
    let both = Both::new(&nobody, Some((alone, &own)));
    assert!(both.known("north", None).is_none());
}

#[tokio::test]
async fn nobody_is_taken_for_another() {
    let own = id("harbor");
    let at = Arc::new(snapshot(|_, _| ()).await);
    let refused = |payer: &str, organisations: &[(&str, [u8; 32], &str)], ledger: bool| {
        let configured = config(payer, organisations);
        let shared = ledger.then(|| (Arc::clone(&at), &own));
        let refused = Both::new(&configured, shared).see_to(&[public(&[5; 32])]);
        refused.err().map(|error| error.to_string())
    };
    let (other, ours, staff) = (public(&OLD), public(&[5; 32]), r#""read-claims""#);
    for (payer, organisation, ledger, why) in [
        // The payer's own id, with a key that is another's.
        (
            "harbor",
            ("harbor", other, ""),
            false,
            Some("the payer's own id"),
        ),
        ("x", ("harbor", other, ""), true, Some("the payer's own id")),
        ("x", ("x", other, ""), true, Some("the payer's own id")),
        ("harbor", ("harbor", ours, ""), false, None),
        ("harbor", ("harbor", other, staff), false, None),
        // Another's id, with the payer's rights.
        (
            "harbor",
            ("north", other, staff),
            true,
            Some("another organisation"),
        ),
        ("harbor", ("north", other, ""), true, None),
        ("harbor", ("north", other, staff), false, None),
        // Tokens for another are not for this payer.
        (
            "north",
            ("siu", other, ""),
            true,
            Some("`node.payer` is `north`"),
        ),
    ] {
        let said = refused(payer, &[organisation], ledger);
        let expected = why.map_or(said.is_none(), |why| {
            said.as_ref().is_some_and(|said| said.contains(why))
        });
        assert!(expected, "{payer} {}: {said:?}", organisation.0);
    }
    // And where it happens while the node runs, nobody is let in as the payer.
    let configured = config("north", &[("north", other, staff)]);
    let both = Both::new(&configured, Some((at, &own)));
    assert!(!both.known("north", None).unwrap().caller.reads_claims);
    assert!(both.is_meant("harbor") && !both.is_meant("north") && !both.is_meant(""));
}

/// A token of north's.
fn token(key: &[u8; 32], audience: &str) -> String {
    let now = Clock::now_ms() / 1000;
    let claims =
        json!({ "iss": "north", "aud": audience, "iat": now, "exp": now + 300, "jti": "1" });
    let encode = |text: &str| BASE64.encode(text);
    let header = encode(r#"{"alg":"EdDSA","typ":"JWT"}"#);
    let signed = format!("{header}.{}", encode(&claims.to_string()));
    let signature = SigningKey::from_bytes(key).sign(signed.as_bytes());
    format!("{signed}.{}", BASE64.encode(signature.to_bytes()))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_on_the_ledger_alone_reads_and_sends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let harbor = Arc::new(node(folder.path(), "harbor").await);
    let north = node(folder.path(), "north").await;
    let charter = charter(&harbor, &north).await;
    let path = folder.path().join("charter.json");
    std::fs::write(&path, crate::shared::charter_text(&charter).unwrap()).unwrap();
    let on = LedgerConfig {
        charter: path,
        organisation: "harbor".into(),
        listen: None,
        peers: Vec::new(),
        witnesses: Vec::new(),
        sent: None,
    };
    let (stopper, stop) = Stopper::new();
    let started = crate::shared::start(&harbor, &on, &stop).await.unwrap();
    let ask = async |config: Config, method: &str, path: &str, token: String| {
        let api = Api {
            node: Arc::clone(&harbor),
            config: Arc::new(config),
            nudge: Arc::default(),
            ledger: Some(started.member.clone()),
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", crate::api::ROOT))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .header("idempotency-key", "k")
            .body(Body::from("[]"))
            .unwrap();
        crate::api::router(api)
            .oneshot(request)
            .await
            .unwrap()
            .status()
    };
    let secret = *north.keys().signing;
    let nobody = || config("harbor-health", &[]);
    let configured = || config("harbor-health", &[("north", public(&OLD), "")]);
    let (ok, forbidden, none) = (
        StatusCode::OK,
        StatusCode::FORBIDDEN,
        StatusCode::UNAUTHORIZED,
    );
    for audience in ["harbor-health", "harbor"] {
        let of = token(&secret, audience);
        assert_eq!(ask(nobody(), "GET", "/claims", of.clone()).await, ok);
        for path in ["/claims", "/estimates", "/authorizations"] {
            assert_eq!(
                ask(nobody(), "POST", path, of.clone()).await,
                forbidden,
                "{path}"
            );
            assert_ne!(
                ask(configured(), "POST", path, of.clone()).await,
                forbidden,
                "{path}"
            );
        }
        let old = token(&OLD, audience);
        assert_eq!(ask(configured(), "GET", "/claims", old).await, none);
    }
    for audience in ["north", "elsewhere", ""] {
        let of = token(&secret, audience);
        assert_eq!(
            ask(nobody(), "GET", "/claims", of).await,
            none,
            "{audience}"
        );
    }
    stopper.stop();
}
