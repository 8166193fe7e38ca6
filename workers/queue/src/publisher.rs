//! Publishing with confirms and a window.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::AMQPValue;
use lapin::{Channel, Confirmation, Connection, PublisherConfirm};
use tokio::sync::Mutex;

use crate::backoff::Backoff;
use crate::error::QueueError;
use crate::message::{Outgoing, header, short};
use crate::settings::{Settings, goodbye, within};

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The broker holds it: a quorum of replicas has it on disk.
    Confirmed,
    /// No queue is bound there.
    Returned,
    /// A queue refused it: it is full.
    Refused,
    /// Nothing was said of it in time, while others were answered: its queue has
    /// no leader. It may be there or not.
    Unanswered,
}

impl Fate {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Returned => "no queue is bound there",
            Self::Refused => "its queue refused it",
            Self::Unanswered => "nothing was said of it",
        }
    }
}

/// Publishes over a connection of its own, made anew when it is lost. One
/// caller publishes at a time; the others wait.
pub struct Publisher {
    settings: Settings,
    slot: Mutex<Slot>,
}

#[derive(Default)]
struct Slot {
    session: Option<Session>,
    backoff: Backoff,
}

struct Session {
    connection: Connection,
    channel: Channel,
    /// The number of the next message.
    next: i64,
}

impl Publisher {
    /// A publisher. It connects when it first publishes.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            slot: Mutex::default(),
        }
    }

    /// Publishes messages in order, at most a window of them unconfirmed at a
    /// time, and says what became of each, in their order.
    ///
    /// On an error that is transient nothing is known of any of them: publish
    /// them all again. A message may then stand twice, but none is lost. A
    /// call that is dropped half-way leaves the same doubt.
    ///
    /// # Errors
    /// When the broker cannot be reached, is lost, refuses, or answers for none
    /// of them in time.
    pub async fn publish(&self, messages: &[Outgoing]) -> Result<Vec<Fate>, QueueError> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let mut slot = self.slot.lock().await;
        let held = slot.session.take();
        // A session is put back only when every confirm has come, so that the
        // answers of one call never reach the next.
        let mut session = match held {
            Some(session) if session.blocked() => {
                // It is told when that is over, so that it is kept.
                slot.session = Some(session);
                slot.backoff.wait().await;
                slot.backoff.failed();
                return Err(QueueError::Blocked);
            }
            Some(session) if session.connection.status().connected() => session,
            _ => self.open(&mut slot.backoff).await?,
        };
        let limit = self.settings.confirm_timeout;
        let fates = session
            .send(messages, self.settings.window.max(1), limit)
            .await;
        match fates {
            Ok(fates) if fates.contains(&Fate::Unanswered) && session.blocked() => {
                slot.backoff.failed();
                Err(QueueError::Blocked)
            }
            Ok(fates) => {
                // Answers that are still to come must not reach the next call.
                if !fates.contains(&Fate::Unanswered) {
                    slot.session = Some(session);
                }
                slot.backoff.went_well();
                Ok(fates)
            }
            Err(QueueError::Slow { .. }) if session.blocked() => {
                slot.backoff.failed();
                Err(QueueError::Blocked)
            }
            Err(error) => {
                if error.is_transient() {
                    slot.backoff.failed();
                }
                Err(error)
            }
        }
    }

    /// Publishes one message.
    ///
    /// # Errors
    /// As [`Self::publish`].
    pub async fn publish_one(&self, message: &Outgoing) -> Result<Fate, QueueError> {
        let fates = self.publish(core::slice::from_ref(message)).await?;
        Ok(fates.first().copied().unwrap_or(Fate::Refused))
    }

    /// Publishes one message that must not be lost.
    ///
    /// # Errors
    /// As [`Self::publish`], and when it was not confirmed.
    pub async fn publish_surely(&self, message: &Outgoing) -> Result<(), QueueError> {
        match self.publish_one(message).await? {
            Fate::Confirmed => Ok(()),
            fate => Err(QueueError::NotTaken {
                exchange: message.exchange.clone(),
                fate: fate.words(),
            }),
        }
    }

    /// Whether the broker answers, for readiness.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn ping(&self) -> Result<(), QueueError> {
        let mut slot = self.slot.lock().await;
        let connected = |session: &Session| session.connection.status().connected();
        if !slot.session.as_ref().is_some_and(connected) {
            slot.session = Some(self.open(&mut slot.backoff).await?);
        }
        Ok(())
    }

    /// Says good-bye to the broker.
    pub async fn close(self) {
        if let Some(session) = self.slot.into_inner().session {
            goodbye(&session.connection, "closed").await;
        }
    }

    async fn open(&self, backoff: &mut Backoff) -> Result<Session, QueueError> {
        backoff.wait().await;
        let opened = Session::open(&self.settings).await;
        match &opened {
            Ok(_) => backoff.went_well(),
            Err(_) => backoff.failed(),
        }
        opened
    }
}

impl Session {
    fn blocked(&self) -> bool {
        let status = self.connection.status();
        status.connected() && status.blocked()
    }

    async fn open(settings: &Settings) -> Result<Self, QueueError> {
        let connection = settings.connect("publisher").await?;
        let doing = "opening a channel";
        let failed = |error| QueueError::of(doing, error);
        let opening = async {
            let channel = connection.create_channel().await.map_err(failed)?;
            let options = ConfirmSelectOptions::default();
            channel.confirm_select(options).await.map_err(failed)?;
            Ok(channel)
        };
        match within(settings.connect_timeout, doing, opening).await {
            Ok(channel) => Ok(Self {
                connection,
                channel,
                next: 0,
            }),
            Err(error) => {
                goodbye(&connection, "given up").await;
                Err(error)
            }
        }
    }

    async fn send(
        &mut self,
        messages: &[Outgoing],
        window: usize,
        limit: Duration,
    ) -> Result<Vec<Fate>, QueueError> {
        let first = self.next;
        let mut answers = Answers::new(messages.len(), limit);
        let mut waiting = VecDeque::with_capacity(window.min(messages.len()));
        for (at, message) in messages.iter().enumerate() {
            if waiting.len() >= window
                && let Some((at, confirm)) = waiting.pop_front()
            {
                answers.take(at, confirm).await?;
            }
            waiting.push_back((at, self.put(message, limit).await?));
        }
        for (at, confirm) in waiting {
            answers.take(at, confirm).await?;
        }
        answers.fates(first)
    }

    async fn put(
        &mut self,
        message: &Outgoing,
        limit: Duration,
    ) -> Result<PublisherConfirm, QueueError> {
        // A return names no delivery tag, and the library hands it over with
        // whichever confirm comes next: the message carries its number.
        let headers = message
            .headers
            .clone()
            .with_value(header::PUBLISH, AMQPValue::LongLongInt(self.next));
        self.next = self.next.wrapping_add(1);
        let options = BasicPublishOptions {
            mandatory: !message.unheard,
            ..Default::default()
        };
        let publishing = self.channel.basic_publish(
            short(&message.exchange)?,
            short(&message.routing_key)?,
            options,
            &message.body,
            headers.properties.with_delivery_mode(2),
        );
        let doing = "publishing";
        let publishing = async {
            let published = publishing.await;
            published.map_err(|error| QueueError::of(doing, error))
        };
        within(limit, doing, publishing).await
    }
}

/// The confirms of one call.
struct Answers {
    /// What became of each, as far as it was said.
    fates: Vec<Fate>,
    /// The numbers of the messages that came back.
    returned: BTreeSet<i64>,
    limit: Duration,
    /// How long is still waited for others when one was not answered.
    left: Option<Duration>,
}

/// How long all others have when one message was not answered.
const OTHERS: Duration = Duration::from_secs(2);

impl Answers {
    fn new(count: usize, limit: Duration) -> Self {
        Self {
            fates: vec![Fate::Unanswered; count],
            returned: BTreeSet::new(),
            limit,
            left: None,
        }
    }

    async fn take(&mut self, at: usize, confirm: PublisherConfirm) -> Result<(), QueueError> {
        let begun = Instant::now();
        let patience = self.left.unwrap_or(self.limit);
        let answer = tokio::time::timeout(patience, confirm).await;
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(begun.elapsed());
        }
        let Ok(answer) = answer else {
            self.left.get_or_insert(OTHERS.min(self.limit));
            return Ok(());
        };
        let answer = answer.map_err(|error| QueueError::of("waiting for a confirm", error))?;
        if let Some(fate) = self.fates.get_mut(at) {
            *fate = match answer {
                Confirmation::Ack(_) => Fate::Confirmed,
                _ => Fate::Refused,
            };
        }
        if let Some(message) = answer.take_message() {
            let headers = crate::message::Headers {
                properties: message.delivery.properties,
            };
            self.returned.extend(headers.number(header::PUBLISH));
        }
        Ok(())
    }

    fn fates(self, first: i64) -> Result<Vec<Fate>, QueueError> {
        if self.fates.iter().all(|fate| *fate == Fate::Unanswered) {
            return Err(QueueError::Slow {
                doing: "waiting for a confirm".to_owned(),
                seconds: self.limit.as_secs(),
            });
        }
        Ok((first..)
            .zip(self.fates)
            .map(|(number, fate)| match self.returned.contains(&number) {
                true => Fate::Returned,
                false => fate,
            })
            .collect())
    }
}
