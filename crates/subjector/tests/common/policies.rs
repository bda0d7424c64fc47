//! Tests of several policies. Each is a generic function that takes a constructor of the policy.

/// Generates a module for each policy, with a test for each function.
macro_rules! under {
    (each policy => $tests:tt) => {
        under! {
            spin: subjector::Spin,
            mutex: subjector::Mutex,
            portal: subjector::Portal::default(),
            alone: subjector::Alone::default(),
            channel: subjector::Channel::default(),
            portal_on: subjector::Portal::on(super::common::there()),
            alone_on: subjector::Alone::on(super::common::there()),
            channel_on: subjector::Channel::on(super::common::there())
            => $tests
        }
    };
    ($($policy:ident: $make:expr),+ => $tests:tt) => { $(under!(@ $policy, $make, $tests);)+ };
    (@ $policy:ident, $make:expr, [$($test:ident),+ $(,)?]) => {
        mod $policy {
            $(#[test]
            fn $test() {
                super::$test(|| $make);
            })+
        }
    };
}
