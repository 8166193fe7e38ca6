//! What can go wrong between us and the broker.

use lapin::ErrorKind;
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use thiserror::Error;

/// Why the queue did not do what it was asked.
#[derive(Debug, Error)]
pub enum QueueError {
    /// The settings cannot be used.
    #[error("the broker's settings: {0}")]
    Settings(String),
    /// No connection could be made, or it was lost. Anything may have happened
    /// to what was under way: publish it again, expect it again.
    #[error("the broker was lost while {doing}")]
    Lost {
        /// What was being done.
        doing: String,
        /// Why.
        source: lapin::Error,
    },
    /// The broker did not answer in time.
    #[error("the broker did not answer within {seconds} s while {doing}")]
    Slow {
        /// What was being done.
        doing: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The broker ended our subscription: the queue was deleted, or its leader
    /// moved.
    #[error("the broker ended the subscription to `{queue}`")]
    Cancelled {
        /// The queue.
        queue: String,
    },
    /// The broker takes no messages for now: it is short of memory or disk.
    #[error(
        "the broker takes no messages for now, being short of memory or disk; \
         see its alarms"
    )]
    Blocked,
    /// TLS failed: the certificate is not trusted, or it is no TLS.
    #[error(
        "TLS failed while {doing}: {said}; check `ca`, the host's name in the \
         broker's certificate, and the port"
    )]
    Untrusted {
        /// What was being done.
        doing: String,
        /// The library's words.
        said: String,
    },
    /// The broker refused: user, password, virtual host or permission.
    #[error(
        "the broker denies access while {doing}: {said}; check the user, its \
         password, the virtual host and its permissions"
    )]
    Denied {
        /// What was being done.
        doing: String,
        /// The broker's words.
        said: String,
    },
    /// A queue or an exchange is not there.
    #[error("{doing}: it does not exist ({said}); declare the topology first")]
    Missing {
        /// What was being done.
        doing: String,
        /// The broker's words.
        said: String,
    },
    /// A queue or an exchange exists, but is not what we declare.
    #[error(
        "`{name}` exists on the broker with other arguments: {said}; drain it and \
         delete it, or choose another prefix, then start again"
    )]
    Mismatch {
        /// The queue or exchange.
        name: String,
        /// The broker's words: which argument, what it has, what we asked.
        said: String,
    },
    /// The broker refused for a reason that trying again does not mend.
    #[error("the broker refused while {doing}: {said}")]
    Refused {
        /// What was being done.
        doing: String,
        /// The broker's words.
        said: String,
    },
    /// A message could not be put where it must not be lost.
    #[error("`{exchange}` did not take a message: {fate}")]
    NotTaken {
        /// The exchange.
        exchange: String,
        /// What became of it.
        fate: &'static str,
    },
    /// The batch came from a connection that is gone: the broker delivers it
    /// again, perhaps to another worker.
    #[error("the batch's connection is gone: it will be delivered again")]
    Stale,
    /// The batch before is not settled yet: one acknowledgement answers for
    /// everything before it, so that batches are taken one at a time.
    #[error("the batch before is neither acknowledged nor dropped")]
    BatchOpen,
    /// A name that is not ours to use.
    #[error("{0}")]
    Name(String),
    /// What answered is no RabbitMQ.
    #[error("what answered is no RabbitMQ: {0}")]
    NotRabbit(&'static str),
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    Random,
}

impl QueueError {
    /// Whether trying again, after a while, may go well without anybody's help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Lost { .. }
                | Self::Slow { .. }
                | Self::Blocked
                | Self::Cancelled { .. }
                | Self::NotTaken { .. }
                | Self::Stale
        )
    }

    /// Sorts an error of the client library.
    pub(crate) fn of(doing: &str, source: lapin::Error) -> Self {
        let doing = doing.to_owned();
        if let ErrorKind::IOError(error) = source.kind()
            && error.kind() == std::io::ErrorKind::InvalidData
        {
            let said = error.to_string();
            return Self::Untrusted { doing, said };
        }
        let ErrorKind::ProtocolError(error) = source.kind() else {
            return Self::Lost { doing, source };
        };
        let said = error.get_message().to_string();
        match error.kind() {
            AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED)
            | AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) => Self::Denied { doing, said },
            AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => Self::Missing { doing, said },
            AMQPErrorKind::Soft(_) => Self::Refused { doing, said },
            // The broker is being stopped, or has a fault of its own.
            AMQPErrorKind::Hard(_) => Self::Lost { doing, source },
        }
    }

    /// Sorts an error of a declaration of `name`.
    pub(crate) fn declaring(name: &str, source: lapin::Error) -> Self {
        if let ErrorKind::ProtocolError(error) = source.kind()
            && matches!(
                error.kind(),
                AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED)
            )
        {
            return Self::Mismatch {
                name: name.to_owned(),
                said: error.get_message().to_string(),
            };
        }
        Self::of(&format!("declaring `{name}`"), source)
    }
}
