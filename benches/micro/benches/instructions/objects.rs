//! The cost of an uncontended call and cast of an object under each policy of `corecast_subjector`.
//!
//! Caller and executor are on one thread, so that the counts are the same in every run. A policy on a named executor is
//! counted with the work of that executor, and without the wake-ups of threads, which are the kernel's.

use async_executor::LocalExecutor;
use futures_lite::future::block_on;
use gungraun::{library_benchmark, library_benchmark_group};
use std::hint::black_box;
use std::rc::Rc;
use subjector::executor::{Mailbox, mailbox};
use subjector::{Alone, Channel, Mutex, Policy, Portal, Spin, Subjector};

/// The number of calls or casts that are counted together.
const TIMES: u64 = 64;

/// Makes its calls or casts each time it is run.
type Work = Box<dyn Fn()>;

/// Creates an object, and the executor of its policy if that has one. Both have been used before they are counted.
fn object<P: Policy>(policy: impl FnOnce(Mailbox) -> P) -> (Rc<LocalExecutor<'static>>, Subjector<u64, P>) {
    let local = Rc::new(LocalExecutor::new());
    let (mailbox, service) = mailbox();
    let spawner = Rc::clone(&local);
    local.spawn(service.serve(move |task| spawner.spawn(task).detach())).detach();
    (local, Subjector::with(0, policy(mailbox)))
}

fn warm(work: Work) -> Work {
    work();
    work
}

fn calls<P: Policy>(policy: impl FnOnce(Mailbox) -> P) -> Work {
    let (local, object) = object(policy);
    warm(Box::new(move || {
        block_on(local.run(async {
            for more in 0..TIMES {
                black_box(object.call(move |sum| std::mem::replace(sum, more)).await);
            }
        }));
    }))
}

fn casts<P: Policy>(policy: impl FnOnce(Mailbox) -> P) -> Work {
    let (local, object) = object(policy);
    warm(Box::new(move || {
        for more in 0..TIMES {
            object.cast(move |sum| *sum += more).expect("one cast at a time is within the limit");
            while object.pending_casts() > 0 {
                assert!(local.try_tick(), "somebody does it");
            }
        }
    }))
}

#[library_benchmark]
#[bench::spin(calls(|_| Spin))]
#[bench::mutex(calls(|_| Mutex))]
#[bench::portal(calls(Portal::on))]
#[bench::alone(calls(|_| Alone::default()))]
#[bench::channel(calls(Channel::on))]
fn call(work: Work) -> Work {
    work();
    work
}

#[library_benchmark]
#[bench::spin(casts(|_| Spin))]
#[bench::mutex(casts(|_| Mutex))]
#[bench::portal(casts(Portal::on))]
#[bench::alone(casts(|_| Alone::default()))]
#[bench::channel(casts(Channel::on))]
fn cast(work: Work) -> Work {
    work();
    work
}

library_benchmark_group!(name = object, benchmarks = [call, cast]);
