//! Which RabbitMQ it is. The client library keeps the server's properties to
//! itself, so that they are read here, from the first frame of a connection
//! made for it.

use core::fmt;

use futures_util::{AsyncReadExt as _, AsyncWriteExt as _};
use lapin::tcp::{AMQPUriTcpExt as _, AsyncTcpStream};
use lapin::types::{AMQPValue, parsing::parse_field_table};

use crate::error::QueueError;
use crate::settings::{Settings, within};

/// A broker's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 3 or 4.
    pub major: u16,
    /// The series.
    pub minor: u16,
    /// The patch.
    pub patch: u16,
}

/// The most bytes a first frame may have.
const MAX_FRAME: usize = 64 * 1024;

impl Version {
    /// Asks the broker.
    ///
    /// # Errors
    /// When it cannot be reached, or what answers is no RabbitMQ.
    pub async fn of(settings: &Settings) -> Result<Self, QueueError> {
        let asking = Self::ask(settings);
        within(settings.connect_timeout, "asking for its version", asking).await
    }

    async fn ask(settings: &Settings) -> Result<Self, QueueError> {
        let lost = |error: std::io::Error| {
            QueueError::of("asking for its version", lapin::Error::from(error))
        };
        let tls = settings.tls()?;
        let runtime = lapin::runtime::default_runtime()
            .map_err(|error| QueueError::of("asking for its version", error))?;
        let mut stream: AsyncTcpStream<_> = settings
            .uri()?
            .connect_with_config_async(tls.as_ref(), &runtime)
            .await
            .map_err(lost)?;
        stream
            .write_all(b"AMQP\x00\x00\x09\x01")
            .await
            .map_err(lost)?;
        stream.flush().await.map_err(lost)?;
        // Frame type, channel, length; then class, method, protocol version.
        let mut head = [0; 7];
        stream.read_exact(&mut head).await.map_err(lost)?;
        let [1, 0, 0, length @ ..] = head else {
            return Err(QueueError::NotRabbit("its first frame is no method"));
        };
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > MAX_FRAME {
            return Err(QueueError::NotRabbit("its first frame is too long"));
        }
        let mut frame = vec![0; length];
        stream.read_exact(&mut frame).await.map_err(lost)?;
        Self::of_start(&frame)
    }

    /// Reads `connection.start`.
    fn of_start(frame: &[u8]) -> Result<Self, QueueError> {
        let Some(([0, 10, 0, 10, _, _], rest)) = frame.split_first_chunk::<6>() else {
            return Err(QueueError::NotRabbit("it did not begin a connection"));
        };
        let Ok((_, properties)) = parse_field_table(rest) else {
            return Err(QueueError::NotRabbit("its properties cannot be read"));
        };
        match properties.inner().get("version") {
            Some(AMQPValue::LongString(version)) => Self::parse(&version.to_string()),
            _ => None,
        }
        .ok_or(QueueError::NotRabbit("it names no version"))
    }

    fn parse(text: &str) -> Option<Self> {
        // A pre-release or a build follows a hyphen or a plus.
        let text = text.split(['-', '+']).next()?;
        let mut numbers = text.split('.').map(|number| number.parse().ok());
        Some(Self {
            major: numbers.next()??,
            minor: numbers.next()??,
            patch: numbers.next().flatten().unwrap_or(0),
        })
    }

    /// Whether quorum queues count deliveries against a limit of their own
    /// unless told otherwise: 4.0 and later.
    #[must_use]
    pub fn limits_deliveries(self) -> bool {
        self.major >= 4
    }

    /// Whether a queue may set its own acknowledgement timeout: 3.12 and later.
    #[must_use]
    pub fn has_consumer_timeout_argument(self) -> bool {
        (self.major, self.minor) >= (3, 12)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared() {
        let of = |text| Version::parse(text).unwrap();
        assert_eq!(of("3.10.8").to_string(), "3.10.8");
        assert_eq!(of("4.1.0-beta.2").to_string(), "4.1.0");
        assert!(of("4.0.1").limits_deliveries());
        assert!(!of("3.13.7").limits_deliveries());
        assert!(of("3.12.0").has_consumer_timeout_argument());
        assert!(of("4.0.0").has_consumer_timeout_argument());
        assert!(!of("3.10.8").has_consumer_timeout_argument());
        assert!(Version::parse("four").is_none());
    }

    #[test]
    fn a_first_frame_that_is_none_is_refused() {
        for frame in [
            &b""[..],
            b"HTTP/1.1 400 Bad Request",
            &[0, 10, 0, 10, 0, 9, 0xff],
        ] {
            assert!(matches!(
                Version::of_start(frame),
                Err(QueueError::NotRabbit(_))
            ));
        }
    }
}
