//! A method with `Access` awaits its turns, so it must be asynchronous.

use subjector_macros::subjector;

struct Access<T>(T);
struct Sums(Vec<i32>);

#[subjector]
impl Sums {
    pub fn add(access: Access<Self>, more: i32) {
        drop((access, more));
    }
}

fn main() {}
