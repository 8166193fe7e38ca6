//! The queue on a real RabbitMQ. Most tests share one node, each in a virtual
//! host of its own; those that kill it, or want TLS, start their own.

mod consume;
mod dead;
mod killed;
mod publish;
mod reply;
mod site;
mod tls;
mod topology;
