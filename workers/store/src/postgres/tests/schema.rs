//! Migrations: from nothing, twice, at once; and a schema of another version.

use super::{beside, empty, open, settings};
use crate::port::StoreError;
use crate::postgres::{Migrated, PostgresStore, migrate};

#[tokio::test]
async fn a_schema_is_made_once() {
    let settings = empty().await;
    let Err(StoreError::Schema { found: 0, known }) = PostgresStore::connect(&settings).await
    else {
        panic!("an empty database has no schema");
    };
    let first = migrate(&settings).await.unwrap();
    assert_eq!((first.from, first.to), (0, known));
    // Three tables, this month and the next three.
    assert_eq!(first.partitions, 12);
    let second = migrate(&settings).await.unwrap();
    let expected = Migrated {
        from: known,
        to: known,
        partitions: 0,
    };
    assert_eq!(second, expected);
    let store = open(&settings).await;
    assert_eq!(store.make_next_partitions().await.unwrap(), 0);
    store.close().await;
}

#[tokio::test]
async fn migrations_at_once_wait_for_each_other() {
    let settings = empty().await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let settings = settings.clone();
        tasks.spawn(async move { migrate(&settings).await.unwrap() });
    }
    let mut made = 0;
    while let Some(migrated) = tasks.join_next().await {
        made += migrated.unwrap().partitions;
    }
    assert_eq!(made, 12);
    open(&settings).await.close().await;
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let settings = settings().await;
    let mut conn = beside(&settings).await;
    sqlx::query(
        "INSERT INTO tally._sqlx_migrations (version, description, success, checksum, \
         execution_time) VALUES (9999, 'from the future', true, '', 0)",
    )
    .execute(&mut conn)
    .await
    .unwrap();
    let Err(error) = PostgresStore::connect(&settings).await else {
        panic!("a newer schema was accepted");
    };
    assert!(error.to_string().contains("`tally migrate`"), "{error}");
    assert!(!error.is_transient());
    let Err(StoreError::Migrate(_)) = migrate(&settings).await else {
        panic!("a newer schema was migrated");
    };
}

#[tokio::test]
async fn months_are_made_as_asked_and_rows_of_others_stay() {
    let settings = settings().await;
    let mut conn = beside(&settings).await;
    let mut made = async |since: &str, through: &str| -> i32 {
        sqlx::query_scalar("SELECT tally.make_partitions($1::text::date, $2::text::date)")
            .bind(since)
            .bind(through)
            .fetch_one(&mut conn)
            .await
            .unwrap()
    };
    assert_eq!(made("1999-11-30", "2000-02-01").await, 12);
    assert_eq!(made("1999-11-01", "2000-03-31").await, 3);
    let mut conn = beside(&settings).await;
    sqlx::raw_sql(
        "INSERT INTO tally.decision (place, received, record, payload) VALUES \
         (1, date '2001-05-31' - date '1970-01-01', '\\x00112233445566778899aabbccddeeff', ''), \
         (2, date '2000-02-29' - date '1970-01-01', '\\x00112233445566778899aabbccddeeff', '')",
    )
    .execute(&mut conn)
    .await
    .unwrap();
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT tableoid::regclass::text FROM tally.decision ORDER BY place")
            .fetch_all(&mut conn)
            .await
            .unwrap();
    assert_eq!(tables, ["tally.decision_other", "tally.decision_2000_02"]);
    // May has a decision in the partition for all others, and no claim.
    let mut made = async |since: &str, through: &str| -> i32 {
        sqlx::query_scalar("SELECT tally.make_partitions($1::text::date, $2::text::date)")
            .bind(since)
            .bind(through)
            .fetch_one(&mut conn)
            .await
            .unwrap()
    };
    assert_eq!(made("2001-05-01", "2001-06-30").await, 5);
    assert_eq!(made("2001-05-01", "2001-06-30").await, 0);
}
