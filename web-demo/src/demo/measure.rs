//! A stream of measurements, paced by its reader.

use std::future::pending;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::select;
use roam_core::{Caller, Tx};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::api::{MAX_RATE, PageClient, Progress, Sample};

use super::process::Process;

/// How often the progress of the stream is reported to the page.
const REPORT_PERIOD: Duration = Duration::from_millis(250);
/// How long the page may take to answer a report.
const REPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends samples until the stream ends, and reports the progress to the page.
pub(super) async fn measure<C: Caller>(page: &PageClient<C>, rate: u32, samples: &Tx<Sample>) {
    let state = State::default();
    let reports = async {
        report(page, &state).await;
        // The stream continues even if reporting fails.
        pending::<()>().await;
    };
    select(pin!(send(rate, samples, &state)), pin!(reports)).await;
}

/// The state shared by sending and reporting.
#[derive(Default)]
struct State(Mutex<Sending>);

#[derive(Default)]
struct Sending {
    sent: u32,
    /// When the pending `send` of a sample began, if any.
    waiting_since: Option<Instant>,
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Sending> {
        // No code can panic while the state is inconsistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn progress(&self) -> Progress {
        let Sending {
            sent,
            waiting_since,
        } = *self.lock();
        let waiting = waiting_since.map_or(Duration::ZERO, |since| since.elapsed());
        Progress {
            sent,
            waiting_ms: millis(waiting),
        }
    }
}

async fn send(rate: u32, samples: &Tx<Sample>, state: &State) {
    let period = Duration::from_secs(1) / rate.clamp(1, MAX_RATE);
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut process = Process::current();
    let begin = Instant::now();
    let mut waited = Duration::ZERO;
    for number in 0.. {
        let due = ticks.tick().await;
        let load = process.load();
        let sample = Sample {
            number,
            at_ms: begin.elapsed().as_secs_f64() * 1e3,
            late_us: u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX),
            waited_ms: millis(waited),
            cpu: load.cpu,
            memory_kib: load.memory_kib,
        };
        let offered = Instant::now();
        state.lock().waiting_since = Some(offered);
        if samples.send(sample).await.is_err() {
            return;
        }
        *state.lock() = Sending {
            sent: number + 1,
            waiting_since: None,
        };
        waited = offered.elapsed();
        if waited >= period {
            // The ticks were missed because of the reader; do not count them as the timer's delay.
            ticks.reset();
        }
    }
}

async fn report<C: Caller>(page: &PageClient<C>, state: &State) {
    let mut ticks = interval(REPORT_PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let reported = page.sending(state.progress()).timeout(REPORT_TIMEOUT).await;
        if let Err(error) = reported {
            return tracing::debug!(%error, "stopped reporting the progress of a stream");
        }
    }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
