//! A method knows one mark.

use subjector_macros::subjector;

struct Names(Vec<String>);

#[subjector]
impl Names {
    #[subjector(hidden)]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

fn main() {}
