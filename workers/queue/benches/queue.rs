//! Throughput on a real broker, as ratios: rates differ from machine to machine
//! and from minute to minute. `cargo bench -p tally-queue`.

use std::time::Instant;

use tally_queue::{Consumer, Fate, Headers, Outgoing, Place, Publisher, QueueKey};
use tally_queue::{Settings, Topology};
use tally_rig::shared_rabbit;

struct Bench {
    settings: Settings,
    topology: Topology,
    place: Place,
}

impl Bench {
    fn messages(&self, count: usize) -> Vec<Outgoing> {
        let key = QueueKey::new([1; 32]);
        let message = |number: usize| {
            let mut claim = [0; 16];
            claim[8..].copy_from_slice(&number.to_be_bytes());
            let body = key.seal(self.place, &[claim]).expect("random bytes");
            self.topology.to_partition(self.place, body, Headers::new())
        };
        (0..count).map(message).collect()
    }

    /// Messages a second.
    async fn publish(&self, window: usize, count: usize) -> f64 {
        let mut settings = self.settings.clone();
        settings.window = window;
        let publisher = Publisher::new(settings);
        publisher.ping().await.expect("a connection");
        let messages = self.messages(count);
        let start = Instant::now();
        let fates = publisher.publish(&messages).await.expect("confirms");
        let rate = rate(count, start);
        assert!(fates.iter().all(|fate| *fate == Fate::Confirmed));
        publisher.close().await;
        rate
    }

    /// Messages a second, acknowledged by `batch`.
    async fn consume(&self, batch: usize, count: usize) -> f64 {
        // The same prefetch for all, so that only acknowledging differs.
        let mut consumer = Consumer::new(
            self.settings.clone(),
            &self.topology.partition(self.place),
            128,
        );
        let mut seen = 0;
        let start = Instant::now();
        while seen < count {
            let taken = consumer.next(batch).await.expect("a batch");
            seen += taken.deliveries().len();
            taken.ack().await.expect("an acknowledgement");
        }
        let rate = rate(count, start);
        consumer.close().await;
        rate
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure to print")]
fn rate(count: usize, start: Instant) -> f64 {
    count as f64 / start.elapsed().as_secs_f64()
}

#[tokio::main]
async fn main() {
    // `cargo test --benches` passes this: show only that it runs.
    let test = std::env::args().any(|argument| argument == "--test");
    let messages = if test { 400 } else { 20_000 };
    let settings = Settings::new(shared_rabbit().fresh_vhost().expect("a virtual host"));
    let topology = Topology::new("", 1).expect("a topology");
    let version = topology.declare(&settings).await.expect("a declaration");
    let place = Place {
        partitions: 1,
        partition: 0,
    };
    let bench = Bench {
        settings,
        topology,
        place,
    };
    println!("RabbitMQ {version}, one quorum queue, references of 57 bytes, messages/s");
    let one = bench.publish(1, messages / 20).await;
    let many = bench.publish(512, messages).await;
    println!(
        "publish  window 1: {one:.0}  window 512: {many:.0}  ratio {:.1}",
        many / one
    );
    let each = bench.consume(1, messages / 2).await;
    let batch = bench.consume(128, messages / 2).await;
    println!(
        "consume  ack each: {each:.0}  by 128: {batch:.0}  ratio {:.1}",
        batch / each
    );
}
