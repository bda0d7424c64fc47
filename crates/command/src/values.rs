//! Parsers of flags whose values are names or counts.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, StringValueParser, TypedValueParser};

/// Returns a parser of the values of an enum, by their names.
pub fn one_of<T>(all: &'static [T]) -> impl TypedValueParser<Value = T>
where
    T: Copy + Display + FromStr<Err: std::error::Error + Send + Sync + 'static> + Send + Sync + 'static,
{
    PossibleValuesParser::new(all.iter().map(ToString::to_string)).try_map(|name| name.parse())
}

/// Returns a parser of counts within these bounds.
pub fn count(range: RangeInclusive<u64>) -> impl TypedValueParser<Value = usize> {
    whole(range).try_map(usize::try_from)
}

/// Returns a parser of whole numbers within these bounds. For a number outside, the error names the bounds, however
/// large it is.
pub fn whole<T>(range: RangeInclusive<T>) -> impl TypedValueParser<Value = T>
where
    T: Copy + Display + FromStr<Err: Display> + PartialOrd + Send + Sync + 'static,
{
    StringValueParser::new().try_map(move |text| match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        Err(error) if !text.bytes().all(|byte| byte.is_ascii_digit()) || text.is_empty() => Err(error.to_string()),
        _ => Err(format!("{text} is not in {}..={}", range.start(), range.end())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Arg, Command};

    /// Returns the error for a text that is not a number from 1 to 9.
    fn refusal(text: &str) -> Option<String> {
        let command = Command::new("test").arg(Arg::new("number").value_parser(whole(1_u32..=9)));
        command.try_get_matches_from(["test", text]).err().map(|error| error.to_string())
    }

    #[test]
    fn a_number_outside_the_range_names_the_range_however_large_it_is() {
        assert_eq!(refusal("9"), None);
        for outside in ["0", "10", "99999999999999999999"] {
            let error = refusal(outside).unwrap();
            assert!(error.contains(&format!("{outside} is not in 1..=9")), "{error}");
        }
        assert!(refusal("nine").unwrap().contains("invalid digit"));
    }
}
