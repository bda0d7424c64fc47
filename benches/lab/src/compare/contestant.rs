//! The contestants: a server to start, with any flags of `serve`, or one that is already running.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use corecast_command::SetupError;
use corecast_loadgen::{Contestant, Origin, Protocol, ServerOptions};

use crate::program;
use crate::run::resolve;

/// The form of a contestant: `POLICY[,FLAG=VALUE…]` or `NAME=HOST:PORT[,…]`.
#[derive(Clone, Debug)]
pub(crate) enum Spec {
    /// A server to start.
    Started(Started),
    /// A server that is already running.
    Running(Running),
}

impl FromStr for Spec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let first = text.split(',').next().unwrap_or_default();
        if first.contains('=') { text.parse().map(Self::Running) } else { text.parse().map(Self::Started) }
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started(started) => started.fmt(formatter),
            Self::Running(running) => formatter.write_str(&running.name),
        }
    }
}

/// A server to start.
#[derive(Clone, Debug)]
pub(crate) struct Started {
    policy: String,
    /// Its protocol, if it differs from that of the others.
    protocol: Option<Protocol>,
    /// The flags of `serve`, without their dashes, and their values.
    flags: Vec<(String, String)>,
}

impl Started {
    /// Creates a policy with these flags of `serve`, and the defaults of the others.
    pub(super) fn new(policy: &str, flags: Vec<(String, String)>) -> Self {
        Self { policy: policy.to_owned(), protocol: None, flags }
    }
}

impl FromStr for Started {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split(',');
        let policy = parts.next().unwrap_or_default();
        let mut started = Self::new(policy, Vec::new());
        for part in parts {
            match part.split_once('=') {
                Some(("protocol", value)) => {
                    let protocol = value.parse().map_err(|_| format!("'{text}': unsupported protocol '{value}'"))?;
                    started.protocol = Some(protocol);
                }
                Some(("listen", _)) => return Err(format!("'{text}': the listener is chosen here; give protocol")),
                Some((flag, value)) if !flag.is_empty() => {
                    started.flags.push((flag.replace('_', "-"), value.to_owned()));
                }
                // This is the second CPU of `cpus=0,2`.
                _ => match started.flags.last_mut() {
                    Some((_, value)) if !part.is_empty() => *value = format!("{value},{part}"),
                    _ => return Err(format!("'{text}': '{part}' is not FLAG=VALUE")),
                },
            }
        }
        if policy.is_empty() { Err(format!("'{text}' names no policy")) } else { Ok(started) }
    }
}

impl fmt::Display for Started {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.policy)?;
        if let Some(protocol) = self.protocol {
            write!(formatter, ",protocol={protocol}")?;
        }
        self.flags.iter().try_for_each(|(flag, value)| write!(formatter, ",{flag}={value}"))
    }
}

/// A server that is already running.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(super) name: String,
    protocol: Protocol,
    address: SocketAddr,
    pid: Option<u32>,
    admin_socket: Option<PathBuf>,
}

impl Running {
    pub(super) fn contestant(&self, name: String) -> Contestant {
        let origin = Origin::Running { address: self.address, pid: self.pid, admin_socket: self.admin_socket.clone() };
        Contestant { name, protocol: self.protocol, origin }
    }
}

impl FromStr for Running {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || format!("'{text}' is no running server; write for example redis=127.0.0.1:6379,pid=123");
        let (name, rest) = text.split_once('=').ok_or_else(bad)?;
        let mut parts = rest.split(',');
        let address = resolve(parts.next().ok_or_else(bad)?)?;
        let (mut protocol, mut pid, mut admin_socket) = (name, None, None);
        for part in parts {
            match part.split_once('=') {
                Some(("protocol", value)) => protocol = value,
                Some(("pid", value)) => pid = Some(value.parse().map_err(|_| bad())?),
                Some(("admin-socket", value)) => admin_socket = Some(value.into()),
                _ => return Err(bad()),
            }
        }
        let protocol = protocol.parse().map_err(|_| format!("'{text}': unsupported protocol '{protocol}'"))?;
        Ok(Self { name: name.to_owned(), protocol, address, pid, admin_socket })
    }
}

/// The shared part of how servers are started.
pub(super) struct Server {
    /// The program of contestants that name no other: `--corecast`, if it was given.
    named: Option<PathBuf>,
    protocol: Protocol,
    /// The CPUs; empty if there is only one, which both sides share.
    cpus: String,
}

impl Server {
    pub(super) fn new(named: Option<PathBuf>, protocol: Protocol, cpus: String) -> Self {
        Self { named, protocol, cpus }
    }

    /// Creates the contestant that is started with these flags. Its program is `binary`, or by default the server that
    /// [`program::find`] finds.
    pub(super) fn contestant(
        &self,
        name: String,
        started: &Started,
        binary: Option<PathBuf>,
    ) -> Result<Contestant, SetupError> {
        let binary = match binary {
            Some(binary) => binary,
            None => program::find(self.named.as_deref())?,
        };
        let mut arguments = vec!["--policy".to_owned(), started.policy.clone()];
        if !self.cpus.is_empty() && started.flags.iter().all(|(flag, _)| flag != "cpus") {
            arguments.extend(["--cpus".to_owned(), self.cpus.clone()]);
        }
        arguments.extend(started.flags.iter().flat_map(|(flag, value)| [format!("--{flag}"), value.clone()]));
        let protocol = started.protocol.unwrap_or(self.protocol);
        let options = ServerOptions { binary, protocols: vec![protocol], arguments };
        Ok(Contestant { name, protocol, origin: Origin::Started(options) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_server_is_named_after_its_protocol_or_says_it() {
        let peer: Running = "redis=127.0.0.1:6379,pid=123".parse().unwrap();
        assert_eq!((peer.protocol, peer.pid), (Protocol::Redis, Some(123)));
        let peer: Running = "muduo=127.0.0.1:7000,protocol=plain".parse().unwrap();
        assert_eq!((peer.name.as_str(), peer.protocol, peer.pid), ("muduo", Protocol::Plain, None));
    }

    #[test]
    fn what_is_no_running_server_is_named() {
        for text in ["redis", "redis=", "muduo=127.0.0.1:7000", "redis=127.0.0.1:1,pid=x", "redis=127.0.0.1:1,x=y"] {
            assert!(text.parse::<Running>().is_err_and(|error| error.contains('\'')), "{text}");
        }
    }

    #[test]
    fn a_spec_is_a_policy_with_flags_or_an_address() {
        let spec: Spec = "sharded,cpus=0,2-3,flush_pause=0".parse().unwrap();
        let Spec::Started(started) = &spec else { panic!("{spec:?}") };
        let flags = [("cpus", "0,2-3"), ("flush-pause", "0")].map(|(flag, value)| (flag.into(), value.into()));
        assert_eq!((started.policy.as_str(), &started.flags[..]), ("sharded", &flags[..]));
        assert_eq!(spec.to_string(), "sharded,cpus=0,2-3,flush-pause=0");
        let spec: Spec = "redis=127.0.0.1:6379".parse().unwrap();
        assert!(matches!(spec, Spec::Running(_)), "{spec:?}");
    }

    #[test]
    fn what_is_no_spec_is_named() {
        for text in ["", ",", "sharded,", "sharded,0", "sharded,=1", "sharded,listen=x", "sharded,protocol=gopher"] {
            let error = text.parse::<Spec>().unwrap_err();
            assert!(error.contains(&format!("'{text}'")), "{text}: {error}");
        }
    }

    #[test]
    fn a_contestants_flags_follow_its_policy() {
        let server = Server::new(None, Protocol::Native, "0".to_owned());
        let arguments = |spec: &str| {
            let binary = Some("corecast".into());
            let contestant = server.contestant("a".to_owned(), &spec.parse().unwrap(), binary).unwrap();
            let Origin::Started(options) = contestant.origin else { panic!("{contestant:?}") };
            options.arguments.join(" ")
        };
        assert_eq!(arguments("mutex,shards=2"), "--policy mutex --cpus 0 --shards 2");
        assert_eq!(arguments("mutex,cpus=1-2"), "--policy mutex --cpus 1-2", "its own CPUs");
    }
}
