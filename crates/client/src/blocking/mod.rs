//! The blocking variant: a `std` TCP stream drives the protocol.

mod buffered;
mod client;
mod outbox;
mod publisher;
mod reader;
mod reconnecting;
mod subscriber;

pub use buffered::BufferedPublisher;
pub use client::Client;
pub use publisher::Publisher;
pub use reconnecting::ReconnectingClient;
pub use subscriber::Subscriber;
