//! The vault on PostgreSQL.

use tally_rig::{Postgres, shared_postgres};

use super::{assert_error, bytes_below, holds};
use crate::port::RecordId;
use crate::vault::{RecordKey, Vault, WrapKey, random};

async fn database() -> String {
    tokio::task::spawn_blocking(|| shared_postgres().fresh_database().unwrap())
        .await
        .unwrap()
}

async fn connect(url: &str) -> Vault {
    Vault::connect(url, WrapKey::new([7; 32])).await.unwrap()
}

#[tokio::test]
async fn keys_are_found_together_and_the_erased_are_absent() {
    let url = database().await;
    let vault = connect(&url).await;
    let keys = vault.fresh(600).await.unwrap();
    let ids: Vec<_> = keys.iter().map(RecordKey::id).collect();
    assert!(vault.fresh(0).await.unwrap().is_empty());
    let sealed = keys[3].seal("claim", b"a plain text").unwrap();
    let again = vault.key(ids[3]).await.unwrap();
    assert_eq!(&again.open("claim", &sealed).unwrap()[..], b"a plain text");
    vault.destroy(ids[3]).await.unwrap();
    vault.destroy(ids[3]).await.unwrap();
    let mut asked = ids.clone();
    asked.push(RecordId([0; 16]));
    asked.push(ids[5]);
    let found = vault.keys(&asked).await.unwrap();
    assert_eq!(found.len(), 599);
    assert!(!found.contains_key(&ids[3]));
    assert!(vault.keys(&[]).await.unwrap().is_empty());
    assert_error(vault.key(RecordId([0; 16])).await, "Erased");
    // In another process just the same.
    let other = connect(&url).await;
    assert_error(other.key(ids[3]).await, "Erased");
    other.key(ids[4]).await.unwrap();
    other.close().await.unwrap();
    vault.close().await.unwrap();
}

#[tokio::test]
async fn another_wrapping_key_is_told_at_once() {
    let url = database().await;
    let at_once = [connect(&url), connect(&url), connect(&url)];
    for vault in at_once {
        drop(vault.await);
    }
    let other = Vault::connect(&url, WrapKey::new([8; 32])).await;
    assert_error(other, "Wrapped");
    drop(connect(&url).await);
}

#[tokio::test]
async fn vaults_that_are_made_at_once_agree() {
    let url = database().await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let url = url.clone();
        tasks.spawn(async move { connect(&url).await.fresh(1).await.unwrap().remove(0).id() });
    }
    let ids: Vec<_> = tasks.join_all().await;
    assert_eq!(connect(&url).await.keys(&ids).await.unwrap().len(), 4);
}

/// No query finds it, and its table's file no longer holds it; what the
/// write-ahead log may hold is said in the data map.
#[tokio::test]
async fn a_destroyed_key_is_gone_from_its_table() {
    let server = tokio::task::spawn_blocking(|| Postgres::start().unwrap())
        .await
        .unwrap();
    let url = server.fresh_database().unwrap();
    let wrap: [u8; 32] = random().unwrap();
    let vault = Vault::connect(&url, WrapKey::new(wrap)).await.unwrap();
    let keys = vault.fresh(40).await.unwrap();
    let database = url.rsplit_once('/').unwrap().1.to_owned();
    let wrapped = |record: RecordId| {
        let hex: String = record.0.iter().map(|byte| format!("{byte:02x}")).collect();
        let sql = format!(
            "SELECT encode(wrapped, 'hex') FROM tally_keys.record_key WHERE record = '\\x{hex}'"
        );
        let hex = server.ask(&database, &sql).unwrap();
        (0..hex.len() / 2)
            .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
            .collect::<Vec<u8>>()
    };
    let (gone, kept) = (wrapped(keys[7].id()), wrapped(keys[8].id()));
    vault.destroy(keys[7].id()).await.unwrap();
    let sql = "SELECT pg_relation_filepath('tally_keys.record_key')";
    let file = server.ask(&database, sql).unwrap();
    server.ask(&database, "checkpoint").unwrap();
    let table = std::fs::read(server.data().join(file)).unwrap();
    assert!(holds(&table, &kept));
    assert!(!holds(&table, &gone));
    // Plain keys and the wrapping key are in no file at all.
    let all = bytes_below(server.data());
    assert!(!holds(&all, &wrap));
    assert!(holds(&all, &keys[8].id().0));
    for key in &keys {
        assert!(!holds(&all, key.plain()));
    }
}
