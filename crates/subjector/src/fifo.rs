//! A queue of tickets; the ticket at the front is in.
//!
//! Invariant: the front's waker is taken and woken whenever the front changes. So a dropped ticket, waiting or in,
//! never holds up those behind it.

use crate::latch::Latch;
use crate::sync::{Mutex, lock};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// A lock that admits callers in the order of their arrival.
pub struct Fifo {
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    next: u64,
    /// The waiting tickets, ascending by number: at most one per waiting caller, plus the casts that the object's limit
    /// allows.
    places: VecDeque<(u64, Option<Waker>)>,
}

impl Queue {
    fn is_front(&self, number: u64) -> bool {
        self.places.front().is_some_and(|(front, _)| *front == number)
    }

    fn position(&self, number: u64) -> usize {
        self.places.binary_search_by_key(&number, |(number, _)| *number).expect("a place is queued until it is dropped")
    }
}

impl Default for Fifo {
    fn default() -> Self {
        Self { queue: Mutex::new(Queue::default()) }
    }
}

/// A ticket in a [`Fifo`].
pub struct Ticket {
    fifo: Arc<Fifo>,
    number: u64,
}

impl Latch for Fifo {
    type Place = Ticket;

    fn place(latch: &Arc<Self>) -> Ticket {
        let mut queue = lock(&latch.queue);
        let number = queue.next;
        queue.next += 1;
        queue.places.push_back((number, None));
        drop(queue);
        Ticket { fifo: Arc::clone(latch), number }
    }

    fn is_in(place: &Ticket) -> bool {
        lock(&place.fifo.queue).is_front(place.number)
    }
}

impl Future for Ticket {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut queue = lock(&self.fifo.queue);
        if queue.is_front(self.number) {
            return Poll::Ready(());
        }
        let position = queue.position(self.number);
        queue.places[position].1 = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut queue = lock(&self.fifo.queue);
        let position = queue.position(self.number);
        queue.places.remove(position);
        let front = if position == 0 { queue.places.front_mut().and_then(|(_, waker)| waker.take()) } else { None };
        drop(queue);
        if let Some(waker) = front {
            waker.wake();
        }
    }
}
