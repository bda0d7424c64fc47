//! Every flag of every command accepts the values in its range, and refuses any other in a line that names the flag.

use corecast_engine::Protocol;
use corecast_testkit::{Deadline, ServerProcess, each_case, flag_cases, start_in};
use rustix::process::Signal;

const BINARY: &str = env!("CARGO_BIN_EXE_corecast");

#[test]
fn of_serve() {
    each_case(flag_cases(BINARY, "serve"), |case, directory| {
        let mut server = start_in(directory, BINARY, "serve", &case.with(&["--listen=native://127.0.0.1:0"]));
        if server.line(Deadline::start()).is_none() {
            return case.assert_refused(&server.finish(Deadline::start()));
        }
        server.signal(Signal::TERM);
        let finished = server.finish(Deadline::start());
        assert_eq!(finished.code, 0, "{}: {}", case.argument(), finished.stderr);
    });
}

#[test]
fn of_pub_and_sub() {
    let server = ServerProcess::start(BINARY, &["--listen", "native://127.0.0.1:0"]);
    let address = format!("--address={}", server.address(Protocol::Native));
    each_case(flag_cases(BINARY, "pub"), |case, directory| {
        case.ends_or_is_refused(directory, BINARY, "pub", &[&address, "lobby"]);
    });
    each_case(flag_cases(BINARY, "sub"), |case, directory| {
        let mut subscriber = start_in(directory, BINARY, "sub", &case.with(&[&address, "lobby"]));
        // The subscriber either subscribes or is refused.
        let line = subscriber.error_line_with("", Deadline::start());
        if line != "subscribed lobby" {
            assert!(line.starts_with("corecast: ") && line.contains(&case.flag), "{}: {line}", case.argument());
            assert_eq!(subscriber.finish(Deadline::start()).code, 2, "{}", case.argument());
        }
    });
}

#[test]
fn of_doctor() {
    each_case(flag_cases(BINARY, "doctor"), |case, directory| {
        case.ends_or_is_refused(directory, BINARY, "doctor", &[]);
    });
}
