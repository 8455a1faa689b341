//! A watchdog that fails a hanging test.

use std::future::Future;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;
use std::{process, thread};

/// Far longer than any test takes, even on a busy machine.
const LIMIT: Duration = Duration::from_mins(2);

/// Runs `test` on a runtime with two worker threads.
///
/// When the test hangs, prints its name and aborts the process, since nothing else stops a thread.
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
        .expect("failed to build a runtime");
    let outcome = runtime.block_on(test);
    drop(done);
    outcome
}
