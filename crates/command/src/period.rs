//! Times in a readable form: `20us`, `500ms`, `5s`.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// A length of time, in whole microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Duration);

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        match (number.parse(), unit.trim_start()) {
            (Ok(number), "us") => Ok(Self(Duration::from_micros(number))),
            (Ok(number), "ms") => Ok(Self(Duration::from_millis(number))),
            (Ok(number), "s") => Ok(Self(Duration::from_secs(number))),
            _ => Err(format!("invalid time '{text}'; write a whole number with us, ms or s")),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.subsec_micros() {
            0 => write!(formatter, "{}s", self.0.as_secs()),
            micros if micros % 1000 == 0 => write!(formatter, "{}ms", self.0.as_millis()),
            _ => write!(formatter, "{}us", self.0.as_micros()),
        }
    }
}

/// Returns a parser of times within these bounds, which its error names.
pub fn within(range: RangeInclusive<Duration>) -> impl Fn(&str) -> Result<Period, String> + Clone {
    move |text| {
        let period: Period = text.parse()?;
        if range.contains(&period.0) {
            return Ok(period);
        }
        Err(format!("{period} is not between {} and {}", Period(*range.start()), Period(*range.end())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_whole_number_with_its_unit() {
        for (text, micros) in [("0s", 0), ("20us", 20), ("500ms", 500_000), ("1500 ms", 1_500_000), ("5s", 5_000_000)] {
            assert_eq!(text.parse(), Ok(Period(Duration::from_micros(micros))), "{text}");
        }
        for text in ["", "5", "s", "-1s", "1.5s", "5m", "99999999999999999999s"] {
            assert!(text.parse::<Period>().is_err_and(|error| error.contains(&format!("'{text}'"))), "{text}");
        }
    }

    #[test]
    fn a_time_is_shown_as_it_is_written() {
        for text in ["0s", "20us", "1500us", "500ms", "1500ms", "5s"] {
            assert_eq!(text.parse::<Period>().map(|period| period.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn bounds_are_inclusive_and_named() {
        let parse = within(Duration::ZERO..=Duration::from_secs(2));
        assert_eq!(parse("2s"), Ok(Period(Duration::from_secs(2))));
        assert_eq!(parse("3s"), Err("3s is not between 0s and 2s".to_owned()));
    }
}
