//! Looking at queues without consuming them.

use std::time::Duration;

use lapin::options::{ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Queue};

use crate::error::QueueError;
use crate::message::short;
use crate::settings::{Settings, goodbye, within};
use crate::topology::Topology;

/// How full a queue is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    /// The queue.
    pub queue: String,
    /// Messages that wait. Those a consumer holds are not counted.
    pub messages: u32,
    /// Its consumers. Of single active consumers only the active one counts.
    pub consumers: u32,
}

/// Asks the broker about queues, over a connection of its own.
pub struct Inspector {
    connection: Connection,
    /// How long a question may take.
    limit: Duration,
}

impl Inspector {
    /// Connects.
    ///
    /// # Errors
    /// When the broker cannot be reached.
    pub async fn connect(settings: &Settings) -> Result<Self, QueueError> {
        let connection = settings.connect("inspector").await?;
        let limit = settings.connect_timeout;
        Ok(Self { connection, limit })
    }

    /// A channel each time: the broker closes it when a queue is missing.
    pub(crate) async fn channel(&self, doing: &str) -> Result<Channel, QueueError> {
        self.connection
            .create_channel()
            .await
            .map_err(|error| QueueError::of(doing, error))
    }

    /// How full one queue is.
    ///
    /// # Errors
    /// [`QueueError::Missing`] when it does not exist.
    pub async fn depth(&self, name: &str) -> Result<Depth, QueueError> {
        let doing = format!("looking at `{name}`");
        let failed = |error| QueueError::of(&doing, error);
        let asking = async {
            let channel = self.channel(&doing).await?;
            let options = QueueDeclareOptions::durable().passive();
            let queue: Queue = channel
                .queue_declare(short(name)?, options, FieldTable::default())
                .await
                .map_err(failed)?;
            let _ = channel.close(200, "seen".into()).await;
            Ok(queue)
        };
        let queue = within(self.limit, &doing, asking).await?;
        Ok(Depth {
            queue: name.to_owned(),
            messages: queue.message_count(),
            consumers: queue.consumer_count(),
        })
    }

    /// How full every partition is, in order.
    ///
    /// # Errors
    /// [`QueueError::Missing`] when one does not exist: the broker lost its
    /// data, or the topology was not declared.
    pub async fn depths(&self, topology: &Topology) -> Result<Vec<Depth>, QueueError> {
        let mut depths = Vec::with_capacity(topology.partitions().into());
        for place in topology.places() {
            depths.push(self.depth(&topology.partition(place)).await?);
        }
        Ok(depths)
    }

    /// Deletes the partitions of an old generation that are empty and that
    /// nobody consumes, and says which queues are left. Quorum queues know no
    /// conditional deletion, so that the two are looked at first; call it when
    /// the database says that the generation is drained. Were a message to
    /// slip in between, the relay publishes its claim again.
    ///
    /// # Errors
    /// When the broker is lost or refuses.
    pub async fn delete_if_empty(&self, old: &Topology) -> Result<Vec<Depth>, QueueError> {
        let mut left = Vec::new();
        for place in old.places() {
            let name = old.partition(place);
            let depth = match self.depth(&name).await {
                Ok(depth) => depth,
                Err(QueueError::Missing { .. }) => continue,
                Err(error) => return Err(error),
            };
            if depth.messages > 0 || depth.consumers > 0 {
                left.push(depth);
                continue;
            }
            let doing = format!("deleting `{name}`");
            let failed = |error| QueueError::of(&doing, error);
            let deleting = async {
                let channel = self.channel(&doing).await?;
                channel
                    .queue_delete(short(&name)?, QueueDeleteOptions::default())
                    .await
                    .map_err(failed)?;
                let _ = channel.close(200, "deleted".into()).await;
                Ok(())
            };
            within(self.limit, &doing, deleting).await?;
        }
        Ok(left)
    }

    /// Deletes everything that a topology declares, with what is in it: for
    /// what is thrown away afterwards.
    ///
    /// # Errors
    /// When the broker is lost.
    pub async fn remove(&self, topology: &Topology) -> Result<(), QueueError> {
        let failed = |error| QueueError::of("removing queues", error);
        let queues = topology.places().map(|place| topology.partition(place));
        let queues = queues.chain([topology.dead(), topology.intake()]);
        let channel = self.connection.create_channel().await.map_err(failed)?;
        for queue in queues {
            channel
                .queue_delete(short(&queue)?, QueueDeleteOptions::default())
                .await
                .map_err(failed)?;
        }
        let exchanges = [
            topology.claims(),
            topology.dead(),
            topology.results(),
            topology.intake(),
        ];
        for exchange in exchanges {
            channel
                .exchange_delete(short(&exchange)?, ExchangeDeleteOptions::default())
                .await
                .map_err(failed)?;
        }
        let _ = channel.close(200, "removed".into()).await;
        Ok(())
    }

    /// Says good-bye to the broker.
    pub async fn close(self) {
        goodbye(&self.connection, "closed").await;
    }
}
