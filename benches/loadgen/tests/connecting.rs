//! A run begins when messages reach every connection, or reports why it cannot.

mod support;

use corecast_loadgen::{Error, Protocol, Settings, run};
use std::net::TcpListener;
use std::time::Duration;
use support::{Broadcaster, Fault};

#[test]
fn a_server_that_sends_nothing_is_not_connected_to() {
    let server = Broadcaster::start(Fault::Mute);
    let settings = Settings { connect_timeout: Duration::from_millis(300), ..server.settings() };
    let error = run(&settings).unwrap_err();
    assert!(matches!(error, Error::ConnectTimeout { connected: 0, wanted: 7, .. }), "{error}");
}

#[test]
fn a_server_that_does_not_answer_is_not_connected_to() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    for protocol in [Protocol::Native, Protocol::Redis, Protocol::Nats] {
        let server = Broadcaster::start(Fault::None);
        let address = silent.local_addr().unwrap();
        let connect_timeout = Duration::from_millis(100);
        let error = run(&Settings { address, protocol, connect_timeout, ..server.settings() }).unwrap_err();
        assert!(matches!(error, Error::ConnectTimeout { connected: 0, .. }), "{error}");
    }
}

#[test]
fn an_address_without_a_server_is_named() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Broadcaster::start(Fault::None);
    let error = run(&Settings { address, ..server.settings() }).unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error}");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[test]
fn settings_that_cannot_be_run_are_named() {
    let server = Broadcaster::start(Fault::None);
    let wrong = [
        ("--payload", Settings { payload_bytes: 31, ..server.settings() }),
        ("--subscribers", Settings { subscribers: 0, ..server.settings() }),
        ("--subscribers", Settings { subscribers: 1 << 31, ..server.settings() }),
        ("--channels", Settings { channels: 2, ..server.settings() }),
        ("--duration", Settings { duration: Duration::ZERO, ..server.settings() }),
    ];
    for (named, settings) in wrong {
        let error = run(&settings).unwrap_err();
        assert!(matches!(error, Error::Setting { setting, .. } if setting == named), "{error}");
    }
    let many = Settings { subscribers: Settings::MAX_SUBSCRIBERS, ..server.settings() };
    assert!(matches!(run(&many).unwrap_err(), Error::DescriptorLimit { .. }));
}
