//! Reading and looking up a national file of code pairs, as ratios to what the
//! machine does at best in the same run. `cargo bench -p tally-table`.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use tally_table::Table;
use tally_table::import::{self, Options, Setting};
use tally_types::{Code, ServiceDate};

/// A file as NCCI publishes it, of invented codes, and each pair in it.
fn pairs(rows: usize) -> (String, Vec<(Code, Code)>) {
    let mut text = String::from(
        "Column 1\tColumn 2\t*=in existence\tEffective\tDeletion\tModifier\tPTP Edit Rationale\n",
    );
    let mut pairs = Vec::with_capacity(rows);
    for row in 0..rows {
        let (one, two) = (row / 150, row % 150);
        let (one, two) = (
            format!("{:05}", 10_000 + one),
            format!("{:05}", 500 * two + one % 500),
        );
        let quarter = ["20200101", "20220401", "20240701", "20251001"][row % 4];
        let end = if row % 3 == 0 { "20260331" } else { "*" };
        let _ = writeln!(
            text,
            "{one}\t{two}\t\t{quarter}\t{end}\t{}\tMisuse of column two code with column one code",
            row % 2
        );
        pairs.push((
            Code::parse(&one).expect("a code"),
            Code::parse(&two).expect("a code"),
        ));
    }
    (text, pairs)
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let done = black_box(work());
    (done, start.elapsed())
}

#[expect(clippy::cast_precision_loss, reason = "a figure to print")]
fn rate(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64() / 1e6
}

fn ratio(took: Duration, floor: Duration) -> f64 {
    took.as_secs_f64() / floor.as_secs_f64()
}

fn main() {
    // `cargo bench` passes this; a test shows only that it runs.
    let test = !std::env::args().any(|argument| argument == "--bench");
    let (rows, keys) = if test {
        (3_000, 2_000)
    } else {
        (2_000_000, 1_000_000)
    };
    let (text, pairs) = pairs(rows);
    let bytes = text.as_bytes();
    println!(
        "{rows} code pairs, {} MB as published",
        bytes.len() / 1_000_000
    );

    let (lines, scan) = timed(|| bytes.iter().filter(|b| **b == b'\n').count());
    assert_eq!(lines, rows + 1);
    let options = Options {
        version: Some("2026 Q1".to_owned()),
        setting: Some(Setting::Practitioner),
        ..Options::default()
    };
    let (table, import) = timed(|| import::read("ncci-ptp", &[bytes], &options));
    let table = table.expect("a table");
    assert_eq!(table.len(), rows);
    println!(
        "import   {:.1} MB/s  a byte scan: {:.0} MB/s  ratio {:.1}",
        rate(bytes.len(), import),
        rate(bytes.len(), scan),
        ratio(import, scan)
    );

    let (canonical, write) = timed(|| table.to_bytes());
    let (back, read) = timed(|| Table::from_bytes(&canonical));
    assert!(back.is_ok_and(|back| back == table));
    let (_, scan) = timed(|| {
        canonical
            .iter()
            .fold(0u64, |sum, b| sum.wrapping_add((*b).into()))
    });
    #[expect(clippy::cast_precision_loss, reason = "a figure to print")]
    let each = canonical.len() as f64 / rows as f64;
    println!(
        "bytes    {each:.1} a row  write: {:.1} M rows/s  read: {:.1} M rows/s  ratio to a scan {:.1}",
        rate(rows, write),
        rate(rows, read),
        ratio(read, scan)
    );

    // Keys in an order that no cache likes: half of them are there.
    let on = ServiceDate::new(2026, 2, 1).expect("a day");
    let mut sorted: Vec<(Code, Code, ServiceDate)> = table
        .rows()
        .map(|row| (row.code, row.second, row.from))
        .collect();
    sorted.sort_unstable();
    let wanted: Vec<(Code, Code)> = (0..keys)
        .map(|key: usize| {
            let (one, two) = pairs[key.wrapping_mul(7_919) % rows];
            if key.is_multiple_of(2) {
                (one, two)
            } else {
                (two, one)
            }
        })
        .collect();
    let (found, search) = timed(|| {
        let found = |(a, b): &&(Code, Code)| {
            let after = sorted.partition_point(|key| *key <= (*a, *b, on));
            let row = after.checked_sub(1).and_then(|at| sorted.get(at));
            row.is_some_and(|(c, d, _)| (a, b) == (c, d))
        };
        wanted.iter().filter(found).count()
    });
    let (looked, lookup) = timed(|| {
        let found = |(a, b): &&(Code, Code)| table.lookup(*a, *b, on).is_some();
        wanted.iter().filter(found).count()
    });
    assert_eq!(looked, found);
    println!(
        "look-up  {:.1} M/s  a binary search over all keys: {:.1} M/s  ratio {:.2}  found {looked}",
        rate(keys, lookup),
        rate(keys, search),
        ratio(lookup, search)
    );
}
