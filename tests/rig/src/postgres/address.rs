//! Where a PostgreSQL server is, and databases of one's own on it.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::RigError;
use crate::proxy::Proxy;
use crate::run;

/// Where a PostgreSQL server answers. Whoever connects there is a superuser.
pub struct PostgresAddress {
    /// As far as the slash before the database.
    server: String,
    /// What follows the database: empty, or from the question mark on.
    settings: String,
}

impl PostgresAddress {
    pub(crate) fn local(port: u16) -> PostgresAddress {
        PostgresAddress {
            server: format!("postgres://postgres@127.0.0.1:{port}"),
            settings: String::new(),
        }
    }

    /// The same server through a proxy that stands before it.
    pub fn through(&self, proxy: &Proxy) -> PostgresAddress {
        let account = self
            .server
            .rsplit_once('@')
            .map_or("postgres://postgres", |(account, _)| account);
        PostgresAddress {
            server: format!("{account}@127.0.0.1:{}", proxy.port()),
            settings: self.settings.clone(),
        }
    }

    /// From a URL with any database or none; `None` if it is no such URL.
    pub(crate) fn parse(url: &str) -> Option<PostgresAddress> {
        let (scheme, rest) = url.split_once("://")?;
        let (rest, settings) = match rest.find('?') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let authority = rest
            .split('/')
            .next()
            .filter(|authority| !authority.is_empty())?;
        matches!(scheme, "postgres" | "postgresql").then(|| PostgresAddress {
            server: format!("{scheme}://{authority}"),
            settings: settings.to_owned(),
        })
    }

    /// The URL of a database, which need not exist.
    pub fn url(&self, database: &str) -> String {
        format!("{}/{database}{}", self.server, self.settings)
    }

    /// Makes an empty database that nobody else has, and answers its URL. It is
    /// not removed: that is for whoever removes the server.
    ///
    /// # Errors
    ///
    /// `psql` is missing, or the server refuses.
    pub fn fresh_database(&self) -> Result<String, RigError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // A process may get the number of an earlier one.
        let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        let process = std::process::id();
        let name = format!("test_{process}_{}_{count}", now.as_millis());
        self.ask("postgres", &format!("create database {name}"))?;
        Ok(self.url(&name))
    }

    /// Runs SQL in a database with `psql` and answers its rows, unaligned: a
    /// line each, fields parted by `|`.
    ///
    /// # Errors
    ///
    /// `psql` is missing, or the server refuses or is not there.
    pub fn ask(&self, database: &str, sql: &str) -> Result<String, RigError> {
        let psql = run::find("psql", &[], "postgresql-client")?;
        let mut command = run::command(None, psql);
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]);
        command.args(["-d", &self.url(database), "-c", sql]);
        let answer = run::output("psql", command)?;
        Ok(answer.trim_end().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::PostgresAddress;

    #[test]
    fn a_url_is_taken_apart() {
        for (url, of_x) in [
            ("postgres://p@h:1/postgres", "postgres://p@h:1/x"),
            ("postgresql://p:q@h", "postgresql://p:q@h/x"),
            (
                "postgres://h/?sslmode=disable",
                "postgres://h/x?sslmode=disable",
            ),
        ] {
            assert_eq!(PostgresAddress::parse(url).unwrap().url("x"), of_x);
        }
        for url in ["", "h:1", "mysql://h/x", "postgres:///x"] {
            assert!(PostgresAddress::parse(url).is_none(), "{url}");
        }
    }
}
