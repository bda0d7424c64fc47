//! A conversation: any bytes from one client, in pieces, through the sessions and the sharded policy of two shards.
//!
//! Fuzzing drives it. The clients of a scenario mostly send valid requests; these clients send anything.

use crate::driver::Driver;
use crate::mailbox::mesh;
use crate::observer::Observer;
use crate::scenario::Settings;
use crate::transport::Received;
use crate::{PolicyFactory as _, Promise, Scenario, ShardedFactory, Transport, Violation};
use corecast_fanout::{ConnectionId, LagRule, Policy, ShardId};
use corecast_wire::native::{self, Frame};
use corecast_wire::{ChannelName, Code, FrameLimits, Reassembly, plain};
use std::ops::ControlFlow;
use std::time::Duration;

/// The time of the whole conversation: no deadline passes in it.
const NOW: Duration = Duration::ZERO;

/// The number of rounds after which a conversation that has not ended never will.
const PATIENCE: usize = 100;

/// Runs a client that sends these pieces and then ends the stream, while another client listens to the first channel.
///
/// # Errors
/// If the server sends bytes that are no frame, or anything after a close frame; if the listener is disturbed; or if
/// anything does not end or is not forgotten.
pub fn converse<'a>(plain: bool, pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<(), Violation> {
    let settings = Settings {
        shards: 2,
        mailbox_capacity: 1,
        log_bytes: 4096,
        shard_log_bytes: usize::MAX,
        control_bytes: 256,
        max_subscriptions: 4,
        frames_per_second: 0,
        close_over_rate: false,
        hello_timeout: Duration::ZERO,
        frame_timeout: Duration::ZERO,
        idle_timeout: Duration::ZERO,
        write_timeout: Duration::ZERO,
        linger: Duration::from_secs(1),
        native_lag: LagRule::Skip,
        rests: true,
        stubborn: false,
    };
    let policies = ShardedFactory.shards(2, &settings.fanout_limits());
    let shards = (0..).zip(policies).zip(mesh(2, 1));
    let mut shards: Vec<_> = shards.map(|((id, policy), end)| Driver::new(id, policy, end, &settings)).collect();
    let (listener, speaker) = (Transport::new(None), Transport::new(None));
    let listening = shards[1].open(0, listener.clone(), false, NOW, &mut Nobody)?;
    listener.write(&encoded(&[Frame::Hello { version: 1 }, Frame::Subscribe(first_channel().into())]));
    settle(&mut shards, &[listening])?;
    let speaking = shards[0].open(1, speaker.clone(), plain, NOW, &mut Nobody)?;
    for piece in pieces {
        speaker.write(piece);
        settle(&mut shards, &[listening, speaking])?;
    }
    speaker.end_stream();
    settle(&mut shards, &[listening, speaking])?;
    Promise::CleanEnd.demand(speaker.is_finished(), || "the speaker's connection does not end".to_owned())?;
    check_speaker(plain, &speaker.take_unchecked())?;
    listener.write(&encoded(&[Frame::Ping(b"still there?"), Frame::Close(native::Reason::new(Code::Normal, ""))]));
    listener.end_stream();
    settle(&mut shards, &[listening])?;
    check_listener(&listener.take_unchecked())?;
    let channel_logs: usize = shards.iter().map(|shard| ShardedFactory::channel_logs(shard.shard.policy())).sum();
    Promise::CleanEnd.demand(channel_logs == 0, || format!("{channel_logs} channel logs are kept for nobody"))
}

fn settle<P: Policy<Transport>>(shards: &mut [Driver<P>], ids: &[ConnectionId]) -> Result<(), Violation> {
    for _ in 0..PATIENCE {
        let mut busy = false;
        for shard in &mut *shards {
            busy |= shard.tick(NOW, &mut Nobody)?;
        }
        for id in ids {
            busy |= shards[usize::from(id.shard)].serve(*id, usize::MAX, NOW, &mut Nobody)?;
        }
        // The end of a flush may leave a message for the other shard.
        busy |= shards.iter().any(|shard| shard.mesh.has_message() || shard.shard.is_congested());
        if !busy {
            debug_assert!(shards.iter().all(|shard| !shard.shard.is_stopping()), "nobody stops them");
            return Ok(());
        }
    }
    Err(Promise::CleanEnd.broken("the shards never come to rest"))
}

fn first_channel() -> ChannelName<'static> {
    ChannelName::new(Scenario::CHANNELS[0]).expect("a valid name")
}

fn encoded(frames: &[Frame<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for frame in frames {
        native::encode(frame, &mut out);
    }
    out
}

/// Checks that the speaker was sent whole frames of a server, with exactly one close frame, which comes last.
fn check_speaker(plain: bool, bytes: &[u8]) -> Result<(), Violation> {
    let limits = FrameLimits { max_frame: u32::MAX };
    let mut reassembly = Reassembly::new();
    let (mut close_frames, mut wrong) = (0, None);
    let decoded = if plain {
        close_frames = 1;
        reassembly.push(&plain::Decoder { limits }, bytes, |_| ControlFlow::Continue(()))
    } else {
        reassembly.push(&native::Decoder::new(limits), bytes, |frame| {
            let is_last = matches!(frame, Frame::Close(_) | Frame::Error(_));
            if close_frames > 0 || is_from_client(&frame) {
                wrong.get_or_insert_with(|| format!("{frame:?}"));
            }
            close_frames += usize::from(is_last);
            ControlFlow::Continue(())
        })
    };
    decoded.map_err(|error| Promise::Order.broken(error.to_string()))?;
    Promise::CloseFrame.demand(wrong.is_none(), || wrong.unwrap_or_default())?;
    Promise::CloseFrame.demand(close_frames == 1, || "the speaker is not told why it ends".to_owned())?;
    Promise::Order.demand(!reassembly.is_mid_frame(), || "the stream ends inside a frame".to_owned())
}

fn is_from_client(frame: &Frame<'_>) -> bool {
    matches!(
        frame,
        Frame::Hello { .. } | Frame::Subscribe(_) | Frame::Unsubscribe(_) | Frame::Publish(_) | Frame::Ping(_)
    )
}

/// Checks that the listener was sent its welcome, its answers and messages of its channel, and nothing else.
fn check_listener(bytes: &[u8]) -> Result<(), Violation> {
    let mut seen = Vec::new();
    let mut reassembly = Reassembly::new();
    let decoded = reassembly.push(&native::Decoder::new(FrameLimits { max_frame: u32::MAX }), bytes, |frame| {
        match frame {
            Frame::Welcome { .. } => seen.push('w'),
            Frame::Subscribed(channel) if channel == first_channel() => seen.push('s'),
            Frame::Message { channel, .. } if channel == first_channel() => {}
            Frame::Pong(b"still there?") => seen.push('p'),
            Frame::Close(_) => seen.push('c'),
            _ => seen.push('?'),
        }
        ControlFlow::Continue(())
    });
    decoded.map_err(|error| Promise::Crosstalk.broken(format!("the listener: {error}")))?;
    let seen: String = seen.into_iter().collect();
    Promise::Crosstalk.demand(seen == "wspc", || format!("the listener was sent '{seen}' instead of 'wspc'"))
}

/// Observes nothing.
struct Nobody;

impl Observer for Nobody {
    fn posted(&mut self, _from: ShardId, _to: ShardId) -> usize {
        0
    }

    fn has_nothing_to_post(&mut self, _from: ShardId, _to: ShardId) {}

    fn received(&mut self, _at: ShardId, _from: ShardId, _horizon: usize) {}

    fn flushed(&mut self, _shard: ShardId) -> Result<(), Violation> {
        Ok(())
    }

    fn begins_turn(&mut self, _client: usize) -> Result<(), Violation> {
        Ok(())
    }

    fn swept(&mut self, _shard: ShardId, _at: Duration) -> Result<(), Violation> {
        Ok(())
    }

    fn accept(
        &mut self,
        _client: usize,
        _bytes: usize,
        _ended: Option<Code>,
        _is_behind: bool,
    ) -> Result<(), Violation> {
        Ok(())
    }

    fn found(&mut self, _client: usize, _received: &Received) {}

    fn ends(&mut self, _client: usize, _code: Code) -> Result<(), Violation> {
        Ok(())
    }

    fn accounted(&mut self, _client: usize, _fully: bool) -> Result<(), Violation> {
        Ok(())
    }

    fn closed(&mut self, _client: usize) -> Result<(), Violation> {
        Ok(())
    }
}
