//! The native test runner, on tokio.

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;

/// Longer than any test takes, even on a very busy machine.
const WATCHDOG: Duration = Duration::from_mins(5);

/// Runs each listed test on one thread and on several.
macro_rules! runs {
    ($($name:ident)*) => {
        mod one_thread {
            $(#[test]
            fn $name() {
                $crate::session::native::run(1, super::$name());
            })*
        }

        mod many_threads {
            $(#[test]
            fn $name() {
                $crate::session::native::run(3, super::$name());
            })*
        }
    };
}

/// Like `runs!`, for tests in which a handler panics and its caller continues.
macro_rules! runs_where_panics_unwind {
    ($($name:ident)*) => {
        mod unwinding {
            mod one_thread {
                $(#[test]
                fn $name() {
                    $crate::session::native::run(1, super::super::$name());
                })*
            }

            mod many_threads {
                $(#[test]
                fn $name() {
                    $crate::session::native::run(3, super::super::$name());
                })*
            }
        }
    };
}

/// Runs each listed test on one thread with a paused clock, which jumps to the next timer once no
/// task can run.
macro_rules! runs_with_paused_clock {
    ($($name:ident)*) => {
        mod paused_clock {
            $(#[test]
            fn $name() {
                $crate::session::native::run_with_paused_clock(super::$name());
            })*
        }
    };
}

/// Runs a test and fails if it does not finish.
pub(crate) fn run(threads: usize, test: impl Future<Output = ()> + Send + 'static) {
    let mut builder = match threads {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    if threads > 1 {
        builder.worker_threads(threads);
    }
    run_in(builder, threads, test);
}

/// Like `run`, with a clock that advances only when no task can run.
pub(crate) fn run_with_paused_clock(test: impl Future<Output = ()> + Send + 'static) {
    let mut builder = Builder::new_current_thread();
    builder.start_paused(true);
    run_in(builder, 1, test);
}

fn run_in(mut builder: Builder, threads: usize, test: impl Future<Output = ()> + Send + 'static) {
    let runtime = builder.enable_all().build().expect("the runtime builds");
    let (done, ended) = sync_channel(1);
    let running = thread::spawn(move || {
        if threads == 1 {
            runtime.block_on(test);
        } else {
            let ended = runtime.block_on(async { tokio::spawn(test).await });
            ended.unwrap_or_else(|error| resume_unwind(error.into_panic()));
        }
        drop(runtime);
        let _ = done.send(());
    });
    match ended.recv_timeout(WATCHDOG) {
        Err(RecvTimeoutError::Timeout) => panic!("deadlock: the test did not finish"),
        _ => running.join().unwrap_or_else(|panic| resume_unwind(panic)),
    }
}
