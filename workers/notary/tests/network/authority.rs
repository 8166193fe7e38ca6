//! One authority as a process of its own. Its store is a file, synced for each
//! block before the block is acknowledged. It does as the lines on its standard
//! input say, and ends with it.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tally_notary::{Authority, Blocks, Config, Notary, Standing, Voice, public_key};

use crate::toy::{Queue, Rules, Toy, now, read};

/// A block as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub height: u64,
    pub epoch: u64,
    pub digest: String,
    pub entries: u64,
    pub kind: char,
    /// When it was proposed and when it was written, in µs.
    pub proposed: u64,
    pub written: u64,
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the store of a folder has: the last row of each height counts.
pub fn rows(folder: &Path) -> Vec<Row> {
    let text = std::fs::read_to_string(folder.join("store.log")).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut rows: Vec<Row> = Vec::new();
    for line in whole.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse().unwrap();
        let row = Row {
            height: number(0),
            epoch: number(1),
            digest: words[2].to_owned(),
            entries: number(3),
            kind: words[4].chars().next().unwrap(),
            proposed: number(5),
            written: number(6),
        };
        match rows.iter().rposition(|known| known.height == row.height) {
            Some(at) => rows[at] = row,
            None => rows.push(row),
        }
    }
    rows
}

pub fn seed(number: u8) -> [u8; 32] {
    [number; 32]
}

/// `1@127.0.0.1:1000,2@…`.
pub fn authorities(text: &str) -> Vec<Authority> {
    let one = |item: &str| {
        let (number, address) = item.split_once('@').expect("number@address");
        Authority {
            key: public_key(&seed(number.parse().unwrap())),
            address: address.to_owned(),
        }
    };
    text.split(',')
        .filter(|item| !item.is_empty())
        .map(one)
        .collect()
}

pub fn main(arguments: impl Iterator<Item = String>) -> ! {
    let mut given: HashMap<String, String> = HashMap::new();
    for word in arguments {
        let (name, value) = word.split_once('=').expect("name=value");
        let before = given.insert(name.to_owned(), value.to_owned());
        assert!(before.is_none(), "{name} is given twice");
    }
    let arguments = given;
    let get = |name: &str| arguments.get(name).cloned().unwrap_or_default();
    if std::env::var_os("RUST_LOG").is_some() {
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        let log = tracing_subscriber::fmt().with_env_filter(filter);
        log.with_writer(std::io::stderr).with_ansi(false).init();
    }
    let folder = std::path::PathBuf::from(get("folder"));
    std::fs::create_dir_all(&folder).unwrap();
    let mut config = Config::new(
        b"origin.example/test",
        seed(get("me").parse().unwrap()),
        get("listen").parse().unwrap(),
        authorities(&get("genesis")),
        folder.join("journal"),
        folder.join("fence/fence"),
    );
    config.known = authorities(&get("known"));
    if let Ok(pace) = get("pace").parse() {
        config.pace = Duration::from_millis(pace);
        config.leader_timeout = (config.pace * 3).max(config.leader_timeout);
        config.certification_timeout = config.leader_timeout * 2;
    }
    let queue: Queue = Arc::default();
    let rules = Rules {
        queue: queue.clone(),
        entries: get("entries").parse().unwrap_or(0),
        lies: get("lies") == "yes",
        folder: folder.clone(),
    };
    let stored = rows(&folder).pop().map(|last| {
        let mut digest = [0; 32];
        for (at, byte) in digest.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&last.digest[2 * at..2 * at + 2], 16).unwrap();
        }
        let state = Toy {
            entries: last.entries,
            next: None,
        };
        Standing {
            epoch: last.epoch,
            height: last.height,
            digest,
            state,
        }
    });
    let running = match Notary::start(config, rules, stored) {
        Ok(running) => running,
        Err(error) => {
            println!("refused: {error}");
            std::process::exit(3);
        }
    };
    let voice = running.notary.voice();
    let (finalised, mut heard) = (running.finalised, running.heard);
    let writer = {
        let (folder, queue) = (folder.clone(), queue.clone());
        std::thread::spawn(move || write(&folder, finalised, &queue))
    };
    {
        let (queue, voice, folder) = (queue.clone(), voice.clone(), folder.clone());
        let slow = Duration::from_millis(get("slow").parse().unwrap_or(0));
        std::thread::spawn(move || {
            let mut log = append(&folder.join("heard.log"));
            while let Some(heard) = heard.blocking_recv() {
                std::thread::sleep(slow);
                let text = String::from_utf8_lossy(&heard.message).into_owned();
                log.write_all(format!("{} {text}\n", hex(&heard.from)).as_bytes())
                    .unwrap();
                if let Some(count) = text.strip_prefix("entries ") {
                    put(&queue, crate::toy::entries(count.parse().unwrap()));
                    voice.nudge();
                }
            }
        });
    }
    // Until it is told to stop, or the notary ends by itself.
    let told = std::thread::spawn(move || obey(&voice, &queue));
    while running.notary.runs() && !told.is_finished() {
        std::thread::sleep(Duration::from_millis(20));
    }
    match running.notary.stop() {
        Ok(()) => println!("stopped"),
        Err(error) => {
            println!("ended: {error}");
            std::process::exit(4);
        }
    }
    writer.join().unwrap();
    std::process::exit(0);
}

fn append(path: &Path) -> File {
    let mut options = OpenOptions::new();
    options.create(true).append(true).open(path).unwrap()
}

fn put(queue: &Mutex<Vec<Vec<u8>>>, payload: Vec<u8>) {
    queue.lock().unwrap().push(payload);
}

fn obey(voice: &Voice, queue: &Queue) {
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { return };
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match word {
            "say" => assert!(voice.broadcast(rest.as_bytes().to_vec())),
            "flood" => {
                let voice = voice.clone();
                std::thread::spawn(move || {
                    loop {
                        if !voice.broadcast(b"junk".to_vec()) {
                            std::thread::sleep(Duration::from_millis(1));
                        }
                    }
                });
            }
            "set" => put(queue, crate::toy::set(&authorities(rest))),
            "missing" => put(queue, [b"m", rest.as_bytes()].concat()),
            "entries" => {
                put(queue, crate::toy::entries(rest.parse().unwrap()));
                assert!(voice.broadcast(line.clone().into_bytes()));
            }
            "nudge" => {}
            "status" => {
                let status = voice.status();
                let (epoch, votes) = (status.epoch, status.votes);
                println!("status {epoch} {votes} {}", status.contradictions);
            }
            "silent" => println!("silent {}", voice.status().silent.as_secs()),
            "stop" => return,
            _ => panic!("{line}?"),
        }
        voice.nudge();
    }
}

fn write(folder: &Path, mut finalised: Blocks<Toy>, queue: &Queue) {
    let mut log = append(&folder.join("store.log"));
    while let Some(block) = finalised.blocking_recv() {
        let (proposed, _) = read(&block.payload).unwrap_or_default();
        let kind = char::from(block.payload.first().copied().unwrap_or(b'-'));
        let (digest, entries) = (hex(&block.digest), block.state.entries);
        let (height, epoch) = (block.height, block.epoch);
        let line = format!(
            "{height} {epoch} {digest} {entries} {kind} {proposed} {}\n",
            now()
        );
        log.write_all(line.as_bytes()).unwrap();
        log.sync_data().unwrap();
        let same = |queued: &Vec<u8>| match kind {
            // Each authority queued it at a time of its own.
            'n' => queued.first() == Some(&b'n') && queued.len() == block.payload.len(),
            _ => queued[..] == block.payload[..],
        };
        let mut queue = queue.lock().unwrap();
        if let Some(at) = queue.iter().position(same) {
            queue.remove(at);
        }
        block.acknowledge.done();
    }
}
