//! What the store on PostgreSQL costs beside the same rows without it, in the
//! same run, on a server of its own.
//!
//! The floor is what `commit` leaves behind, inserted by the array (`UNNEST`) in
//! one transaction, on one connection, into the same tables with the same
//! indexes: nothing is looked up, fenced, locked or taken off a queue. Nothing
//! is adjudicated on either side.

mod rows;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rows::{Outcome, adjudicated, filled, integration, rate, submission};
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tally_core::ledger::tree::Frontier;
use tally_rig::Postgres;
use tally_store::port::{Batch, Identity, Intake, Layout, Log, RecordId, Token, Work};
use tally_store::postgres::{PgSettings, PostgresStore, migrate};
use tally_store::vault::{Vault, WrapKey, random};

const UNITS: usize = 2000;

fn main() -> Outcome<()> {
    // `cargo test --benches` passes this: show only that it runs.
    let test = std::env::args().any(|argument| argument == "--test");
    let server = Postgres::start()?;
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(run(&server, test))
}

async fn run(server: &Postgres, test: bool) -> Outcome<()> {
    println!("claims/s through one transaction a batch; ÷ is commit over the floor");
    println!(
        "{:>6} {:>9} {:>9} {:>9} {:>9} {:>9} | {:>9} {:>6}",
        "batch", "intake", "next", "units", "commit", "relay", "floor", "÷"
    );
    for (size, batches) in [(1, 400), (16, 120), (128, 60), (512, 20)] {
        measure(server, size, if test { 2 } else { batches }).await?;
    }
    keys(server, if test { 2 } else { 40 }).await
}

async fn measure(server: &Postgres, size: usize, batches: usize) -> Outcome<()> {
    let settings = PgSettings::new(server.fresh_database()?);
    migrate(&settings).await?;
    let store = PostgresStore::connect(&settings).await?;
    let identity = Identity {
        origin: "bench".into(),
        partitions: 1,
    };
    store.set_up(&identity).await?;
    let mut floor = Floor::of(server).await?;
    let units: Vec<Token> = (0..UNITS)
        .map(|_| Ok(Token(filled()?)))
        .collect::<Outcome<_>>()?;
    let mut taken = [Duration::ZERO; 6];
    let mut frontier = Frontier::default();
    for n in 0..batches {
        let new = submission(&units, size, n * size)?;
        let start = Instant::now();
        store.accept(&new).await?;
        taken[0] += start.elapsed();

        let start = Instant::now();
        let queued = store.next(0, u32::try_from(size)?).await?;
        taken[1] += start.elapsed();
        let mut of: BTreeMap<Token, u64> = BTreeMap::new();
        for queued in &queued {
            of.entry(queued.unit).or_insert(queued.previous);
        }
        let of: Vec<(Token, u64)> = of.into_iter().collect();
        let start = Instant::now();
        let states = store.units_at(&of).await?;
        taken[2] += start.elapsed();
        let batch = adjudicated(&queued, &states)?;
        let start = Instant::now();
        store.commit(&batch).await?;
        taken[3] += start.elapsed();

        let start = Instant::now();
        let new = integration(&store, &mut frontier, size).await?;
        store.integrate(&new).await?;
        taken[4] += start.elapsed();

        let start = Instant::now();
        floor.write(&batch).await?;
        taken[5] += start.elapsed();
    }
    store.close().await;
    let claims = size * batches;
    let [intake, next, units, commit, relay, plain] = taken;
    println!(
        "{size:>6} {:>9.0} {:>9.0} {:>9.0} {:>9.0} {:>9.0} | {:>9.0} {:>6.2}",
        rate(claims, intake),
        rate(claims, next),
        rate(claims, units),
        rate(claims, commit),
        rate(claims, relay),
        rate(claims, plain),
        plain.as_secs_f64() / commit.as_secs_f64(),
    );
    Ok(())
}

/// The same tables in another database, and a connection to them.
struct Floor {
    conn: PgConnection,
    place: i64,
}

impl Floor {
    async fn of(server: &Postgres) -> Outcome<Self> {
        let settings = PgSettings::new(server.fresh_database()?);
        migrate(&settings).await?;
        let mut conn = PgConnection::connect(&settings.url).await?;
        sqlx::raw_sql("SET search_path = tally")
            .execute(&mut conn)
            .await?;
        Ok(Self { conn, place: 0 })
    }

    async fn write(&mut self, batch: &Batch) -> Outcome<()> {
        let claims = &batch.claims;
        let places: Vec<i64> = (self.place..).take(claims.len()).collect();
        self.place += i64::try_from(claims.len())?;
        let records: Vec<&[u8]> = claims.iter().map(|c| &c.record.record.0[..]).collect();
        let mut tx = self.conn.begin().await?;
        sqlx::query(
            "INSERT INTO outcome (claim, charge, allowed, paid, patient, status, hash, policy) \
             SELECT p, 12345, 10000, 8000, 2000, 1, h, $3 \
             FROM unnest($1::bigint[], $2::bytea[]) AS n (p, h)",
        )
        .bind(&places)
        .bind(
            claims
                .iter()
                .map(|c| &c.outcome_hash[..])
                .collect::<Vec<_>>(),
        )
        .bind(&[1u8; 32][..])
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "INSERT INTO decision (place, received, record, payload) \
             SELECT p, 20484, r, d FROM unnest($1::bigint[], $2::bytea[], $3::bytea[]) AS n (p, r, d)",
        )
        .bind(&places)
        .bind(&records)
        .bind(claims.iter().map(|c| &c.record.bytes[..]).collect::<Vec<_>>())
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "INSERT INTO history (place, record, payload) \
             SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[])",
        )
        .bind(&places)
        .bind(&records)
        .bind(
            claims
                .iter()
                .map(|c| &c.history.bytes[..])
                .collect::<Vec<_>>(),
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "INSERT INTO outbox (claim, entry) SELECT * FROM unnest($1::bigint[], $2::bytea[])",
        )
        .bind(&places)
        .bind(claims.iter().map(|c| &c.entry[..]).collect::<Vec<_>>())
        .execute(&mut *tx)
        .await?;
        sqlx::query("INSERT INTO result (claim) SELECT unnest($1::bigint[])")
            .bind(&places)
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "INSERT INTO accumulator (unit, member, product, name, period, used) \
             SELECT p, m, 'harbor-ppo', 'accumulator-' || n, 20454, 100 \
             FROM unnest($1::bigint[], $2::bytea[]) AS g (p, m), generate_series(1, 3) AS n",
        )
        .bind(&places)
        .bind(claims.iter().map(|c| &c.unit.0[..]).collect::<Vec<_>>())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }
}

async fn keys(server: &Postgres, batches: u32) -> Outcome<()> {
    let vault = Vault::connect(&server.fresh_database()?, WrapKey::new(random()?)).await?;
    let (mut made, mut found, mut gone) = <(Duration, Duration, Duration)>::default();
    for _ in 0..batches {
        let start = Instant::now();
        let keys = vault.fresh(128).await?;
        made += start.elapsed();
        let ids: Vec<RecordId> = keys.iter().map(tally_store::vault::RecordKey::id).collect();
        let start = Instant::now();
        vault.keys(&ids).await?;
        found += start.elapsed();
        let start = Instant::now();
        vault.destroy(ids[0]).await?;
        gone += start.elapsed();
    }
    println!(
        "\n128 keys made: {:?}, found: {:?}; one destroyed: {:?}",
        made / batches,
        found / batches,
        gone / batches
    );
    Ok(())
}
