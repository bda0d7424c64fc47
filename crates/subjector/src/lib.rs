//! Objects with plain methods, whose calls are synchronised in a way that is chosen in one place.
//!
//! [`Subjector`] is the entry point: it wraps a plain object under a [`Policy`]. Callers see the object's methods, made asynchronous. One type alias
//! decides if a call spins, takes a lock, goes to another executor, joins a queue or becomes a message. A measurement may change the
//! alias later, and no caller notices.
//!
//! ```
//! use subjector::{Mutex, Subjector, subjector};
//!
//! pub struct Counter(u32);
//!
//! #[subjector]
//! impl Counter {
//!     pub fn add(&mut self, more: u32) -> u32 {
//!         self.0 += more;
//!         self.0
//!     }
//! }
//!
//! /// The one line that chooses: `Spin`, `Portal`, `Alone` or `Channel` would do.
//! type SharedCounter = Subjector<Counter, Mutex>;
//!
//! # futures_lite::future::block_on(async {
//! let counter = SharedCounter::new(Counter(0));
//! counter.cast_add(1)?; // does not wait
//! assert_eq!(counter.add(2).await, 3);
//! # Ok::<(), subjector::Error>(())
//! # }).unwrap();
//! ```
//!
//! # The sixteen ways
//!
//! There are eight policies, each with a call that awaits the result and a cast that does not wait. `tests/ways.rs`
//! tests the same promises for each of them.
//!
//! | policy | `call` | `cast` |
//! | --- | --- | --- |
//! | [`Spin`] | tries, yielding in between, and runs in the caller | runs at once if free, else a task of this thread's executor tries |
//! | [`Mutex`] | waits in a queue and runs in the caller | runs at once if free, else a task of this thread's executor takes the place in the queue |
//! | [`Portal`] | runs as a task of the object's own thread, and comes back | the same, without coming back |
//! | [`Alone`] | runs in the caller if the object is idle, else in the caller that is in | the same, without waiting |
//! | [`Channel`] | a message to a task on the object's own thread, and its answer | a message |
//! | [`Portal::on`] | runs as a task of the named executor, and comes back | the same, without coming back |
//! | [`Alone::on`] | runs in its order on the named executor | the same, without waiting |
//! | [`Channel::on`] | a message to a task on the named executor, and its answer | a message |
//!
//! # Which to choose
//!
//! | | light | first in, first out | deadlock-free | indivisible | isolated | asynchronous |
//! | --- | --- | --- | --- | --- | --- | --- |
//! | [`Spin`] | a flag | no | no | yes | no | yes, yielding at first |
//! | [`Mutex`] | a queue | yes | no | yes | no | yes |
//! | [`Portal`] | a task and two wake-ups | yes | yes | no | yes | yes |
//! | [`Alone`] | a queue | yes | yes | no | no; with `on`, yes | yes |
//! | [`Channel`] | a message and two wake-ups | yes | no | yes | yes | yes |
//! | backed by | `benches/contention.rs`, one task | `tests/fifo.rs` | `tests/deadlock.rs` | `tests/indivisible.rs` | `tests/isolated.rs` | `tests/isolated.rs` |
//!
//! - *Light*: the work of an uncontended call besides the call itself.
//! - *First in, first out*: calls are done in the order in which they began to wait. Where calls are divisible, the
//!   order is that of their turns.
//! - *Deadlock-free*: objects that call each other never wait for each other for ever. Where they can, a debug build
//!   finds it and names the cycle: [`Deadlock`].
//! - *Indivisible*: a call that awaits keeps others out from its beginning to its end.
//! - *Isolated*: the object's code runs on an executor of its own or a named one, never on its caller's.
//! - *Asynchronous*: a caller that waits leaves its executor to other tasks.
//!
//! # Calls that await
//!
//! An asynchronous method reaches its object through an [`Access`], one turn at a time. Under an [`Indivisible`] policy, no other
//! call runs between its turns. Under [`Portal`] and [`Alone`], others may. So these two cannot deadlock, and a value that a method
//! read in one turn may be outdated in the next:
//!
//! ```
//! use subjector::{Access, Alone, Policy, Subjector, subjector};
//!
//! pub struct Thermostat { target: i32 }
//! pub struct Forecast;
//! impl Forecast {
//!     async fn tomorrow(&self) -> i32 { -3 }
//! }
//!
//! #[subjector]
//! impl Thermostat {
//!     pub async fn prepare(access: Access<'_, Self>, forecast: Forecast) -> i32 {
//!         let tomorrow = forecast.tomorrow().await; // under `Alone`, others use the thermostat meanwhile
//!         access.with(move |thermostat| { thermostat.target -= tomorrow; thermostat.target }).await
//!     }
//! }
//!
//! # futures_lite::future::block_on(async {
//! let thermostat = Subjector::<_, Alone>::new(Thermostat { target: 20 });
//! assert_eq!(thermostat.prepare(Forecast).await, 23);
//! # });
//! ```
//!
//! A method may also be an ordinary `async fn prepare(&mut self)`. It borrows the object across its awaits, so only
//! [`Indivisible`] policies have it, and the compiler reports that:
//!
//! ```compile_fail,E0277
//! use subjector::{Alone, Subjector, subjector};
//!
//! pub struct Thermostat;
//!
//! #[subjector]
//! impl Thermostat {
//!     pub async fn prepare(&mut self) {}
//! }
//!
//! let _ = Subjector::<_, Alone>::new(Thermostat).prepare(); // under `Mutex` it compiles
//! ```
//!
//! # Executors
//!
//! The crate has none. The functions of [`executor`] serve a mailbox of tasks on a thread, on glommio, on tokio's current-thread
//! runtime, or on any implementation of [`Executor`](executor::Executor).
//!
//! Futures of calls with plain functions are [`Send`]. Those of asynchronous ones are not, so await them on an executor
//! that keeps its tasks on one thread. Casts that must wait under `Spin` and `Mutex`, and asynchronous ones under
//! `Alone` too, need such a mailbox served on the casting thread: [`Error::NoExecutor`].
//!
//! # Limits
//!
//! | limit | default | reaching it |
//! | --- | --- | --- |
//! | casts that wait, [`Builder::max_casts`] | [`MAX_CASTS`] | the cast fails with [`Error::Full`] |
//! | messages in a mailbox, [`Channel::capacity`] | [`MAILBOX_CAPACITY`] | a call waits for room, a cast fails with [`Error::Full`] |
//! | calls that one runner of `Alone` does in a row | [`MAX_STRETCH`] | the rest becomes a task of its executor; without one it continues |
//! | yields of a spinning caller | [`MAX_YIELDS`] | it waits to be woken |
//!
//! Calls that wait have no limit of their own: each belongs to a task that waits for it.
//!
//! Invariants: a panic of the called code returns to the caller that awaits it or goes to the object's hook; it neither blocks the
//! object nor ends an executor. An accepted cast is done, or reported through `tracing`.
//!
//! Absent here: executors, timeouts, supervision, and calls to other processes.
#![deny(unsafe_code)]

mod access;
mod call;
mod deadlock;
mod error;
mod exclusive;
pub mod executor;
mod fifo;
mod identity;
mod latch;
mod policy;
mod reply;
mod spinning;
mod strand;
mod subjector;
mod sync;

pub use access::Access;
pub use deadlock::Deadlock;
pub use error::Error;
pub use identity::Payload;
pub use policy::{Alone, Channel, Indivisible, MAILBOX_CAPACITY, Mutex, Policy, Portal, Spin};
pub use spinning::MAX_YIELDS;
pub use strand::MAX_STRETCH;
pub use subjector::{Builder, MAX_CASTS, Subjector};
#[doc(inline)]
pub use subjector_macros::subjector;
