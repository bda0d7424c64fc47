//! A result that borrows cannot go back to another executor.

use subjector_macros::subjector;

struct Names(Vec<String>);

#[subjector]
impl Names {
    pub fn first(&self) -> Option<&String> {
        self.0.first()
    }
}

fn main() {}
