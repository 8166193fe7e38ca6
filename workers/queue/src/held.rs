//! Dead letters: looked at, put back where they came from, or discarded. The
//! rest stays as it was.

use std::time::Duration;

use lapin::Channel;
use lapin::options::BasicGetOptions;

use crate::consumer::{Delivery, acknowledge};
use crate::error::QueueError;
use crate::inspect::Inspector;
use crate::message::{Outgoing, header, short};
use crate::publisher::Publisher;
use crate::settings::within;
use crate::topology::Topology;

/// Messages taken from the front of a queue to look at. What is not settled
/// goes back in order when this is closed or dropped; meanwhile nobody else
/// gets them.
pub struct Held {
    channel: Channel,
    /// How long putting the rest back may take.
    limit: Duration,
    queue: String,
    deliveries: Vec<Delivery>,
}

impl Inspector {
    /// Takes up to `max` messages that wait in a queue.
    ///
    /// # Errors
    /// When the queue does not exist or the broker is lost.
    pub async fn hold(&self, queue: &str, max: usize) -> Result<Held, QueueError> {
        let doing = format!("looking into `{queue}`");
        let failed = |error| QueueError::of(&doing, error);
        let channel = within(self.limit, &doing, self.channel(&doing)).await?;
        let mut deliveries = Vec::new();
        while deliveries.len() < max {
            let (name, options) = (short(queue)?, BasicGetOptions::default());
            let getting = async { channel.basic_get(name, options).await.map_err(failed) };
            let got = within(self.limit, &doing, getting).await?;
            let Some(got) = got else { break };
            deliveries.push(Delivery::of(got.delivery));
        }
        Ok(Held {
            channel,
            limit: self.limit,
            queue: queue.to_owned(),
            deliveries,
        })
    }
}

impl Held {
    /// The messages, the oldest first.
    #[must_use]
    pub fn deliveries(&self) -> &[Delivery] {
        &self.deliveries
    }

    /// Publishes a dead letter where it came from, without the headers of its
    /// burial, and takes it out when the broker has confirmed.
    ///
    /// # Errors
    /// When its origin is not one of ours, or it was not confirmed: then it
    /// stays.
    pub async fn replay(
        &mut self,
        at: usize,
        publisher: &Publisher,
        topology: &Topology,
    ) -> Result<(), QueueError> {
        let Some(letter) = self.deliveries.get(at).filter(|one| !one.settled) else {
            return Ok(());
        };
        let again = again(letter, topology).ok_or_else(|| {
            QueueError::Name("the letter does not say which of our queues it is from".to_owned())
        })?;
        publisher.publish_surely(&again).await?;
        self.discard(at).await
    }

    /// Takes a message out for good.
    ///
    /// # Errors
    /// When the connection is gone: then it stays.
    pub async fn discard(&mut self, at: usize) -> Result<(), QueueError> {
        if let Some(delivery) = self.deliveries.get_mut(at).filter(|one| !one.settled) {
            acknowledge(&delivery.acker, false).await?;
            delivery.settled = true;
        }
        Ok(())
    }

    /// Puts the rest back, and waits until the broker has it.
    ///
    /// # Errors
    /// When the connection is gone: then it is back already.
    pub async fn close(self) -> Result<(), QueueError> {
        let doing = format!("leaving `{}`", self.queue);
        let leaving = async {
            let left = self.channel.close(200, "seen".into()).await;
            left.map_err(|error| QueueError::of(&doing, error))
        };
        within(self.limit, &doing, leaving).await
    }
}

/// A dead letter as it was before it was buried.
fn again(letter: &Delivery, topology: &Topology) -> Option<Outgoing> {
    let headers = letter.headers();
    let origin = headers.text(header::ORIGIN)?;
    let routing_key = headers.text(header::ORIGIN_KEY)?;
    let exchange = if origin == topology.intake() {
        topology.intake()
    } else if origin.strip_prefix(&topology.claims())?.starts_with('.') {
        topology.claims()
    } else {
        return None;
    };
    let mut headers = headers.clone();
    for name in [
        header::REASON,
        header::REASON_TEXT,
        header::ORIGIN,
        header::ORIGIN_KEY,
        header::BURIED,
        header::PUBLISH,
    ] {
        headers = headers.without(name);
    }
    Some(Outgoing {
        exchange,
        routing_key,
        body: letter.body().to_vec(),
        headers,
        unheard: false,
    })
}
