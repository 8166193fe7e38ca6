//! What the store costs beside the same rows without it, in the same run.
//!
//! Two floors: the rows of finished batches copied by SQLite itself from one
//! file to another (`INSERT … SELECT`, the same tables, indexes, transactions
//! and fsyncs), and the same rows inserted one statement a row. Nothing is
//! adjudicated. `TALLY_BENCH_DIR` chooses the disk.

mod rows;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rows::{Outcome, adjudicated, filled, integration, rate, submission};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection, Row};
use tally_core::ledger::tree::Frontier;
use tally_store::port::{Identity, Intake, Layout, Log, Token, Work};
use tally_store::sqlite::SqliteStore;
use tally_store::vault::{Vault, WrapKey, random};

const UNITS: usize = 200;

fn main() -> Outcome<()> {
    // `cargo test --benches` passes this: show only that it runs.
    let test = std::env::args().any(|argument| argument == "--test");
    let base = std::env::var_os("TALLY_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::TempDir::new_in(base)?;
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(run(folder.path(), test))
}

async fn run(folder: &Path, test: bool) -> Outcome<()> {
    let sync = fdatasync(&folder.join("sync"), if test { 5 } else { 200 })?;
    println!("fdatasync of 4 KiB: {sync:?} (median)\n");
    println!("claims/s through one transaction a batch; ÷ is the store over that floor");
    println!(
        "{:>6} {:>9} {:>9} {:>9} {:>9} | {:>9} {:>6} | {:>9} {:>6} | fsync/batch",
        "batch", "intake", "commit", "relay", "together", "copied", "÷", "row a row", "÷"
    );
    for (size, batches) in [(1, 200), (16, 60), (128, 24)] {
        let batches = if test { 2 } else { batches };
        measure(folder, size, batches, sync).await?;
    }
    queue(folder, if test { 1_000 } else { 100_000 }).await?;
    keys(folder, if test { 2 } else { 40 }, sync).await
}

fn fdatasync(path: &Path, times: usize) -> Outcome<Duration> {
    let mut file = File::create(path)?;
    let mut taken = Vec::new();
    for _ in 0..times {
        file.write_all(&[7; 4096])?;
        let start = Instant::now();
        file.sync_data()?;
        taken.push(start.elapsed());
    }
    taken.sort_unstable();
    Ok(taken.get(times / 2).copied().unwrap_or_default())
}

async fn open(path: &Path) -> Outcome<SqliteStore> {
    let store = SqliteStore::open(path).await?;
    store
        .set_up(&Identity {
            origin: "bench".into(),
            partitions: 1,
        })
        .await?;
    Ok(store)
}

async fn measure(folder: &Path, size: usize, batches: usize, sync: Duration) -> Outcome<()> {
    let path = folder.join(format!("store-{size}.db"));
    let store = open(&path).await?;
    let units: Vec<Token> = (0..UNITS)
        .map(|_| Ok(Token(filled()?)))
        .collect::<Outcome<_>>()?;
    let (mut intake, mut commit, mut relay) = <(Duration, Duration, Duration)>::default();
    let mut frontier = Frontier::default();
    for n in 0..batches {
        let new = submission(&units, size, n * size)?;
        let start = Instant::now();
        store.accept(&new).await?;
        intake += start.elapsed();

        let start = Instant::now();
        let queued = store.next(0, u32::try_from(size)?).await?;
        let mut of: Vec<Token> = queued.iter().map(|queued| queued.unit).collect();
        of.sort_unstable();
        of.dedup();
        let states = store.units(&of).await?;
        commit += start.elapsed();
        let batch = adjudicated(&queued, &states)?;
        let start = Instant::now();
        store.commit(&batch).await?;
        commit += start.elapsed();

        let start = Instant::now();
        let new = integration(&store, &mut frontier, size).await?;
        store.integrate(&new).await?;
        relay += start.elapsed();
    }
    drop(store);

    let floor = copied(&path, &folder.join(format!("copied-{size}.db")), size).await?;
    let single = row_by_row(&path, &folder.join(format!("rows-{size}.db")), size).await?;
    let claims = size * batches;
    let together = intake + commit + relay;
    println!(
        "{size:>6} {:>9.0} {:>9.0} {:>9.0} {:>9.0} | {:>9.0} {:>6.2} | {:>9.0} {:>6.2} | {:.1}",
        rate(claims, intake),
        rate(claims, commit),
        rate(claims, relay),
        rate(claims, together),
        rate(claims, floor),
        floor.as_secs_f64() / together.as_secs_f64(),
        rate(claims, single),
        single.as_secs_f64() / together.as_secs_f64(),
        together.as_secs_f64() / sync.as_secs_f64() / batches as f64,
    );
    Ok(())
}

/// The tables a claim leaves rows in, and how a batch of them is chosen: by
/// the places of its claims.
const LEFT: [(&str, &str); 8] = [
    ("submission", "first BETWEEN ?1 AND ?2"),
    ("claim", "place BETWEEN ?1 AND ?2"),
    (
        "outcome",
        "claim IN (SELECT id FROM done.claim WHERE place BETWEEN ?1 AND ?2)",
    ),
    ("decision", "claim BETWEEN ?1 AND ?2"),
    (
        "history",
        "(unit, sequence) IN \
         (SELECT unit, sequence FROM done.claim WHERE place BETWEEN ?1 AND ?2)",
    ),
    ("entry", "leaf BETWEEN ?1 - 1 AND ?2 - 1"),
    ("node", "level = 0 AND place BETWEEN ?1 - 1 AND ?2 - 1"),
    ("checkpoint", "size BETWEEN ?1 AND ?2"),
];

/// An empty store with the units of a finished one, which is attached.
async fn beside(from: &Path, to: &Path) -> Outcome<SqliteConnection> {
    drop(SqliteStore::open(to).await?);
    let options = SqliteConnectOptions::new()
        .filename(to)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(false)
        .pragma("secure_delete", "ON");
    let mut conn = SqliteConnection::connect_with(&options).await?;
    sqlx::query("ATTACH ? AS done")
        .bind(from.display().to_string())
        .execute(&mut conn)
        .await?;
    sqlx::query("INSERT INTO unit SELECT * FROM done.unit")
        .execute(&mut conn)
        .await?;
    Ok(conn)
}

async fn count(conn: &mut SqliteConnection) -> Outcome<i64> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM done.claim")
        .fetch_one(conn)
        .await?)
}

/// SQLite alone: three transactions a batch, as the store has, with the same
/// rows left in the end.
async fn copied(from: &Path, to: &Path, size: usize) -> Outcome<Duration> {
    let mut conn = beside(from, to).await?;
    let (claims, size) = (count(&mut conn).await?, i64::try_from(size)?);
    let start = Instant::now();
    let mut first = 1;
    while first <= claims {
        for tables in [&LEFT[..2], &LEFT[2..5], &LEFT[5..]] {
            let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
            for (table, chosen) in tables {
                let sql = format!("INSERT INTO {table} SELECT * FROM done.{table} WHERE {chosen}");
                sqlx::query(AssertSqlSafe(sql))
                    .bind(first)
                    .bind(first + size - 1)
                    .execute(&mut *tx)
                    .await?;
            }
            tx.commit().await?;
        }
        first += size;
    }
    Ok(start.elapsed())
}

/// The same rows, one prepared `INSERT` each.
async fn row_by_row(from: &Path, to: &Path, size: usize) -> Outcome<Duration> {
    let mut conn = beside(from, to).await?;
    let (claims, size) = (count(&mut conn).await?, i64::try_from(size)?);
    let mut taken = Duration::ZERO;
    let mut first = 1;
    while first <= claims {
        for tables in [&LEFT[..2], &LEFT[2..5], &LEFT[5..]] {
            let mut rows = Vec::new();
            for (table, chosen) in tables {
                let sql = format!("SELECT rowid_of.* FROM done.{table} AS rowid_of WHERE {chosen}");
                let found = sqlx::query(AssertSqlSafe(sql))
                    .bind(first)
                    .bind(first + size - 1)
                    .fetch_all(&mut conn)
                    .await?;
                rows.extend(found.into_iter().map(|row| (*table, row)));
            }
            let start = Instant::now();
            let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
            for (table, row) in &rows {
                let marks = vec!["?"; row.len()].join(",");
                let sql = format!("INSERT INTO {table} VALUES ({marks})");
                let mut query = sqlx::query(AssertSqlSafe(sql));
                for i in 0..row.len() {
                    query = bind(query, row, i)?;
                }
                query.execute(&mut *tx).await?;
            }
            tx.commit().await?;
            taken += start.elapsed();
        }
        first += size;
    }
    Ok(taken)
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

fn bind<'q>(query: Query<'q>, row: &sqlx::sqlite::SqliteRow, i: usize) -> Outcome<Query<'q>> {
    if let Ok(number) = row.try_get::<Option<i64>, _>(i) {
        return Ok(query.bind(number));
    }
    if let Ok(text) = row.try_get::<String, _>(i) {
        return Ok(query.bind(text));
    }
    Ok(query.bind(row.try_get::<Vec<u8>, _>(i)?))
}

/// Taking what is next, with few and with many rows queued, and with most of
/// them behind a claim set aside.
async fn queue(folder: &Path, many: usize) -> Outcome<()> {
    let store = open(&folder.join("queue.db")).await?;
    let units: Vec<Token> = (0..UNITS)
        .map(|_| Ok(Token(filled()?)))
        .collect::<Outcome<_>>()?;
    let mut new = submission(&units, 500, 0)?;
    store.accept(&new).await?;
    let few = next(&store).await?;
    let mut queued = 500;
    // One unit has all the rest; its first claim is set aside in the end.
    let hot = Token(filled()?);
    let mut first = None;
    while queued < many {
        new = submission(&[hot], 1000, 0)?;
        store.accept(&new).await?;
        first = first.or(new.claims.first().map(|claim| claim.id));
        queued += 1000;
    }
    let full = next(&store).await?;
    let start = Instant::now();
    if let Some(first) = first {
        store.failed(first, 1, "a fault").await?;
    }
    let aside = start.elapsed();
    new = submission(&units, 500, 0)?;
    store.accept(&new).await?;
    let behind = next(&store).await?;
    let start = Instant::now();
    store.waiting().await?;
    let counted = start.elapsed();
    println!(
        "\nnext 128 of 500 queued: {few:?}; of {queued}: {full:?} (×{:.2}); \
         with all but 1000 behind one set aside: {behind:?} (×{:.2})",
        full.as_secs_f64() / few.as_secs_f64(),
        behind.as_secs_f64() / few.as_secs_f64(),
    );
    println!("setting it aside: {aside:?}; counting what waits: {counted:?}");
    Ok(())
}

async fn next(store: &SqliteStore) -> Outcome<Duration> {
    let mut taken = Vec::new();
    for _ in 0..30 {
        let start = Instant::now();
        store.next(0, 128).await?;
        taken.push(start.elapsed());
    }
    taken.sort_unstable();
    Ok(taken.get(15).copied().unwrap_or_default())
}

async fn keys(folder: &Path, batches: u32, sync: Duration) -> Outcome<()> {
    let vault = Vault::open(&folder.join("keys.db"), WrapKey::new(random()?)).await?;
    let mut made = Duration::ZERO;
    let mut found = Duration::ZERO;
    for _ in 0..batches {
        let start = Instant::now();
        let keys = vault.fresh(128).await?;
        made += start.elapsed();
        let records: Vec<_> = keys.iter().map(|key| key.id()).collect();
        let start = Instant::now();
        vault.keys(&records).await?;
        found += start.elapsed();
    }
    println!(
        "\n128 record keys made: {:?} ({:.1} fsyncs); found: {:?}",
        made / batches,
        (made / batches).as_secs_f64() / sync.as_secs_f64(),
        found / batches,
    );
    Ok(())
}
