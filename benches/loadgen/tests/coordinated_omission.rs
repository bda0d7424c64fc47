//! A server that stalls is charged for every message that had to wait, not only for the one that hit it.

mod support;

use corecast_loadgen::{Load, Settings, run};
use std::time::Duration;
use support::{Broadcaster, Fault};

#[test]
fn a_stall_shows_in_the_percentiles() {
    // A fifth of the messages fall due during the stall, and wait between 200 ms and nothing, evenly spread.
    let server = Broadcaster::start(Fault::Stall(200, Duration::from_millis(200)));
    let settings = Settings { duration: Duration::from_secs(1), load: Load::Paced { rate: 500 }, ..server.settings() };
    let report = run(&settings).unwrap();
    assert!(report.passed(), "{}", report.checks);
    assert_eq!(report.latency_us.count, 500 * 5, "no message is left out because of the stall");
    let latency = report.latency_us;
    assert!(latency.max >= 199_000.0, "{latency:?}");
    assert!(latency.p99 >= 150_000.0, "{latency:?}");
    assert!(latency.p90 >= 50_000.0, "{latency:?}");
    assert!(latency.p50 < 50_000.0, "{latency:?}");
}
