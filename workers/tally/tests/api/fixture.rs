//! A node in a folder of its own, its API, and somebody who drains the queue.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use tally::api::{Api, Bounds, ROOT};
use tally::config::Config;
use tally::node::clock::Clock;
use tally::node::{MOST, Node, Paying, Remitting, Step};
use tally_core::claim::{Contract, Member, Relationship, Sex, Span};
use tally_store::port::Audit as _;
use tally_types::ServiceDate;
use tokio::sync::Notify;
use tower::ServiceExt as _;

pub const MEMBER: &str = "M-1001";
pub const JSON: &str = "application/json";
pub const FHIR: &str = "application/fhir+json";
pub const X12: &str = "application/edi-x12";

/// Organisations: their ids, the seeds of their keys, what they may do, what they are.
const ORGANISATIONS: [(&str, u8, &str, &str); 5] = [
    ("riverside", 1, "", "provider"),
    ("lakeside", 2, "", "provider"),
    ("harbor", 3, r#""read-claims", "ask-eligibility""#, ""),
    ("siu", 4, r#""read-flags""#, "regulator"),
    ("trust", 5, "", "custodian"),
];

pub struct Fixture {
    pub node: Arc<Node>,
    pub nudge: Arc<Notify>,
    pub api: Api,
    pub router: Router,
    stop: Arc<AtomicBool>,
    drainer: Option<JoinHandle<()>>,
    folder: tempfile::TempDir,
}

/// What is asked.
pub struct Ask {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What is answered.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

pub fn day(text: &str) -> ServiceDate {
    ServiceDate::parse(text).unwrap()
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub fn now() -> i64 {
    Clock::now_ms() / 1000
}

/// A token of an organisation.
pub fn token(organisation: &str) -> String {
    let known = ORGANISATIONS.iter().find(|(id, ..)| *id == organisation);
    let seed = known.map_or(99, |(_, seed, ..)| *seed);
    token_of(
        seed,
        &json!({ "iss": organisation, "aud": "harbor-health", "iat": now(), "exp": now() + 300, "jti": "t" }),
    )
}

pub fn token_of(seed: u8, claims: &Value) -> String {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let header = encode(r#"{"alg":"EdDSA","typ":"JWT"}"#);
    let signed = format!("{header}.{}", encode(&claims.to_string()));
    let signature = key(seed).sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

/// A professional claim of one office visit, in our own format.
pub fn claim(control: &str, charge: &str) -> Value {
    claim_of(control, MEMBER, "2026-02-10", charge)
}

pub fn claim_of(control: &str, member: &str, on: &str, charge: &str) -> Value {
    json!({
        "format": "tallystick-claim/v1",
        "kind": "professional",
        "control_number": control,
        "member": member,
        "billing": "1234567893",
        "diagnoses": ["J069"],
        "lines": [{ "procedure": "99213", "place": "11", "charge": charge, "from": on }],
    })
}

/// The same in FHIR.
pub fn fhir_claim(control: &str, charge: &str) -> Value {
    let charge: f64 = charge.parse().unwrap();
    json!({
        "resourceType": "Claim", "status": "active", "use": "claim",
        "identifier": [{ "value": control }],
        "type": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/claim-type", "code": "professional" }] },
        "patient": { "identifier": { "value": MEMBER } },
        "created": "2026-03-02",
        "provider": { "identifier": { "system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567893" } },
        "priority": { "coding": [{ "code": "normal" }] },
        "insurance": [{ "sequence": 1, "focal": true, "coverage": { "reference": "Coverage/1" } }],
        "item": [{
            "sequence": 1,
            "productOrService": { "coding": [{ "system": "http://www.ama-assn.org/go/cpt", "code": "99213" }] },
            "servicedDate": "2026-02-10",
            "net": { "value": charge, "currency": "USD" }
        }]
    })
}

fn config(folder: &Path, patience: u64, limit: usize) -> Config {
    let mut text = format!(
        "[node]\ndata = {:?}\npayer = \"harbor-health\"\n[intake]\npatience = {patience}\nlimit = {limit}\n\
         [[payer.prompt_pay]]\nfrom = \"2026-01-01\"\ndays = 30\nrate = \"0.1\"\n\
         [[payer.appeal]]\nname = \"internal\"\nfile_within_days = 180\ndecide_within_days = 60\n\
         [[payer.appeal]]\nname = \"external\"\nfile_within_months = 4\ndecide_within_days = 45\nby = [\"member\"]\n",
        folder.display().to_string()
    );
    for (id, seed, may, role) in ORGANISATIONS {
        let public = tally::node::keys::hex(&key(seed).verifying_key().to_bytes());
        text.push_str(&format!(
            "[[organisation]]\nid = \"{id}\"\nkey = \"{public}\"\nmay = [{may}]\n"
        ));
        if !role.is_empty() {
            text.push_str(&format!("roles = [\"{role}\"]\n"));
        }
    }
    // A payee that is an organisation itself.
    text.push_str(
        "[[payee]]\nidentifier = \"2000001372\"\nname = \"LAKESIDE CLINIC\"\norganisation = \"lakeside\"\n",
    );
    // Services of an office, and what the law protects.
    text.push_str(
        "[[code_list]]\nname = \"office\"\nprefixes = [\"992\"]\n\
         [[code_list]]\nname = \"part-2\"\nprefixes = [\"F10\"]\nprotected = true\n",
    );
    Config::of("test", &text, []).unwrap()
}

impl Fixture {
    /// Pays all that is settled; answers the numbers of the payments.
    pub async fn pay(&self) -> Vec<String> {
        let paying = Paying {
            remitting: Remitting {
                payer: &self.api.config.payer,
                payees: &self.api.config.payees,
                on: self.node.clock().today(),
            },
            payee: None,
            dry: false,
            most: MOST,
        };
        let mut traces = Vec::new();
        let mut said = |step: Step<'_>| {
            if let Step::Paid(of) = step {
                traces.push(of.trace);
            }
            Ok(())
        };
        self.node.pay(&paying, &mut said).await.unwrap();
        traces
    }

    /// A node whose queue is drained as soon as it is told.
    pub async fn new() -> Self {
        let mut fixture = Self::idle(20_000, Bounds::default()).await;
        fixture.drain_on_nudge();
        fixture
    }

    /// The node's folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A node whose queue nobody drains.
    pub async fn idle(patience: u64, bounds: Bounds) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::simulated(day("2026-03-02"));
        let node = Node::open(folder.path(), clock).await.unwrap();
        let member = Member {
            id: MEMBER.to_owned(),
            name: "Ann Ash".to_owned(),
            birth: day("1980-01-01"),
            death: Some(day("2026-02-20")),
            sex: Sex::Female,
            relationship: Relationship::Subscriber,
            spans: vec![Span {
                product: "harbor-ppo".to_owned(),
                from: day("2024-01-01"),
                through: None,
            }],
            authorizations: Vec::new(),
        };
        let contract = Contract {
            id: "C-1".to_owned(),
            inception: day("2024-01-01"),
            members: vec![member],
        };
        node.enrol(&contract, false).await.unwrap();
        let node = Arc::new(node);
        let nudge = Arc::new(Notify::new());
        let api = Api {
            ledger: None,
            node: Arc::clone(&node),
            config: Arc::new(config(folder.path(), patience, 64 << 10)),
            nudge: Arc::clone(&nudge),
        };
        Self {
            router: tally::api::bounded(api.clone(), bounds),
            api,
            node,
            nudge,
            stop: Arc::default(),
            drainer: None,
            folder,
        }
    }

    /// Lets a thread drain the queue from now on, whenever it is told.
    pub fn drain_on_nudge(&mut self) {
        let (node, nudge, stop) = (
            Arc::clone(&self.node),
            Arc::clone(&self.nudge),
            Arc::clone(&self.stop),
        );
        self.drainer = Some(std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                while !stop.load(Ordering::SeqCst) {
                    nudge.notified().await;
                    node.drain(&|_| ()).await.unwrap();
                }
            });
        }));
    }

    pub async fn ask(&self, ask: Ask) -> Answer {
        let mut request = Request::builder().method(ask.method).uri(ask.path);
        for (name, value) in ask.headers {
            request = request.header(name, value);
        }
        self.send(request.body(Body::from(ask.body)).unwrap()).await
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = to_bytes(body, 32 << 20).await.unwrap();
        Answer {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    pub async fn get(&self, organisation: &str, path: &str) -> Answer {
        self.ask(get(path).by(organisation)).await
    }

    /// Submits claims in our own format; they must be decided.
    pub async fn submit(&self, organisation: &str, key: &str, body: &Value) -> Value {
        let answer = self.ask(post(key, body).by(organisation)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.json()
    }

    /// Submits, and lets everything come to the ledger that follows from it.
    pub async fn settle(&self, organisation: &str, key: &str, body: &Value) -> Value {
        self.submit(organisation, key, body).await;
        self.node.drain(&|_| ()).await.unwrap();
        self.submit(organisation, key, body).await
    }

    /// What was noted of an organisation: action and subject, the oldest first.
    pub async fn noted(&self, organisation: &str) -> Vec<(String, String)> {
        let mut rows = self.node.store().audit(10_000).await.unwrap();
        rows.reverse();
        let actor = format!("organisation:{organisation}");
        rows.into_iter()
            .filter(|row| row.actor == actor)
            .map(|row| (row.action, row.subject))
            .collect()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.nudge.notify_one();
        if let Some(drainer) = self.drainer.take() {
            let _ = drainer.join();
        }
    }
}

/// A request for something below the API's root.
pub fn ask(method: &'static str, path: &str) -> Ask {
    Ask {
        method,
        path: format!("{ROOT}{path}"),
        headers: Vec::new(),
        body: Vec::new(),
    }
}

pub fn get(path: &str) -> Ask {
    ask("GET", path)
}

/// A submission in our own format.
pub fn post(key: &str, body: &Value) -> Ask {
    ask("POST", "/claims")
        .with("idempotency-key", key)
        .with("content-type", JSON)
        .body(body.to_string())
}

impl Ask {
    pub fn by(self, organisation: &str) -> Self {
        let token = token(organisation);
        self.with(header::AUTHORIZATION.as_str(), &format!("Bearer {token}"))
    }

    /// With a header, instead of one of that name.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(given, _)| given != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(given, _)| given != name);
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// It must be a problem of this code, whole and sound.
    #[track_caller]
    pub fn problem(&self, code: &str) -> Value {
        let body = self.json();
        assert_eq!(body["code"], code, "{} {}", self.status, self.body);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(body["status"], self.status.as_u16());
        assert_eq!(
            body["type"],
            format!("https://tallystick.example/problems/{code}")
        );
        assert_eq!(body["instance"], self.header("x-request-id"));
        assert!(!body["title"].as_str().unwrap().is_empty());
        assert!(!body["detail"].as_str().unwrap().is_empty());
        assert_eq!(self.header("cache-control"), "no-store");
        assert_eq!(self.header("x-content-type-options"), "nosniff");
        body
    }
}

/// Bounds that are soon met.
pub fn tight() -> Bounds {
    Bounds {
        submissions: 1,
        body: Duration::from_millis(200),
        work: Duration::from_millis(200),
    }
}

/// The first claim of a submission.
#[track_caller]
pub fn first(submission: &Value) -> String {
    submission["claims"][0]["claim"]
        .as_str()
        .unwrap()
        .to_owned()
}
