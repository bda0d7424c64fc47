//! An argument without a name.

use subjector_macros::subjector;

struct Sums(Vec<i32>);

#[subjector]
impl Sums {
    pub fn add(&mut self, (one, other): (i32, i32)) {
        self.0.push(one + other);
    }
}

fn main() {}
