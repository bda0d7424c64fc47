//! From the answer on, nothing published anywhere is missed, however shard batches are delayed.

use crate::common::{Driver, FIRST, Frame, PolicyFactory, limits};

for_every_policy!(
    no_message_after_the_answer_is_missed_however_shard_batches_are_delayed,
    the_answer_waits_for_the_last_shard,
);

/// The number of steps within which any order of shard batches delivers the answer and the messages.
const MAX_STEPS: usize = 1000;

fn no_message_after_the_answer_is_missed_however_shard_batches_are_delayed<F: PolicyFactory>() {
    for seed in 1..200 {
        let mut driver = Driver::<F>::with(3, &limits(1 << 20), 1);
        let peer = driver.open(0, FIRST);
        let publishers: Vec<_> = (0..3).map(|shard| driver.open(shard, FIRST)).collect();
        // The last request takes effect while the earlier ones are still on their way.
        driver.subscribe(&peer, "news").unwrap();
        driver.unsubscribe(&peer, "news");
        driver.subscribe(&peer, "news").unwrap();
        let mut published = [0_u8; 3];
        let mut random = Random(seed);
        for _ in 0..MAX_STEPS {
            let shard = random.below(3);
            let answers = peer.frames().into_iter().filter(|frame| *frame == Frame::answer("+news")).count();
            match random.below(4) {
                0 => drop(driver.dispatch(shard)),
                1 => drop(driver.receive(shard)),
                2 => drop(driver.flush(shard, 1)),
                _ if answers < 2 => driver.publish(&publishers[usize::from(shard)], "news", b"early"),
                _ => {
                    let index = usize::from(shard);
                    published[index] += 1;
                    driver.publish(&publishers[index], "news", &[u8::try_from(shard).unwrap(), published[index]]);
                }
            }
            if published.iter().sum::<u8>() == 5 {
                break;
            }
        }
        assert_eq!(published.iter().sum::<u8>(), 5, "the answer came");
        driver.settle();
        let payloads = peer.payloads();
        for (name, count) in (0..).zip(published) {
            let numbers = payloads.iter().filter(|payload| payload.len() == 2 && payload[0] == name);
            assert!(numbers.map(|payload| payload[1]).eq(1..=count), "seed {seed}: {payloads:?}");
        }
    }
}

fn the_answer_waits_for_the_last_shard<F: PolicyFactory>() {
    // The second shard is asked, and answers, long before the third.
    let mut driver = Driver::<F>::new(3);
    let peer = driver.open(0, FIRST);
    let publisher = driver.open(2, FIRST);
    driver.subscribe(&peer, "news").unwrap();
    for _ in 0..3 {
        for shard in [0, 1] {
            driver.dispatch(shard);
            driver.receive(shard);
            driver.flush(shard, 8);
        }
    }
    let is_answered = peer.frames() == [Frame::answer("+news")];
    driver.publish(&publisher, "news", b"one");
    driver.settle();
    assert_eq!(peer.frames()[0], Frame::answer("+news"));
    assert_eq!(peer.payloads().len(), usize::from(is_answered), "a message after the answer, and only then");
}

/// A fixed but irregular sequence for each seed (the generator of *Numerical Recipes*).
struct Random(u32);

impl Random {
    fn below(&mut self, bound: u16) -> u16 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        u16::try_from(self.0 >> 16).unwrap() % bound
    }
}
