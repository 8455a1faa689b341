//! The workloads.

mod beside;
mod bulk;
mod calls;
mod cold;
mod idle;
mod scaling;
mod unread;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::contender::{Contender, Limits, Result};

/// A workload and its metrics.
#[derive(Debug)]
pub struct Workload {
    /// The name on the command line.
    pub name: &'static str,
    /// A one-line description, the heading of the table.
    pub title: &'static str,
    /// The metrics it returns.
    pub metrics: &'static [Metric],
    kind: Kind,
}

/// A metric of a workload.
#[derive(Debug)]
pub struct Metric {
    /// The name, with its unit.
    pub name: &'static str,
    /// The number of decimals to print.
    pub decimals: usize,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Latency,
    CrossProcessLatency,
    Calls { in_flight: usize },
    LargeCalls,
    Items,
    Upload,
    UploadBytes,
    IdleLink,
    UnreadStream,
    BesideUpload,
    BesideStreams,
    ManyLinks { links: usize },
    ManyStreams { streams: usize },
    ColdConnect,
}

/// The amount of work in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Enough for meaningful figures.
    Full,
    /// Just enough to check that it runs.
    Smoke,
}

impl Scale {
    /// Returns `full`, or at most 50 in a smoke run.
    pub fn of(self, full: usize) -> usize {
        match self {
            Self::Full => full,
            Self::Smoke => full.min(50),
        }
    }

    /// Returns the time limit of one run of a workload.
    pub fn time_limit(self) -> Duration {
        Duration::from_secs(match self {
            Self::Full => 60,
            Self::Smoke => 5,
        })
    }
}

const RATE: Metric = metric("calls/s", 0);
const P50: Metric = metric("p50 µs", 1);
const P99: Metric = metric("p99 µs", 1);
const P50_ALONE: Metric = metric("p50 µs alone", 1);
const P99_ALONE: Metric = metric("p99 µs alone", 1);
const CPU: Metric = metric("CPU µs/call", 2);
const MEGABYTES: Metric = metric("MB/s", 0);

const fn metric(name: &'static str, decimals: usize) -> Metric {
    Metric { name, decimals }
}

/// All workloads, in the order they run.
pub const ALL: &[Workload] = &[
    Workload {
        name: "latency",
        title: "1. Echo of 16 bytes, one in flight",
        metrics: &[P50, P99],
        kind: Kind::Latency,
    },
    Workload {
        name: "latency-2p",
        title: "1b. Echo of 16 bytes, one in flight, server in another process",
        metrics: &[P50, P99],
        kind: Kind::CrossProcessLatency,
    },
    Workload {
        name: "calls-64",
        title: "2. Echo of 16 bytes, 64 in flight",
        metrics: &[RATE],
        kind: Kind::Calls { in_flight: 64 },
    },
    Workload {
        name: "calls-512",
        title: "2b. Echo of 16 bytes, 512 in flight",
        metrics: &[RATE],
        kind: Kind::Calls { in_flight: 512 },
    },
    Workload {
        name: "large",
        title: "3. Echo of 64 KiB, 16 in flight (bytes in one direction)",
        metrics: &[MEGABYTES],
        kind: Kind::LargeCalls,
    },
    Workload {
        name: "items",
        title: "4. Stream of numbers from the server, one send per item",
        metrics: &[metric("items/s", 0)],
        kind: Kind::Items,
    },
    Workload {
        name: "bulk",
        title: "5. Stream of 64 KiB chunks to the server, 512 MiB, credit of 1 MiB",
        metrics: &[MEGABYTES],
        kind: Kind::Upload,
    },
    Workload {
        name: "bytes",
        title: "5b. Byte stream to the server, 512 MiB, default settings",
        metrics: &[MEGABYTES],
        kind: Kind::UploadBytes,
    },
    Workload {
        name: "idle",
        title: "6. Server memory per idle link, with 2,000 links",
        metrics: &[metric("kB/link", 1)],
        kind: Kind::IdleLink,
    },
    Workload {
        name: "unread",
        title: "7. Calls during a stream that the server fills and nobody reads, 5 s",
        metrics: &[P99, metric("memory growth MiB", 2)],
        kind: Kind::UnreadStream,
    },
    Workload {
        name: "beside-upload",
        title: "7b. A call each millisecond beside uploads of 1 GiB in chunks of 64 KiB, 4 s",
        metrics: &[
            P50_ALONE,
            P99_ALONE,
            P50,
            P99,
            metric("upload, of its rate alone", 2),
        ],
        kind: Kind::BesideUpload,
    },
    Workload {
        name: "beside-streams",
        title: "7c. A call each millisecond beside 100 streams of numbers from the server, 4 s",
        metrics: &[P50_ALONE, P99_ALONE, P50, P99],
        kind: Kind::BesideStreams,
    },
    Workload {
        name: "links-1",
        title: "8. One link, one call in flight",
        metrics: &[RATE, P99, CPU],
        kind: Kind::ManyLinks { links: 1 },
    },
    Workload {
        name: "links-32",
        title: "8. 32 links, one call in flight on each",
        metrics: &[RATE, P99, CPU],
        kind: Kind::ManyLinks { links: 32 },
    },
    Workload {
        name: "links-1000",
        title: "8. 1,000 links, one call in flight on each",
        metrics: &[RATE, P99, CPU],
        kind: Kind::ManyLinks { links: 1_000 },
    },
    Workload {
        name: "streams-1",
        title: "8b. 64 calls in flight with one open stream",
        metrics: &[RATE, P99, CPU],
        kind: Kind::ManyStreams { streams: 1 },
    },
    Workload {
        name: "streams-10000",
        title: "8b. 64 calls in flight with 10,000 open streams",
        metrics: &[RATE, P99, CPU],
        kind: Kind::ManyStreams { streams: 10_000 },
    },
    Workload {
        name: "cold",
        title: "9. Connecting and the first call",
        metrics: &[P50, P99],
        kind: Kind::ColdConnect,
    },
];

impl Workload {
    /// Runs the workload once and returns a figure for each metric.
    pub async fn run<C: Contender>(&self, scale: Scale) -> Result<Vec<f64>> {
        match self.kind {
            Kind::Latency => calls::latency::<C>(scale).await,
            Kind::CrossProcessLatency => calls::cross_process_latency::<C>(scale).await,
            Kind::Calls { in_flight } => calls::throughput::<C>(scale, in_flight).await,
            Kind::LargeCalls => calls::large::<C>(scale).await,
            Kind::Items => bulk::items::<C>(scale).await,
            Kind::Upload => bulk::upload::<C>(scale).await,
            Kind::UploadBytes => bulk::upload_bytes::<C>(scale).await,
            Kind::IdleLink => idle::memory::<C>(scale).await,
            Kind::UnreadStream => unread::calls::<C>(scale).await,
            Kind::BesideUpload => beside::upload::<C>(scale).await,
            Kind::BesideStreams => beside::streams::<C>(scale).await,
            Kind::ManyLinks { links } => scaling::links::<C>(scale, links).await,
            Kind::ManyStreams { streams } => scaling::streams::<C>(scale, streams).await,
            Kind::ColdConnect => cold::connect::<C>(scale).await,
        }
    }
}

/// A server in this process, aborted on drop.
struct Local {
    address: SocketAddr,
    task: AbortHandle,
}

impl Local {
    async fn start<C: Contender>(limits: Limits) -> Result<Self> {
        let listener = listen().await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(C::serve(listener, limits)).abort_handle();
        Ok(Self { address, task })
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Listens on a free local port.
pub async fn listen() -> Result<TcpListener> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?)
}
