//! Consuming one queue in batches.
//!
//! **Order.** A batch is what has arrived, in the queue's order. Nothing here
//! ever *requeues* a message: without a delivery limit a quorum queue appends a
//! requeued message behind all others. What is not acknowledged is given back
//! by closing the channel, which puts it in front again, in order, before the
//! next single active consumer gets anything. For the same reason a consumer
//! that stops does not *cancel* first: that would hand the queue to the next
//! consumer while a batch is still being worked on.
//!
//! **Holding a batch.** While the database is down a batch is held. Heartbeats
//! go on in tasks of the client library. RabbitMQ from 3.8.15 on closes a
//! channel whose delivery is unacknowledged for `consumer_timeout`, 30 minutes
//! unless configured; from 3.12 on our queues ask for a day. When it happens
//! nothing is lost: the acknowledgement fails with [`QueueError::Stale`], and
//! the batch is delivered again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{FutureExt as _, StreamExt as _};
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Acker, Channel, Connection};
use tokio::task::JoinHandle;

use crate::backoff::Backoff;
use crate::error::QueueError;
use crate::message::{Headers, Outgoing, Reason, header, short};
use crate::publisher::Publisher;
use crate::settings::{GOODBYE, Settings, goodbye, within};
use crate::topology::Topology;

/// How long nothing comes before the broker is asked whether it is still there.
const QUIET: Duration = Duration::from_secs(15);
/// How long an acknowledgement may take to be sent.
const SENT: Duration = Duration::from_secs(10);

const FREE: u8 = 0;
const OPEN: u8 = 1;
const DROPPED: u8 = 2;

/// Consumes one queue over a connection and a channel of its own, made anew
/// when they are lost.
pub struct Consumer {
    settings: Settings,
    queue: String,
    prefetch: u16,
    session: Option<Session>,
    /// A session that is being opened, by a task: when whoever waits for it is
    /// dropped, it is waited for again. Dropped half-way, it could leave a
    /// consumer on the broker that gets messages and that nobody listens to.
    opening: Option<JoinHandle<Result<Session, QueueError>>>,
    backoff: Backoff,
}

struct Session {
    connection: Connection,
    // The channel closes when its last handle is dropped.
    channel: Channel,
    stream: lapin::Consumer,
    prefetch: u16,
    /// What became of the batch that was taken last.
    last: Arc<AtomicU8>,
}

impl Consumer {
    /// A consumer of `queue` in batches of `batch`; twice as many messages are
    /// fetched ahead. It connects when the first batch is asked for.
    #[must_use]
    pub fn new(settings: Settings, queue: &str, batch: u16) -> Self {
        Self {
            settings,
            queue: queue.to_owned(),
            prefetch: batch.max(1).saturating_mul(2),
            session: None,
            opening: None,
            backoff: Backoff::default(),
        }
    }

    /// The queue.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// Waits for a first message and takes what else has arrived, up to `max`;
    /// it never lingers for more. When the call is dropped nothing is lost.
    ///
    /// The batch before must be acknowledged. When it was dropped instead, the
    /// connection is made anew, and what was in it comes again.
    ///
    /// # Errors
    /// When the connection is lost: what was delivered before comes again. The
    /// next call connects anew, after a back-off.
    pub async fn next(&mut self, max: usize) -> Result<Batch, QueueError> {
        self.next_by(max, |_| 1).await
    }

    /// The same, where a message may count for more than one: it takes what has
    /// arrived until that comes to `max` or more.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub async fn next_by(
        &mut self,
        max: usize,
        weigh: impl Fn(&Delivery) -> usize,
    ) -> Result<Batch, QueueError> {
        let taken = self.take(max, weigh).await;
        if let Err(error) = &taken
            && !matches!(error, QueueError::BatchOpen)
        {
            self.session = None;
            self.backoff.failed();
        }
        taken
    }

    async fn take(
        &mut self,
        max: usize,
        weigh: impl Fn(&Delivery) -> usize,
    ) -> Result<Batch, QueueError> {
        let state = |session: &Session| session.last.load(Ordering::Acquire);
        match self.session.as_ref().map(state) {
            Some(OPEN) => return Err(QueueError::BatchOpen),
            Some(DROPPED) => self.leave().await,
            _ => {}
        }
        if self.session.is_none() {
            self.backoff.wait().await;
            self.session = Some(self.opened().await?);
        }
        let Some(session) = self.session.as_mut() else {
            return Err(QueueError::Stale);
        };
        let limit = self.settings.connect_timeout;
        let first = session.next(&self.queue, limit).await?;
        let first = self.arrived(first)?;
        let mut weight = weigh(&first);
        let mut deliveries = vec![first];
        self.backoff.went_well();
        let Some(session) = self.session.as_mut() else {
            return Err(QueueError::Stale);
        };
        while weight < max {
            match session.stream.next().now_or_never() {
                Some(Some(Ok(delivery))) => {
                    let delivery = Delivery::of(delivery);
                    weight = weight.saturating_add(weigh(&delivery));
                    deliveries.push(delivery);
                }
                // The end of the stream is found again by the next call.
                Some(_) | None => break,
            }
        }
        session.last.store(OPEN, Ordering::Release);
        Ok(Batch {
            queue: self.queue.clone(),
            deliveries,
            state: Arc::clone(&session.last),
        })
    }

    async fn opened(&mut self) -> Result<Session, QueueError> {
        let opening = self.opening.get_or_insert_with(|| {
            let (settings, queue) = (self.settings.clone(), self.queue.clone());
            let prefetch = self.prefetch;
            tokio::spawn(async move { Session::open(&settings, &queue, prefetch).await })
        });
        let opened = opening.await;
        self.opening = None;
        // It panicked, or the program ends.
        opened.unwrap_or(Err(QueueError::Stale))
    }

    fn arrived(
        &self,
        next: Option<lapin::Result<lapin::message::Delivery>>,
    ) -> Result<Delivery, QueueError> {
        match next {
            Some(Ok(delivery)) => Ok(Delivery::of(delivery)),
            Some(Err(error)) => {
                let doing = format!("consuming `{}`", self.queue);
                Err(QueueError::of(&doing, error))
            }
            None => Err(QueueError::Cancelled {
                queue: self.queue.clone(),
            }),
        }
    }

    /// Stops: what was fetched and not acknowledged goes back to the queue, in
    /// order. Acknowledge the current batch first.
    pub async fn close(mut self) {
        self.leave().await;
    }

    async fn leave(&mut self) {
        if let Some(mut opening) = self.opening.take() {
            match tokio::time::timeout(GOODBYE, &mut opening).await {
                Ok(Ok(Ok(session))) => session.close().await,
                Ok(_) => {}
                // One that takes longer is closed when it is open.
                Err(_) => drop(tokio::spawn(close_opened(opening))),
            }
        }
        if let Some(session) = self.session.take() {
            session.close().await;
        }
    }
}

/// A session that is only dropped *cancels* first: see the order above.
impl Drop for Consumer {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if let Some(opening) = self.opening.take() {
            runtime.spawn(close_opened(opening));
        }
        if let Some(session) = self.session.take() {
            runtime.spawn(session.close());
        }
    }
}

async fn close_opened(opening: JoinHandle<Result<Session, QueueError>>) {
    if let Ok(Ok(session)) = opening.await {
        session.close().await;
    }
}

impl Session {
    /// Waits for the next message; now and then, while none comes, asks the broker
    /// whether it is still there.
    ///
    /// A library can miss the end of a connection that is lost at an unlucky
    /// moment. Nobody would take anything from the queue any more, and nobody
    /// would know.
    async fn next(
        &mut self,
        queue: &str,
        limit: Duration,
    ) -> Result<Option<lapin::Result<lapin::message::Delivery>>, QueueError> {
        loop {
            match tokio::time::timeout(QUIET, self.stream.next()).await {
                Ok(next) => return Ok(next),
                Err(_) => {
                    let doing = format!("waiting for `{queue}`");
                    let asking = fetch_ahead(&self.channel, self.prefetch, &doing);
                    within(limit, &doing, asking).await?;
                }
            }
        }
    }

    /// Closes the connection, and only then lets go of the subscription.
    async fn close(self) {
        goodbye(&self.connection, "closed").await;
    }

    async fn open(settings: &Settings, queue: &str, prefetch: u16) -> Result<Self, QueueError> {
        let connection = settings.connect(queue).await?;
        let doing = format!("consuming `{queue}`");
        let subscribing = subscribe(&connection, queue, prefetch, &doing);
        match within(settings.connect_timeout, &doing, subscribing).await {
            Ok((channel, stream)) => Ok(Self {
                connection,
                channel,
                stream,
                prefetch,
                last: Arc::new(AtomicU8::new(FREE)),
            }),
            Err(error) => {
                goodbye(&connection, "given up").await;
                Err(error)
            }
        }
    }
}

async fn subscribe(
    connection: &Connection,
    queue: &str,
    prefetch: u16,
    doing: &str,
) -> Result<(Channel, lapin::Consumer), QueueError> {
    let failed = |error| QueueError::of(doing, error);
    let channel = connection.create_channel().await.map_err(failed)?;
    fetch_ahead(&channel, prefetch, doing).await?;
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    let stream = channel
        .basic_consume(short(queue)?, "".into(), options, none)
        .await
        .map_err(failed)?;
    Ok((channel, stream))
}

/// Says how much is fetched ahead; to say it again changes nothing.
async fn fetch_ahead(channel: &Channel, prefetch: u16, doing: &str) -> Result<(), QueueError> {
    let said = channel.basic_qos(prefetch, BasicQosOptions::default());
    said.await.map_err(|error| QueueError::of(doing, error))
}

/// A message as it was delivered. It has no `Debug`.
pub struct Delivery {
    body: Vec<u8>,
    headers: Headers,
    routing_key: String,
    redelivered: bool,
    pub(crate) acker: Acker,
    pub(crate) settled: bool,
}

impl Delivery {
    pub(crate) fn of(delivery: lapin::message::Delivery) -> Self {
        Self {
            body: delivery.data,
            headers: Headers {
                properties: delivery.properties,
            },
            routing_key: delivery.routing_key.to_string(),
            redelivered: delivery.redelivered,
            acker: delivery.acker,
            settled: false,
        }
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The key it was published with.
    #[must_use]
    pub fn routing_key(&self) -> &str {
        &self.routing_key
    }

    /// Whether it may have been delivered before.
    #[must_use]
    pub fn redelivered(&self) -> bool {
        self.redelivered
    }

    /// How often the queue gave it out before, lost connections included.
    #[must_use]
    pub fn delivered_before(&self) -> u64 {
        let count = self.headers.number(header::DELIVERIES).unwrap_or(0);
        u64::try_from(count).unwrap_or(0)
    }
}

/// Messages taken together, in the queue's order. Dropped without an
/// acknowledgement, they are delivered again.
pub struct Batch {
    queue: String,
    deliveries: Vec<Delivery>,
    state: Arc<AtomicU8>,
}

impl Batch {
    /// The messages.
    #[must_use]
    pub fn deliveries(&self) -> &[Delivery] {
        &self.deliveries
    }

    /// The queue they came from.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// Acknowledges all of it at once. Do so after the commit. Brokers do not
    /// confirm acknowledgements: one that is lost on the way costs a redelivery.
    ///
    /// # Errors
    /// [`QueueError::Stale`] when its connection is gone, [`QueueError::Slow`]
    /// when nobody says so: the broker delivers it again, and the fence in the
    /// database knows it.
    pub async fn ack(self) -> Result<(), QueueError> {
        let last = self.deliveries.iter().rev().find(|one| !one.settled);
        if let Some(last) = last {
            acknowledge(&last.acker, true).await?;
        }
        self.state.store(FREE, Ordering::Release);
        Ok(())
    }

    /// Publishes one of its messages to the dead letters, as it came, with the
    /// reason, its queue and the time; and acknowledges it when the broker has
    /// confirmed. A crash between the two buries it twice, with the same
    /// message id.
    ///
    /// # Errors
    /// When it could not be published or acknowledged: then it is delivered
    /// again.
    pub async fn bury(
        &mut self,
        at: usize,
        reason: &Reason,
        publisher: &Publisher,
        topology: &Topology,
    ) -> Result<(), QueueError> {
        self.bury_from(at, None, reason, publisher, topology).await
    }

    /// The same, of a message whose sender is known. What a message says of its
    /// sender itself is not kept.
    ///
    /// # Errors
    /// As [`Self::bury`].
    pub async fn bury_from(
        &mut self,
        at: usize,
        submitter: Option<&str>,
        reason: &Reason,
        publisher: &Publisher,
        topology: &Topology,
    ) -> Result<(), QueueError> {
        let Some(delivery) = self.deliveries.get_mut(at).filter(|one| !one.settled) else {
            return Ok(());
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let mut headers = delivery.headers.clone().without(header::SUBMITTER);
        if let Some(submitter) = submitter {
            headers = headers.with_text(header::SUBMITTER, submitter);
        }
        let headers = headers
            .without(header::PUBLISH)
            .with_reason(reason)
            .with_text(header::ORIGIN, &self.queue)
            .with_text(header::ORIGIN_KEY, &delivery.routing_key)
            .with_value(
                header::BURIED,
                AMQPValue::Timestamp(now.map_or(0, |now| now.as_secs())),
            );
        let letter = Outgoing {
            exchange: topology.dead(),
            routing_key: topology.only_key().to_owned(),
            body: delivery.body.clone(),
            headers,
            unheard: false,
        };
        publisher.publish_surely(&letter).await?;
        acknowledge(&delivery.acker, false).await?;
        delivery.settled = true;
        tracing::warn!(queue = %self.queue, code = %reason.code, "a message was buried");
        Ok(())
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        let _ = self
            .state
            .compare_exchange(OPEN, DROPPED, Ordering::AcqRel, Ordering::Acquire);
    }
}

/// Acknowledges on the channel the message came from, and on no other: the
/// library's handle knows when its channel is gone.
pub(crate) async fn acknowledge(acker: &Acker, multiple: bool) -> Result<(), QueueError> {
    let sending = async {
        match acker.ack(BasicAckOptions { multiple }).await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(QueueError::Stale),
        }
    };
    within(SENT, "acknowledging", sending).await
}
