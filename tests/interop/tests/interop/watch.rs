//! Lets a test that stands still fail.

use std::future::Future;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;
use std::{process, thread};

/// Far longer than any test takes, also on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_mins(2);

/// Runs a test on a runtime of two threads. When it waits for ever or spins, the process ends with
/// the test's name: nothing else stops a thread.
pub fn watched<T>(test: impl Future<Output = T>) -> T {
    let name = thread::current().name().unwrap_or("a test").to_owned();
    let (done, watch) = channel::<()>();
    thread::spawn(move || {
        if watch.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            eprintln!("{name} stands still");
            process::abort();
        }
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let outcome = runtime.block_on(test);
    drop(done);
    outcome
}
