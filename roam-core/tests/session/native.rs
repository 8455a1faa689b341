//! Runs the tests natively, on tokio.

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;

/// Longer than any test takes on a very busy machine.
const WATCHDOG: Duration = Duration::from_mins(5);

/// Runs each of the named tests with one thread and with several.
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

/// The same for tests in which a handler panics, and what called it goes on.
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

/// Runs each of the named tests with one thread and a clock that stands still while anything can
/// happen, and then goes on to the next timer.
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

/// Runs a test, and fails when it does not come to an end.
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

/// The same with a clock that goes on only when nothing else does.
pub(crate) fn run_with_paused_clock(test: impl Future<Output = ()> + Send + 'static) {
    let mut builder = Builder::new_current_thread();
    builder.start_paused(true);
    run_in(builder, 1, test);
}

fn run_in(mut builder: Builder, threads: usize, test: impl Future<Output = ()> + Send + 'static) {
    let runtime = builder.enable_all().build().expect("a runtime can be made");
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
        Err(RecvTimeoutError::Timeout) => panic!("a deadlock"),
        _ => running.join().unwrap_or_else(|panic| resume_unwind(panic)),
    }
}
