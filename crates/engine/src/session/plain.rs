//! `plain`: every frame goes to every connection of the listener.

use super::{Context, End, Session};
use crate::shard::Engine;
use corecast_fanout::Publication;
use corecast_wire::{Limits, plain};
use std::rc::Rc;

/// A connection of a `plain` listener.
#[derive(Debug)]
pub(crate) struct Plain {
    pub(crate) channel: Rc<str>,
    pub(crate) limits: Limits,
}

impl Session for Plain {
    type Decoder = plain::Decoder;

    fn decoder(&self) -> plain::Decoder {
        plain::Decoder { limits: self.limits }
    }

    fn opened<P: Engine>(&mut self, context: &mut Context<'_, P>) {
        let only = context.policy.subscribe(context.id, &self.channel, &[]);
        debug_assert!(only.is_ok(), "one subscription is within every limit");
    }

    fn on_frame<P: Engine>(&mut self, payload: &[u8], context: &mut Context<'_, P>) -> Result<(), End> {
        context.published = true;
        context.policy.publish(context.id, &Publication { channel: &self.channel, payload, no_echo: false });
        Ok(())
    }
}
