//! The errors of result files.

/// Why results could not be used. All of it is for who gave the file to put right.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is none of the forms that hold results.
    #[error("{file}: {reason}")]
    Unreadable {
        /// Where the text came from.
        file: String,
        /// The reason.
        reason: String,
    },
    /// A baseline of another load than the one to compare with it.
    #[error("the baseline does not fit: {0}")]
    Unfit(String),
}

/// Why a requirement could not be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no requirement: {reason}; write for example p99<=0.8")]
pub struct RequirementError {
    /// The requirement as it was given.
    pub text: String,
    /// The reason.
    pub reason: String,
}
