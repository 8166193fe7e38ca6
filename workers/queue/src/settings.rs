//! How the broker is reached.

use std::path::PathBuf;
use std::time::Duration;

use lapin::tcp::OwnedTLSConfig;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Connection, ConnectionProperties};

use crate::error::QueueError;

/// Where the broker is and how patient we are. It has no `Debug`, since the
/// address holds a password.
#[derive(Clone)]
pub struct Settings {
    /// `amqp://user:password@host:port/vhost`, or `amqps://`.
    pub url: String,
    /// The authority that signed the broker's certificate, as PEM. With
    /// `amqps://` it is needed: the system's authorities are not asked.
    pub ca: Option<PathBuf>,
    /// Seconds of silence after which a connection counts as lost. Heartbeats
    /// go on while a batch is held.
    pub heartbeat: u16,
    /// What the broker's own pages call our connections.
    pub connection_name: String,
    /// How long making a connection may take, and a question over it.
    pub connect_timeout: Duration,
    /// How long a confirm may take. A broker short of memory or disk confirms
    /// nothing.
    pub confirm_timeout: Duration,
    /// How many messages may be unconfirmed at a time.
    pub window: usize,
}

impl Settings {
    /// The usual patience, for a broker at `url`.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            ca: None,
            heartbeat: 10,
            connection_name: "tallystick".to_owned(),
            connect_timeout: Duration::from_secs(10),
            confirm_timeout: Duration::from_secs(30),
            window: 512,
        }
    }

    /// Checks all that can be checked without the broker.
    ///
    /// # Errors
    /// When the address is none, or TLS lacks its authority.
    pub fn check(&self) -> Result<(), QueueError> {
        self.uri()?;
        self.tls()?;
        if self.window == 0 || self.heartbeat == 0 {
            return Err(QueueError::Settings(
                "window and heartbeat must be at least 1".to_owned(),
            ));
        }
        Ok(())
    }

    pub(crate) fn uri(&self) -> Result<AMQPUri, QueueError> {
        // The parser's own words may quote the password.
        let mut uri: AMQPUri = self.url.parse().map_err(|_| {
            QueueError::Settings(
                "its url is not of the form amqp://user:password@host:port/vhost".to_owned(),
            )
        })?;
        uri.query.heartbeat = Some(self.heartbeat);
        Ok(uri)
    }

    pub(crate) fn tls(&self) -> Result<OwnedTLSConfig, QueueError> {
        let Some(path) = &self.ca else {
            if self.uri()?.scheme == AMQPScheme::AMQPS {
                return Err(QueueError::Settings(
                    "amqps:// needs `ca`, the file of the authority that signed the \
                     broker's certificate"
                        .to_owned(),
                ));
            }
            return Ok(OwnedTLSConfig::default());
        };
        let pem = std::fs::read_to_string(path)
            .map_err(|error| QueueError::Settings(format!("{}: {error}", path.display())))?;
        if !pem.contains("-----BEGIN CERTIFICATE-----") {
            return Err(QueueError::Settings(format!(
                "{}: no certificate in PEM",
                path.display()
            )));
        }
        Ok(OwnedTLSConfig {
            identity: None,
            cert_chain: Some(pem),
        })
    }

    /// Connects. `role` is told to the broker's operator.
    pub(crate) async fn connect(&self, role: &str) -> Result<Connection, QueueError> {
        let uri = self.uri()?;
        let doing = format!(
            "connecting to {}:{}",
            uri.authority.host, uri.authority.port
        );
        let name = format!("{} {role}", self.connection_name);
        let properties = ConnectionProperties::default().with_connection_name(name.as_str().into());
        let runtime =
            lapin::runtime::default_runtime().map_err(|error| QueueError::of(&doing, error))?;
        let connecting = Connection::connect_uri_with_config(uri, properties, self.tls()?, runtime);
        let connecting = async {
            connecting
                .await
                .map_err(|error| QueueError::of(&doing, error))
        };
        within(self.connect_timeout, &doing, connecting).await
    }
}

/// How long a good-bye may take.
pub(crate) const GOODBYE: Duration = Duration::from_secs(5);

/// Closes a connection, however the broker is.
pub(crate) async fn goodbye(connection: &Connection, why: &str) {
    let closing = connection.close(200, why.into());
    let _ = tokio::time::timeout(GOODBYE, closing).await;
}

/// Waits for the broker, but not forever.
pub(crate) async fn within<T>(
    limit: Duration,
    doing: &str,
    answer: impl Future<Output = Result<T, QueueError>>,
) -> Result<T, QueueError> {
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(QueueError::Slow {
            doing: doing.to_owned(),
            seconds: limit.as_secs(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_settings_is_said_without_the_password() {
        let bad = Settings::new("http://guest:secret@localhost/");
        let error = bad.check().unwrap_err();
        assert!(!error.is_transient());
        assert!(!error.to_string().contains("secret"), "{error}");
        assert!(error.to_string().contains("amqp://"), "{error}");

        let untrusted = Settings::new("amqps://guest:secret@localhost/%2f");
        let error = untrusted.check().unwrap_err().to_string();
        assert!(error.contains("`ca`"), "{error}");

        let mut absent = untrusted.clone();
        absent.ca = Some("no-such-file.pem".into());
        let error = absent.check().unwrap_err().to_string();
        assert!(error.contains("no-such-file.pem"), "{error}");

        assert!(Settings::new("amqp://localhost/%2f").check().is_ok());
    }
}
