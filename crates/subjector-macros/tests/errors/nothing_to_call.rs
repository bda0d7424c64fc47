//! None of the methods can be called from outside.

use subjector_macros::subjector;

struct Names(Vec<String>);

#[subjector]
impl Names {
    fn count(&self) -> usize {
        self.0.len()
    }

    pub fn none() -> Self {
        Self(Vec::new())
    }
}

fn main() {}
