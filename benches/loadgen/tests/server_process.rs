//! A server as a child process: located by its output, ended by a signal, and explained when it fails.

use corecast_loadgen::{Error, Protocol, ServerOptions, ServerProcess};
use corecast_testkit::write_program;
use std::path::{Path, PathBuf};

/// Writes a script in place of the server.
fn script(name: &str, body: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    write_program(&path, &format!("#!/bin/sh\n{body}\n"));
    path
}

fn options(binary: PathBuf) -> ServerOptions {
    ServerOptions {
        binary,
        protocols: vec![Protocol::Plain, Protocol::Native],
        arguments: vec!["--policy".into(), "mutex".into()],
    }
}

#[test]
fn a_server_is_found_where_it_listens_and_ends_when_told() {
    // Noise on both streams, more than a pipe holds, must not block the server.
    let body = "test \"$*\" = 'serve --listen plain://127.0.0.1:0 --listen native://127.0.0.1:0 --policy mutex' || exit 3\n\
        trap 'exit 7' TERM\n\
        echo 'starting'; yes noise | head -c 200000 >&2\n\
        echo 'listening plain 127.0.0.1:1001'; echo 'listening native 127.0.0.1:1002'\n\
        yes noise | head -c 200000\n\
        while :; do sleep 0.02; done";
    let server = ServerProcess::start(&options(script("sound-server", body))).unwrap();
    assert_eq!(server.address(Protocol::Plain), Some(([127, 0, 0, 1], 1001).into()));
    assert_eq!(server.address(Protocol::Native), Some(([127, 0, 0, 1], 1002).into()));
    assert_eq!(server.address(Protocol::Redis), None);
    assert_eq!(server.stop().unwrap().code(), Some(7));
}

#[test]
fn a_server_that_fails_is_quoted() {
    let error =
        ServerProcess::start(&options(script("failing-server", "echo 'no such policy' >&2; exit 2"))).unwrap_err();
    assert!(matches!(error, Error::Server { .. }));
    assert!(error.to_string().contains("no such policy"), "{error}");
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let error = ServerProcess::start(&options("/nowhere/server".into())).unwrap_err();
    assert!(error.to_string().contains("/nowhere/server"), "{error}");
}

#[test]
fn a_program_says_what_it_calls_itself_or_nothing() {
    let told = script("told", "test \"$*\" = --version && echo 'corecast 1.2.3 (abc)' && echo more");
    assert_eq!(options(told).version().as_deref(), Some("corecast 1.2.3 (abc)"));
    let unknown = script("unknown", "echo 'no such flag' >&2; exit 2");
    assert_eq!(options(unknown).version(), None);
    assert_eq!(options(PathBuf::from("/nonexistent")).version(), None);
}
