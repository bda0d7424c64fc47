//! The bounds of one shard.

use std::time::Duration;

/// The bounds of one shard, and the deadlines of its connections. Zero disables a deadline or a rate.
#[derive(Clone, Debug)]
pub struct ShardLimits {
    /// Connections that may be open at the same time; more are refused with code 210.
    pub connections: usize,
    /// Bytes of answers kept for a connection that does not read them; above this the connection is not read.
    pub control_bytes: usize,
    /// Frames that one connection may send per second.
    pub frames_per_second: u64,
    /// Bytes that one connection may send per second.
    pub bytes_per_second: u64,
    /// True if a connection that exceeds its rate ends with code 209. Otherwise it is not read until it is within its rate.
    pub close_over_rate: bool,
    /// The time for the handshake, where the protocol has one; after it the connection ends with code 205.
    pub hello_timeout: Duration,
    /// The time for a frame to be completed; after it the connection ends with code 206.
    pub frame_timeout: Duration,
    /// The time in which the peer of a full socket must take some bytes; after it the connection is reset.
    pub write_timeout: Duration,
    /// The time in which a connection that ends must take its close frame.
    pub linger: Duration,
    /// The window over which the peers of a stopping server are asked to spread their reconnects.
    pub reconnect_spread: Duration,
    /// The time in which a stopping server delivers what it has accepted.
    pub drain_timeout: Duration,
    /// The interval between two sweeps.
    pub sweep_interval: Duration,
}

#[cfg(test)]
impl ShardLimits {
    /// No deadline, no rate, and more room than a test needs.
    pub(crate) fn none() -> Self {
        Self {
            connections: 100,
            control_bytes: 1000,
            frames_per_second: 0,
            bytes_per_second: 0,
            close_over_rate: false,
            hello_timeout: Duration::ZERO,
            frame_timeout: Duration::ZERO,
            write_timeout: Duration::ZERO,
            linger: Duration::from_secs(1),
            reconnect_spread: Duration::ZERO,
            drain_timeout: Duration::from_secs(5),
            sweep_interval: Duration::from_millis(100),
        }
    }
}
