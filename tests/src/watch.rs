//! Runs a test, and lets it fail when it hangs.
#![expect(clippy::missing_panics_doc, reason = "a test that panics has failed")]

use std::process;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// No test takes nearly that long.
const LIMIT: Duration = Duration::from_mins(2);

/// Runs a test on a runtime of two threads. When it hangs, be it that a task waits for ever or
/// that a thread does, the process is ended with the test's name.
pub fn watched<T>(test: impl Future<Output = T>) -> T {
    let name = thread::current().name().unwrap_or("a test").to_owned();
    let (done, watch) = channel::<()>();
    thread::spawn(move || {
        if watch.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
            eprintln!("{name} hangs");
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
