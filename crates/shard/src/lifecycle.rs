//! The states of a connection, and every transition between them.
//!
//! ```text
//! opening ─▶ open ─▶ ending ─▶ draining ─▶ lingering ─▶ closed ─▶ reaped
//!    └─────────┴───────┴──────────┴──(reset)──┴──────────▲
//! ```
//! A connection lingers because closing a socket with unread bytes makes the kernel reset the connection, and a reset may
//! overtake the close frame.

/// The state of a connection's lifecycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Accepted. Where the protocol has a handshake, it has not arrived.
    Opening,
    /// Served.
    Open,
    /// The connection has a reason to end, and nothing is read any more. The messages that it published are on their way.
    Ending,
    /// The close frame is on its way, after the bytes held back. The connection has no subscriptions.
    Draining,
    /// The close frame has left and the server's stream has ended. Bytes that still arrive are dropped.
    Lingering,
    /// Nothing more is expected of the peer.
    Closed,
    /// The descriptor is closed, and the slot is free.
    Reaped,
}

/// An event in the life of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A valid frame has arrived.
    Introduced,
    /// The connection is ended: by itself, its peer, the shard or an administrator.
    End,
    /// The connection is given its close frame.
    CloseFrame,
    /// Everything that was held back has left.
    Drained,
    /// The peer has ended or is gone, or the connection's time is over.
    Finish,
    /// The tick closes the descriptor.
    Reap,
}

impl State {
    /// All states, in order.
    pub const ALL: [Self; 7] =
        [Self::Opening, Self::Open, Self::Ending, Self::Draining, Self::Lingering, Self::Closed, Self::Reaped];

    /// Returns the name of the state, as logs show it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Open => "open",
            Self::Ending => "ending",
            Self::Draining => "draining",
            Self::Lingering => "lingering",
            Self::Closed => "closed",
            Self::Reaped => "reaped",
        }
    }

    /// Returns the state after an event, or `None` where the event cannot happen.
    fn after(self, event: Event) -> Option<Self> {
        use State::{Closed, Draining, Ending, Lingering, Open, Opening, Reaped};
        Some(match (self, event) {
            (Reaped, _) => return None,
            (Opening | Open, Event::Introduced) => Open,
            (Opening | Open, Event::End) => Ending,
            (Ending, Event::CloseFrame) => Draining,
            (Draining, Event::Drained) => Lingering,
            // The first reason counts. `Drained` may report a socket that was full earlier, or come too late.
            (state, Event::End | Event::Drained) => state,
            (_, Event::Finish) => Closed,
            (Closed, Event::Reap) => Reaped,
            (_, Event::Introduced | Event::CloseFrame | Event::Reap) => return None,
        })
    }
}

/// The state of one connection.
#[derive(Debug)]
pub(crate) struct Lifecycle(State);

impl Lifecycle {
    /// Creates the lifecycle of a new connection: `Opening` if the protocol has a handshake, otherwise `Open`.
    pub(crate) fn begin(has_handshake: bool) -> Self {
        Self(if has_handshake { State::Opening } else { State::Open })
    }

    pub(crate) fn state(&self) -> State {
        self.0
    }

    /// Returns true if the connection is served: nothing has ended it.
    pub(crate) fn is_serving(&self) -> bool {
        self.state() <= State::Open
    }

    /// Moves to the state after an event. An event that is impossible in the current state is a bug here; debug builds
    /// panic on it.
    pub(crate) fn apply(&mut self, event: Event) {
        let state = self.state();
        let next = state.after(event);
        debug_assert!(next.is_some(), "{event:?} of a connection that is {}", state.name());
        self.0 = next.unwrap_or(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [Event; 6] =
        [Event::Introduced, Event::End, Event::CloseFrame, Event::Drained, Event::Finish, Event::Reap];

    /// A row for each state and a column for each event, in the order of `EVENTS`; `-` marks an impossible event.
    const TABLE: [(State, [&str; 6]); 7] = [
        (State::Opening, ["open", "ending", "-", "opening", "closed", "-"]),
        (State::Open, ["open", "ending", "-", "open", "closed", "-"]),
        (State::Ending, ["-", "ending", "draining", "ending", "closed", "-"]),
        (State::Draining, ["-", "draining", "-", "lingering", "closed", "-"]),
        (State::Lingering, ["-", "lingering", "-", "lingering", "closed", "-"]),
        (State::Closed, ["-", "closed", "-", "closed", "closed", "reaped"]),
        (State::Reaped, ["-"; 6]),
    ];

    #[test]
    fn every_state_and_event_is_in_the_table() {
        assert_eq!(TABLE.map(|(state, _)| state), State::ALL);
        for (state, row) in TABLE {
            let found = EVENTS.map(|event| state.after(event).map_or("-", State::name));
            assert_eq!(found, row, "{}", state.name());
        }
    }

    #[test]
    fn a_life_only_goes_forward() {
        for state in State::ALL {
            for next in EVENTS.iter().filter_map(|event| state.after(*event)) {
                assert!(next >= state, "{} after {}", next.name(), state.name());
            }
        }
    }

    #[test]
    fn only_a_closed_connection_is_reaped_and_every_other_can_be_closed() {
        for state in State::ALL {
            assert_eq!(state.after(Event::Reap).is_some(), state == State::Closed);
            assert_eq!(state.after(Event::Finish).is_some(), state != State::Reaped);
        }
    }

    #[test]
    fn an_orderly_life_visits_every_state() {
        let mut life = Lifecycle::begin(true);
        let mut visited = vec![life.state()];
        for event in EVENTS {
            life.apply(event);
            visited.push(life.state());
        }
        assert_eq!(visited, State::ALL);
    }

    #[test]
    #[should_panic(expected = "CloseFrame of a connection that is open")]
    fn an_impossible_event_is_a_mistake_of_ours() {
        let mut life = Lifecycle::begin(true);
        life.apply(Event::Introduced);
        life.apply(Event::CloseFrame);
    }
}
