//! Authorities as processes on ports and in folders of their own.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::authority::{Row, rows, seed};

pub struct Net {
    folder: TempDir,
    pub ports: BTreeMap<u8, u16>,
    genesis: Vec<u8>,
    running: RefCell<BTreeMap<u8, Child>>,
    /// Places where a key was made.
    made: BTreeSet<u8>,
}

impl Drop for Net {
    fn drop(&mut self) {
        for child in self.running.get_mut().values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Net {
    /// Numbers above those of genesis are for whoever joins later.
    pub fn new(genesis: &[u8], others: &[u8]) -> Self {
        let numbers = genesis.iter().chain(others);
        let held: Vec<_> = numbers
            .map(|number| (*number, TcpListener::bind("127.0.0.1:0").unwrap()))
            .collect();
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        Self {
            folder: TempDir::new().unwrap(),
            ports: held
                .iter()
                .map(|(number, held)| (*number, port(held)))
                .collect(),
            genesis: genesis.to_vec(),
            running: RefCell::default(),
            made: BTreeSet::new(),
        }
    }

    pub fn folder(&self, number: u8) -> PathBuf {
        self.folder.path().join(number.to_string())
    }

    pub fn set(&self, numbers: &[u8]) -> String {
        let one = |number: &u8| format!("{number}@127.0.0.1:{}", self.ports[number]);
        numbers.iter().map(one).collect::<Vec<_>>().join(",")
    }

    /// Starts authorities; `more` are settings of the process.
    pub fn start(&mut self, numbers: &[u8], more: &[&str]) {
        for number in numbers {
            self.start_as(*number, *number, more);
        }
    }

    /// Starts the place `number` with the key of another; the first time as where that key
    /// was made.
    pub fn start_as(&mut self, number: u8, key: u8, more: &[&str]) {
        if self.made.insert(number) {
            let fence = self.folder(number).join("fence/fence");
            tally_notary::enter(&fence, &tally_notary::public_key(&seed(key))).unwrap();
        }
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .arg("authority")
            .arg(format!("me={key}"))
            .arg(format!("folder={}", self.folder(number).display()))
            .arg(format!("listen=127.0.0.1:{}", self.ports[&number]))
            .arg(format!("genesis={}", self.set(&self.genesis)))
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let child = command.spawn().unwrap();
        assert!(
            self.running.get_mut().insert(number, child).is_none(),
            "{number} runs"
        );
    }

    /// `kill -9`.
    pub fn kill(&mut self, numbers: &[u8]) {
        for number in numbers {
            let mut child = self.running.get_mut().remove(number).unwrap();
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Waits until it ends by itself; what it printed last.
    pub fn ended(&mut self, number: u8) -> String {
        self.within(60, &format!("{number} to end by itself"), || {
            let mut running = self.running.borrow_mut();
            let child = running.get_mut(&number).unwrap();
            child.try_wait().unwrap().is_some()
        });
        self.end(number)
    }

    /// Tells it to stop, where it has not ended by itself; what it printed last.
    pub fn end(&mut self, number: u8) -> String {
        let mut child = self.running.get_mut().remove(&number).unwrap();
        let _ = writeln!(child.stdin.take().unwrap(), "stop");
        let output = child.wait_with_output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn tell(&self, number: u8, line: &str) {
        let mut running = self.running.borrow_mut();
        let child = running.get_mut(&number).unwrap();
        writeln!(child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Epoch, whether it votes, contradictions seen.
    pub fn status(&self, number: u8) -> (u64, bool, u64) {
        let line = self.ask(number, "status");
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse().unwrap();
        (number(0), words[1] == "true", number(2))
    }

    /// For how many seconds it has heard nobody.
    pub fn silent(&self, number: u8) -> u64 {
        self.ask(number, "silent").parse().unwrap()
    }

    /// What a process prints when it is asked for one line.
    fn ask(&self, number: u8, what: &str) -> String {
        self.tell(number, what);
        let mut running = self.running.borrow_mut();
        let child = running.get_mut(&number).unwrap();
        let mut line = String::new();
        // One line is read at a time and nothing else is printed.
        let mut output = BufReader::with_capacity(1, child.stdout.as_mut().unwrap());
        output.read_line(&mut line).unwrap();
        let answer = line.trim().strip_prefix(what);
        answer.unwrap_or_else(|| panic!("{line}")).trim().to_owned()
    }

    pub fn height(&self, number: u8) -> u64 {
        rows(&self.folder(number))
            .last()
            .map_or(0, |row| row.height)
    }

    /// Waits until each of them has the block of a height.
    pub fn reach(&self, numbers: &[u8], height: u64) {
        self.within(60, &format!("{numbers:?} to reach {height}"), || {
            numbers.iter().all(|number| self.height(*number) >= height)
        });
    }

    /// Waits until each of them has so many blocks more than now.
    pub fn advance(&self, numbers: &[u8], by: u64) {
        let from = numbers.iter().map(|number| self.height(*number)).max();
        self.reach(numbers, from.unwrap_or(0) + by);
    }

    pub fn within(&self, seconds: u64, what: &str, mut done: impl FnMut() -> bool) {
        let start = Instant::now();
        while !done() {
            if start.elapsed() > Duration::from_secs(seconds) {
                let heights: Vec<_> = self.ports.keys().map(|n| (n, self.height(*n))).collect();
                panic!("waited {seconds} s for {what}: {heights:?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Every store is without gaps, and no two have different blocks of one
    /// height. The longest is returned.
    pub fn agree(&self, numbers: &[u8]) -> Vec<Row> {
        let mut stores: Vec<_> = numbers
            .iter()
            .map(|n| (n, rows(&self.folder(*n))))
            .collect();
        stores.sort_by_key(|(_, rows)| rows.len());
        let (_, longest) = stores.pop().unwrap();
        for (at, row) in longest.iter().enumerate() {
            assert_eq!(row.height, at as u64 + 1, "a gap");
        }
        for (number, rows) in stores {
            for (row, other) in rows.iter().zip(&longest) {
                assert_eq!(row.height, other.height, "a gap at {number}");
                assert_eq!(row.digest, other.digest, "a fork at {number}");
                assert_eq!((row.epoch, row.entries), (other.epoch, other.entries));
            }
        }
        longest
    }
}
