//! A panic returns to the caller that awaits the call, or goes to the object's hook. It ends neither the object nor an
//! executor.

mod common;
#[macro_use]
#[path = "common/policies.rs"]
mod policies;

use common::{gate, run};
use flume::Receiver;
use futures_lite::FutureExt;
use futures_lite::future::poll_once;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex as Lock};
use subjector::{Access, Mutex, Payload, Policy, Subjector};
use tracing_subscriber::fmt::MakeWriter;

under! { each policy => [
    a_panic_in_a_call_goes_on_in_the_caller,
    a_panic_in_a_turn_goes_on_in_the_caller,
    a_panic_in_a_cast_goes_to_the_hook,
    a_panic_in_a_cast_that_awaits_goes_to_the_hook,
    a_hook_that_panics_wedges_nothing,
] }
under! {
    elsewhere_portal: subjector::Portal::default(), elsewhere_channel: subjector::Channel::default(), elsewhere_alone: subjector::Alone::on(super::common::there())
    => [the_panic_of_a_call_whose_caller_has_gone_goes_to_the_hook]
}

/// Returns the text of a panic.
fn text(panic: &Payload) -> String {
    (*panic.downcast_ref::<&str>().expect("the tests panic with literals")).to_owned()
}

/// Returns an object whose hook reports its name and the panic.
fn reporting<P: Policy>(policy: P) -> (Subjector<i32, P>, Receiver<String>) {
    let (report, reports) = flume::unbounded();
    let hook =
        move |name: &str, panic: Payload| report.send(format!("{name}: {}", text(&panic))).expect("the test listens");
    (Subjector::build(7).name("seven").on_panic(hook).policy(policy), reports)
}

fn a_panic_in_a_call_goes_on_in_the_caller<P: Policy>(policy: impl Fn() -> P) {
    run(async |_| {
        let (number, reports) = reporting(policy());
        let call = AssertUnwindSafe(number.call(|_| -> i32 { panic!("in a call") })).catch_unwind().await;
        assert_eq!(text(&call.expect_err("it panics")), "in a call");
        assert_eq!(number.call(|number| *number).await, 7);
        assert!(reports.is_empty());
    });
}

fn a_panic_in_a_turn_goes_on_in_the_caller<P: Policy>(policy: impl Fn() -> P) {
    run(async |_| {
        let (number, reports) = reporting(policy());
        let call =
            number.call_async(async |access: Access<'_, i32>| access.with(|_| -> i32 { panic!("in a turn") }).await);
        assert_eq!(text(&AssertUnwindSafe(call).catch_unwind().await.expect_err("it panics")), "in a turn");
        assert_eq!(number.call(|number| *number).await, 7);
        assert!(reports.is_empty());
    });
}

fn a_panic_in_a_cast_goes_to_the_hook<P: Policy>(policy: impl Fn() -> P) {
    run(async |_| {
        let (number, reports) = reporting(policy());
        number.cast(|_| panic!("in a cast")).expect("the cast is taken");
        assert_eq!(reports.recv_async().await.expect("it is told"), "seven: in a cast");
        assert_eq!(number.call(|number| *number).await, 7);
    });
}

fn a_panic_in_a_cast_that_awaits_goes_to_the_hook<P: Policy>(policy: impl Fn() -> P) {
    run(async |_| {
        let (number, reports) = reporting(policy());
        let (open, gate) = gate();
        open.send(()).expect("the gate is held");
        let cast = async move |_: Access<'_, i32>| {
            gate.pass().await;
            panic!("behind an await");
        };
        number.cast_async(cast).expect("the cast is taken");
        assert_eq!(reports.recv_async().await.expect("it is told"), "seven: behind an await");
        assert_eq!(number.call(|number| *number).await, 7);
    });
}

fn a_hook_that_panics_wedges_nothing<P: Policy>(policy: impl Fn() -> P) {
    run(async |_| {
        let number = Subjector::build(7).on_panic(|_, _| panic!("in the hook")).policy(policy());
        number.cast(|_| panic!("in a cast")).expect("the cast is taken");
        assert_eq!(number.call(|number| *number).await, 7);
    });
}

fn the_panic_of_a_call_whose_caller_has_gone_goes_to_the_hook<P: Policy>(policy: impl Fn() -> P) {
    run(async |_| {
        let (number, reports) = reporting(policy());
        let (open, gate) = gate();
        let at = gate.clone();
        let mut call = Box::pin(number.call_async(async move |_: Access<'_, i32>| {
            at.pass().await;
            panic!("to nobody");
        }));
        assert!(poll_once(&mut call).await.is_none());
        gate.reached().await;
        drop(call);
        open.send(()).expect("the gate is held");
        assert_eq!(reports.recv_async().await.expect("it is told"), "seven: to nobody");
    });
}

#[test]
fn without_a_hook_a_panic_is_reported_through_tracing() {
    #[derive(Clone, Default)]
    struct Written(Arc<Lock<Vec<u8>>>);
    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    impl MakeWriter<'_> for Written {
        type Writer = Self;
        fn make_writer(&self) -> Self {
            self.clone()
        }
    }
    let written = Written::default();
    let subscriber = tracing_subscriber::fmt().with_writer(written.clone()).with_ansi(false).finish();
    tracing::subscriber::with_default(subscriber, || {
        let number = Subjector::<_, Mutex>::build(7).name("seven").policy(Mutex);
        number.cast(|_| panic!("reported")).expect("the cast is taken");
    });
    let written = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    assert!(written.contains("ERROR") && written.contains("seven") && written.contains("reported"), "{written}");
}
