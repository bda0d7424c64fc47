//! A progress line on a terminal.

use std::io::{IsTerminal, Write as _};
use std::time::Duration;

use corecast_command::visible;
use corecast_loadgen::{Progress, RunStage};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The line; it is not shown if standard error is not a terminal.
pub(crate) struct Live {
    bar: ProgressBar,
}

const TEMPLATE: &str = "{prefix:<9} [{bar:30}] {msg}";
/// Converts a time to the bar's unit: a millisecond of the load.
fn units(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Live {
    pub(crate) fn on_terminal() -> Option<Self> {
        std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(TEMPLATE).expect("a constant template").progress_chars("=> ");
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr()).with_style(style);
            Self { bar }
        })
    }

    pub(crate) fn show(&self, progress: &Progress) {
        self.bar.set_length(units(progress.load));
        self.bar.set_prefix(progress.stage.name());
        if progress.stage == RunStage::Draining {
            self.bar.set_position(units(progress.load));
        } else {
            self.bar.set_position(units(progress.elapsed));
        }
        self.bar.set_message(words(progress));
    }

    /// Prints what begins, on a line above the progress line.
    pub(crate) fn head(&self, text: &str) {
        self.clear();
        // A terminal that has gone does not affect the measurement.
        let _ = writeln!(std::io::stderr(), "{}", visible(text));
    }

    /// Removes the line, because something else is written.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
        self.bar.reset();
    }
}

/// Returns the available figures in words.
fn words(progress: &Progress) -> String {
    if matches!(progress.stage, RunStage::Connecting | RunStage::Draining) {
        return String::new();
    }
    let (elapsed, load) = (progress.elapsed.as_secs_f64(), progress.load.as_secs_f64());
    let p99 = if progress.p99_us > 0.0 { format!(", p99 {:.0} µs", progress.p99_us) } else { String::new() };
    format!("{elapsed:.1} of {load:.1} s, {:.0} deliveries/s{p99}", progress.deliveries_per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_figures_that_there_are_are_shown() {
        let progress = |stage, p99_us| Progress {
            stage,
            elapsed: Duration::from_millis(1500),
            load: Duration::from_secs(6),
            deliveries_per_second: 1234.4,
            p99_us,
        };
        assert_eq!(words(&progress(RunStage::Connecting, 0.0)), "");
        assert_eq!(words(&progress(RunStage::WarmingUp, 0.0)), "1.5 of 6.0 s, 1234 deliveries/s");
        assert_eq!(words(&progress(RunStage::Measuring, 87.5)), "1.5 of 6.0 s, 1234 deliveries/s, p99 88 µs");
    }
}
