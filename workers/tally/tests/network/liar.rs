//! A payer whose node shows for an adjudication what it should not: in front of the real
//! one stands another that answers in its place, with the payer's key or without.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use tally::shared::signed::{self, Asked};
use tally_core::canon::{Blob, Canon as _};
use tally_core::claim::Claim;
use tally_core::ledger::counterparty::Dossier;
use tally_core::ledger::{Receipt, SigningKey};
use tally_queue::envelope::{NodeKey, NodePublicKey};
use tally_types::Code;

use super::*;

/// What is answered in the place of a dossier.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Lie {
    /// Nothing else than it is.
    None,
    /// This status.
    Status(u16),
    /// That there is no such claim, but of the one of this id.
    NoneBut(String),
    /// The claim with another procedure on its second line.
    Line,
    /// A receipt that says of itself that it is of a later adjudication.
    Later,
    /// What the payer shows for another claim, of this id.
    Another(String),
    /// What the payer answers who asks for a purpose that the dossier is not for.
    Purpose,
    /// In the place of the list of what was decided, one of nothing.
    Nothing,
}

/// How a lie is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signed {
    /// As the payer signs, with its key.
    ByPayer,
    /// With a key of one's own.
    ByAnother,
    /// With what the payer signed the truth with.
    AsTruth,
    /// Not at all.
    Not,
}

/// One who answers in the place of harbor's node.
struct Liar {
    lie: Arc<Mutex<(Lie, Signed)>>,
}

/// The keys of those it lies to and for.
struct Keys {
    lakeside: [u8; 32],
    harbor: [u8; 32],
}

impl Liar {
    /// Listens at `port`, in front of the node at `real`.
    fn start(port: u16, real: u16, folder: &Path) -> Self {
        let lie = Arc::new(Mutex::new((Lie::None, Signed::ByPayer)));
        let known = Arc::clone(&lie);
        let keys = Arc::new(Keys {
            lakeside: keys::secret(&folder.join("lakeside"), "envelope.key"),
            harbor: keys::secret(&folder.join("harbor-health"), "signing.key"),
        });
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (known, keys) = (Arc::clone(&known), Arc::clone(&keys));
                std::thread::spawn(move || answer(stream, real, &known, &keys));
            }
        });
        Self { lie }
    }

    /// It is the payer that lies, from now on.
    fn tells(&self, lie: Lie) {
        self.forges(lie, Signed::ByPayer);
    }

    /// Another lies in the payer's name.
    fn forges(&self, lie: Lie, signed: Signed) {
        *self.lie.lock().unwrap() = (lie, signed);
    }
}

/// The head of a request or an answer.
pub(super) struct Head(pub(super) String);

impl Head {
    pub(super) fn read(from: &mut impl std::io::Read) -> Option<Self> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            from.read_exact(&mut byte).ok()?;
            head.push(byte[0]);
        }
        String::from_utf8(head).ok().map(Self)
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let mut lines = self.0.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }

    /// The request, as who asked knows it.
    fn asked(&self) -> Option<Asked> {
        let mut first = self.0.lines().next()?.split(' ');
        Some(Asked {
            method: first.next()?.to_owned(),
            target: first.next()?.strip_prefix("/api/v1")?.to_owned(),
            token: self
                .field("authorization")?
                .strip_prefix("Bearer ")?
                .to_owned(),
            purpose: Vec::new(),
            emergency: Vec::new(),
        })
    }

    /// As it is passed on, so that the connection ends with the answer, with a line more.
    pub(super) fn passed(&self, more: &str) -> Option<String> {
        let (first, rest) = self.0.split_once("\r\n")?;
        let kept = rest.split("\r\n").filter(|line| {
            !line.is_empty() && !line.to_ascii_lowercase().starts_with("connection:")
        });
        let kept: Vec<&str> = kept.collect();
        let kept = kept.join("\r\n");
        Some(format!(
            "{first}\r\nConnection: close\r\n{more}{kept}\r\n\r\n"
        ))
    }
}

/// What the real node answers, as it is.
pub(super) fn truth(real: u16, passed: &str, body: &[u8]) -> Option<Vec<u8>> {
    let mut node = TcpStream::connect(("127.0.0.1", real)).ok()?;
    node.write_all(passed.as_bytes()).ok()?;
    node.write_all(body).ok()?;
    let mut answered = Vec::new();
    node.read_to_end(&mut answered).ok()?;
    Some(answered)
}

/// One request on a connection: passed on and answered as it is, or with a lie.
fn answer(mut asked: TcpStream, real: u16, lie: &Mutex<(Lie, Signed)>, keys: &Keys) -> Option<()> {
    let head = Head::read(&mut asked)?;
    let length = head.field("content-length").map(str::parse);
    let mut body = vec![0; length.and_then(Result::ok).unwrap_or(0)];
    asked.read_exact(&mut body).ok()?;
    let (lie, signed) = lie.lock().unwrap().clone();
    let of_list = head.0.lines().next()?.contains("/claims/decided?");
    let lie = match head.0.lines().next()?.contains("/dossier ") || of_list {
        true if of_list == (lie == Lie::Nothing) => lie,
        _ => Lie::None,
    };
    let lie = match lie {
        Lie::NoneBut(id) if head.asked()?.target.contains(&id) => Lie::None,
        lie => lie,
    };
    let passed = match &lie {
        Lie::Another(other) => {
            let target = head.asked()?.target;
            let passed = head.passed("")?;
            passed.replacen(&target, &format!("/claims/{other}/dossier"), 1)
        }
        Lie::Purpose => head.passed("Purpose-Of-Use: HRESCH\r\n")?,
        _ => head.passed("")?,
    };
    // Of many claims, quickly.
    let answered = match lie {
        Lie::NoneBut(_) => b"HTTP/1.1 404 No\r\n\r\n".to_vec(),
        _ => truth(real, &passed, &body)?,
    };
    let end = answered.windows(4).position(|of| of == b"\r\n\r\n")? + 4;
    let of_truth = Head::read(&mut &answered[..end])?;
    let (status, said) = match lie {
        Lie::Status(status) => (status, Vec::new()),
        Lie::NoneBut(_) => (404, Vec::new()),
        Lie::Nothing => (200, br#"{"decided":[]}"#.to_vec()),
        Lie::Line | Lie::Later if answered.starts_with(b"HTTP/1.1 200") => {
            (200, changed(&answered[end..], &lie, &keys.lakeside)?)
        }
        _ => return asked.write_all(&answered).ok(),
    };
    let by = |secret: &[u8; 32]| {
        let key = SigningKey::new("signing", secret).ok()?;
        let between = ("harbor-health", "lakeside");
        let now = std::time::UNIX_EPOCH.elapsed().ok()?.as_secs();
        let now = i64::try_from(now).ok()?;
        let answer = (status, &said[..]);
        Some(signed::sign(&key, between, &head.asked()?, answer, now))
    };
    let signature = match signed {
        Signed::ByPayer => by(&keys.harbor),
        Signed::ByAnother => by(&[7; 32]),
        Signed::AsTruth => of_truth.field(signed::HEADER).map(str::to_owned),
        Signed::Not => None,
    };
    let signature = signature.map_or_else(String::new, |signature| {
        format!("{}: {signature}\r\n", signed::HEADER)
    });
    let told = format!(
        "HTTP/1.1 {status} No\r\nConnection: close\r\n{signature}Content-Length: {}\r\n\r\n",
        said.len()
    );
    asked.write_all(&[told.as_bytes(), &said].concat()).ok()
}

/// A sealed dossier with a lie in it.
fn changed(sealed: &[u8], lie: &Lie, secret: &[u8; 32]) -> Option<Vec<u8>> {
    let (from, to) = ("harbor-health", "lakeside");
    let key = NodeKey::new(secret)?;
    let mut dossier = Dossier::from_canon(&key.open_between(from, to, sealed)?).ok()?;
    match lie {
        Lie::Line => {
            let mut claim = Claim::from_canon(&dossier.claim.0).ok()?;
            claim.lines.get_mut(1)?.procedure = Code::of("99214");
            dossier.claim = Blob(claim.to_canon());
        }
        Lie::Later => {
            let mut receipt = Receipt::parse(&dossier.receipt).ok()?;
            receipt.local.index += 1;
            dossier.receipt = receipt.to_string();
        }
        _ => {}
    }
    let public = NodePublicKey::new(&key.public().to_bytes())?;
    public.seal_between(from, to, &dossier.to_canon()).ok()
}

/// A claim of a member of harbor's, as lakeside sent one, with other lines.
pub(super) fn claim(folder: &Path, control: &str, procedures: &[&str]) -> Vec<u8> {
    let sent = fs::read_dir(folder.join("sent/lakeside")).unwrap();
    let mut claims = sent.filter_map(|file| {
        let path = file.ok()?.path();
        let of_harbor = path.to_str()?.contains("harbor-health");
        let text = fs::read_to_string(path).ok().filter(|_| of_harbor)?;
        let claims: Vec<Value> = serde_json::from_str(&text).ok()?;
        let own = |claim: &Value| claim["format"] == "tallystick-claim/v1";
        claims.into_iter().find(own)
    });
    let mut claim = claims.next().unwrap();
    let first = claim["lines"][0].clone();
    let line = |procedure: &&str| {
        serde_json::json!({
            "procedure": procedure, "place": "11", "charge": "900.00", "from": first["from"],
        })
    };
    claim.as_object_mut().unwrap().remove("charge");
    claim["control_number"] = control.into();
    claim["lines"] = procedures.iter().map(line).collect();
    claim.to_string().into_bytes()
}

/// Sends harbor a claim; answers its id.
pub(super) fn send(folder: &Path, control: &str, procedures: &[&str]) -> String {
    let bytes = claim(folder, control, procedures);
    let said = post(folder, control, bytes);
    said["claims"][0]["claim"].as_str().unwrap().to_owned()
}

/// Stops an organisation's node, which is to listen elsewhere: answers where the ledger says
/// that it is, and where it will be.
pub(super) fn moved(folder: &Path, organisation: &str) -> (u16, u16) {
    stranded::press(folder, organisation, "stop");
    let api = setting(folder, organisation, "api");
    let told: u16 = api.rsplit(':').next().unwrap().parse().unwrap();
    let real = port();
    let config = folder.join(organisation).join("tally.toml");
    let text = fs::read_to_string(&config).unwrap();
    let moved = text.replace(
        &format!("api = \"{api}\""),
        &format!("api = \"127.0.0.1:{real}\""),
    );
    fs::write(&config, moved).unwrap();
    (told, real)
}

/// A network in a folder, whose harbor has moved: a liar stands where the ledger says that it
/// is.
fn fronted(folder: &Path) -> (Process, Liar) {
    let network = serving(folder, 24);
    let (told, real) = moved(folder, "harbor-health");
    let liar = Liar::start(told, real, folder);
    stranded::press(folder, "harbor-health", "start");
    until("harbor answers", || {
        status(folder, "harbor-health").is_some()
    });
    until("all is run again", || {
        counted(folder, "unchecked") == Some(0)
    });
    (network, liar)
}

/// What lakeside's node answers lakeside.
fn own(folder: &Path, target: &str) -> Value {
    let client = Client::new(
        "lakeside",
        keys::secret(&folder.join("lakeside"), "signing.key"),
    );
    let api = setting(folder, "lakeside", "api");
    let url = format!("http://{api}/api/v1{target}");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let answer = runtime.block_on(client.get(&url, Some("lakeside")));
    answer.unwrap().json().unwrap()
}

/// What lakeside's node counts.
fn counted(folder: &Path, name: &str) -> Option<u64> {
    status(folder, "lakeside").and_then(|of| of[name].as_u64())
}

#[test]
fn what_a_payer_shows_is_not_believed() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("network");
    let (network, liar) = fronted(&folder);
    let of = |name: &str| counted(&folder, name);
    let (agreed, disputed) = (of("agreed").unwrap(), of("disputed").unwrap());
    let disputes = |count: u64| {
        until("lakeside disputes it", || {
            of("disputed") == Some(disputed + count)
        });
        let own = at_lakeside(&folder, &["ledger", "disputes", "--json"]);
        json(&own, 0).to_string()
    };

    // A line that repeats another is denied by a rule of the engine. The claim that is shown
    // contradicts the rule: what does not hold when it is run is disputed too.
    liar.tells(Lie::Line);
    let claim = send(&folder, "L-1", &["99213", "99213"]);
    let told = disputes(1);
    assert!(
        told.contains("D112: line 2: the claim contradicts rule E105"),
        "{told}"
    );
    what_it_signed_is_kept(&folder, &claim);
    erased_it_is_gone(&folder, &claim);

    // A receipt that only says of itself that it is of a later adjudication.
    liar.tells(Lie::Later);
    send(&folder, "L-2", &["99214"]);
    let told = disputes(2);
    assert!(
        told.contains("the receipt is of another adjudication"),
        "{told}"
    );

    // Nothing is shown: it is counted.
    assert_eq!(of("withheld"), Some(0));
    liar.tells(Lie::Status(403));
    send(&folder, "L-3", &["99215"]);
    until("it is counted", || of("withheld") == Some(1));

    // It is not erased because the payer says so: it stays to be run again.
    liar.tells(Lie::Status(410));
    send(&folder, "L-4", &["99212"]);
    until("it stays unchecked", || of("unchecked") == Some(1));
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(of("unchecked"), Some(1));
    liar.tells(Lie::None);
    until("it is run again", || of("agreed") == Some(agreed + 1));
    until("nothing is left", || of("unchecked") == Some(0));

    // It is erased before it can be run again: that is counted, and the claim is named.
    assert_eq!(of("erased"), Some(0));
    liar.tells(Lie::Status(404));
    let erased = send(&folder, "L-6", &["99214", "99215"]);
    until("it waits", || of("unchecked") == Some(1));
    let data = folder.join("harbor-health");
    let data = data.to_str().unwrap();
    let erase = [
        "claim", "erase", &erased, "--ground", "order", "--data", data,
    ];
    common::text(&run(erase), 0);
    liar.tells(Lie::None);
    until("it is counted", || of("erased") == Some(1));
    until("nothing is left", || of("unchecked") == Some(0));
    assert_eq!(of("disputed"), Some(disputed + 2));
    let named = own(&folder, "/ledger/shared/erased");
    assert_eq!(named[0]["claim"], erased);
    assert_eq!(named[0]["payer"], "harbor-health");
    let log = fs::read_to_string(folder.join("lakeside/log")).unwrap();
    let line = log
        .lines()
        .find(|line| line.contains("the payer erased it"));
    assert!(line.is_some_and(|line| line.contains(&erased)), "{log}");

    // What a person decides is neither agreed with nor disputed, and counted.
    let waits = send(&folder, "L-5", &["E0601"]);
    until("it is run again", || of("agreed") == Some(agreed + 2));
    let review = temporary.path().join("review.json");
    let text = r#"{"lines":[{"line":1,"allowed":"700.00","paid":"700.00","clause":"4.2",
        "adjustments":[{"group":"CO","carc":"45","amount":"200.00","clause":"3.1"}],
        "accumulators":[]}]}"#;
    fs::write(&review, text).unwrap();
    let data = folder.join("harbor-health");
    let reviewed = run([
        "claim",
        "review",
        &waits,
        review.to_str().unwrap(),
        "--reason",
        "as read",
        "--data",
        data.to_str().unwrap(),
    ]);
    common::text(&reviewed, 0);
    until("it is counted", || of("by_hand") == Some(1));
    until("nothing is left", || of("unchecked") == Some(0));
    assert_eq!(of("disputed"), Some(disputed + 2));
    drop(network);
}

/// A command on lakeside's node.
fn at_lakeside(folder: &Path, arguments: &[&str]) -> Output {
    at(folder, "lakeside", arguments)
}

/// What the payer signed can be shown to anybody who has the charter, and nothing else for it.
fn what_it_signed_is_kept(folder: &Path, claim: &str) {
    let out = folder.join("evidence");
    let out = out.to_str().unwrap();
    let shown = at_lakeside(
        folder,
        &["ledger", "dispute", claim, "--evidence", out, "--json"],
    );
    let shown = json(&shown, 0);
    let answer = &shown[0]["answer"];
    assert_eq!(shown[0]["signed"], true, "{shown}");
    assert_eq!(answer["holds"], true, "{shown}");
    assert_eq!(answer["opens"], true, "{shown}");
    assert_eq!(answer["from"], "harbor-health");
    assert_eq!(answer["status"], 200);
    assert_eq!(answer["asked"], format!("GET /claims/{claim}/dossier"));
    let told = common::text(&at_lakeside(folder, &["ledger", "dispute", claim]), 0);
    assert!(told.contains("D112") && told.contains("It holds"), "{told}");

    let file = Path::new(answer["file"].as_str().unwrap());
    let charter = folder.join("charter.json");
    let check = || {
        let [file, charter] = [file, &charter].map(|path| path.to_str().unwrap());
        run(["ledger", "evidence", file, "--charter", charter, "--json"])
    };
    assert_eq!(json(&check(), 0)["body_sha256"], answer["body_sha256"]);
    let text = fs::read_to_string(file).unwrap();
    // It stays sealed.
    let kept: Value = serde_json::from_str(&text).unwrap();
    let body = kept["body"].as_str().unwrap();
    let body = base64::engine::general_purpose::STANDARD
        .decode(body)
        .unwrap();
    assert!(Dossier::from_canon(&body).is_err());
    let key = keys::secret(&folder.join("lakeside"), "envelope.key");
    let key = NodeKey::new(&key).unwrap();
    let opened = key.open_between("harbor-health", "lakeside", &body);
    assert!(Dossier::from_canon(&opened.unwrap()).is_ok());
    for (part, other) in [
        ("\"status\": 200", "\"status\": 201"),
        ("harbor-health", "cedar-mutual"),
        (claim, "00000000000000000000000000000000"),
        ("\"came\": 1", "\"came\": 2"),
    ] {
        assert!(text.contains(part), "{part}");
        fs::write(file, text.replacen(part, other, 1)).unwrap();
        let errors = common::errors(&check());
        assert!(errors.contains("shows nothing"), "{part}: {errors}");
    }
    fs::write(file, text).unwrap();
}

/// A claim of another's is erased like one's own: no key is left of what was kept of it.
fn erased_it_is_gone(folder: &Path, claim: &str) {
    let erase = |ground| at_lakeside(folder, &["claim", "erase", claim, "--ground", ground]);
    let hold = |more: &[&str]| {
        let arguments = [&["claim", "hold", claim, "--name", "case-7"][..], more].concat();
        common::text(&at_lakeside(folder, &arguments), 0)
    };
    let refused = |ground, rule| {
        let output = erase(ground);
        assert!(!output.status.success());
        let errors = common::errors(&output);
        assert!(errors.contains(rule), "{errors}");
    };
    refused("request", "X104");
    hold(&[]);
    refused("order", "X101");
    hold(&["--lift"]);
    let receipt = common::text(&erase("order"), 0);
    assert!(receipt.starts_with("tallystick-erasure/v1"), "{receipt}");
    let gone = at_lakeside(folder, &["ledger", "dispute", claim]);
    assert!(common::errors(&gone).contains("disputes nothing of claim"));
    let others = json(&at_lakeside(folder, &["ledger", "disputes", "--json"]), 0);
    let others = others.as_array().unwrap();
    assert!(others.iter().all(|dispute| dispute["claim"] != *claim));
    // The log still verifies, and erasing it again changes nothing.
    common::text(&at_lakeside(folder, &["ledger", "fsck"]), 0);
    let again = common::text(&erase("order"), 0);
    assert!(again.starts_with("tallystick-erasure/v1"), "{again}");
}

/// What comes without the payer's signature, or with that of something else, is no answer:
/// nothing is disputed or over by it, and it is seen.
#[test]
fn who_is_not_the_payer_makes_no_dispute_and_prevents_none() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("network");
    let (network, liar) = fronted(&folder);
    let of = |name: &str| counted(&folder, name);
    let ends = || ["disputed", "withheld", "by_hand"].map(of);
    let (before, mut agreed) = (ends(), of("agreed").unwrap());
    assert_eq!(of("unsigned"), Some(0));
    let other = send(&folder, "F-0", &["99213"]);
    agreed += 1;
    until("it is run again", || of("agreed") == Some(agreed));

    for (lie, signed) in [
        (Lie::Line, Signed::Not),
        (Lie::Later, Signed::AsTruth),
        (Lie::Line, Signed::ByAnother),
        (Lie::Status(403), Signed::Not),
        (Lie::Status(403), Signed::ByAnother),
        (Lie::Status(410), Signed::AsTruth),
        (Lie::Another(other), Signed::AsTruth),
        (Lie::Purpose, Signed::AsTruth),
        (Lie::Nothing, Signed::Not),
        (Lie::Nothing, Signed::AsTruth),
    ] {
        let unsigned = of("unsigned");
        liar.forges(lie.clone(), signed);
        let control = format!("F-{agreed}");
        send(&folder, &control, &["99213", "99215"]);
        until(&format!("{lie:?} is counted, {signed:?}"), || {
            of("unsigned") > unsigned
        });
        assert_eq!(ends(), before, "{lie:?}, {signed:?}");
        liar.tells(Lie::None);
        agreed += 1;
        until(&format!("after {lie:?} it is run again"), || {
            of("agreed") == Some(agreed)
        });
        until("nothing is left", || of("unchecked") == Some(0));
    }
    assert_eq!(ends(), before);
    let log = fs::read_to_string(folder.join("lakeside/log")).unwrap();
    for why in [
        "it is not signed.",
        "its signature is that of another answer.",
        "it is not signed with the key that the ledger has of that organisation.",
    ] {
        assert!(log.contains(why), "{why}");
    }
    drop(network);
}

/// More than a thousand claims of which a payer shows nothing yet, and one after them.
#[test]
fn what_a_payer_leaves_open_holds_up_nothing_after_it() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("network");
    let (network, liar) = fronted(&folder);
    let of = |name: &str| counted(&folder, name);
    let agreed = of("agreed").unwrap();
    liar.tells(Lie::NoneBut("none".to_owned()));
    let one: Value = serde_json::from_slice(&claim(&folder, "O-0", &["99213"])).unwrap();
    let mut sent = 0;
    while sent <= 1_000 {
        // Each of somebody else, whom nobody knows.
        let next = (sent..sent + 143).map(|n| {
            let mut claim = one.clone();
            claim["control_number"] = format!("O-{n}").into();
            claim["member"] = format!("NOBODY-{n}").into();
            claim
        });
        let next = Value::from_iter(next).to_string().into_bytes();
        post(&folder, &format!("open-{sent}"), next);
        sent += 143;
        until("they are known", || of("unchecked") >= Some(sent));
    }
    let last = send(&folder, "O-LAST", &["99213"]);
    liar.tells(Lie::NoneBut(last));
    until("the last is run again", || of("agreed") == Some(agreed + 1));
    assert!(of("unchecked") >= Some(sent));
    drop(network);
}
