//! A method whose types the caller chooses.

use subjector_macros::subjector;

struct Names(Vec<String>);

#[subjector]
impl Names {
    pub fn add<N: Into<String>>(&mut self, name: N) {
        self.0.push(name.into());
    }

    pub fn add_all(&mut self, names: impl Iterator<Item = String>) {
        self.0.extend(names);
    }
}

fn main() {}
