//! `plain`: every frame goes to every connection of the listener.

use crate::{Context, End, PLAIN, Session};
use corecast_fanout::{Encoding, LagRule, Outlet, Policy, Publication};
use corecast_wire::{FrameLimits, plain};
use std::rc::Rc;

/// A connection of a `plain` listener.
#[derive(Debug)]
pub struct Plain {
    /// The channel of the listener.
    pub channel: Rc<str>,
    /// The limits on accepted frames.
    pub limits: FrameLimits,
    /// The effect of lagging. The policy's limits decide if there is none.
    pub lag: Option<LagRule>,
}

impl Session for Plain {
    type Decoder = plain::Decoder;

    const ENCODING: Encoding = PLAIN;
    const HAS_HANDSHAKE: bool = false;
    const PING: Option<fn(&mut Vec<u8>)> = None;

    fn decoder(&self) -> plain::Decoder {
        plain::Decoder { limits: self.limits }
    }

    fn opened<O: Outlet, P: Policy<O>>(&mut self, context: &mut Context<'_, P>) {
        let only = context.policy.subscribe_with(context.id, &self.channel, self.lag, &[]);
        debug_assert!(only.is_ok(), "one subscription is within every limit");
    }

    fn on_frame<O: Outlet, P: Policy<O>>(&mut self, payload: &[u8], context: &mut Context<'_, P>) -> Result<(), End> {
        context.published = true;
        context.policy.publish(context.id, &Publication { channel: &self.channel, payload, no_echo: false });
        Ok(())
    }

    fn close_frame(&self, _end: &End, _out: &mut Vec<u8>) {}
}
