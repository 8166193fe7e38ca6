//! A virtual host with our topology in it.

use std::time::Duration;

use tally_queue::{Batch, Consumer, Depth, Headers, Inspector, Outgoing, Place};
use tally_queue::{Publisher, Settings, Topology};
use tally_rig::{Proxy, shared_rabbit};

/// Longer than anything here takes.
pub const LONG: Duration = Duration::from_secs(60);
/// Long enough to see that nothing comes.
pub const SHORT: Duration = Duration::from_millis(700);

pub struct Site {
    pub settings: Settings,
    pub topology: Topology,
    pub publisher: Publisher,
}

/// The settings of a fresh virtual host.
pub fn fresh() -> Settings {
    let url = shared_rabbit().fresh_vhost().expect("a virtual host");
    Settings::new(url)
}

/// The same broker, by way of a proxy.
pub fn through(proxy: &Proxy, settings: &Settings) -> Settings {
    let (start, vhost) = settings.url.rsplit_once('/').unwrap();
    let (start, _) = start.rsplit_once(':').unwrap();
    let mut through = settings.clone();
    through.url = format!("{start}:{}/{vhost}", proxy.port());
    through.heartbeat = 1;
    through
}

/// The port of a URL.
pub fn port(settings: &Settings) -> u16 {
    let (start, _) = settings.url.rsplit_once('/').unwrap();
    start.rsplit_once(':').unwrap().1.parse().unwrap()
}

impl Site {
    pub async fn with(settings: Settings, partitions: u16) -> Self {
        let topology = Topology::new("t.", partitions).unwrap();
        topology.declare(&settings).await.unwrap();
        Self {
            publisher: Publisher::new(settings.clone()),
            settings,
            topology,
        }
    }

    pub async fn new(partitions: u16) -> Self {
        Self::with(fresh(), partitions).await
    }

    pub fn place(&self) -> Place {
        self.topology.places().next().unwrap()
    }

    /// The queue of the first partition.
    pub fn queue(&self) -> String {
        self.topology.partition(self.place())
    }

    /// A message for the first partition, which says its number.
    pub fn message(&self, number: usize) -> Outgoing {
        let text = number.to_string();
        let headers = Headers::new().with_message_id(&text).unwrap();
        self.topology
            .to_partition(self.place(), text.into_bytes(), headers)
    }

    pub fn messages(&self, numbers: std::ops::Range<usize>) -> Vec<Outgoing> {
        numbers.map(|number| self.message(number)).collect()
    }

    pub fn consumer(&self, batch: u16) -> Consumer {
        Consumer::new(self.settings.clone(), &self.queue(), batch)
    }

    pub async fn depth(&self, queue: &str) -> Depth {
        let inspector = Inspector::connect(&self.settings).await.unwrap();
        let depth = inspector.depth(queue).await.unwrap();
        inspector.close().await;
        depth
    }

    /// Waits until a queue holds so many messages that nobody has.
    pub async fn holds(&self, queue: &str, messages: u32) {
        let inspector = Inspector::connect(&self.settings).await.unwrap();
        let mut seen = None;
        for _ in 0..200 {
            seen = Some(inspector.depth(queue).await.unwrap());
            if seen.as_ref().unwrap().messages == messages {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{seen:?}, not {messages}");
    }
}

pub fn number(body: &[u8]) -> usize {
    std::str::from_utf8(body).unwrap().parse().unwrap()
}

pub fn numbers(batch: &Batch) -> Vec<usize> {
    let deliveries = batch.deliveries().iter();
    deliveries.map(|one| number(one.body())).collect()
}

/// The next batch, whatever transient errors come before.
pub async fn next(consumer: &mut Consumer, max: usize) -> Batch {
    let taking = async {
        loop {
            match consumer.next(max).await {
                Ok(batch) => return batch,
                Err(error) => assert!(error.is_transient(), "{error}"),
            }
        }
    };
    tokio::time::timeout(LONG, taking).await.expect("a batch")
}

/// Takes and acknowledges until so many messages have come, in order.
pub async fn drain(consumer: &mut Consumer, count: usize) -> Vec<usize> {
    let mut all = Vec::new();
    while all.len() < count {
        let batch = next(consumer, 128).await;
        all.extend(numbers(&batch));
        batch.ack().await.unwrap();
    }
    all
}

/// Declares a queue that is not of our topology.
pub async fn raw_queue(
    settings: &Settings,
    name: &str,
    arguments: &[(&str, lapin::types::AMQPValue)],
) {
    let connection = lapin::Connection::connect(&settings.url, Default::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    let mut table = lapin::types::FieldTable::default();
    for (name, value) in arguments {
        table.insert((*name).into(), value.clone());
    }
    let options = lapin::options::QueueDeclareOptions::durable();
    channel
        .queue_declare(name.into(), options, table)
        .await
        .unwrap();
    connection.close(200, "done".into()).await.unwrap();
}
