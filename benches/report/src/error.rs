//! The errors of result files.

/// The reason why results could not be used. The person who supplied the file has to fix it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text has none of the forms that hold results.
    #[error("{file}: {reason}")]
    Unreadable {
        /// The file that the text came from.
        file: String,
        /// The reason.
        reason: String,
    },
    /// The baseline has another load than the one to compare with it.
    #[error("the baseline does not fit: {0}")]
    Unfit(String),
}

/// The reason why a requirement could not be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid requirement '{text}': {reason}; write for example p99<=0.8")]
pub struct RequirementError {
    /// The requirement as it was given.
    pub text: String,
    /// The reason.
    pub reason: String,
}
