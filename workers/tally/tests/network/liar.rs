//! A payer whose node shows for an adjudication what it should not: in front of the real
//! one stands another that answers in its place.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use tally_core::canon::{Blob, Canon as _};
use tally_core::claim::Claim;
use tally_core::ledger::Receipt;
use tally_core::ledger::counterparty::Dossier;
use tally_queue::envelope::{NodeKey, NodePublicKey};
use tally_types::Code;

use super::*;

/// What is answered in the place of a dossier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    /// Nothing else than it is.
    None,
    /// This status.
    Status(u16),
    /// The claim with another procedure on its second line.
    Line,
    /// A receipt that says of itself that it is of a later adjudication.
    Later,
}

struct Liar {
    lie: Arc<Mutex<Lie>>,
}

impl Liar {
    /// Listens at `port`, in front of the node at `real`, and knows who it lies to.
    fn start(port: u16, real: u16, folder: &Path) -> Self {
        let lie = Arc::new(Mutex::new(Lie::None));
        let known = Arc::clone(&lie);
        let secret = keys::secret(&folder.join("lakeside"), "envelope.key");
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let known = Arc::clone(&known);
                std::thread::spawn(move || answer(stream, real, &known, &secret));
            }
        });
        Self { lie }
    }

    fn tells(&self, lie: Lie) {
        *self.lie.lock().unwrap() = lie;
    }
}

/// One request on a connection: passed on and answered as it is, or with a lie.
fn answer(mut asked: TcpStream, real: u16, lie: &Mutex<Lie>, secret: &[u8; 32]) -> Option<()> {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        asked.read_exact(&mut byte).ok()?;
        request.push(byte[0]);
    }
    let head = String::from_utf8(request).ok()?;
    let field = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.to_owned())
    };
    let length = field("content-length").and_then(|text| text.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    asked.read_exact(&mut body).ok()?;
    let lie = match head.lines().next()?.contains("/dossier ") {
        true => *lie.lock().unwrap(),
        false => Lie::None,
    };
    if let Lie::Status(status) = lie {
        let said =
            format!("HTTP/1.1 {status} No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        return asked.write_all(said.as_bytes()).ok();
    }
    let mut node = TcpStream::connect(("127.0.0.1", real)).ok()?;
    let (first, rest) = head.split_once("\r\n")?;
    let kept = rest
        .split("\r\n")
        .filter(|line| !line.is_empty() && !line.to_ascii_lowercase().starts_with("connection:"));
    let kept: Vec<&str> = kept.collect();
    let passed = format!(
        "{first}\r\nConnection: close\r\n{}\r\n\r\n",
        kept.join("\r\n")
    );
    node.write_all(passed.as_bytes()).ok()?;
    node.write_all(&body).ok()?;
    let mut answered = Vec::new();
    node.read_to_end(&mut answered).ok()?;
    if lie != Lie::None && answered.starts_with(b"HTTP/1.1 200") {
        let end = answered.windows(4).position(|of| of == b"\r\n\r\n")? + 4;
        let changed = changed(&answered[end..], lie, secret)?;
        let said = format!(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            changed.len()
        );
        answered = [said.as_bytes(), &changed].concat();
    }
    asked.write_all(&answered).ok()
}

/// A sealed dossier with a lie in it.
fn changed(sealed: &[u8], lie: Lie, secret: &[u8; 32]) -> Option<Vec<u8>> {
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
        Lie::None | Lie::Status(_) => {}
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
fn send(folder: &Path, control: &str, procedures: &[&str]) -> String {
    let bytes = claim(folder, control, procedures);
    let said = post(folder, control, bytes);
    said["claims"][0]["claim"].as_str().unwrap().to_owned()
}

#[test]
fn what_a_payer_shows_is_not_believed() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("network");
    let network = serving(&folder, 24);
    // The payer's node moves, and a liar stands where the ledger says that it is.
    stranded::press(&folder, "harbor-health", "stop");
    let api = setting(&folder, "harbor-health", "api");
    let told: u16 = api.rsplit(':').next().unwrap().parse().unwrap();
    let real = port();
    let config = folder.join("harbor-health/tally.toml");
    let text = fs::read_to_string(&config).unwrap();
    let moved = text.replace(
        &format!("api = \"{api}\""),
        &format!("api = \"127.0.0.1:{real}\""),
    );
    fs::write(&config, moved).unwrap();
    let liar = Liar::start(told, real, &folder);
    stranded::press(&folder, "harbor-health", "start");
    until("harbor answers", || {
        status(&folder, "harbor-health").is_some()
    });
    let of = |name: &str| status(&folder, "lakeside").and_then(|of| of[name].as_u64());
    until("all is run again", || of("unchecked") == Some(0));
    let (agreed, disputed) = (of("agreed").unwrap(), of("disputed").unwrap());
    let disputes = |count: u64| {
        until("lakeside disputes it", || {
            of("disputed") == Some(disputed + count)
        });
        let data = folder.join("lakeside");
        let own = run([
            "ledger",
            "disputes",
            "--json",
            "--data",
            data.to_str().unwrap(),
        ]);
        json(&own, 0).to_string()
    };

    // A line that repeats another is denied by a rule of the engine. The claim that is shown
    // contradicts the rule: what does not hold when it is run is disputed too.
    liar.tells(Lie::Line);
    send(&folder, "L-1", &["99213", "99213"]);
    let told = disputes(1);
    assert!(
        told.contains("D112: line 2: the claim contradicts rule E105"),
        "{told}"
    );

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
