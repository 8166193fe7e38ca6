mod postgres;
mod rewrap;

use std::collections::BTreeSet;
use std::path::Path;

use tempfile::TempDir;

use super::{RecordKey, Tokens, Vault, VaultError, WrapKey, random};
use crate::port::{RecordId, Sealed};

async fn open(folder: &TempDir) -> Vault {
    Vault::open(&path(folder), WrapKey::new([7; 32]))
        .await
        .unwrap()
}

fn path(folder: &TempDir) -> std::path::PathBuf {
    folder.path().join("keys.db")
}

/// Every byte of every file of the key store.
fn bytes(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        all.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    all
}

/// The same of a folder and all below it.
fn bytes_below(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(bytes_below(&path));
        } else {
            all.extend(std::fs::read(&path).unwrap_or_default());
        }
    }
    all
}

fn holds(all: &[u8], part: &[u8]) -> bool {
    let first = part[0];
    all.iter()
        .enumerate()
        .any(|(at, byte)| *byte == first && all[at..].starts_with(part))
}

async fn wrapped(vault: &Vault, record: RecordId) -> Vec<u8> {
    sqlx::query_scalar("SELECT wrapped FROM record_key WHERE record = ?")
        .bind(record.0.to_vec())
        .fetch_one(&vault.file().readers)
        .await
        .unwrap()
}

#[track_caller]
fn assert_error<T>(answer: Result<T, VaultError>, expected: &str) {
    let Err(error) = answer else {
        panic!("{expected} was expected")
    };
    assert!(format!("{error:?}").starts_with(expected), "{error:?}");
}

#[tokio::test]
async fn what_is_sealed_opens_under_its_own_key_and_label() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    let [one, two] = <[RecordKey; 2]>::try_from(vault.fresh(2).await.unwrap())
        .unwrap_or_else(|_| panic!("two keys"));
    let sealed = one.seal("claim", b"a plain text").unwrap();
    assert_eq!(sealed.record, one.id());
    assert_eq!(&one.open("claim", &sealed).unwrap()[..], b"a plain text");
    // Again, and after the vault was closed.
    let key = vault.key(one.id()).await.unwrap();
    assert_eq!(&key.open("claim", &sealed).unwrap()[..], b"a plain text");
    drop(vault);
    let vault = open(&folder).await;
    let key = vault.key(one.id()).await.unwrap();
    assert_eq!(&key.open("claim", &sealed).unwrap()[..], b"a plain text");
    // Nonces are fresh; an empty payload is a payload.
    assert_ne!(one.seal("claim", b"a plain text").unwrap(), sealed);
    let empty = one.seal("claim", b"").unwrap();
    assert!(one.open("claim", &empty).unwrap().is_empty());

    // Another label, another record's key, a payload said to be of another
    // record, and one moved from it.
    assert_error(one.open("history", &sealed), "Payload");
    assert_error(one.open("clai", &sealed), "Payload");
    assert_error(two.open("claim", &sealed), "Payload");
    let moved = Sealed {
        record: two.id(),
        ..sealed.clone()
    };
    assert_error(two.open("claim", &moved), "Payload");
    assert_error(one.open("claim", &moved), "Payload");
    // Any changed byte, any cut.
    for at in 0..sealed.bytes.len() {
        let mut changed = sealed.clone();
        changed.bytes[at] ^= 1;
        assert_error(one.open("claim", &changed), "Payload");
        changed = sealed.clone();
        changed.bytes.truncate(at);
        assert_error(one.open("claim", &changed), "Payload");
    }
}

#[tokio::test]
async fn keys_are_found_together_and_the_erased_are_absent() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    let keys = vault.fresh(600).await.unwrap();
    let ids: Vec<_> = keys.iter().map(RecordKey::id).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 600);
    assert!(vault.fresh(0).await.unwrap().is_empty());
    vault.destroy(ids[3]).await.unwrap();
    let mut asked = ids.clone();
    asked.push(RecordId([0; 16]));
    asked.push(ids[5]);
    let found = vault.keys(&asked).await.unwrap();
    assert_eq!(found.len(), 599);
    assert!(!found.contains_key(&ids[3]));
    for key in &keys {
        let Some(found) = found.get(&key.id()) else {
            continue;
        };
        let sealed = key.seal("x", b"y").unwrap();
        assert_eq!(&found.open("x", &sealed).unwrap()[..], b"y");
    }
    assert!(vault.keys(&[]).await.unwrap().is_empty());
    assert_error(vault.key(RecordId([0; 16])).await, "Erased");
}

#[tokio::test]
async fn keys_reach_the_disk() {
    let folder = TempDir::new().unwrap();
    // On another thread: what it answers with can be sent there.
    let path = path(&folder);
    let vault = tokio::spawn(async move {
        let vault = Vault::open(&path, WrapKey::new([7; 32])).await?;
        vault.fresh(1).await?;
        Ok::<_, VaultError>(vault)
    });
    let vault = vault.await.unwrap().unwrap();
    crate::database::tests::assert_durable(&mut *vault.file().writer.lock().await).await;
    vault.close().await.unwrap();
}

#[tokio::test]
async fn another_wrapping_key_is_told_at_once() {
    let folder = TempDir::new().unwrap();
    drop(open(&folder).await);
    let other = Vault::open(&path(&folder), WrapKey::new([8; 32])).await;
    assert_error(other, "Wrapped");
    // Nothing was changed by the attempt.
    drop(open(&folder).await);
}

#[tokio::test]
async fn a_wrapped_key_is_bound_to_its_record() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    let keys = vault.fresh(2).await.unwrap();
    let (one, two) = (keys[0].id(), keys[1].id());
    let first = wrapped(&vault, one).await;
    let mut changed = wrapped(&vault, two).await;
    changed[40] ^= 1;
    for bytes in [first, changed] {
        sqlx::query("UPDATE record_key SET wrapped = ? WHERE record = ?")
            .bind(bytes)
            .bind(two.0.to_vec())
            .execute(&mut *vault.file().writer.lock().await)
            .await
            .unwrap();
        assert_error(vault.key(two).await, "Wrapped");
        assert_error(vault.keys(&[one, two]).await, "Wrapped");
    }
    vault.key(one).await.unwrap();
}

#[tokio::test]
async fn a_destroyed_key_is_gone_from_the_files() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    let keys = vault.fresh(40).await.unwrap();
    let sealed = keys[7].seal("claim", b"a plain text").unwrap();
    let id = keys[7].id();
    let gone = wrapped(&vault, id).await;
    let kept = wrapped(&vault, keys[8].id()).await;
    assert!(holds(&bytes(folder.path()), &gone));
    vault.destroy(id).await.unwrap();
    let all = bytes(folder.path());
    assert!(!holds(&all, &gone));
    assert!(!holds(&all, &gone[24..56]));
    assert!(!holds(&all, &id.0));
    assert!(holds(&all, &kept));
    assert_error(vault.key(id).await, "Erased");
    // In another process just the same, and after a restart.
    let other = open(&folder).await;
    assert_error(other.key(id).await, "Erased");
    other.destroy(id).await.unwrap();
    other.key(keys[8].id()).await.unwrap();
    // A key that is in memory opens what it sealed until it is dropped.
    keys[7].open("claim", &sealed).unwrap();
}

#[tokio::test]
async fn a_reader_that_holds_on_is_told() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    let id = vault.fresh(1).await.unwrap()[0].id();
    let gone = wrapped(&vault, id).await;
    sqlx::query("PRAGMA busy_timeout = 100")
        .execute(&mut *vault.file().writer.lock().await)
        .await
        .unwrap();
    let mut reader = vault.file().readers.acquire().await.unwrap();
    let mut tx = sqlx::Connection::begin(&mut *reader).await.unwrap();
    let _: i64 = sqlx::query_scalar("SELECT count(*) FROM record_key")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_error(vault.destroy(id).await, "Lingers");
    assert_error(vault.key(id).await, "Erased");
    tx.rollback().await.unwrap();
    vault.destroy(id).await.unwrap();
    assert!(!holds(&bytes(folder.path()), &gone));
}

#[tokio::test]
async fn plain_keys_and_the_wrapping_key_are_in_no_file() {
    let folder = TempDir::new().unwrap();
    let wrap: [u8; 32] = random().unwrap();
    let vault = Vault::open(&path(&folder), WrapKey::new(wrap))
        .await
        .unwrap();
    let keys = vault.fresh(10).await.unwrap();
    let all = bytes(folder.path());
    assert!(!holds(&all, &wrap));
    for key in &keys {
        assert!(holds(&all, &key.id().0));
        assert!(!holds(&all, key.plain()));
    }
}

#[test]
fn tokens_depend_on_key_domain_and_each_part() {
    let tokens = Tokens::new([1; 32]);
    let token = tokens.token("member", &[b"one", b"two"]);
    assert_eq!(token, tokens.token("member", &[b"one", b"two"]));
    for other in [
        Tokens::new([2; 32]).token("member", &[b"one", b"two"]),
        tokens.token("provider", &[b"one", b"two"]),
        tokens.token("member", &[b"two", b"one"]),
        tokens.token("member", &[b"onetwo"]),
        tokens.token("member", &[b"onet", b"wo"]),
        tokens.token("member", &[b"one", b"two", b""]),
        tokens.token("membero", &[b"ne", b"two"]),
    ] {
        assert_ne!(token, other);
    }
}

/// Computed apart from this code, with Python:
/// `hmac.new(bytes(range(32)), l(b"member") + l(b"A123"), sha256)`, where `l` puts the
/// length before.
#[test]
fn a_token_is_frozen() {
    let key = core::array::from_fn(|i| u8::try_from(i).unwrap());
    let token = Tokens::new(key).token("member", &[b"A123"]);
    let hex: String = token.0.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        hex,
        "4f7762207e3ef63a1c8bd0ca91334a740073869b6f6eaf09ee3f35fe8e729886"
    );
}

static_assertions::assert_not_impl_any!(RecordKey: std::fmt::Debug, std::fmt::Display, Clone);
static_assertions::assert_not_impl_any!(WrapKey: std::fmt::Debug, std::fmt::Display, Clone);
static_assertions::assert_not_impl_any!(Tokens: std::fmt::Debug, std::fmt::Display, Clone);
