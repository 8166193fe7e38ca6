//! The queue on RabbitMQ: the only user of lapin.
