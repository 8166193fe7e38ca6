//! A member that is no authority: its node follows what the authorities' nodes serve,
//! hands its own log to them, and runs policies again as theirs do.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tally::shared::client::Client;

use super::*;

const VOTERS: [&str; 2] = ["cedar-mutual", "lakeside"];

/// Harbor takes an organisation in as one that sends it claims.
fn taken_in(folder: &Path, id: &str, secret: [u8; 32]) {
    let key = tally_core::ledger::SigningKey::new("signing", &secret).unwrap();
    let key = tally::node::keys::hex(&key.verifier().public());
    stranded::press(folder, "harbor-health", "stop");
    let file = folder.join("harbor-health/tally.toml");
    let mut text = std::fs::read_to_string(&file).unwrap();
    text += &format!("\n[[organisation]]\nid = {id:?}\nkey = {key:?}\n");
    std::fs::write(&file, text).unwrap();
    stranded::press(folder, "harbor-health", "start");
    until("harbor is back", || {
        status(folder, "harbor-health").is_some()
    });
}

#[test]
fn a_member_that_is_no_authority_follows_and_takes_part() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("network");
    let network = serving(&folder, 12);
    let (listen, api) = (port(), port());
    let home = temporary.path().join("bayview");
    let join = governance::apply(&home, None, api, false);
    let config = governance::configure(&folder, &home, listen, api);
    let url = format!("http://127.0.0.1:{api}/api/v1/ledger/shared/status");
    let own = |name: &str| get(&url).map_or(Value::Null, |status| status[name].clone());
    let theirs = |name: &str| {
        status(&folder, "harbor-health").map_or(Value::Null, |status| status[name].clone())
    };
    let bayview = Process::start(&mut governance::node(&config));
    // It may start before it is voted in, and says that it is no member yet.
    until("bayview says what it lacks", || {
        let lacks = own("lacks");
        lacks
            .as_str()
            .is_some_and(|lacks| lacks.contains("has no member `bayview`"))
    });
    governance::proposed(&folder, "join", &join, &VOTERS);

    // All that stands there stands here, under the same checkpoint, in the same blocks.
    until("bayview is level", || {
        own("behind") == 0 && own("checkpoint")["root"] == theirs("checkpoint")["root"]
    });
    assert_eq!(own("authority"), false);
    assert_eq!(own("lacks"), Value::Null);
    assert!(own("checkpoint")["signers"].as_array().unwrap().len() >= 3);
    assert_eq!(own("cut_off"), Value::Null);
    until("its blocks are theirs", || {
        let known = own("height").as_u64().unwrap();
        let block = |base: &str| {
            let listed = get(&format!("{base}/blocks?from={known}"))?;
            Some(listed["blocks"][0].clone())
        };
        let harbor = setting(&folder, "harbor-health", "api");
        let harbor = block(&format!("http://{harbor}/api/v1/ledger/shared"));
        let here = block(&format!("http://127.0.0.1:{api}/api/v1/ledger/shared"));
        here.is_some_and(|here| here.is_object() && Some(here) == harbor)
    });

    // It runs the policies again on its own claims, and its log is taken.
    let agreed = own("agreed").as_u64().unwrap();
    let secret = keys::secret(&home, "signing.key");
    let client = Client::new("bayview", secret);
    taken_in(&folder, "bayview", secret);
    // One authority answers nothing, and refuses nothing: who follows goes on.
    signal(&folder, "riverside", "-STOP");
    post_as(
        &folder,
        &client,
        "B-1",
        liar::claim(&folder, "B-1", &["99213"]),
    );
    until("it is agreed with", || own("agreed") == agreed + 1);
    until("harbor sees it", || theirs("agreed") == agreed + 1);
    signal(&folder, "riverside", "-CONT");

    // Its node stops and starts, and goes on where it stood.
    drop(bayview);
    let bayview = Process::start(&mut governance::node(&config));
    until("bayview is level again", || {
        own("behind") == 0 && own("checkpoint")["root"] == theirs("checkpoint")["root"]
    });

    // It becomes an authority while it runs.
    let epoch = own("epoch").as_u64().unwrap();
    let more = governance::apply(&home, Some(listen), api, false);
    governance::proposed(&folder, "rotate", &more, &VOTERS);
    until("bayview is an authority", || {
        own("authority") == true && own("epoch") == epoch + 1
    });
    // Of five four have to sign: without riverside bayview has to.
    until("riverside has read that", || {
        status(&folder, "riverside").is_some_and(|status| status["epoch"] == epoch + 1)
    });
    stranded::press(&folder, "riverside", "stop");
    post_as(
        &folder,
        &client,
        "B-2",
        liar::claim(&folder, "B-2", &["99213"]),
    );
    until("it signs", || {
        let checkpoint = own("checkpoint");
        let signers = checkpoint["signers"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        checkpoint["epoch"] == epoch + 1 && signers.iter().any(|signer| signer == "bayview")
    });

    // And it is none again, while it runs: it ends its notary, and follows.
    stranded::press(&folder, "riverside", "start");
    let plain = governance::apply(&home, None, api, false);
    let all = ["cedar-mutual", "lakeside", "riverside"];
    governance::proposed(&folder, "rotate", &plain, &all);
    until("bayview is an authority no more", || {
        own("authority") == false && own("epoch") == epoch + 2
    });
    until("it listens to none", || {
        std::net::TcpStream::connect(("127.0.0.1", listen)).is_err()
    });
    post_as(
        &folder,
        &client,
        "B-3",
        liar::claim(&folder, "B-3", &["99213"]),
    );
    until("that is agreed with", || own("agreed") == agreed + 3);
    assert_eq!(own("cut_off"), Value::Null);

    // Killed when it had written the end of an epoch, and not kept yet how that one was
    // handed over.
    drop(bayview);
    forget(&home, epoch + 1);
    let bayview = Process::start(&mut governance::node(&config));
    until("bayview is level once more", || {
        own("checkpoint")["root"] == theirs("checkpoint")["root"]
            && own("checkpoint")["epoch"] == epoch + 2
    });
    drop((bayview, network));
}

/// Takes checkpoints back from an epoch on.
fn forget(home: &Path, epoch: u64) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(home.join("node.db"));
        let mut database = SqliteConnection::connect_with(&options).await.unwrap();
        for sql in [
            "DROP TRIGGER shared_checkpoint_never_shrinks".to_owned(),
            format!("DELETE FROM shared_checkpoint WHERE epoch >= {epoch}"),
        ] {
            let done = sqlx::query(sqlx::AssertSqlSafe(sql))
                .execute(&mut database)
                .await;
            done.unwrap();
        }
    });
}

/// Halts or continues an organisation's node, which takes connections meanwhile and answers
/// nothing.
fn signal(folder: &Path, organisation: &str, signal: &str) {
    let config = folder.join(organisation).join("tally.toml");
    let is_it = |process: &PathBuf| {
        let line = std::fs::read_to_string(process.join("cmdline")).unwrap_or_default();
        line.split('\0').any(|part| Path::new(part) == config)
    };
    let processes = std::fs::read_dir("/proc").unwrap();
    let mut processes = processes.map(|process| process.unwrap().path());
    let found = processes.find(is_it).unwrap();
    let id = found.file_name().unwrap().to_str().unwrap();
    let sent = Command::new("sh")
        .args(["-c", &format!("kill {signal} {id}")])
        .status();
    assert!(sent.unwrap().success());
}

/// Who answers at an address that an authority's node has left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// One who passes on to that node, and gives blocks other names, the same everywhere.
    Renaming,
    /// One who passes on to harbor's node.
    ForHarbor,
}

/// Listens at the address that a node has left.
fn stand_at(told: u16, real: u16, harbor: u16, who: &Arc<Mutex<Stands>>) {
    let listener = TcpListener::bind(("127.0.0.1", told)).unwrap();
    let who = Arc::clone(who);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let who = *who.lock().unwrap();
            std::thread::spawn(move || pass_on(stream, real, harbor, who));
        }
    });
}

/// One request on a connection, passed on.
fn pass_on(mut asked: TcpStream, real: u16, harbor: u16, who: Stands) -> Option<()> {
    let head = liar::Head::read(&mut asked)?;
    let length = head.field("content-length").map(str::parse);
    let mut body = vec![0; length.and_then(Result::ok).unwrap_or(0)];
    asked.read_exact(&mut body).ok()?;
    let to = match who {
        Stands::Renaming => real,
        Stands::ForHarbor => harbor,
    };
    let mut answered = liar::truth(to, &head.passed("")?, &body)?;
    if who == Stands::Renaming && head.0.lines().next()?.contains("/shared/blocks?") {
        let text = String::from_utf8(answered).ok()?;
        let mut parts = text.split("\"id\":\"");
        let mut renamed = parts.next()?.to_owned();
        for part in parts {
            renamed += &format!("\"id\":\"{}{}", "f".repeat(64), part.get(64..)?);
        }
        answered = renamed.into_bytes();
    }
    asked.write_all(&answered).ok()
}

/// More founders' nodes have moved than may lie, and have other keys; at their old addresses
/// stands somebody else. A newcomer believes nobody there, says what it lacks, and goes on when
/// it is told where some of them are.
#[test]
fn a_newcomer_whom_the_founders_addresses_lead_nowhere_is_told_where_they_are() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("network");
    let network = serving(&folder, 2);
    for (of, epoch) in stranded::STAY.into_iter().zip(1..) {
        stranded::taken(&folder, &stranded::made(&folder, of), epoch);
    }
    let (listen, api) = (port(), port());
    let home = temporary.path().join("bayview");
    let join = governance::apply(&home, None, api, false);
    governance::proposed(&folder, "join", &join, &VOTERS);
    let config = governance::configure(&folder, &home, listen, api);
    let harbor = setting(&folder, "harbor-health", "api");
    let at_harbor = harbor.rsplit(':').next().unwrap().parse().unwrap();
    let who = Arc::new(Mutex::new(Stands::Renaming));
    let moved = stranded::STAY.map(|of| {
        let (told, real) = liar::moved(&folder, of);
        stand_at(told, real, at_harbor, &who);
        stranded::press(&folder, of, "start");
        until(&format!("{of} is back"), || status(&folder, of).is_some());
        real
    });
    let base = format!("http://127.0.0.1:{api}/api/v1/ledger/shared");
    let own =
        |name: &str| get(&format!("{base}/status")).map_or(Value::Null, |all| all[name].clone());
    let says = |part: &str, text: &str| {
        let said = own("cut_off")[part].as_str().map(str::to_owned);
        said.is_some_and(|said| said.contains(text))
    };
    let bayview = Process::start(&mut governance::node(&config));

    // Names that were changed on the way are no authority's.
    until("bayview says what it lacks", || {
        says("what", "1 of 4 authorities of epoch 3") && says("what", "that of another answer")
    });
    assert!(says("what", "cedar-mutual, lakeside, riverside"));
    assert!(says("next", "`ledger.peers`"));
    assert_eq!(own("height"), 0);
    // One authority is one, at however many addresses.
    *who.lock().unwrap() = Stands::ForHarbor;
    until("all answer as harbor", || {
        says("what", "1 of 4 authorities of epoch 3") && !says("what", "that of another answer")
    });
    assert_eq!(own("height"), 0);

    drop(bayview);
    let text = std::fs::read_to_string(&config).unwrap();
    let peers = &moved[..2];
    let peers: Vec<String> = peers
        .iter()
        .map(|port| format!("http://127.0.0.1:{port}"))
        .collect();
    std::fs::write(&config, format!("{text}peers = {peers:?}\n")).unwrap();
    let bayview = Process::start(&mut governance::node(&config));
    until("bayview is level", || {
        let theirs = status(&folder, "harbor-health").map(|all| all["checkpoint"]["root"].clone());
        own("behind") == 0 && Some(own("checkpoint")["root"].clone()) == theirs
    });
    assert_eq!(own("cut_off"), Value::Null);
    let blocks = |base: &str| get(&format!("{base}/blocks")).unwrap()["blocks"].clone();
    let theirs = blocks(&format!("http://{harbor}/api/v1/ledger/shared"));
    let (here, theirs) = (blocks(&base), theirs.as_array().unwrap().clone());
    let here = here.as_array().unwrap();
    assert!(here.len() > 3);
    assert!(here.iter().zip(&theirs).all(|(here, there)| here == there));
    drop((bayview, network));
}

/// Voted in as an authority it cannot vote where it listens nowhere: it follows on as a
/// member, and says so; and votes when it listens.
#[test]
fn who_is_voted_in_and_listens_nowhere_follows_and_says_so() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("network");
    let network = serving(&folder, 2);
    let (listen, api) = (port(), port());
    let home = temporary.path().join("bayview");
    let join = governance::apply(&home, None, api, false);
    governance::proposed(&folder, "join", &join, &VOTERS);
    let config = governance::configure(&folder, &home, listen, api);
    let listens = std::fs::read_to_string(&config).unwrap();
    let line = format!("listen = \"127.0.0.1:{listen}\"\n");
    assert!(listens.contains(&line));
    std::fs::write(&config, listens.replace(&line, "")).unwrap();
    let url = format!("http://127.0.0.1:{api}/api/v1/ledger/shared/status");
    let own = |name: &str| get(&url).map_or(Value::Null, |status| status[name].clone());
    let theirs = |name: &str| {
        status(&folder, "harbor-health").map_or(Value::Null, |status| status[name].clone())
    };
    let log = home.with_extension("log");
    let begun = || {
        let mut command = governance::node(&config);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let said = std::fs::File::create(&log).unwrap();
        Process(command.stderr(said).spawn().unwrap())
    };
    let level = || own("checkpoint")["root"] == theirs("checkpoint")["root"] && own("behind") == 0;
    let lacks = || {
        own("lacks")
            .as_str()
            .is_some_and(|lacks| lacks.contains("`ledger.listen`"))
    };
    let bayview = begun();
    until("bayview is level", level);
    assert_eq!(own("lacks"), Value::Null);

    let more = governance::apply(&home, Some(listen), api, false);
    governance::proposed(&folder, "rotate", &more, &VOTERS);
    until("it says what it lacks", || {
        own("authority") == true && lacks()
    });
    let harbor = folder.join("harbor-health");
    governance::leave(&harbor, "riverside");
    let size = own("size").as_u64();
    until("it follows", || own("size").as_u64() > size && level());
    let said = std::fs::read_to_string(&log).unwrap();
    assert_eq!(said.matches("`ledger.listen`").count(), 1, "{said}");

    // So does one that starts.
    drop(bayview);
    let bayview = begun();
    until("it says what it lacks again", || lacks() && level());
    drop(bayview);
    std::fs::write(&config, listens).unwrap();
    let bayview = begun();
    // Of five four have to sign: without riverside bayview has to.
    until("bayview is back", || own("lacks").is_null() && level());
    stranded::press(&folder, "riverside", "stop");
    let size = theirs("size").as_u64();
    governance::leave(&harbor, "lakeside");
    until("bayview votes", || {
        let signers = theirs("checkpoint")["signers"].clone();
        let signers = signers.as_array().cloned().unwrap_or_default();
        theirs("checkpoint")["size"].as_u64() > size && signers.iter().any(|one| one == "bayview")
    });
    drop((bayview, network));
}
