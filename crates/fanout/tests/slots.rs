//! The slot map of connections: a slot is reused, an identity never is.

use corecast_fanout::{ConnectionId, Slots};

fn filled() -> (Slots<&'static str>, [ConnectionId; 3]) {
    let mut slots = Slots::new(7);
    let ids = ["a", "b", "c"].map(|name| slots.insert(name));
    (slots, ids)
}

fn is_absent(slots: &mut Slots<&'static str>, id: ConnectionId) {
    assert_eq!(slots.get(id), None);
    assert_eq!(slots.get_mut(id), None);
    assert_eq!(slots.remove(id), None);
}

#[test]
fn an_entry_is_found_by_its_identity_until_it_is_removed() {
    let (mut slots, [a, b, c]) = filled();
    assert_eq!(b, ConnectionId { shard: 7, slot: 1, generation: 1 });
    *slots.get_mut(b).unwrap() = "B";
    assert_eq!(slots.get(b), Some(&"B"));
    assert_eq!(slots.peek(b.slot), &"B");
    assert_eq!(slots.at(b.slot), (b, &mut "B"));
    assert_eq!(slots.remove(b), Some("B"));
    is_absent(&mut slots, b);
    assert_eq!((slots.get(a), slots.get(c)), (Some(&"a"), Some(&"c")));
}

#[test]
fn whoever_has_the_slot_next_has_another_identity() {
    let (mut slots, [_, old, _]) = filled();
    slots.remove(old);
    let new = slots.insert("new");
    assert_eq!((new.slot, new.generation), (old.slot, 3));
    is_absent(&mut slots, old);
    assert_eq!(slots.get(new), Some(&"new"));
}

#[test]
fn an_entry_of_another_shard_is_not_found() {
    let (mut slots, [a, ..]) = filled();
    let foreign = ConnectionId { shard: 8, ..a };
    is_absent(&mut slots, foreign);
}

#[test]
fn an_entry_may_know_its_identity() {
    let mut slots = Slots::new(0);
    let id = slots.insert_with(|id| id);
    assert_eq!(slots.get(id), Some(&id));
}

#[test]
fn entries_are_counted_and_listed_by_slot() {
    let (mut slots, [a, b, c]) = filled();
    assert_eq!((slots.len(), slots.is_empty()), (3, false));
    assert_eq!(slots.iter().collect::<Vec<_>>(), [(a, &"a"), (b, &"b"), (c, &"c")]);
    for id in [a, b, c] {
        slots.remove(id);
    }
    assert_eq!((slots.len(), slots.is_empty(), slots.iter().count()), (0, true, 0));
}

#[test]
fn a_reserved_table_does_not_grow() {
    let mut slots = Slots::with_capacity(0, 100);
    let capacity = slots.capacity();
    assert!(capacity >= 100, "{capacity}");
    for number in 0..100 {
        slots.insert(number);
    }
    assert_eq!(slots.capacity(), capacity);
    assert_eq!(Slots::<u8>::new(0).capacity(), 0);
}
