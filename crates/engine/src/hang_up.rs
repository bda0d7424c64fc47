//! Noticing that a peer has gone from whom nothing is read: for its rate, a congested shard, a pending subscription, or
//! answers that it has not taken.
//!
//! A read would find out, but these connections wait for something else. The reactor has been told, and the sweep asks it
//! about each of them. A peer that has only ended its sending half may still be there, waiting for what it sent to take
//! effect: it is sent a PING, to which the kernel of a peer that has gone answers with a reset, and the next look sees that. What
//! a full socket has not taken does the same.

use crate::connection::ConnectionState;
use crate::deadline::Due;
use crate::reactor::Events;
use corecast_session::End;
use corecast_wire::Code;
use std::time::Duration;

/// The action due for an unread connection because its peer has hung up.
pub(crate) fn due(connection: &ConnectionState, now: Duration) -> Option<Due> {
    let seen = connection.watch.hang_up();
    if seen.intersects(Events::BROKEN) {
        Some(Due::Reset(End::new(Code::Reset, "the connection is broken")))
    } else if seen.intersects(Events::ENDED)
        && !connection.full.get()
        && connection.activity.must_probe(connection.lifecycle.state(), now)
    {
        Some(Due::Ping)
    } else {
        None
    }
}
