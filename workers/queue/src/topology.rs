//! What stands on the broker: names and arguments, declared and checked.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};

use crate::body::Place;
use crate::envelope::CONTENT_TYPE;
use crate::error::QueueError;
use crate::message::{Headers, Outgoing, short};
use crate::settings::{Settings, goodbye, within};
use crate::version::Version;

/// How long a delivery may be held, in milliseconds, where a queue can say so:
/// a day. A batch is held while the database is down.
const CONSUMER_TIMEOUT: i64 = 24 * 60 * 60 * 1000;

/// Our exchanges and queues. The number of partitions names a generation:
/// another number makes other queues, and the old ones drain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    prefix: String,
    partitions: u16,
}

impl Topology {
    /// The topology of `partitions` partitions. `prefix` stands before every
    /// name, so that several nodes can share a broker.
    ///
    /// # Errors
    /// When there is no partition, or the prefix is not sound.
    pub fn new(prefix: &str, partitions: u16) -> Result<Self, QueueError> {
        if partitions == 0 {
            return Err(QueueError::Name(
                "at least one partition is needed".to_owned(),
            ));
        }
        let sound = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if prefix.len() > 100 || !prefix.bytes().all(sound) || prefix.starts_with("amq.") {
            return Err(QueueError::Name(
                "a prefix has at most 100 letters, digits, dots, hyphens and \
                 underscores, and does not begin with `amq.`"
                    .to_owned(),
            ));
        }
        Ok(Self {
            prefix: prefix.to_owned(),
            partitions,
        })
    }

    /// The number of partitions.
    #[must_use]
    pub fn partitions(&self) -> u16 {
        self.partitions
    }

    /// The places of its partitions, in order.
    pub fn places(&self) -> impl Iterator<Item = Place> + use<> {
        let partitions = self.partitions;
        (0..partitions).map(move |partition| Place {
            partitions,
            partition,
        })
    }

    /// The exchange that routes references to partitions.
    #[must_use]
    pub fn claims(&self) -> String {
        format!("{}tally.claims", self.prefix)
    }

    /// The routing key of a partition.
    #[must_use]
    pub fn routing_key(&self, place: Place) -> String {
        format!("{}.{}", place.partitions, place.partition)
    }

    /// The queue of a partition.
    #[must_use]
    pub fn partition(&self, place: Place) -> String {
        format!("{}.{}", self.claims(), self.routing_key(place))
    }

    /// The exchange and the queue of dead letters.
    #[must_use]
    pub fn dead(&self) -> String {
        format!("{}tally.dead", self.prefix)
    }

    /// The exchange of results: a topic, the routing key is the submitter.
    #[must_use]
    pub fn results(&self) -> String {
        format!("{}tally.results", self.prefix)
    }

    /// The exchange and the queue where outside systems publish envelopes.
    #[must_use]
    pub fn intake(&self) -> String {
        format!("{}claims.intake", self.prefix)
    }

    /// The routing key of [`Self::dead`] and [`Self::intake`], each of which
    /// has one queue.
    #[must_use]
    pub fn only_key(&self) -> &'static str {
        "all"
    }

    /// A message for a partition: a sealed reference.
    #[must_use]
    pub fn to_partition(&self, place: Place, body: Vec<u8>, headers: Headers) -> Outgoing {
        Outgoing {
            exchange: self.claims(),
            routing_key: self.routing_key(place),
            body,
            headers,
            unheard: false,
        }
    }

    /// An envelope for the intake, as an outside system publishes it.
    ///
    /// # Errors
    /// When the message id is longer than 255 bytes.
    pub fn to_intake(&self, envelope: Vec<u8>, message_id: &str) -> Result<Outgoing, QueueError> {
        Ok(Outgoing {
            exchange: self.intake(),
            routing_key: self.only_key().to_owned(),
            body: envelope,
            headers: Headers::new()
                .with_content_type(CONTENT_TYPE)?
                .with_message_id(message_id)?,
            unheard: false,
        })
    }

    /// A message for whoever awaits a submitter's results.
    #[must_use]
    pub fn to_results(&self, submitter: &str, body: Vec<u8>, headers: Headers) -> Outgoing {
        Outgoing {
            exchange: self.results(),
            routing_key: submitter.to_owned(),
            body,
            headers,
            unheard: true,
        }
    }

    /// Whether a queue's name is one of ours, of whatever node on the broker:
    /// nobody may have an answer sent there.
    #[must_use]
    pub fn owns(name: &str) -> bool {
        [
            "tally.claims",
            "tally.dead",
            "tally.results",
            "claims.intake",
        ]
        .iter()
        .any(|ours| name.contains(ours))
    }

    /// Declares everything, and so checks what is there already. It can be
    /// called whenever a process starts; it changes nothing that exists.
    ///
    /// # Errors
    /// [`QueueError::Mismatch`] when something exists with other arguments.
    pub async fn declare(&self, settings: &Settings) -> Result<Version, QueueError> {
        let version = Version::of(settings).await?;
        let connection = settings.connect("topology").await?;
        let declaring = async {
            let channel = connection
                .create_channel()
                .await
                .map_err(|error| QueueError::of("opening a channel", error))?;
            self.declare_on(&channel, version).await
        };
        // Each queue has an election to wait for.
        let limit = settings.connect_timeout + Duration::from_secs(self.partitions.into());
        let declared = within(limit, "declaring queues", declaring).await;
        goodbye(&connection, "declared").await;
        declared.map(|()| version)
    }

    async fn declare_on(&self, channel: &Channel, version: Version) -> Result<(), QueueError> {
        // The dead letters first: partitions refer to them.
        for (name, kind) in [
            (self.dead(), ExchangeKind::Direct),
            (self.claims(), ExchangeKind::Direct),
            (self.results(), ExchangeKind::Topic),
            (self.intake(), ExchangeKind::Direct),
        ] {
            let options = ExchangeDeclareOptions {
                durable: true,
                ..Default::default()
            };
            channel
                .exchange_declare(short(&name)?, kind, options, FieldTable::default())
                .await
                .map_err(|error| QueueError::declaring(&name, error))?;
        }
        let dead = self.dead();
        queue(channel, &dead, quorum(version)).await?;
        bind(channel, &dead, &dead, self.only_key()).await?;
        let intake = self.intake();
        queue(channel, &intake, self.dead_lettered(version)).await?;
        bind(channel, &intake, &intake, self.only_key()).await?;
        for place in self.places() {
            let name = self.partition(place);
            let mut arguments = self.dead_lettered(version);
            arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
            queue(channel, &name, arguments).await?;
            bind(channel, &name, &self.claims(), &self.routing_key(place)).await?;
        }
        Ok(())
    }

    /// A queue the broker itself moves nothing from. Should an operator's policy
    /// have it do so, the messages are to be found; it does so at most once, for the
    /// worker that RabbitMQ 3.10 has beside each queue to do it at least once takes
    /// the whole node's quorum queues with it when queues are removed at a bad
    /// moment. Nothing depends on it: what is not done is in the store.
    fn dead_lettered(&self, version: Version) -> FieldTable {
        let mut arguments = quorum(version);
        let mut text = |name: &str, value: &str| {
            arguments.insert(name.into(), AMQPValue::LongString(value.into()));
        };
        text("x-dead-letter-exchange", &self.dead());
        text("x-dead-letter-routing-key", self.only_key());
        arguments
    }
}

/// A quorum queue without a delivery limit: a limit counts lost connections,
/// and would bury the claims of a worker that is restarted often.
pub(crate) fn quorum(version: Version) -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("quorum".into()),
    );
    arguments.insert(
        "x-overflow".into(),
        AMQPValue::LongString("reject-publish".into()),
    );
    if version.limits_deliveries() {
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(-1));
    }
    if version.has_consumer_timeout_argument() {
        arguments.insert(
            "x-consumer-timeout".into(),
            AMQPValue::LongLongInt(CONSUMER_TIMEOUT),
        );
    }
    arguments
}

pub(crate) async fn queue(
    channel: &Channel,
    name: &str,
    arguments: FieldTable,
) -> Result<(), QueueError> {
    channel
        .queue_declare(short(name)?, QueueDeclareOptions::durable(), arguments)
        .await
        .map(|_| ())
        .map_err(|error| QueueError::declaring(name, error))
}

pub(crate) async fn bind(
    channel: &Channel,
    queue: &str,
    exchange: &str,
    key: &str,
) -> Result<(), QueueError> {
    channel
        .queue_bind(
            short(queue)?,
            short(exchange)?,
            short(key)?,
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await
        .map_err(|error| QueueError::of(&format!("binding `{queue}`"), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_the_generation_and_the_prefix() {
        let topology = Topology::new("test1.", 8).unwrap();
        let place = topology.places().nth(3).unwrap();
        assert_eq!(topology.partition(place), "test1.tally.claims.8.3");
        assert_eq!(topology.routing_key(place), "8.3");
        assert_eq!(topology.claims(), "test1.tally.claims");
        assert_eq!(topology.intake(), "test1.claims.intake");
        for name in [
            topology.dead(),
            topology.partition(place),
            topology.intake(),
        ] {
            assert!(Topology::owns(&name), "{name}");
        }
        assert!(!Topology::owns("mercy-clinic.answers"));
        for (prefix, partitions) in [("", 0), ("a b", 1), ("amq.", 1), (&"x".repeat(101), 1)] {
            assert!(Topology::new(prefix, partitions).is_err());
        }
    }

    #[test]
    fn arguments_follow_the_version() {
        let of = |major, minor| {
            let arguments = quorum(Version {
                major,
                minor,
                patch: 0,
            });
            let mut names: Vec<String> =
                arguments.inner().keys().map(ToString::to_string).collect();
            names.sort();
            names.join(" ")
        };
        assert_eq!(of(3, 10), "x-overflow x-queue-type");
        assert_eq!(of(3, 13), "x-consumer-timeout x-overflow x-queue-type");
        assert_eq!(
            of(4, 1),
            "x-consumer-timeout x-delivery-limit x-overflow x-queue-type"
        );
    }
}
