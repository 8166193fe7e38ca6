//! Where a RabbitMQ node is, and virtual hosts of one's own on it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::error::{RigError, Tried};
use crate::proxy::Proxy;

/// Longer than any request takes.
const ANSWER: Duration = Duration::from_secs(60);

/// Where a RabbitMQ node answers, with the account of an administrator.
pub struct RabbitAddress {
    /// As far as the slash before the virtual host.
    server: String,
    /// Host and port of the management plugin.
    management: String,
    /// What HTTP's basic authorisation says.
    credentials: String,
}

impl RabbitAddress {
    pub(crate) fn local(port: u16, management: u16) -> RabbitAddress {
        RabbitAddress {
            server: format!("amqp://guest:guest@127.0.0.1:{port}"),
            management: format!("127.0.0.1:{management}"),
            credentials: BASE64_STANDARD.encode("guest:guest"),
        }
    }

    /// The same node through a proxy that stands before its port of AMQP.
    pub fn through(&self, proxy: &Proxy) -> RabbitAddress {
        let account = self
            .server
            .rsplit_once('@')
            .map_or("amqp://guest:guest", |(account, _)| account);
        RabbitAddress {
            server: format!("{account}@127.0.0.1:{}", proxy.port()),
            management: self.management.clone(),
            credentials: self.credentials.clone(),
        }
    }

    /// From `amqp://USER:PASSWORD@HOST:PORT/…` and `http://HOST:PORT` of its
    /// management plugin, which else is port 15672 of the host. `None` if they
    /// read otherwise.
    pub(crate) fn parse(amqp: &str, management: Option<&str>) -> Option<RabbitAddress> {
        let (scheme, rest) = amqp.split_once("://")?;
        let authority = rest.split('/').next()?;
        let (credentials, host) = authority.rsplit_once('@')?;
        // Escapes would have to be undone for the other protocol.
        let plain = scheme == "amqp" && credentials.contains(':') && !credentials.contains('%');
        let management = match management {
            Some(url) => url
                .strip_prefix("http://")?
                .trim_end_matches('/')
                .to_owned(),
            None => format!(
                "{}:15672",
                host.rsplit_once(':').map_or(host, |(name, _)| name)
            ),
        };
        plain.then(|| RabbitAddress {
            server: format!("amqp://{authority}"),
            management,
            credentials: BASE64_STANDARD.encode(credentials),
        })
    }

    /// The URL of the virtual host `/`.
    pub fn url(&self) -> String {
        self.vhost_url("%2f")
    }

    /// The URL of a virtual host, which need not exist; its name as a URL has it.
    pub fn vhost_url(&self, vhost: &str) -> String {
        format!("{}/{vhost}", self.server)
    }

    /// The URL of the management plugin, without a path or an account.
    pub fn management_url(&self) -> String {
        format!("http://{}", self.management)
    }

    /// Makes an empty virtual host that nobody else has, and answers its URL. It
    /// is not removed: that is for whoever removes the node.
    ///
    /// # Errors
    ///
    /// The node refuses or is not there.
    pub fn fresh_vhost(&self) -> Result<String, RigError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // A process may get the number of an earlier one.
        let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        let process = std::process::id();
        let name = format!("test-{process}-{}-{count}", now.as_millis());
        // Whoever makes one may use it.
        self.manage("PUT", &format!("/api/vhosts/{name}"), "")?;
        Ok(self.vhost_url(&name))
    }

    /// Asks the management plugin, and answers the body it sends. Its numbers
    /// of messages and connections are not kept: AMQP says the former.
    ///
    /// # Errors
    ///
    /// The node refuses or is not there.
    pub fn manage(&self, method: &str, path: &str, body: &str) -> Result<String, RigError> {
        let what = || format!("ask RabbitMQ's management to {method} {path}");
        let exchange = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(&self.management)?;
            stream.set_read_timeout(Some(ANSWER))?;
            stream.set_write_timeout(Some(ANSWER))?;
            // Of this version, the answer ends where the connection does.
            let request = format!(
                "{method} {path} HTTP/1.0\r\nHost: {}\r\nAuthorization: Basic {}\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                self.management,
                self.credentials,
                body.len()
            );
            stream.write_all(request.as_bytes())?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer)?;
            Ok(String::from_utf8_lossy(&answer).into_owned())
        };
        let answer = exchange().tried(what)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).unwrap_or_default();
        if status.starts_with('2') {
            return Ok(body.to_owned());
        }
        Err(RigError::Failed {
            what: what(),
            said: format!("{} {body}", head.lines().next().unwrap_or_default()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::RabbitAddress;

    #[test]
    fn a_url_is_taken_apart() {
        let address = RabbitAddress::parse("amqp://u:p@h:1/%2f", None).unwrap();
        assert_eq!(address.vhost_url("x"), "amqp://u:p@h:1/x");
        assert_eq!(address.management_url(), "http://h:15672");
        let address = RabbitAddress::parse("amqp://u:p@h", Some("http://m:2/")).unwrap();
        assert_eq!(address.url(), "amqp://u:p@h/%2f");
        assert_eq!(address.management_url(), "http://m:2");
        for url in ["", "amqp://h:1", "amqps://u:p@h", "amqp://u:p%40@h"] {
            assert!(RabbitAddress::parse(url, None).is_none(), "{url}");
        }
        assert!(RabbitAddress::parse("amqp://u:p@h", Some("m:2")).is_none());
    }
}
