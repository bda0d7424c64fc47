//! A trait defines how its methods are called.

use subjector_macros::subjector;

struct Names(Vec<String>);

#[subjector]
impl Clone for Names {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

fn main() {}
