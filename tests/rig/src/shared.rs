//! One server of each kind for all tests that only use it.

use std::sync::LazyLock;

use crate::error::RigError;
use crate::postgres::{Postgres, PostgresAddress};
use crate::rabbit::{Rabbit, RabbitAddress};

/// Names a PostgreSQL server that tests are to use instead of starting one: the
/// URL of a superuser, `postgres://USER[:PASSWORD]@HOST:PORT/postgres`.
pub const POSTGRES_VARIABLE: &str = "TALLY_TEST_POSTGRES";
/// Names a RabbitMQ node that tests are to use instead of starting one: the URL
/// of an administrator, `amqp://USER:PASSWORD@HOST:PORT/%2f`.
pub const RABBIT_VARIABLE: &str = "TALLY_TEST_RABBIT";
/// Where that node's management plugin is, `http://HOST:PORT`; if this is not
/// set, at port 15672 of its host.
pub const MANAGEMENT_VARIABLE: &str = "TALLY_TEST_RABBIT_MANAGEMENT";

/// The PostgreSQL server that all tests of a process share: the one that
/// [`POSTGRES_VARIABLE`] names, else one started on the first call, which ends
/// with the process.
///
/// Whoever asks makes a database of its own there. Such a server cannot be
/// killed: a test that does starts its own.
///
/// # Panics
///
/// It cannot be had; the message says why.
pub fn shared_postgres() -> &'static PostgresAddress {
    static SHARED: Shared<PostgresAddress> = LazyLock::new(|| {
        let named = variable(POSTGRES_VARIABLE).map(|url| {
            PostgresAddress::parse(&url).ok_or(RigError::Address {
                variable: POSTGRES_VARIABLE,
                like: "postgres://postgres@127.0.0.1:5432/postgres",
            })
        });
        match named {
            Some(address) => Ok(&*Box::leak(Box::new(address?))),
            // Never dropped: it ends with the process.
            None => Ok(&**Box::leak(Box::new(Postgres::start()?))),
        }
    });
    had(&SHARED)
}

/// The RabbitMQ node that all tests of a process share: the one that
/// [`RABBIT_VARIABLE`] names, else one started on the first call, which ends
/// with the process.
///
/// Whoever asks makes a virtual host of its own there. Such a node cannot be
/// killed: a test that does starts its own.
///
/// # Panics
///
/// It cannot be had; the message says why.
pub fn shared_rabbit() -> &'static RabbitAddress {
    static SHARED: Shared<RabbitAddress> = LazyLock::new(|| {
        let named = variable(RABBIT_VARIABLE).map(|url| {
            let management = variable(MANAGEMENT_VARIABLE);
            RabbitAddress::parse(&url, management.as_deref()).ok_or(RigError::Address {
                variable: RABBIT_VARIABLE,
                like: "amqp://guest:guest@127.0.0.1:5672/%2f, and \
                       TALLY_TEST_RABBIT_MANAGEMENT like http://127.0.0.1:15672",
            })
        });
        match named {
            Some(address) => Ok(&*Box::leak(Box::new(address?))),
            // Never dropped: it ends with the process.
            None => Ok(&**Box::leak(Box::new(Rabbit::start()?))),
        }
    });
    had(&SHARED)
}

type Shared<T> = LazyLock<Result<&'static T, RigError>>;

fn had<T>(shared: &Shared<T>) -> &'static T {
    match &**shared {
        Ok(address) => address,
        Err(error) => panic!("{error}"),
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
