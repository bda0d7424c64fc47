//! An argument that borrows cannot cross to another executor.

use subjector_macros::subjector;

struct Names(Vec<String>);

#[subjector]
impl Names {
    pub fn add(&mut self, name: &str) {
        self.0.push(name.to_owned());
    }

    pub fn extend(&mut self, names: Vec<&str>) {
        self.0.extend(names.into_iter().map(str::to_owned));
    }
}

fn main() {}
