//! The access of an asynchronous call to its object: in turns, between which nothing of it is borrowed.

use crate::error::Error;
use crate::identity::Identity;
use crate::reply::reply;
use crate::strand::Job;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Takes single turns for a call.
pub(crate) trait Turns<T> {
    /// Runs the job when its turn comes.
    ///
    /// # Errors
    /// The turn will never come, because the executor has stopped.
    fn submit(&self, job: Job<T>) -> Result<(), Error>;

    fn identity(&self) -> &Arc<Identity>;
}

/// The access to the object of an asynchronous call.
///
/// [`with`](Self::with) takes one turn. Under a policy that is [`Indivisible`](crate::Indivisible) the call excludes
/// others from its beginning to its end, and every turn is granted at once. Under the other policies, other calls may
/// come in between two turns.
pub struct Access<'a, T> {
    way: Way<'a, T>,
}

enum Way<'a, T> {
    Held(RefCell<&'a mut T>),
    Turns(&'a dyn Turns<T>),
}

impl<'a, T: 'static> Access<'a, T> {
    pub(crate) fn held(object: &'a mut T) -> Self {
        Self { way: Way::Held(RefCell::new(object)) }
    }

    pub(crate) fn turns(turns: &'a dyn Turns<T>) -> Self {
        Self { way: Way::Turns(turns) }
    }

    /// Takes a turn: runs `turn` on the object while all others are excluded.
    ///
    /// # Panics
    /// With the panic of `turn`, or if the executor that runs the turns has stopped.
    pub async fn with<R: Send + 'static>(&self, turn: impl FnOnce(&mut T) -> R + Send + 'static) -> R {
        let turns = match &self.way {
            Way::Held(object) => return turn(&mut object.borrow_mut()),
            Way::Turns(turns) => turns,
        };
        let (reply, answer) = reply(turns.identity());
        let job: Job<T> = Box::new(move |object| reply.send(catch_unwind(AssertUnwindSafe(|| turn(object)))));
        let result = match turns.submit(job) {
            Ok(()) => answer.receive(turns.identity()).await,
            Err(error) => Err(error),
        };
        result.unwrap_or_else(|error| panic!("{error}"))
    }
}
