//! A ledger that shows two witnesses two histories is caught, and who signed is named.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use tally_core::ledger::shared::{Authorities, Snapshot};
use tally_core::ledger::tree::{Frontier, consistency_proof, leaf_hash};
use tally_core::ledger::witness::{Evidence, Request};
use tally_core::ledger::{Checkpoint, Note, SigningKey};

use super::*;

const ORIGIN: &str = "ledger.example/split";

/// Founders with their keys, in folders of their own, and the charter.
fn founders(folder: &Path) -> Vec<SigningKey> {
    let mut applications = Vec::new();
    let mut keys = Vec::new();
    for (place, id) in ["one", "two", "three", "four"].into_iter().enumerate() {
        let home = folder.join(id);
        let applied = tally()
            .args(["org", "init", "--ledger", ORIGIN, "--id", id, "--name", id])
            .args(["--role", "provider", "--authority", "--address"])
            .arg(format!("127.0.0.1:{}", 9000 + place))
            .arg("--data")
            .arg(&home)
            .output();
        let file = folder.join(format!("{id}.json"));
        fs::write(&file, common::text(&applied.unwrap(), 0)).unwrap();
        applications.push(file);
        let secret = fs::read_to_string(home.join("keys/authority.key")).unwrap();
        let secret: Vec<u8> = (0..32)
            .map(|at| u8::from_str_radix(&secret[at * 2..at * 2 + 2], 16).unwrap())
            .collect();
        keys.push(SigningKey::new(ORIGIN, &secret.try_into().unwrap()).unwrap());
    }
    let founded = tally()
        .args(["org", "found", "--ledger", ORIGIN])
        .args(&applications)
        .output();
    fs::write(
        folder.join("charter.json"),
        common::text(&founded.unwrap(), 0),
    )
    .unwrap();
    keys
}

/// A checkpoint of epoch 0 with this root, which these signed.
fn signed(folder: &Path, root: u8, by: &[SigningKey]) -> String {
    let charter = tally::shared::read_charter(&folder.join("charter.json")).unwrap();
    let founders = Snapshot::found(&charter).unwrap();
    let checkpoint = founders.signers.checkpoint(7, [root; 32], None);
    let mut note = checkpoint.sign(&by[0]);
    for key in &by[1..] {
        note.signatures.extend(checkpoint.sign(key).signatures);
    }
    note.to_string()
}

struct Watching {
    _process: Process,
    url: String,
    folder: std::path::PathBuf,
}

fn witness(folder: &Path, name: &str) -> Watching {
    let home = folder.join(name);
    let url = format!("127.0.0.1:{}", port());
    let process = Process::start(
        tally()
            .args([
                "ledger",
                "witness",
                "--name",
                name,
                "--listen",
                &url,
                "--charter",
            ])
            .arg(folder.join("charter.json"))
            .arg("--data")
            .arg(&home),
    );
    until("the witness listens", || {
        std::net::TcpStream::connect(&url).is_ok()
    });
    Watching {
        _process: process,
        url: format!("http://{url}"),
        folder: home,
    }
}

/// Asks a witness to cosign; answers the status.
fn ask(witness: &Watching, old: u64, note: &str) -> u16 {
    asked(witness, format!("old {old}\n\n{note}"))
}

fn asked(witness: &Watching, request: String) -> u16 {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let url = format!("{}/add-checkpoint", witness.url);
    let answer = agent.post(&url).send(request).unwrap();
    answer.status().as_u16()
}

/// The evidence that a witness kept.
fn kept(witness: &Watching) -> Vec<PathBuf> {
    let files = fs::read_dir(&witness.folder).unwrap().flatten();
    let files = files.map(|file| file.path());
    let is_one = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("evidence-")
    };
    files.filter(is_one).collect()
}

/// What `tally ledger evidence` says of a file, by the charter alone.
fn proven(charter: &Path, file: &Path) -> serde_json::Value {
    let mut command = tally();
    command.args(["ledger", "evidence", "--json", "--charter"]);
    command.args([charter, file]);
    json(&command.output().unwrap(), 0)
}

/// A checkpoint with the signatures of these.
fn by(of: &Checkpoint, by: &[SigningKey]) -> Note {
    let mut note = of.sign(&by[0]);
    let others = by[1..].iter().flat_map(|key| of.sign(key).signatures);
    note.signatures.extend(others);
    note
}

#[test]
fn two_histories_are_caught() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    let keys = founders(folder);
    let charter = folder.join("charter.json");
    let (left, right) = (
        witness(folder, "left.example"),
        witness(folder, "right.example"),
    );
    // Three of four make a quorum; two of them sign both.
    let one = signed(folder, 1, &keys[..3]);
    let other = signed(folder, 2, &keys[1..]);
    let too_few = signed(folder, 3, &keys[..2]);
    assert_eq!(ask(&left, 0, &too_few), 403);
    assert_eq!(ask(&left, 0, &one), 200);
    assert_eq!(ask(&right, 0, &other), 200);

    // Nobody but who asks both can know.
    let compared = tally()
        .args(["ledger", "compare", &left.url, &right.url, "--charter"])
        .arg(&charter)
        .output()
        .unwrap();
    let evidence = common::text(&compared, 1);
    let said = common::errors(&compared);
    assert!(
        said.contains("three, two signed two histories")
            || said.contains("two, three signed two histories"),
        "{said}"
    );

    // The evidence speaks for itself.
    let file = folder.join("evidence");
    fs::write(&file, &evidence).unwrap();
    let check = |json: bool| {
        let mut command = tally();
        command
            .args(["ledger", "evidence"])
            .arg(&file)
            .arg("--charter")
            .arg(&charter);
        if json {
            command.arg("--json");
        }
        command.output().unwrap()
    };
    let checked = json(&check(true), 0);
    assert_eq!(checked["signed_both"].as_array().unwrap().len(), 2);
    assert_eq!(checked["sizes"], serde_json::json!([7, 7]));
    assert!(common::text(&check(false), 0).contains(ORIGIN));
    // With another word it shows nothing.
    fs::write(&file, evidence.replacen("root", "toor", 1)).unwrap();
    assert!(common::errors(&check(false)).contains("shows nothing"));

    // One witness that is shown both keeps the evidence itself.
    assert_eq!(ask(&left, 7, &other), 422);
    let [file] = &kept(&left)[..] else {
        panic!("one piece of evidence")
    };
    let names = proven(&charter, file)["signed_both"].clone();
    assert_eq!(names, serde_json::json!(["three", "two"]));
    // Of the same two texts there is one file, which has whoever signed both; of another
    // there is another.
    assert_eq!(ask(&left, 7, &signed(folder, 2, &keys[..3])), 422);
    assert_eq!(&kept(&left)[0], file);
    assert_eq!(kept(&left).len(), 1);
    let names = proven(&charter, file)["signed_both"].clone();
    assert_eq!(names, serde_json::json!(["one", "three", "two"]));
    assert_eq!(ask(&left, 7, &signed(folder, 3, &keys[..3])), 422);
    assert_eq!(kept(&left).len(), 2);
    assert_eq!(ask(&left, 7, &one), 200);
}

/// One witness, however its address is written, is not compared with itself; and where a
/// checkpoint is of authorities that are not known, it is said what leads to them.
#[test]
fn what_cannot_be_compared_is_said() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    let keys = founders(folder);
    let charter = folder.join("charter.json");
    let compared = |one: &str, other: &str| {
        let mut command = tally();
        command.args(["ledger", "compare", one, other, "--charter"]);
        command.arg(&charter).output().unwrap()
    };
    let witnesses = ["left.example", "right.example"].map(|name| witness(folder, name));
    for witness in &witnesses {
        assert_eq!(ask(witness, 0, &signed(folder, 1, &keys[..3])), 200);
    }
    let left = &witnesses[0].url;
    let loud = left.replace("http", "HTTP");
    let alias = left.replace("127.0.0.1", "localhost");
    for again in [left, &format!("{left}/"), &loud, &alias] {
        let refused = compared(left, again);
        assert_eq!(common::text(&refused, 1), "");
        let said = common::errors(&refused);
        assert!(said.contains("are one witness"), "{said}");
        assert!(said.contains("Name another"), "{said}");
    }
    let mut command = tally();
    command.args(["ledger", "compare", "--json", left, &witnesses[1].url]);
    let told = command.arg(&alias).arg("--charter").arg(&charter).output();
    let told = json(&told.unwrap(), 1);
    assert_eq!((&told["compared"], &told["same"]), (&2.into(), &1.into()));
    let told = compared(left, &witnesses[1].url);
    assert_eq!(common::text(&told, 0), "1 comparison: one history.\n");
    assert_eq!(common::errors(&told), "");

    // Both go on to an epoch, and forget how.
    let read = tally::shared::read_charter(&charter).unwrap();
    let first = Snapshot::found(&read).unwrap().signers;
    let mut next = Authorities::clone(&first);
    next.epoch = 1;
    let handover = by(&first.checkpoint(7, [1; 32], Some(&next)), &keys).to_string();
    let later = by(&next.checkpoint(7, [1; 32], None), &keys).to_string();
    for (witness, name) in witnesses.iter().zip(["left.example", "right.example"]) {
        assert_eq!(ask(witness, 7, &handover), 200, "{name}");
        assert_eq!(ask(witness, 7, &later), 200, "{name}");
    }
    let forgets = witnesses.map(|witness| {
        let folders = fs::read_dir(&witness.folder).unwrap().flatten();
        let mut ended = folders.map(|folder| folder.path().join("ended-0"));
        fs::remove_file(ended.find(|path| path.exists()).unwrap()).unwrap();
        witness
            .folder
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    });
    let witnesses = forgets.map(|name| witness(folder, &name));
    let told = compared(&witnesses[0].url, &witnesses[1].url);
    let said = common::errors(&told);
    for part in ["epoch 1", "say `--node URL`"] {
        assert!(said.contains(part), "{said}");
    }
}

/// Two histories by authorities that came after the charter: they are known over the
/// handovers, each signed by a quorum of those before.
#[test]
fn two_histories_of_a_later_set_are_caught() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    let keys = founders(folder);
    let charter = folder.join("charter.json");
    let founders = tally::shared::read_charter(&charter).unwrap();
    let founders = Snapshot::found(&founders).unwrap();
    let mut next = Authorities::clone(&founders.signers);
    next.epoch = 1;
    next.members.remove(3);
    let handover = founders.signers.checkpoint(7, [1; 32], Some(&next));
    let handover = by(&handover, &keys).to_string();
    let one = by(&next.checkpoint(9, [2; 32], None), &keys[..3]);
    let other = by(&next.checkpoint(9, [3; 32], None), &keys[1..]);
    let evidence = Evidence::of(one, other, &[]).unwrap();
    let file = folder.join("evidence");
    fs::write(&file, evidence.to_string()).unwrap();
    let handovers = folder.join("handovers");
    let check = |more: &[&Path]| {
        let mut command = tally();
        command.args(["ledger", "evidence", "--charter"]);
        command.args([&charter, &file]).args(more);
        command.output().unwrap()
    };
    let unknown = check(&[]);
    common::text(&unknown, 1);
    let said = common::errors(&unknown);
    assert!(said.contains("known by `--handovers FILE`"), "{said}");
    let by_handovers = [Path::new("--handovers"), &handovers];
    fs::write(&handovers, format!("{}\n{handover}", handover.len())).unwrap();
    let said = common::text(&check(&by_handovers), 0);
    assert!(said.contains("signed two histories"), "{said}");

    // A handover that no quorum signed leads nowhere.
    let alone = by(
        &Checkpoint::parse(&Note::parse(&handover).unwrap().text).unwrap(),
        &keys[..2],
    );
    let alone = alone.to_string();
    fs::write(&handovers, format!("{}\n{alone}", alone.len())).unwrap();
    let refused = check(&by_handovers);
    common::text(&refused, 1);
    let said = common::errors(&refused);
    assert!(said.contains("no set signed"), "{said}");
}

/// One tree, and two sets that it is handed over to: caught by who compares, also when both
/// witnesses have gone on, and by a witness that is shown the other, or what the set that
/// handed over signs afterwards; also after a start.
#[test]
fn two_handovers_and_what_follows_one_are_caught() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    let keys = founders(folder);
    let charter = folder.join("charter.json");
    let founders = tally::shared::read_charter(&charter).unwrap();
    let first = Snapshot::found(&founders).unwrap().signers;
    let (mut frontier, mut nodes) = (Frontier::default(), BTreeMap::new());
    let mut roots = vec![frontier.root()];
    for leaf in 0..12u8 {
        for node in frontier.append(leaf_hash(&[leaf])) {
            nodes.insert((node.level, node.index), node.hash);
        }
        roots.push(frontier.root());
    }
    let checkpoint = |set: &Authorities, size: usize, next: Option<&Authorities>| {
        set.checkpoint(size as u64, roots[size], next)
    };
    let without = |organisation: &str| {
        let mut next = Authorities::clone(&first);
        next.epoch = 1;
        next.members
            .retain(|one| one.organisation.as_str() != organisation);
        next
    };
    let sets = [without("four"), without("one")];
    let witnesses = ["left.example", "right.example"].map(|name| witness(folder, name));
    let handovers = [&keys[..3], &keys[1..]];
    let handovers = [0, 1].map(|at| by(&checkpoint(&first, 7, Some(&sets[at])), handovers[at]));
    for (witness, handover) in witnesses.iter().zip(&handovers) {
        assert_eq!(ask(witness, 0, &handover.to_string()), 200);
    }
    let compared = || {
        let mut command = tally();
        command.args(["ledger", "compare", &witnesses[0].url, &witnesses[1].url]);
        let compared = command.arg("--charter").arg(&charter).output().unwrap();
        let said = common::errors(&compared);
        assert!(said.contains("three, two signed two handovers"), "{said}");
        let file = folder.join("evidence");
        fs::write(&file, common::text(&compared, 1)).unwrap();
        let proven = proven(&charter, &file);
        assert_eq!(proven["what"], "handovers");
        assert_eq!(proven["sizes"], serde_json::json!([7, 7]));
    };
    compared();
    // Both go on, with one history still.
    let signers = [&keys[..3], &keys[1..]];
    for (at, witness) in witnesses.iter().enumerate() {
        let next = by(&checkpoint(&sets[at], 9, None), signers[at]);
        let proof = consistency_proof(&nodes, 7, 9).unwrap();
        let request = Request::new(7, proof, next).unwrap();
        assert_eq!(asked(witness, request.to_string()), 200);
    }
    compared();

    // A witness that is shown it, by one authority alone, keeps it.
    let [left, _right] = witnesses;
    assert_eq!(ask(&left, 9, &handovers[0].to_string()), 403);
    assert_eq!(kept(&left).len(), 0);
    assert_eq!(ask(&left, 9, &handovers[1].to_string()), 403);
    let behind = |size| by(&checkpoint(&first, size, None), &keys[2..3]).to_string();
    assert_eq!(ask(&left, 9, &behind(8)), 403);
    assert_eq!(kept(&left).len(), 2);
    drop(left);
    let left = witness(folder, "left.example");
    assert_eq!(ask(&left, 9, &behind(8)), 403);
    assert_eq!(ask(&left, 9, &behind(11)), 403);
    let mut whats: Vec<_> = kept(&left)
        .iter()
        .map(|file| proven(&charter, file)["what"].clone())
        .collect();
    whats.sort_by_key(ToString::to_string);
    assert_eq!(whats, ["after_handover", "after_handover", "handovers"]);
    // What was signed before the epoch ended is sound.
    assert_eq!(ask(&left, 9, &behind(6)), 403);
    assert_eq!(kept(&left).len(), 3);
}
