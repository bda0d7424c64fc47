//! The attribute knows one argument.

use subjector_macros::subjector;

struct Names(Vec<String>);

#[subjector(name = NameCalls)]
impl Names {
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

fn main() {}
