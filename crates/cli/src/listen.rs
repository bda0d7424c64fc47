//! The value of `--listen`: `plain://127.0.0.1:7000/lobby?lag=skip&idle=90s`.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use corecast_engine::{LagRule, Listener, Protocol, UnknownName};
use corecast_wire::ChannelName;

use crate::settings::LONGEST_WAIT;
use corecast_command::period::{self, Period};

/// A listener in the form that it has on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListenAddress(pub(crate) Listener);

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (protocol, rest) = text
            .split_once("://")
            .ok_or_else(|| format!("'{text}' names no protocol; write for example native://127.0.0.1:7070"))?;
        let protocol: Protocol = protocol.parse().map_err(|_| {
            let known = Protocol::ALL.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            format!("unknown protocol '{protocol}'; expected one of {known}")
        })?;
        // A channel's name may contain a question mark.
        let (rest, options) = match rest.rsplit_once('?').filter(|(_, options)| options.contains('=')) {
            Some((rest, options)) => (rest, Options::parse(protocol, options)?),
            None => (rest, Options::default()),
        };
        let (address, channel) = match rest.split_once('/') {
            Some((address, channel)) => (address, Some(channel)),
            None => (rest, None),
        };
        let address: SocketAddr = address.parse().map_err(|_| {
            format!(
                "invalid address '{address}'; write an IP address with a port, such as 127.0.0.1:7070 or [::1]:7070"
            )
        })?;
        let channel = channel.map(|channel| channel_of(protocol, channel)).transpose()?;
        let Options { lag, idle } = options;
        let listener = Listener::new(protocol, address);
        Ok(Self(listener.with_channel(channel).with_lag(lag).with_idle_timeout(idle.map(|idle| idle.0))))
    }
}

/// The options after the question mark, separated by `&`.
#[derive(Default)]
struct Options {
    lag: Option<LagRule>,
    idle: Option<Period>,
}

impl Options {
    fn parse(protocol: Protocol, text: &str) -> Result<Self, String> {
        let mut options = Self::default();
        for option in text.split('&') {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let twice = match name {
                "lag" => options.lag.replace(lag_of(protocol, value)?).is_some(),
                "idle" => options.idle.replace(idle_of(protocol, value)?).is_some(),
                _ => return Err(format!("'{name}' is not an option of a listener; the options are lag and idle")),
            };
            if twice {
                return Err(format!("'{name}' is given twice"));
            }
        }
        Ok(options)
    }
}

/// Parses the channel of a listener. Only `plain` listeners have one, because `plain` frames do not name it.
fn channel_of(protocol: Protocol, channel: &str) -> Result<String, String> {
    if protocol != Protocol::Plain {
        return Err(format!("a {protocol} listener has no channel of its own; leave out '/{channel}'"));
    }
    ChannelName::new(channel).map_err(|error| error.to_string())?;
    Ok(channel.to_owned())
}

/// Parses the effect of lagging. Only `plain` listeners have one, because clients of other protocols choose it
/// themselves.
fn lag_of(protocol: Protocol, lag: &str) -> Result<LagRule, String> {
    if protocol != Protocol::Plain {
        return Err(format!(
            "{protocol} clients say '{lag}' with each subscription; leave out '?lag={lag}', or set --lag"
        ));
    }
    lag.parse().map_err(|error: UnknownName| error.to_string())
}

/// Parses the idle timeout. Only `plain` listeners have one: without PING, a silent connection may be one that only
/// listens.
fn idle_of(protocol: Protocol, idle: &str) -> Result<Period, String> {
    if protocol != Protocol::Plain {
        return Err(format!("{protocol} clients answer PING; leave out 'idle={idle}' and set --idle-timeout"));
    }
    period::within(Duration::ZERO..=LONGEST_WAIT)(idle)
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.0.protocol, self.0.address)?;
        if let Some(channel) = &self.0.channel {
            write!(formatter, "/{channel}")?;
        }
        let lag = self.0.lag.map(|lag| format!("lag={lag}"));
        let idle = self.0.idle_timeout.map(|idle| format!("idle={}", Period(idle)));
        let options: Vec<_> = lag.into_iter().chain(idle).collect();
        if options.is_empty() { Ok(()) } else { write!(formatter, "?{}", options.join("&")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_as_it_was_written() {
        for text in [
            "plain://127.0.0.1:7000",
            "plain://[::1]:0/lobby",
            "native://0.0.0.0:7070",
            "plain://1.2.3.4:5/a/b?lag=skip",
            "plain://1.2.3.4:5?idle=90s",
            "plain://1.2.3.4:5/what??lag=disconnect&idle=1500ms",
            "plain://1.2.3.4:5/what?",
        ] {
            assert_eq!(text.parse::<ListenAddress>().map(|address| address.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, named) in [
            ("127.0.0.1:7000", "protocol"),
            ("gopher://127.0.0.1:7000", "'gopher'"),
            ("plain://localhost:7000", "'localhost:7000'"),
            ("plain://127.0.0.1", "'127.0.0.1'"),
            ("plain://127.0.0.1:70000", "'127.0.0.1:70000'"),
            ("plain://127.0.0.1:7000/", "empty"),
            ("native://127.0.0.1:7000/lobby", "'/lobby'"),
            ("native://127.0.0.1:7000?lag=skip", "--lag"),
            ("plain://127.0.0.1:7000?lag=wait", "skip"),
            ("native://127.0.0.1:7000?idle=5s", "--idle-timeout"),
            ("plain://127.0.0.1:7000?idle=5", "'5'"),
            ("plain://127.0.0.1:7000?idle=2h", "'2h'"),
            ("plain://127.0.0.1:7000?idle=3601s", "3600s"),
            ("plain://127.0.0.1:7000?idel=5s", "'idel'"),
            ("plain://127.0.0.1:7000?idle=5s&lag", "skip"),
            ("plain://127.0.0.1:7000?idle=5s&idle=6s", "twice"),
        ] {
            let error = text.parse::<ListenAddress>().unwrap_err();
            assert!(error.contains(named), "{text}: {error}");
        }
    }
}
