//! The attribute reads methods.

use subjector_macros::subjector;

#[subjector]
struct Names(Vec<String>);

fn main() {}
