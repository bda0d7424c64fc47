//! A call borrows its object and cannot consume it.

use subjector_macros::subjector;

struct Names(Vec<String>);

#[subjector]
impl Names {
    pub fn into_inner(self) -> Vec<String> {
        self.0
    }
}

fn main() {}
