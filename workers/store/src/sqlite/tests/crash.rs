//! Killed at any moment, many times: nothing is lost or doubled. The child is
//! this test binary, told by its environment to work on a folder until it is
//! killed; it says what was answered only after it was.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tally_core::claim::ClaimId;
use tempfile::TempDir;

use crate::conformance::consistency::assert_consistent;
use crate::conformance::shared::{Growing, append_following, assert_whole};
use crate::conformance::statements::{all, marked};
use crate::conformance::world::{
    adjudicated, batch, integrate_all, moved, submission, token, unit,
};
use crate::port::{ClaimFilter, Intake, Log, Reading, Statements, StoreError, Submission, Work};
use crate::sqlite::SqliteStore;
use crate::vault::{Vault, WrapKey};

const FOLDER: &str = "TALLY_CRASH_FOLDER";
const UNITS: u64 = 4;

async fn store(folder: &Path) -> SqliteStore {
    super::open(&folder.join("node.db")).await
}

async fn vault(folder: &Path) -> Vault {
    let wrap = WrapKey::new([9; 32]);
    Vault::open(&folder.join("keys.db"), wrap).await.unwrap()
}

/// Says that something was answered. Straight to the pipe: what the test
/// harness holds back would be lost with the process.
fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    // The parent may have stopped reading: it kills, and does not care.
    let _ = writeln!(out, "\nanswered {what}").and_then(|()| out.flush());
}

/// The next submission by number, each claim under a key of its own.
async fn next_submission(store: &SqliteStore, vault: &Vault) -> Submission {
    let n = store.totals().await.unwrap().refused;
    let claims: Vec<_> = (0..n % 7).map(|i| (n * 10 + i, (n + i) % UNITS)).collect();
    let mut new = submission(n, &claims);
    let keys = vault.fresh(new.claims.len()).await.unwrap();
    for (claim, key) in new.claims.iter_mut().zip(keys) {
        claim.sealed = key.seal("claim", &claim.id.0).unwrap();
    }
    new
}

/// A batch of what is next, as it now stands.
async fn next_batch(store: &SqliteStore, partition: u32) -> crate::port::Batch {
    let mut used: [Option<i64>; 4] = [None; 4];
    let mut claims = Vec::new();
    for queued in store.next(partition, 5).await.unwrap() {
        let of = (0..UNITS).find(|n| unit(*n) == queued.unit).unwrap();
        let at = usize::try_from(of).unwrap();
        let before = match used[at] {
            Some(before) => before,
            None => {
                let state = store.units(&[queued.unit]).await.unwrap().remove(0);
                state.accumulators.first().map_or(0, |row| row.used)
            }
        };
        let plain = adjudicated(queued.claim, of, queued.sequence);
        let (claim, after) = moved(plain, before);
        used[at] = Some(after);
        claims.push(claim);
    }
    batch(claims)
}

async fn work(folder: &Path) -> Result<(), StoreError> {
    let (store, vault) = (store(folder).await, vault(folder).await);
    say("opened");
    let mut ledger = Growing::default();
    // Bounded, should the parent die without killing.
    for _ in 0..2000 {
        let new = next_submission(&store, &vault).await;
        match store.accept(&new).await {
            Ok(_) => say(&format!("submission {}", hex(&new.token.0))),
            Err(StoreError::Fenced { .. }) => {}
            Err(other) => return Err(other),
        }
        let n = store.totals().await?.refused;
        store.state(&[marked(6, n), marked(11, n)]).await?;
        say(&format!("stated {n}"));
        for partition in 0..2 {
            let batch = next_batch(&store, partition).await;
            match store.commit(&batch).await {
                Ok(()) => {
                    for claim in &batch.claims {
                        say(&format!("claim {}", claim.claim));
                    }
                }
                Err(StoreError::Fenced { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        match integrate_all(&store).await {
            Ok(size) => say(&format!("size {size}")),
            Err(StoreError::Fenced { .. }) => {}
            Err(other) => return Err(other),
        }
        match append_following(&store, &mut ledger).await {
            Ok(height) => say(&format!("height {height}")),
            Err(StoreError::Fenced { .. }) => ledger = Growing::default(),
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The child's part; a test of nothing when nobody is its parent.
#[test]
fn child() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        crate::conformance::run(async {
            work(&PathBuf::from(folder)).await.unwrap();
        });
    }
}

fn spawn(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sqlite::tests::crash::child", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What the children were answered, over all rounds.
#[derive(Default)]
struct Answered {
    submissions: BTreeSet<u64>,
    claims: BTreeSet<String>,
    stated: BTreeSet<u64>,
    size: u64,
    height: u64,
    opened: u64,
}

impl Answered {
    fn hear(&mut self, line: &str) {
        let Some(what) = line.strip_prefix("answered ") else {
            return;
        };
        match what.split_once(' ') {
            Some(("submission", token)) => {
                let n = (0..100_000).find(|n| hex(&submission_token(*n)) == token);
                self.submissions.insert(n.unwrap());
            }
            Some(("claim", id)) => {
                assert!(self.claims.insert(id.into()), "claim {id} committed twice");
            }
            Some(("stated", n)) => drop(self.stated.insert(n.parse().unwrap())),
            Some(("size", size)) => self.size = self.size.max(size.parse().unwrap()),
            Some(("height", height)) => self.height = self.height.max(height.parse().unwrap()),
            _ => self.opened += 1,
        }
    }

    async fn assert_kept(&self, folder: &Path) {
        let (store, vault) = (store(folder).await, vault(folder).await);
        assert_consistent(&store, UNITS).await;
        for n in &self.submissions {
            let row = store.submission(token("submission", *n)).await.unwrap();
            let row = row.unwrap_or_else(|| panic!("submission {n} is lost"));
            assert_eq!(u64::try_from(row.claims.len()), Ok(n % 7));
        }
        for id in &self.claims {
            let row = store.claim(ClaimId::parse(id).unwrap()).await.unwrap();
            assert!(row.unwrap().outcome.is_some(), "claim {id} is lost");
        }
        let made = all(&store).await.into_iter().map(|row| row.entry);
        let made: BTreeSet<_> = made.collect();
        for n in &self.stated {
            for new in [marked(6, *n), marked(11, *n)] {
                assert!(made.contains(&new.entry), "a statement is lost");
            }
        }
        assert!(store.head().await.unwrap().size >= self.size);
        assert!(assert_whole(&store).await.unwrap_or(0) >= self.height);
        // A key was on the disk before what it seals.
        let rows = store.claims(&ClaimFilter::default()).await.unwrap();
        let records: Vec<_> = rows.iter().map(|row| row.sealed.record).collect();
        let keys = vault.keys(&records).await.unwrap();
        for row in rows {
            let plain = keys[&row.sealed.record].open("claim", &row.sealed).unwrap();
            assert_eq!(plain[..], row.id.0);
        }
    }
}

fn submission_token(n: u64) -> [u8; 32] {
    token("submission", n).0
}

/// A small generator: the moments are the same in every run of the test, as
/// far as the machine lets them be.
struct Moments(u64);

impl Moments {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

/// Lets `children` work and kills each: some while they open the files, most
/// at some moment after some answer.
fn round(folder: &Path, moments: &mut Moments, children: usize, answered: &mut Answered) {
    let killed: Vec<_> = (0..children)
        .map(|_| {
            let mut child = spawn(folder);
            let early = moments.next(6) == 0;
            let answers = moments.next(60);
            let after = Duration::from_micros(moments.next(12_000));
            std::thread::spawn(move || {
                let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
                let mut heard = Vec::new();
                if !early {
                    let until = lines
                        .by_ref()
                        .map_while(Result::ok)
                        .filter(|line| line.starts_with("answered"))
                        .take(usize::try_from(answers).unwrap() + 1);
                    heard.extend(until);
                }
                std::thread::sleep(after);
                child.kill().unwrap();
                heard.extend(lines.map_while(Result::ok));
                let mut errors = String::new();
                let stderr = child.stderr.take().unwrap();
                let _ = BufReader::new(stderr).read_to_string(&mut errors);
                let status = child.wait().unwrap();
                assert!(status.code().is_none(), "it ended by itself: {errors}");
                heard
            })
        })
        .collect();
    for child in killed {
        for line in child.join().unwrap() {
            answered.hear(&line);
        }
    }
}

fn survive(seed: u64, rounds: usize, children: usize) {
    let folder = TempDir::new().unwrap();
    let mut moments = Moments(seed);
    let mut answered = Answered::default();
    for _ in 0..rounds {
        round(folder.path(), &mut moments, children, &mut answered);
        crate::conformance::run(answered.assert_kept(folder.path()));
    }
    assert!(answered.height > 0);
    assert!(answered.opened > 0 && answered.size > 0 && !answered.claims.is_empty());
    eprintln!(
        "{rounds} rounds of {children}, all killed: {} submissions, {} claims, {} entries kept",
        answered.submissions.len(),
        answered.claims.len(),
        answered.size
    );
    crate::conformance::run(assert_sound(folder.path().join("node.db")));
}

/// SQLite's own opinion of the file.
async fn assert_sound(path: PathBuf) {
    let store = super::open(&path).await;
    let mut reader = store.reader().await.unwrap();
    let sound: String = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_one(&mut *reader)
        .await
        .unwrap();
    assert_eq!(sound, "ok");
    let orphans = sqlx::query("PRAGMA foreign_key_check")
        .fetch_all(&mut *reader)
        .await
        .unwrap();
    assert!(orphans.is_empty());
}

#[test]
fn killed_at_any_moment_nothing_is_lost_or_doubled() {
    survive(1, 30, 1);
}

/// Two processes that write the same files, killed each at its own moment.
#[test]
fn two_processes_killed_at_any_moment_lose_nothing() {
    survive(2, 15, 2);
}
