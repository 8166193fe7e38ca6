//! The pages over a real node: what they show, what they never let through.

mod appeals;
mod eob;
mod payments;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use tally_core::claim::{Contract, Member, Relationship, Sex, Span};
use tally_core::ledger::{Receipt, Verdict, verify_receipt};
use tally_store::port::{Audit as _, ClaimFilter, FlagFilter, Reading as _};
use tally_types::ServiceDate;
use tower::ServiceExt as _;

use crate::config::{Config, PayerConfig};
use crate::node::clock::Clock;
use crate::node::{Delivery, Node};
use crate::view::ClaimView;

/// What would do harm if it stood in a page as it is.
const HOSTILE: &str = r#"<script>alert("1")</script>'&amp;<img src=x onerror=y>"#;
/// A member id that is hard to put into an address.
const MEMBER: &str = r#"M/1 "<i>"?#&%2e"#;

struct Fixture {
    node: Arc<Node>,
    router: Router,
    _folder: tempfile::TempDir,
}

struct Page {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

fn day(text: &str) -> ServiceDate {
    ServiceDate::parse(text).unwrap()
}

/// One line of office visits.
fn claim(control: &str, member: &str, provider: &str, on: &str, charge: &str) -> serde_json::Value {
    serde_json::json!({
        "format": "tallystick-claim/v1",
        "kind": "professional",
        "control_number": control,
        "member": member,
        "billing": provider,
        "diagnoses": ["J069"],
        "lines": [{ "procedure": "99213", "place": "11", "charge": charge, "from": on }],
    })
}

/// Two levels, as of a plan under US law.
const LEVELS: &str = "[[payer.appeal]]\nname = 'internal'\nfile_within_days = 180\n\
    decide_within_days = 60\nexpedited_hours = 72\n\
    [[payer.appeal]]\nname = 'external review'\nfile_within_months = 4\ndecide_within_days = 45\n";

fn payer(text: &str) -> PayerConfig {
    let text = format!("[node]\ndata = 'x'\n{text}");
    Config::of("test", &text, []).unwrap().payer
}

impl Fixture {
    /// A node with a family, and these claims adjudicated.
    async fn new(claims: Vec<serde_json::Value>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::simulated(day("2026-03-02"));
        let node = Node::open(folder.path(), clock).await.unwrap();
        let book = node.book().await.unwrap();
        let (_, publication) = book.publications().next().unwrap();
        let member = Member {
            id: MEMBER.to_owned(),
            name: HOSTILE.to_owned(),
            birth: day("1980-01-01"),
            death: Some(day("2026-02-20")),
            sex: Sex::Unknown,
            relationship: Relationship::Subscriber,
            spans: vec![Span {
                product: publication.product.clone(),
                from: day("2024-01-01"),
                through: None,
            }],
            authorizations: Vec::new(),
        };
        let contract = Contract {
            id: HOSTILE.to_owned(),
            inception: day("2024-01-01"),
            members: vec![member],
        };
        node.enrol(&contract, false).await.unwrap();
        if !claims.is_empty() {
            let file = serde_json::Value::from(claims).to_string();
            let submitted = node
                .submit(Delivery::local(file.as_bytes(), None))
                .await
                .unwrap();
            assert_eq!(submitted.refusals, Vec::new());
            node.drain(&|_| ()).await.unwrap();
        }
        let node = Arc::new(node);
        Self {
            router: super::router(Arc::clone(&node), payer(LEVELS), Default::default(), None),
            node,
            _folder: folder,
        }
    }

    /// Hostile strings everywhere, two claims that look like one, and a
    /// service after the member's death.
    async fn hostile() -> Self {
        Self::new(vec![
            claim(HOSTILE, MEMBER, HOSTILE, "2026-02-10", "180.00"),
            claim("A-2", MEMBER, HOSTILE, "2026-02-10", "181.00"),
            claim("A-3", MEMBER, "1234567893", "2026-02-25", "120.00"),
            claim("A-4", HOSTILE, HOSTILE, "2026-02-11", "1250.00"),
        ])
        .await
    }

    async fn ask(&self, method: Method, path: &str, host: Option<&str>) -> Page {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(host) = host {
            request = request.header(header::HOST, host);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = to_bytes(body, 32 << 20).await.unwrap();
        Page {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    async fn get(&self, path: &str) -> Page {
        self.ask(Method::GET, path, Some("127.0.0.1:8420")).await
    }

    async fn claims(&self) -> Vec<String> {
        let rows = self.node.store().claims(&ClaimFilter::default()).await;
        rows.unwrap().iter().map(|row| row.id.to_string()).collect()
    }
}

impl Page {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// The addresses a page leads to, on this node.
    fn links(&self) -> Vec<String> {
        self.body
            .split("href=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .map(|href| href.replace("&#38;", "&").replace("&#39;", "'"))
            .collect()
    }
}

#[tokio::test]
async fn every_link_leads_to_a_page_that_is_whole() {
    let fixture = Fixture::hostile().await;
    let mut seen: BTreeMap<String, StatusCode> = BTreeMap::new();
    let mut next = VecDeque::from(["/".to_owned(), "/health".to_owned()]);
    while let Some(path) = next.pop_front() {
        if seen.contains_key(&path) {
            continue;
        }
        let page = fixture.get(&path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(
            page.header("content-security-policy")
                .starts_with("default-src 'none'")
        );
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        if page.header("content-type").starts_with("text/html") {
            assert_eq!(page.header("cache-control"), "no-store", "{path}");
            if path == "/verify" {
                seen.insert(path, page.status);
                continue;
            }
            check_html(&path, &page.body);
            for link in page.links() {
                let (to, anchor) = link.split_once('#').unwrap_or((&link, ""));
                if to.is_empty() {
                    let id = format!("id=\"{anchor}\"");
                    assert!(page.body.contains(&id), "{path}: nothing has {id}");
                } else {
                    assert!(to.starts_with('/'), "{path} leads to {to}");
                    next.push_back(to.to_owned());
                }
            }
        }
        seen.insert(path, page.status);
    }
    for part in ["/claims/", "/flags/", "/members/", "/policies/"] {
        assert!(seen.keys().any(|path| path.starts_with(part)), "{part}");
    }
}

/// Nothing runs, nothing is styled in place, nothing is fetched from elsewhere,
/// and what came from outside stands there as text.
fn check_html(path: &str, body: &str) {
    let lower = body.to_ascii_lowercase();
    for wrong in [
        "<script",
        "onerror=y>",
        " style=",
        "<style",
        "javascript:",
        "http://",
        "https://",
        "<img src=x",
        "<i>",
    ] {
        assert!(!lower.contains(wrong), "{path} contains {wrong}");
    }
}

/// The page that verifies receipts, as it is in `verifiers/`: the only one that runs a
/// script, which is its own, and asks for nothing.
#[tokio::test]
async fn receipts_are_verified_in_the_browser() {
    let fixture = Fixture::hostile().await;
    let id = &fixture.claims().await[0];
    for page in [format!("/claims/{id}"), "/ledger".to_owned()] {
        let links = fixture.get(&page).await.links();
        assert!(links.iter().any(|to| to == "/verify"), "{page}");
    }
    let page = fixture.get("/verify").await;
    assert_eq!(page.status, StatusCode::OK);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("script-src 'self'") && !policy.contains("connect-src"));
    assert_eq!(page.body.matches("<script").count(), 1);
    for (part, kind) in [("verify.js", "text/javascript"), ("verify.css", "text/css")] {
        assert!(page.body.contains(&format!("=\"{part}\"")), "{part}");
        let got = fixture.get(&format!("/{part}")).await;
        assert!(got.header("content-type").starts_with(kind), "{part}");
        assert!(
            got.header("content-security-policy")
                .contains("default-src 'none'")
        );
    }
    for page in ["/", "/verify.js"] {
        let page = fixture.get(page).await;
        assert!(
            !page
                .header("content-security-policy")
                .contains("script-src")
        );
    }
}

/// Of nothing, nothing is taken away.
#[tokio::test]
async fn an_empty_node_has_no_negative_nothing() {
    let page = Fixture::new(Vec::new()).await.get("/").await;
    assert!(page.body.contains("0.00") && !page.body.contains("−0.00"));
}

#[tokio::test]
async fn hostile_text_is_shown_as_text() {
    let fixture = Fixture::hostile().await;
    let escaped = "&#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62;&#39;&#38;amp;";
    let list = fixture.get("/claims").await;
    assert!(list.body.contains(escaped));
    let mut shown = 0;
    for id in fixture.claims().await {
        let page = fixture.get(&format!("/claims/{id}")).await;
        shown += usize::from(page.body.contains(escaped));
        check_html(&id, &page.body);
    }
    assert_eq!(shown, 3);
    let query = super::show::query(&[("provider", HOSTILE), ("member", MEMBER)]);
    let page = fixture.get(&format!("/claims{query}")).await;
    assert_eq!(
        page.body.matches("<tr>").count(),
        3,
        "a head and two claims"
    );
    let page = fixture
        .get("/flags?pattern=%3Cscript%3E&provider=%22%3E%3Cscript%3E")
        .await;
    assert_eq!(page.status, StatusCode::OK);
    check_html("/flags", &page.body);
}

#[tokio::test]
async fn a_claim_is_explained_to_the_cent() {
    let fixture = Fixture::hostile().await;
    let book = fixture.node.book().await.unwrap();
    let reads = fixture
        .node
        .read_claims(&ClaimFilter::default(), "test")
        .await
        .unwrap();
    for read in &reads {
        let view = ClaimView::of(read, &book);
        let page = fixture.get(&format!("/claims/{}", view.claim)).await;
        for amount in [&view.charge, &view.paid, &view.patient, &view.allowed] {
            assert!(
                page.body.contains(&super::show::grouped(amount)),
                "{amount}"
            );
        }
        for clause in &view.clauses {
            assert!(page.body.contains(&format!("-{}\"", clause.id)));
        }
        for line in &view.lines {
            let charge = super::show::scaled(&line.charge);
            let adjusted: i64 = line
                .adjustments
                .iter()
                .map(|a| super::show::scaled(&a.amount))
                .sum();
            assert_eq!(charge - adjusted, super::show::scaled(&line.paid));
        }
    }
}

#[tokio::test]
async fn reads_are_noted_and_receipts_hold() {
    let fixture = Fixture::hostile().await;
    let id = fixture.claims().await.remove(0);
    let flag = fixture
        .node
        .store()
        .flags(&FlagFilter::default())
        .await
        .unwrap()
        .remove(0)
        .row
        .id
        .to_string();
    let receipt = fixture.get(&format!("/claims/{id}/receipt")).await;
    assert_eq!(
        receipt.header("content-disposition"),
        format!("attachment; filename=\"{id}.receipt\"")
    );
    let receipt = Receipt::parse(&receipt.body).unwrap();
    let (verdict, _) =
        verify_receipt(&receipt, Some(&fixture.node.trust().await.unwrap())).unwrap();
    assert_eq!(verdict, Verdict::Trusted);
    let response = fixture.get(&format!("/claims/{id}/claim-response")).await;
    assert_eq!(response.header("content-type"), "application/fhir+json");
    let response: serde_json::Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!(response["resourceType"], "ClaimResponse");
    for path in [
        format!("/claims/{id}"),
        format!("/flags/{flag}"),
        "/claims".into(),
        "/flags".into(),
    ] {
        assert_eq!(fixture.get(&path).await.status, StatusCode::OK);
    }
    let noted: BTreeSet<(String, String)> = fixture
        .node
        .store()
        .audit(1000)
        .await
        .unwrap()
        .into_iter()
        .map(|row| (row.action, row.subject))
        .collect();
    for (action, subject) in [
        ("page:receipt", &id),
        ("page:claim-response", &id),
        ("page:claim", &id),
        ("page:claims", &id),
        ("page:flag", &flag),
        ("page:flags", &flag),
    ] {
        assert!(
            noted.contains(&(action.to_owned(), subject.clone())),
            "{action}"
        );
    }
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let fixture = Fixture::hostile().await;
    let (zeros, longer) = ("0".repeat(32), "0".repeat(64));
    for path in [
        "/nowhere".to_owned(),
        "/claims/1".to_owned(),
        format!("/claims/{zeros}"),
        format!("/claims/{zeros}/receipt"),
        format!("/claims/{zeros}/claim-response"),
        format!("/flags/{zeros}"),
        "/flags/x".to_owned(),
        format!("/policies/{longer}"),
        format!("/policies/{longer}/component.wasm"),
        "/policies/%FF".to_owned(),
        "/members/nobody".to_owned(),
    ] {
        let page = fixture.get(&path).await;
        let expected = if path.ends_with("%FF") {
            StatusCode::BAD_REQUEST
        } else {
            StatusCode::NOT_FOUND
        };
        assert_eq!(page.status, expected, "{path}");
        assert_eq!(page.header("cache-control"), "no-store");
        assert!(
            page.header("content-security-policy")
                .starts_with("default-src 'none'")
        );
        check_html(&path, &page.body);
    }
    for path in [
        "/claims?status=lost",
        "/claims?after=1",
        "/flags?from=yesterday",
        "/flags?score=2000",
    ] {
        let page = fixture.get(path).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{path}");
        assert!(page.body.contains("href=\"/"), "{path} leads nowhere");
    }
    let posted = fixture
        .ask(Method::POST, "/claims", Some("localhost"))
        .await;
    assert_eq!(posted.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn an_erased_claim_is_gone_and_its_flags_stand() {
    let fixture = Fixture::hostile().await;
    let flags = fixture
        .node
        .store()
        .flags(&FlagFilter::default())
        .await
        .unwrap();
    for flag in &flags {
        let claim = flag.row.claims[0];
        let row = fixture.node.store().claim(claim).await.unwrap().unwrap();
        fixture
            .node
            .vault()
            .destroy(row.sealed.record)
            .await
            .unwrap();
        let page = fixture.get(&format!("/claims/{claim}")).await;
        assert_eq!(page.status, StatusCode::GONE);
        let page = fixture.get(&format!("/flags/{}", flag.row.id)).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains("erased"));
    }
    assert!(!flags.is_empty());
    assert_eq!(fixture.get("/claims").await.status, StatusCode::OK);
}

#[tokio::test]
async fn only_this_machines_names_are_answered() {
    let fixture = Fixture::new(Vec::new()).await;
    for host in [
        Some("tallystick.example.com"),
        Some("127.0.0.1.example.com:8420"),
        None,
    ] {
        let page = fixture.ask(Method::GET, "/claims", host).await;
        assert_eq!(page.status, StatusCode::MISDIRECTED_REQUEST, "{host:?}");
        assert_eq!(page.header("cross-origin-resource-policy"), "same-origin");
        assert!(!page.body.contains("tallystick.example.com"));
    }
    for host in ["localhost", "localhost:1", "127.0.0.1:8420", "[::1]:8420"] {
        let page = fixture.ask(Method::GET, "/", Some(host)).await;
        assert_eq!(page.status, StatusCode::OK, "{host}");
    }
}

#[tokio::test]
async fn a_long_list_is_turned_page_by_page() {
    let claims = (0..120)
        .map(|n| {
            claim(
                &format!("C-{n}"),
                &format!("U-{n}"),
                "1234567893",
                "2026-01-05",
                "90.00",
            )
        })
        .collect();
    let fixture = Fixture::new(claims).await;
    let mut path = "/claims?provider=1234567893".to_owned();
    let mut seen = Vec::new();
    for expected in [50, 50, 20] {
        let page = fixture.get(&path).await;
        let before = seen.len();
        seen.extend(
            page.links()
                .into_iter()
                .filter_map(|link| Some(link.strip_prefix("/claims/")?.to_owned())),
        );
        assert_eq!(seen.len() - before, expected);
        let next = page
            .body
            .split("\" rel=\"next\"")
            .next()
            .filter(|head| head.len() < page.body.len());
        match next {
            Some(head) => {
                let href = head.rsplit("href=\"").next().unwrap();
                path = href.replace("&#38;", "&");
            }
            None => assert_eq!(expected, 20),
        }
    }
    assert_eq!(seen, fixture.claims().await);
}

#[tokio::test]
async fn the_sheet_is_kept_as_long_as_it_is_this_one() {
    let fixture = Fixture::new(Vec::new()).await;
    let page = fixture.get("/").await;
    let sheet = page
        .links()
        .into_iter()
        .find(|link| link.starts_with("/style.css"))
        .unwrap();
    let found = fixture.get(&sheet).await;
    assert!(found.header("cache-control").contains("immutable"));
    assert_eq!(found.header("content-type"), "text/css; charset=utf-8");
    let other = fixture.get("/style.css?v=other").await;
    assert_eq!(other.header("cache-control"), "no-cache");
    assert!(!found.body.contains("url(") && !found.body.contains("@import"));
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let fixture = Fixture::new(Vec::new()).await;
    let error = super::serve(Arc::clone(&fixture.node), port).await;
    let error = format!("{:#}", error.unwrap_err());
    assert!(error.contains(&format!("port {port} of 127.0.0.1")));
    assert!(error.contains("--port"));
}
