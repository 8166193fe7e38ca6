//! Looking at queues without consuming them.

use std::time::Duration;

use lapin::options::{ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection};

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
    pub(crate) limit: Duration,
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

    /// Asks something over a channel of its own, which the broker closes when a
    /// queue is missing; within the limit.
    async fn ask<T>(
        &self,
        doing: &str,
        question: impl AsyncFnOnce(&Channel) -> lapin::Result<T>,
    ) -> Result<T, QueueError> {
        let failed = |error| QueueError::of(doing, error);
        let asking = async {
            let channel = self.channel(doing).await?;
            let answer = question(&channel).await.map_err(failed)?;
            let _ = channel.close(200, "seen".into()).await;
            Ok(answer)
        };
        within(self.limit, doing, asking).await
    }

    async fn delete(&self, name: &str) -> Result<(), QueueError> {
        let queue = short(name)?;
        let options = QueueDeleteOptions::default();
        let deleting = async |channel: &Channel| channel.queue_delete(queue, options).await;
        let doing = format!("deleting `{name}`");
        self.ask(&doing, deleting).await.map(|_| ())
    }

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
        let queue = short(name)?;
        let asking = async |channel: &Channel| {
            let options = QueueDeclareOptions::durable().passive();
            channel
                .queue_declare(queue, options, FieldTable::default())
                .await
        };
        let queue = self.ask(&format!("looking at `{name}`"), asking).await?;
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
            self.delete(&name).await?;
        }
        Ok(left)
    }

    /// Deletes everything that a topology declares, with what is in it: for
    /// what is thrown away afterwards.
    ///
    /// # Errors
    /// When the broker is lost.
    pub async fn remove(&self, topology: &Topology) -> Result<(), QueueError> {
        let queues = topology.places().map(|place| topology.partition(place));
        for queue in queues.chain([topology.dead(), topology.intake()]) {
            self.delete(&queue).await?;
        }
        for exchange in [
            topology.claims(),
            topology.dead(),
            topology.results(),
            topology.intake(),
        ] {
            let name = short(&exchange)?;
            let options = ExchangeDeleteOptions::default();
            let deleting = async |channel: &Channel| channel.exchange_delete(name, options).await;
            self.ask(&format!("deleting `{exchange}`"), deleting)
                .await?;
        }
        Ok(())
    }

    /// Says good-bye to the broker.
    pub async fn close(self) {
        goodbye(&self.connection, "closed").await;
    }
}
