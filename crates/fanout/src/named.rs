//! Enums whose variants have names, for use in flags, files and logs.

/// The error for a name that no variant has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} '{name}'; expected one of {choices}")]
pub struct UnknownName {
    what: &'static str,
    name: String,
    choices: String,
}

impl UnknownName {
    /// Creates the error for `name`, which is none of the names of `what`.
    pub fn new(what: &'static str, name: &str, choices: &[&str]) -> Self {
        Self { what, name: name.to_owned(), choices: choices.join(", ") }
    }
}

/// Defines an enum whose variants have names, with `ALL`, `name`, `Display` and `FromStr`.
#[macro_export]
macro_rules! named {
    ($(#[$doc:meta])* $type:ident, $what:literal { $($(#[$variant_doc:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $type {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $type {
            /// All variants.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the variant's name, as it appears in flags and logs.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }

        impl ::std::fmt::Display for $type {
            fn fmt(&self, formatter: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                formatter.write_str(self.name())
            }
        }

        impl ::std::str::FromStr for $type {
            type Err = $crate::UnknownName;

            fn from_str(name: &str) -> Result<Self, $crate::UnknownName> {
                let choice = Self::ALL.iter().copied().find(|choice| choice.name() == name);
                choice.ok_or_else(|| $crate::UnknownName::new($what, name, &[$($name,)*]))
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use crate::LagRule;

    #[test]
    fn an_unknown_name_is_answered_with_the_choices() {
        for lag in LagRule::ALL {
            assert_eq!(lag.to_string().parse(), Ok(*lag));
        }
        let error = "drop".parse::<LagRule>().expect_err("no such name");
        assert_eq!(error.to_string(), "unknown lag rule 'drop'; expected one of disconnect, skip");
    }
}
