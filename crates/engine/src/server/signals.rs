//! The signals that stop a server, where this is enabled.

use crate::control::Control;
use crate::error::StartError;
use nix::sys::signal::{SigSet, Signal};

const STOPPING_SIGNALS: [Signal; 2] = [Signal::SIGTERM, Signal::SIGINT];

/// Blocks the signals in this thread and in all threads that it starts.
pub(super) fn block() -> Result<(), StartError> {
    glommio::signal::block(&STOPPING_SIGNALS.map(|signal| signal as i32))
        .map_err(|error| StartError::Invalid(format!("cannot block signals: {error}")))
}

/// Waits for a signal, then stops the server.
pub(super) async fn stop_on_signal(control: Control) {
    let received = match glommio::signal::Signals::new(&STOPPING_SIGNALS.map(|signal| signal as i32)) {
        Ok(signals) => signals.recv().await,
        Err(error) => Err(error),
    };
    match received {
        Ok(number) => {
            let name = Signal::try_from(number).map_or("a signal", Signal::as_str);
            tracing::info!("stopping: received {name}; a second signal ends the process immediately");
        }
        Err(error) => tracing::error!(%error, "stopping: cannot receive signals"),
    }
    control.stop_from_shard().await;
}

/// Restores the default effect of the next signal. Each shard does this as it stops, because any of them may be the last to
/// end.
pub(super) fn unblock() {
    if let Err(error) = SigSet::from_iter(STOPPING_SIGNALS).thread_unblock() {
        tracing::warn!(%error, "a second signal will have no effect");
    }
}
