//! The cost of a call under each policy, by the number of contending tasks, the number of executors, and the length of
//! a call.
//!
//! `cargo bench -p corecast-subjector` runs everything, `cargo bench -p corecast-subjector -- mutex/2` a part. A
//! benchmark is named `policy/executors/call/tasks`. Its time is that of one call, and its throughput is the calls a
//! second of all tasks. `1` contending task shows the uncontended cost, the column *light* of the crate's table.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::{Duration, Instant};
use subjector::executor::{self, Executor, Mailbox};
use subjector::{Alone, Channel, Mutex, Policy, Portal, Spin, Subjector};

const TASKS: [usize; 4] = [1, 2, 8, 64];

/// The rounds of arithmetic in a call: a negligible number, and enough that keeping others out dominates the cost.
const CALLS: [(&str, u32); 2] = [("short", 1), ("long", 2_000)];

/// Does work that the compiler can neither remove nor predict.
fn work(state: &mut u64, rounds: u32) {
    for _ in 0..rounds {
        *state = black_box(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}

/// Makes `count` calls, divided among `tasks` tasks on the executors. Returns the time from the first start to the last
/// end.
fn calls<P: Policy>(
    executors: &[Mailbox],
    object: &Subjector<u64, P>,
    tasks: usize,
    rounds: u32,
    total: u64,
) -> Duration {
    let (done, is_done) = flume::bounded::<()>(tasks);
    let begin = Instant::now();
    let mut left = total;
    for task in 0..tasks {
        let share = left / (tasks - task) as u64;
        left -= share;
        let (object, done) = (object.clone(), done.clone());
        let run = move || -> executor::LocalTask {
            Box::pin(async move {
                for _ in 0..share {
                    object.call(move |state| work(state, rounds)).await;
                }
                drop(done);
            })
        };
        executors[task % executors.len()].spawn(Box::new(run)).expect("it runs for the whole benchmark");
    }
    drop(done);
    assert!(is_done.recv().is_err(), "tasks only end");
    begin.elapsed()
}

fn policy<P: Policy>(criterion: &mut Criterion, name: &str, make: impl Fn() -> P) {
    for count in [1, 2] {
        let executors: Vec<_> = (0..count).map(|_| executor::thread("bench").expect("a thread")).collect();
        for (call, rounds) in CALLS {
            let mut group = criterion.benchmark_group(format!("{name}/{count}/{call}"));
            group.throughput(Throughput::Elements(1));
            for tasks in TASKS {
                let object = Subjector::with(1, make());
                group.bench_function(BenchmarkId::from_parameter(tasks), |bencher| {
                    bencher.iter_custom(|total| calls(&executors, &object, tasks, rounds, total));
                });
            }
        }
    }
}

fn there() -> Mailbox {
    executor::thread("there").expect("a thread")
}

fn contention(criterion: &mut Criterion) {
    policy(criterion, "spin", || Spin);
    policy(criterion, "mutex", || Mutex);
    policy(criterion, "portal", Portal::default);
    policy(criterion, "alone", Alone::default);
    policy(criterion, "channel", Channel::default);
    let there = there();
    policy(criterion, "portal_on", || Portal::on(there.clone()));
    policy(criterion, "alone_on", || Alone::on(there.clone()));
    policy(criterion, "channel_on", || Channel::on(there.clone()));
}

/// The times are short because there are 128 benchmarks; `--measurement-time` on the command line makes them longer.
fn settings() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500))
        .sample_size(10)
}

criterion_group! { name = benches; config = settings(); targets = contention }
criterion_main!(benches);
