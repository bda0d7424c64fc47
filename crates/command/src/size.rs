//! Sizes in bytes in a readable form: `65536`, `64KiB`, `1MiB`.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// The units, largest first, so that a size is shown in the largest unit that divides it.
const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let bad = || format!("invalid size '{text}'; write a whole number of bytes, or one with B, KiB, MiB or GiB");
        let factor = match unit.trim_start() {
            "" => 1,
            unit => UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?.1,
        };
        let number: u64 = number.parse().map_err(|_| bad())?;
        number.checked_mul(factor).map(Self).ok_or_else(bad)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, factor) = UNITS
            .into_iter()
            .find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor))
            .unwrap_or(("B", 1));
        write!(formatter, "{}{name}", self.0 / factor)
    }
}

/// Returns a parser of sizes within these bounds, which its error names.
pub fn within(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<Size, String> + Clone {
    move |text| {
        let size: Size = text.parse()?;
        if range.contains(&size.0) {
            return Ok(size);
        }
        Err(format!("{size} is not between {} and {}", Size(*range.start()), Size(*range.end())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_binary_and_a_bare_number_is_bytes() {
        for (text, bytes) in
            [("0", 0), ("17", 17), ("17B", 17), ("64KiB", 65_536), ("1 MiB", 1 << 20), ("2GiB", 2 << 30)]
        {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_named() {
        for text in ["", "KiB", "-1", "1.5MiB", "1kb", "1 M iB", "99999999999999999999", "99999999999GiB"] {
            assert!(text.parse::<Size>().is_err_and(|error| error.contains(&format!("'{text}'"))), "{text}");
        }
    }

    #[test]
    fn a_size_is_shown_in_its_largest_exact_unit() {
        for text in ["0B", "17B", "1KiB", "1025B", "64KiB", "4MiB", "3GiB"] {
            assert_eq!(text.parse::<Size>().map(|size| size.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn bounds_are_inclusive_and_named() {
        let parse = within(1024..=2048);
        assert_eq!(parse("1KiB"), Ok(Size(1024)));
        assert_eq!(parse("2KiB"), Ok(Size(2048)));
        assert_eq!(parse("3KiB"), Err("3KiB is not between 1KiB and 2KiB".to_owned()));
    }
}
