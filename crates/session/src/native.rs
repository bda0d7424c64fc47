//! `native`: channels, acknowledgements, codes.

use crate::{Context, End, NATIVE, Session};
use corecast_fanout::{Encoding, LagRule, Outlet, Policy, Publication};
use corecast_wire::native::{self, Frame, Publish, Reason, Subscribe, VERSION};
use corecast_wire::{Code, FrameLimits};

/// A connection of a `native` listener.
#[derive(Debug)]
pub struct Native {
    limits: FrameLimits,
    greeted: bool,
}

impl Native {
    /// Creates a session that is waiting for HELLO.
    pub fn new(limits: FrameLimits) -> Self {
        Self { limits, greeted: false }
    }

    fn greet<O: Outlet, P: Policy<O>>(&mut self, frame: &Frame<'_>, context: &mut Context<'_, P>) -> Result<(), End> {
        let Frame::Hello { version } = *frame else {
            return Err(End::new(Code::HelloExpected, "the first frame must be HELLO"));
        };
        if version == 0 {
            return Err(End::new(Code::UnsupportedVersion, format!("version {VERSION} is spoken here")));
        }
        self.greeted = true;
        let version = version.min(VERSION);
        answer(&Frame::Welcome { version, max_frame: self.limits.max_frame }, context);
        Ok(())
    }
}

impl Session for Native {
    type Decoder = native::Decoder;

    const ENCODING: Encoding = NATIVE;
    const HAS_HANDSHAKE: bool = true;
    const PING: Option<fn(&mut Vec<u8>)> = Some(|out| native::encode(&Frame::Ping(&[]), out));

    fn decoder(&self) -> native::Decoder {
        native::Decoder::new(self.limits)
    }

    fn opened<O: Outlet, P: Policy<O>>(&mut self, _context: &mut Context<'_, P>) {}

    fn on_frame<O: Outlet, P: Policy<O>>(&mut self, frame: Frame<'_>, context: &mut Context<'_, P>) -> Result<(), End> {
        if !self.greeted {
            return self.greet(&frame, context);
        }
        match frame {
            Frame::Publish(publish) => {
                self::publish(&publish, context);
                Ok(())
            }
            Frame::Subscribe(subscription) => subscribe(subscription, context),
            Frame::Unsubscribe(channel) => {
                let frame = encode(&Frame::Unsubscribed(channel), context.answer);
                context.policy.unsubscribe(context.id, channel.as_str(), frame);
                Ok(())
            }
            Frame::Ping(body) => {
                answer(&Frame::Pong(body), context);
                Ok(())
            }
            Frame::Pong(_) => Ok(()),
            Frame::Close(_) => Err(End::new(Code::Normal, "closed by the client")),
            Frame::Hello { .. } => Err(End::new(Code::UnexpectedKind, "HELLO was said already")),
            Frame::Welcome { .. }
            | Frame::Subscribed(_)
            | Frame::Unsubscribed(_)
            | Frame::Published { .. }
            | Frame::Message { .. }
            | Frame::Gap { .. }
            | Frame::Error(_) => Err(End::new(Code::UnexpectedKind, "only a server sends this frame")),
        }
    }

    fn close_frame(&self, end: &End, out: &mut Vec<u8>) {
        let delayed = end.reconnect_delay.map(|delay| native::text_with_reconnect_delay(&end.text, delay));
        let reason = Reason::new(end.code, delayed.as_deref().unwrap_or(&end.text));
        let frame = if end.code.is_violation() { Frame::Error(reason) } else { Frame::Close(reason) };
        native::encode(&frame, out);
    }
}

fn subscribe<O: Outlet, P: Policy<O>>(subscription: Subscribe<'_>, context: &mut Context<'_, P>) -> Result<(), End> {
    let Subscribe { channel, lag } = subscription;
    let lag = lag.map(|lag| match lag {
        native::Lag::Skip => LagRule::Skip,
        native::Lag::Disconnect => LagRule::Disconnect,
    });
    let frame = encode(&Frame::Subscribed(channel), context.answer);
    let subscribed = context.policy.subscribe_with(context.id, channel.as_str(), lag, frame);
    subscribed.map_err(|error| End::new(Code::TooManySubscriptions, error.to_string()))
}

fn publish<O: Outlet, P: Policy<O>>(publish: &Publish<'_>, context: &mut Context<'_, P>) {
    let Publish { channel, payload, ack, no_echo } = *publish;
    context.published = true;
    context.policy.publish(context.id, &Publication { channel: channel.as_str(), payload, no_echo });
    if let Some(token) = ack {
        answer(&Frame::Published { token }, context);
    }
}

fn answer<O: Outlet, P: Policy<O>>(frame: &Frame<'_>, context: &mut Context<'_, P>) {
    let frame = encode(frame, context.answer);
    context.policy.answer(context.id, frame);
}

fn encode<'a>(frame: &Frame<'_>, buffer: &'a mut Vec<u8>) -> &'a [u8] {
    buffer.clear();
    native::encode(frame, buffer);
    buffer
}
