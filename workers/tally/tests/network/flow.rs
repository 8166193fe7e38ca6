//! Claims flow, an authority is killed, a payer cheats.

use std::fs;

use sha2::{Digest as _, Sha256};
use tally_core::canon::Canon as _;
use tally_core::claim::ClaimId;
use tally_core::ledger::counterparty::{Reexecuted, ToldDispute};
use tally_queue::envelope::NodePublicKey;

use super::*;

/// One organisation, with nobody to agree with: no notary, the same ledger and receipts. And
/// a folder that holds a network is nobody else's.
#[test]
fn one_authority_alone_and_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("network");
    let network = |authorities: &str| {
        tally()
            .args(["network", "--authorities", authorities, "--claims", "8"])
            .args(["--once", "--json", "--data"])
            .arg(&folder)
            .output()
            .unwrap()
    };
    let report = json(&network("1"), 0);
    assert_eq!(report["authorities"], 1);
    assert_eq!(report["checkpoint"]["signatures"], 1);
    assert_eq!(report["verified"], true);
    assert_eq!(report["forks"], 0);
    assert!(report["receipts"].as_u64().unwrap() >= 8);

    let kept = || fs::read(folder.join("charter.json")).unwrap();
    let (before, again) = (kept(), network("4"));
    assert_eq!(again.status.code(), Some(1));
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(said.contains("holds a network already"), "{said}");
    assert!(said.contains("--day DAY"), "{said}");
    assert_eq!(kept(), before);
    // It is said which day its nodes live on.
    let config = fs::read_to_string(folder.join("harbor-health/tally.toml")).unwrap();
    assert!(config.contains("take `--day 20"), "{config}");
    // Nor is a port that is taken told of when all is done.
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port().to_string();
    let refused = tally().args(["network", "--port", &port]).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("say another with `--port`"), "{said}");
}

#[test]
fn a_payer_that_cheats_is_disputed_and_who_was_killed_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("network");
    let output = tally()
        .args([
            "network",
            "--authorities",
            "4",
            "--claims",
            "60",
            "--once",
            "--json",
        ])
        .args(["--kill", "--tamper", "--data"])
        .arg(&folder)
        .env(traced::SAID.0, traced::SAID.1)
        .output()
        .unwrap();
    let report = json(&output, 0);
    // All that the four processes said they did is what the model's rules allow.
    assert!(traced::holds(&folder) > 200);
    assert_eq!(report["authorities"], 4);
    assert_eq!(report["forks"], 0);
    assert_eq!(report["verified"], true);
    let number = |what: &str| report[what].as_u64().unwrap();
    let checkpoint = &report["checkpoint"];
    assert!(checkpoint["signatures"].as_u64().unwrap() >= 3);
    assert_eq!(checkpoint["cosignatures"], 1);
    assert!(number("agreed") > 0);
    // Whoever was killed runs the policies again all the same.
    let outage = &report["outage"];
    assert_eq!(outage["organisation"], "riverside");
    assert!(outage["started_at"].as_u64() > outage["killed_at"].as_u64());
    // Each dispute is of the payer that cheats, and says where.
    let disputes = report["disputes"].as_array().unwrap();
    assert!(!disputes.is_empty());
    assert_eq!(disputes.len() as u64, number("disputed"));
    for dispute in disputes {
        assert_eq!(dispute["payer"], "harbor-health");
        let difference = dispute["difference"].as_str().unwrap();
        assert!(difference.contains(", ours "), "{difference}");
    }
    let named = |dispute: &&Value| {
        dispute["difference"]
            .as_str()
            .unwrap()
            .contains("allowed 99.00, ours 110.00")
    };
    assert!(disputes.iter().any(|dispute| named(&dispute)));

    // The provider's own people read the same.
    let lakeside = folder.join("lakeside");
    let own = run([
        "ledger",
        "disputes",
        "--json",
        "--data",
        lakeside.to_str().unwrap(),
    ]);
    let own = json(&own, 0);
    let by = |dispute: &&Value| dispute["by"] == "lakeside";
    assert_eq!(
        own.as_array().unwrap().len(),
        disputes.iter().filter(by).count()
    );

    // Receipts hold by the founders' keys alone, and say who signed.
    let trust = folder.join("trust.json");
    let receipts: Vec<_> = fs::read_dir(folder.join("receipts")).unwrap().collect();
    assert_eq!(receipts.len() as u64, number("receipts"));
    let receipt = receipts.into_iter().next().unwrap().unwrap().path();
    let verified = tally()
        .args(["ledger", "verify", "--json", "--trust"])
        .args([&trust, &receipt])
        .output()
        .unwrap();
    let verified = json(&verified, 0);
    let shared = &verified[0]["shared"];
    assert!(
        shared["signers"].as_array().unwrap().len() >= 3,
        "{verified}"
    );
    assert_eq!(shared["log"], "tallystick.example/network");
    verified_apart(&trust, &folder.join("receipts"));
}

/// Runs a script that may open no socket, look up no name and start no process.
const ALONE: &str = "
import runpy, sys
def refuse(event, _):
    if event.startswith(('socket.', 'subprocess.', 'os.system', 'os.exec', 'os.fork')):
        raise PermissionError(event)
sys.addaudithook(refuse)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
";

/// The Python that can run the verifier, if there is one.
fn python() -> Option<&'static str> {
    let import = "from cryptography.hazmat.primitives.asymmetric import ed25519";
    let python = ["python3", "/usr/bin/python3"].into_iter().find(|python| {
        let ran = Command::new(python).args(["-c", import]).output();
        ran.is_ok_and(|ran| ran.status.success())
    });
    if python.is_none() {
        eprintln!("SKIPPED: no python3 with the package `cryptography`");
    }
    python
}

/// What the verifier that shares no code with the engine says of files, with the network off.
fn apart(python: &str, trust: &Path, files: impl IntoIterator<Item = PathBuf>) -> Output {
    let mut command = Command::new(python);
    command.args(["-c", ALONE]);
    command.arg(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../verifiers/verify.py"
    ));
    command.arg("--trust").arg(trust).args(files);
    command.output().unwrap()
}

/// The verifier that shares no code with the engine trusts all receipts, with the network
/// off; and none where the trust file has one of the authorities alone.
fn verified_apart(trust: &Path, receipts: &Path) {
    let Some(python) = python() else { return };
    let files = || fs::read_dir(receipts).unwrap().map(|of| of.unwrap().path());
    let verify = |trust: &Path| apart(python, trust, files());
    let trusted = common::text(&verify(trust), 0);
    assert_eq!(
        trusted.matches(": trusted: claim ").count(),
        files().count()
    );
    let shared = ", and on tallystick.example/network";
    assert_eq!(trusted.matches(shared).count(), files().count());

    let mut other: Value = serde_json::from_slice(&fs::read(trust).unwrap()).unwrap();
    let logs = other["logs"].as_array_mut().unwrap();
    let of_shared = |log: &&mut Value| log["origin"] == "tallystick.example/network";
    let log = logs.iter_mut().find(of_shared).unwrap();
    log["keys"] = serde_json::json!([log["keys"][0]]);
    let fewer = trust.with_extension("fewer");
    fs::write(&fewer, other.to_string()).unwrap();
    let refused = common::text(&verify(&fewer), 1);
    assert_eq!(refused.matches("does not hold").count(), files().count());

    // The hook refuses, indeed.
    let dials = receipts.with_extension("py");
    fs::write(
        &dials,
        "import socket; socket.create_connection(('127.0.0.1', 9))",
    )
    .unwrap();
    let dialled = Command::new(python)
        .args(["-c", ALONE])
        .arg(&dials)
        .output();
    assert!(common::errors(&dialled.unwrap()).contains("PermissionError: socket."));
}

/// A claim of lakeside's, with this charge.
fn claim(charge: &str) -> String {
    serde_json::json!({
        "format": "tallystick-claim/v1", "kind": "professional", "member": "M-900001",
        "control_number": "L-1", "billing": "1234567893", "diagnoses": ["J069"],
        "lines": [{ "procedure": "99213", "place": "11", "charge": charge, "from": "2026-01-05" }],
    })
    .to_string()
}

#[test]
fn what_a_payer_decided_is_held_against_what_was_sent() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("network");
    let network = serving(&folder, 12);
    let disputes = || status(&folder, "lakeside").and_then(|of| of["disputed"].as_u64());
    // All that the network sent is kept, and was decided as it was sent.
    let sent = folder.join("sent/lakeside");
    assert!(fs::read_dir(&sent).unwrap().count() > 1);
    assert_eq!(disputes(), Some(0));

    // A payer that changes a claim: what it gets is not what is kept here.
    fs::write(sent.join("L-1.json"), claim("120.00")).unwrap();
    let said = post(&folder, "L-1", claim("210.00").into_bytes());
    until("lakeside disputes it", || disputes() == Some(1));
    let own = json(
        &at(&folder, "lakeside", &["ledger", "disputes", "--json"]),
        0,
    );
    let why = own[0]["difference"].as_str().unwrap();
    assert!(
        why.contains("D104: the claim is not as it was sent: another line"),
        "{own}"
    );
    the_payer_is_told(&folder, &own);
    ledger_is_told(&folder);
    audited(&folder);
    erased_it_is_proved(&folder, said["claims"][0]["claim"].as_str().unwrap());
    drop(network);
}

/// The payer's people see which claim is disputed and why; after it is erased, only that there
/// was a dispute. And nobody tells it what does not stand on the ledger.
fn the_payer_is_told(folder: &Path, disputes: &Value) {
    let of_harbor = |arguments: &[&str]| at(folder, "harbor-health", arguments);
    let told = || json(&of_harbor(&["ledger", "disputed", "--json"]), 0);
    until("harbor is told", || told().as_array().unwrap().len() == 1);
    let told = told();
    let (theirs, own) = (&told[0], &disputes[0]);
    for part in ["claim", "index", "entry", "difference"] {
        assert_eq!(theirs[part], own[part], "{part}");
    }
    assert_eq!(theirs["by"], "lakeside");
    let claim = theirs["claim"].as_str().unwrap();
    let shown = common::text(&of_harbor(&["ledger", "disputed", claim]), 0);
    assert!(
        shown.contains("D104") && shown.contains("lakeside"),
        "{shown}"
    );
    let pages = setting(folder, "harbor-health", "pages");
    let page = |path: &str| {
        let mut answer = ureq::get(format!("http://{pages}{path}")).call().unwrap();
        answer.body_mut().read_to_string().unwrap()
    };
    for path in [&*format!("/claims/{claim}"), "/ledger"] {
        let page = page(path);
        assert!(
            page.contains("D104: the claim is not as it was sent"),
            "{page}"
        );
    }

    tellings_that_do_not_hold(folder, theirs);
    let count = |of: &str| json(&of_harbor(&["ledger", "fsck", "--json"]), 0)[of].clone();
    assert_eq!(count("disputed"), 1);
    common::text(
        &of_harbor(&["claim", "erase", claim, "--ground", "order"]),
        0,
    );
    let gone = json(&of_harbor(&["ledger", "disputed", "--json"]), 0);
    assert_eq!(gone[0]["difference"], Value::Null, "{gone}");
    assert_eq!(gone[0]["entry"], own["entry"]);
    assert_eq!(count("disputed"), 1);
}

/// What harbor is told in lakeside's name, and is not so.
fn tellings_that_do_not_hold(folder: &Path, known: &Value) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let api = setting(folder, "harbor-health", "api");
    let api = format!("http://{api}/api/v1");
    let client = |by: &str| Client::new(by, keys::secret(&folder.join(by), "signing.key"));
    let get = |target: &str| {
        let (client, url) = (client("lakeside"), format!("{api}{target}"));
        let answer = runtime.block_on(client.get(&url, Some("harbor-health")));
        answer.unwrap()
    };
    let url = format!("{api}/ledger/shared/disputes");
    let post = |by: &str, body: Vec<u8>| {
        let (client, to) = (client(by), Some("harbor-health"));
        let hash: [u8; 32] = Sha256::digest(&body).into();
        let url = format!("{url}?sha256={}", tally::node::keys::hex(&hash));
        let answer = runtime.block_on(client.post(&url, to, &[], body)).unwrap();
        (answer.status, answer.json().unwrap())
    };
    let public = at(folder, "harbor-health", &["keys", "public", "envelope"]);
    let public = common::text(&public, 0);
    let key = tally::node::keys::unhex::<32>(public.trim()).unwrap();
    let key = NodePublicKey::new(&key).unwrap();
    let tell = |by: &str, told: &ToldDispute| {
        let sealed = key.seal_between(by, "harbor-health", &told.to_canon());
        let (status, said) = post(by, sealed.unwrap());
        assert_eq!(said["code"] == "A122", status == 422, "{said}");
        (status, said.to_string())
    };

    // One that lakeside agreed with.
    let decided = get("/claims/decided").json().unwrap();
    let decided = decided["decided"].as_array().unwrap();
    let mut others = decided.iter().filter(|of| of["claim"] != known["claim"]);
    let agreed = others.next().unwrap();
    let id = |of: &Value| ClaimId::parse(of["claim"].as_str().unwrap()).unwrap();
    let sound = ToldDispute {
        claim: id(agreed),
        index: agreed["index"].as_u64().unwrap(),
        entry: 1,
        salt: [5; 32],
        found: Reexecuted::unproven([3; 32], "tally 0.1.0", "nothing"),
    };
    let (status, why) = tell("lakeside", &sound);
    assert_eq!(status, 422, "{why}");
    assert!(
        why.contains("what was run again is not what stands"),
        "{why}"
    );
    let later = ToldDispute {
        entry: 1 << 40,
        ..sound.clone()
    };
    assert_eq!(tell("lakeside", &later).0, 409);
    let other = ToldDispute {
        claim: id(known),
        ..sound.clone()
    };
    assert_eq!(tell("lakeside", &other).0, 404);
    let elsewhere = ToldDispute {
        index: 0,
        ..sound.clone()
    };
    assert_eq!(tell("lakeside", &elsewhere).0, 404);
    // Nor is another a party to it, whom harbor knows by the ledger alone.
    assert_eq!(tell("cedar-mutual", &sound).0, 404);
    assert_eq!(post("lakeside", vec![7; 99]).0, 400);
    assert_eq!(post("lakeside", vec![7; 5000]).0, 413);
    assert_eq!(get("/ledger/shared/disputed").status, 404);
    // What is known already is known.
    let again = ToldDispute {
        claim: id(known),
        index: known["index"].as_u64().unwrap(),
        ..sound
    };
    assert_eq!(tell("lakeside", &again).0, 422);
    let again = ToldDispute {
        entry: known["entry"].as_u64().unwrap(),
        ..again
    };
    let (status, said) = tell("lakeside", &again);
    assert_eq!(status, 200, "{said}");
    assert!(said.contains("\"new\":false"), "{said}");
    // What comes otherwise than it was sent is not answered for.
    let (client, to) = (client("lakeside"), Some("harbor-health"));
    let other = format!("{url}?sha256={}", "0".repeat(64));
    let changed = runtime.block_on(client.post(&other, to, &[], vec![7; 99]));
    let said = changed.unwrap().json().unwrap().to_string();
    assert!(said.contains("otherwise than it was sent"), "{said}");
}

/// That something was erased is proved to whoever has the founders' keys alone, once it is on
/// the shared ledger and the receipts are asked for again; until then it is not said that they
/// do not hold.
fn erased_it_is_proved(folder: &Path, claim: &str) {
    let (data, out) = (folder.join("harbor-health"), folder.join("erased"));
    let [data, out] = [&data, &out].map(|path| path.to_str().unwrap());
    let erase = [
        "claim", "erase", claim, "--ground", "order", "--json", "--out", out, "--data", data,
    ];
    let erased = || -> Vec<PathBuf> {
        let files = json(&run(erase), 0)["files"].clone();
        serde_json::from_value(files).unwrap()
    };
    let trust = folder.join("trust.json");
    let verify = |files: &[PathBuf]| {
        let mut command = tally();
        command.args(["ledger", "verify", "--json", "--trust"]);
        command.arg(&trust).args(files).output().unwrap()
    };
    until("it is on the shared ledger", || {
        let verified = verify(&erased());
        assert!(matches!(verified.status.code(), Some(0 | 3)));
        verified.status.code() == Some(0)
    });
    let files = erased();
    let verified = json(&verify(&files), 0);
    for row in verified.as_array().unwrap() {
        assert_eq!([&row["verdict"], &row["ground"]], ["trusted", "order"]);
        assert_eq!(row["shared"]["log"], "tallystick.example/network");
        assert_eq!(row["shared"]["trusted"], true);
        assert_eq!(row["shared"]["organisation"], "harbor-health");
        // What that log is called, the founders' keys do not say.
        assert_eq!(row["log_trusted"], false);
    }
    // As they were before it was there, and as they all were before receipts of erasures had it.
    let alone = folder.join("alone.erasure");
    let text = fs::read_to_string(&files[0]).unwrap();
    let (own, _) = text.split_once("authorities ").unwrap();
    fs::write(&alone, own).unwrap();
    let unknown = "the trust file names no log of it";
    let said = json(&verify(std::slice::from_ref(&alone)), 3);
    assert_eq!(
        [&said[0]["verdict"], &said[0]["reason"]],
        ["consistent", unknown]
    );

    let Some(python) = python() else { return };
    let said = common::text(&apart(python, &trust, files.clone()), 0);
    let shared =
        ", by its own word, and on tallystick.example/network, in the log of harbor-health\n";
    assert_eq!(said.matches(": trusted: entry ").count(), files.len());
    assert_eq!(said.matches(shared).count(), files.len());
    let said = common::text(&apart(python, &trust, [alone]), 3);
    assert!(said.contains(": consistent, not trusted: entry "), "{said}");
    assert!(said.ends_with(&format!("; {unknown}\n")), "{said}");
}

/// A node's page tells of the shared ledger what the node knows.
fn ledger_is_told(folder: &Path) {
    let pages = setting(folder, "lakeside", "pages");
    let page = |path: &str| {
        let mut answer = ureq::get(format!("http://{pages}{path}")).call().unwrap();
        answer.body_mut().read_to_string().unwrap()
    };
    let ledger = page("/ledger");
    for told in [
        "The shared ledger",
        "3 of 4 authorities",
        "authority, signed the last checkpoint",
        "harbor-health, an authority of the shared ledger from its first epoch",
        "this node’s own log",
        "D104: the claim is not as it was sent",
        "Adjudication agreed with",
        "Adjudication disputed",
    ] {
        assert!(ledger.contains(told), "{told}: {ledger}");
    }
    assert!(!ledger.contains("Claim adjudicated"), "{ledger}");
    let overview = page("/");
    assert!(
        overview.contains("Lakeside Clinics is no payer"),
        "{overview}"
    );
}

/// Who has the charter alone holds every rule against every leaf, as any node serves them.
fn audited(folder: &Path) {
    let node = format!("http://{}", setting(folder, "cedar-mutual", "api"));
    let audit = |charter: &Path| {
        let mut command = tally();
        command.args(["ledger", "audit", "--json", "--node", &node, "--charter"]);
        command.arg(charter).output().unwrap()
    };
    let charter = folder.join("charter.json");
    let found = json(&audit(&charter), 0);
    assert_eq!(found["holds"], true, "{found}");
    assert_eq!(found["organisations"], 4);
    assert!(found["leaves"].as_u64().unwrap() > 12);
    assert!(found["signers"].as_array().unwrap().len() >= 3);
    // Another charter of the same authorities is another ledger's first leaf.
    let text = fs::read_to_string(&charter).unwrap();
    let other = folder.join("other.json");
    fs::write(&other, text.replace("Cedar Mutual", "Cedar Mutuals")).unwrap();
    let found = json(&audit(&other), 1);
    assert_eq!(found["reason"], "leaf 0 is another charter");
    // Nor is it believed who may sign.
    let key = text.split("\"authority\": \"").nth(1).unwrap();
    let key = key.split('"').next().unwrap();
    let strange = text.replace(key, &"11".repeat(32));
    assert_ne!(strange, text);
    fs::write(&other, strange).unwrap();
    assert_eq!(audit(&other).status.code(), Some(1));
}

/// A file that is not there says nothing of any receipt.
#[test]
fn a_receipt_that_is_not_there_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("no.receipt");
    let output = tally()
        .args(["ledger", "verify"])
        .arg(&missing)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = common::errors(&output);
    assert!(
        said.contains("nothing was verified") && said.contains("cannot be opened"),
        "{said}"
    );
    assert!(!said.contains("does not hold"), "{said}");
}
