//! Four authorities as processes on loopback, each writing and syncing what is
//! final, and one alone with the same machine and the same writes for a floor.
//!
//!     cargo bench -p tally-notary --bench consensus [-- SECONDS]
//!
//! It says what four processes on this machine do: one clock, no network between
//! them, all on the same disk and cores. Finality is from the leader's proposal
//! to the synced write of any of them.

#[path = "../tests/network/authority.rs"]
mod authority;
#[path = "../tests/network/net.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod net;
#[path = "../tests/network/toy.rs"]
mod toy;

use std::io::Write as _;
use std::time::{Duration, Instant};

use authority::{Row, rows};
use net::Net;
use tally_notary::{Header, Judged, Machine as _};
use toy::{Rules, Toy, entries, now};

const FOUR: [u8; 4] = [1, 2, 3, 4];

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|word| word != "--bench");
    let first = arguments.next();
    if first.as_deref() == Some("authority") {
        authority::main(arguments);
    }
    let seconds = first.and_then(|first| first.parse().ok()).unwrap_or(10);
    println!("{} cores, {seconds} s for each line", cores());
    println!();
    println!("| entries a block | | blocks/s | entries/s | of the floor | p50 ms | p99 ms |");
    println!("|---|---|---|---|---|---|---|");
    let mut said = Vec::new();
    for count in [1, 100, 1000] {
        let floor = alone(count, seconds);
        println!(
            "| {count} | alone: propose, judge, write | {:.0} | {:.0} | 100 % | | |",
            floor / count as f64,
            floor
        );
        let mut net = Net::new(&FOUR, &[]);
        let setting = format!("entries={count}");
        net.start(&FOUR, &[&setting]);
        net.reach(&FOUR, 20);
        let four = measure(&net, &FOUR, seconds);
        four.print(count, "4 of 4", floor);
        if count == 100 {
            faults(&mut net, &setting, (seconds, floor), &four, &mut said);
        }
        net.agree(&FOUR);
    }
    println!();
    said.iter().for_each(|line| println!("{line}"));
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}

/// Entries a second of one process without agreement.
fn alone(count: usize, seconds: u64) -> f64 {
    let folder = tempfile::TempDir::new().unwrap();
    let mut log = std::fs::File::create(folder.path().join("log")).unwrap();
    let rules = Rules {
        queue: toy::Queue::default(),
        entries: count,
        lies: false,
        folder: folder.path().to_owned(),
    };
    let (mut state, mut header) = (
        Toy::default(),
        Header {
            epoch: 0,
            height: 1,
            parent: [0; 32],
        },
    );
    let (start, time) = (Instant::now(), Duration::from_secs(seconds.min(3)));
    while start.elapsed() < time {
        let payload = rules
            .propose(&state, header)
            .unwrap_or_else(|| entries(count));
        let Judged::Holds(after) = rules.judge(&state, header, &payload) else {
            panic!("it holds");
        };
        log.write_all(&payload).unwrap();
        log.sync_data().unwrap();
        (state, header.height) = (after, header.height + 1);
    }
    state.entries as f64 / start.elapsed().as_secs_f64()
}

struct Figures {
    blocks: f64,
    entries: f64,
    finality: Vec<u64>,
}

impl Figures {
    fn print(&self, count: usize, what: &str, floor: f64) {
        let at = |part: f64| {
            let last = self.finality.len().saturating_sub(1);
            let place = (last as f64 * part) as usize;
            self.finality
                .get(place)
                .map_or(0.0, |time| *time as f64 / 1e3)
        };
        println!(
            "| {count} | {what} | {:.0} | {:.0} | {:.1} % | {:.1} | {:.1} |",
            self.blocks,
            self.entries,
            100.0 * self.entries / floor,
            at(0.5),
            at(0.99)
        );
    }
}

fn measure(net: &Net, of: &[u8], seconds: u64) -> Figures {
    let from = now();
    std::thread::sleep(Duration::from_secs(seconds));
    let until = now();
    let within = |row: &Row| row.written >= from && row.written < until;
    let (mut finality, mut blocks, mut entries) = (Vec::new(), 0, 0);
    for number in of {
        let rows: Vec<Row> = rows(&net.folder(*number))
            .into_iter()
            .filter(within)
            .collect();
        let proposed = rows.iter().filter(|row| row.kind == 'n');
        finality.extend(proposed.map(|row| row.written - row.proposed));
        blocks = blocks.max(rows.len());
        if let (Some(first), Some(last)) = (rows.first(), rows.last()) {
            entries = entries.max(last.entries - first.entries);
        }
    }
    finality.sort_unstable();
    let seconds = (until - from) as f64 / 1e6;
    Figures {
        blocks: blocks as f64 / seconds,
        entries: entries as f64 / seconds,
        finality,
    }
}

/// From the write of the last block of an epoch to that of the first of the next.
fn epoch_change(net: &Net) -> String {
    net.tell(1, &format!("set {}", net.set(&FOUR)));
    let change = || {
        let rows = rows(&net.folder(1));
        let mut pairs = rows.windows(2).filter(|two| two[0].epoch < two[1].epoch);
        pairs.next().map(|two| two[1].written - two[0].written)
    };
    net.within(120, "the next epoch", || change().is_some());
    let took = change().unwrap_or_default() as f64 / 1e3;
    format!("- a change of epoch: {took:.0} ms from its last block to the first of the next")
}

/// One killed, back, and all killed.
fn faults(
    net: &mut Net,
    setting: &str,
    (seconds, floor): (u64, f64),
    four: &Figures,
    said: &mut Vec<String>,
) {
    net.kill(&[4]);
    // Until the others no longer wait for it when it is its turn.
    std::thread::sleep(Duration::from_secs(8));
    let three = measure(net, &[1, 2, 3], seconds);
    three.print(100, "3 of 4, the fourth killed", floor);
    let behind = net.height(1) - net.height(4);
    let (from, start) = (net.height(4), Instant::now());
    net.start(&[4], &[setting]);
    net.within(120, "catching up", || net.height(4) + 3 >= net.height(1));
    let (took, got) = (start.elapsed().as_secs_f64(), net.height(4) - from);
    said.push(format!(
        "- 3 of 4 make {:.0} % of what 4 make",
        100.0 * three.entries / four.entries
    ));
    let rate = got as f64 / took;
    said.push(format!(
        "- restarted {behind} blocks behind: caught up {got} in {took:.1} s, {:.1} times as fast \
         as they are made",
        rate / three.blocks
    ));
    said.push(epoch_change(net));
    net.kill(&FOUR);
    let before = FOUR
        .iter()
        .map(|number| net.height(*number))
        .max()
        .unwrap_or(0);
    let start = Instant::now();
    net.start(&FOUR, &[setting]);
    net.reach(&FOUR, before + 1);
    said.push(format!(
        "- all killed at {before}: the next block everywhere after {:.1} s",
        start.elapsed().as_secs_f64()
    ));
    net.kill(&[3, 4]);
    std::thread::sleep(Duration::from_secs(5));
    let start = Instant::now();
    let before = net.height(1);
    net.start(&[3, 4], &[setting]);
    net.reach(&[1, 2], before + 1);
    said.push(format!(
        "- two stopped for 5 s: the next block {:.1} s after they start",
        start.elapsed().as_secs_f64()
    ));
}
