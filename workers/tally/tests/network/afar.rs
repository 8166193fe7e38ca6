//! A member that is no authority: its node follows what the authorities' nodes serve,
//! hands its own log to them, and runs policies again as theirs do.

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
    governance::proposed(&folder, "join", &join, &VOTERS);
    let config = governance::configure(&folder, &home, listen, api);
    let url = format!("http://127.0.0.1:{api}/api/v1/ledger/shared/status");
    let own = |name: &str| get(&url).map_or(Value::Null, |status| status[name].clone());
    let theirs = |name: &str| {
        status(&folder, "harbor-health").map_or(Value::Null, |status| status[name].clone())
    };
    let bayview = Process::start(&mut governance::node(&config));

    // All that stands there stands here, under the same checkpoint, in the same blocks.
    until("bayview is level", || {
        own("behind") == 0 && own("checkpoint")["root"] == theirs("checkpoint")["root"]
    });
    assert_eq!(own("authority"), false);
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
