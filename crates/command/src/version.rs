//! The version that a program prints.

use std::sync::LazyLock;

/// The version, with the commit if `CORECAST_COMMIT` named it at build time, as in `make build`.
pub static VERSION: LazyLock<String> = LazyLock::new(|| {
    let version = env!("CARGO_PKG_VERSION");
    match option_env!("CORECAST_COMMIT").filter(|commit| !commit.is_empty()) {
        Some(commit) => format!("{version} ({commit})"),
        None => version.to_owned(),
    }
});
