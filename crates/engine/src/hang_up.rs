//! Noticing that a peer has gone from whom nothing is read: for its rate, a congested shard, a pending subscription, or
//! answers that it has not taken.
//!
//! A read would find out, but these connections wait for something else. The sweep asks the kernel about each of them,
//! without receiving anything. A peer that has only ended its sending half may still be there, waiting for what it sent
//! to take effect: it is sent a PING, to which the kernel of a peer that has gone answers with a reset, and the next look
//! sees that.

use crate::connection::Link;
use crate::deadline::Due;
use corecast_session::End;
use corecast_wire::Code;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::rc::Rc;
use std::time::Duration;

const BROKEN: PollFlags = PollFlags::ERR.union(PollFlags::HUP).union(PollFlags::NVAL);

/// What is due for those of these connections whose peers have hung up.
pub(crate) fn due(links: &[Rc<Link>], now: Duration) -> Vec<(Rc<Link>, Due)> {
    if links.is_empty() {
        return Vec::new();
    }
    let mut looks: Vec<_> = links.iter().map(|link| PollFd::new(&link.socket, PollFlags::RDHUP)).collect();
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    if poll(&mut looks, Some(&at_once)).is_err() {
        // A signal, or a lack of memory: the next sweep looks again.
        return Vec::new();
    }
    let seen = links.iter().zip(&looks);
    seen.filter_map(|(link, look)| {
        let due = if look.revents().intersects(BROKEN) {
            Due::GiveUp(End::new(Code::Reset, "the connection is broken"))
        } else if look.revents().contains(PollFlags::RDHUP) && link.activity.must_probe(link.lifecycle.state(), now) {
            Due::Ping
        } else {
            return None;
        };
        Some((Rc::clone(link), due))
    })
    .collect()
}
