//! The conformance suite on PostgreSQL, and what only PostgreSQL must show.

mod broken;
mod canary;
mod crash;
mod plans;
mod relay;
mod roles;
mod schema;
mod together;

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tally_rig::shared_postgres;

use super::{PgSettings, PostgresStore, migrate};
use crate::conformance::Fixture;
use crate::conformance::world::identity;
use crate::port::Layout;

/// Databases of their own on the one server of this process.
struct Databases;

/// Settings for a new database that has a schema.
async fn settings() -> PgSettings {
    let settings = empty().await;
    migrate(&settings).await.unwrap();
    settings
}

/// Settings for a new database.
async fn empty() -> PgSettings {
    let url = tokio::task::spawn_blocking(|| shared_postgres().fresh_database().unwrap())
        .await
        .unwrap();
    PgSettings::new(url)
}

/// A store that is set up.
async fn open(settings: &PgSettings) -> PostgresStore {
    let store = PostgresStore::connect(settings).await.unwrap();
    store.set_up(&identity()).await.unwrap();
    store
}

/// A connection past the store, as the server's administrator.
async fn beside(settings: &PgSettings) -> PgConnection {
    PgConnection::connect(&settings.url).await.unwrap()
}

impl Fixture for Databases {
    type Store = PostgresStore;

    async fn fresh(&self) -> PostgresStore {
        PostgresStore::connect(&settings().await).await.unwrap()
    }
}

mod suite {
    use super::Databases;

    crate::conformance_suite!(Databases);
}
