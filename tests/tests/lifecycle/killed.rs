//! A server process that is killed under load, and started again on its port.

use std::io::{self, BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use roam_core::client::{ReconnectingClient, RetryPolicy};
use roam_core::net::websocket;
use roam_core::proto::Close;
use roam_core::{
    CallError, Caller, CloseReason, Config, ConnectError, ConnectionHandle, Limits, RecvError,
    SendError, channel,
};
use roam_tests::browser::calls::CallsClient;
use roam_tests::browser::endings::EndingsClient;
use roam_tests::browser::streams::StreamsClient;
use roam_tests::browser::watch::WatchClient;
use roam_tests::watched;
use tokio::task::{JoinHandle, spawn_blocking};

const CLIENTS: usize = 50;
/// Clients should be back within 5 s; a busy machine has more time.
const BACK: Duration = Duration::from_secs(10);

/// A server in a process of its own.
struct Process {
    child: Child,
    port: u16,
}

impl Process {
    async fn start(port: u16) -> Self {
        let start = move || {
            let mut child = Command::new(env!("CARGO_BIN_EXE_browser-server"))
                .args(["serve", "."])
                .env("PORT", port.to_string())
                .stdout(Stdio::piped())
                .spawn()?;
            let mut line = String::new();
            let output = child.stdout.take().expect("it is piped");
            BufReader::new(output).read_line(&mut line)?;
            let port = line.trim().parse().map_err(io::Error::other)?;
            Ok::<_, io::Error>(Self { child, port })
        };
        let started = spawn_blocking(start).await.expect("it did not panic");
        started.expect("the server starts")
    }

    /// Kills it by SIGKILL, and waits until it is gone.
    fn kill(&mut self) {
        // It may be gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// How a client comes back.
#[derive(Clone)]
enum Client {
    /// By itself.
    Reconnecting(ReconnectingClient),
    /// Its user opens another link.
    Link(u16),
}

/// A client in the middle of calls.
struct Busy {
    client: Client,
    link: ConnectionHandle,
    load: Load,
}

/// What is in flight on a link, until it ends.
struct Load {
    held: [JoinHandle<Result<u32, CallError>>; 2],
    pouring: JoinHandle<Result<(), CallError>>,
    draining: JoinHandle<Result<bool, CallError>>,
    reading: JoinHandle<RecvError>,
    sending: JoinHandle<SendError>,
    echoing: JoinHandle<Option<CallError>>,
}

#[test]
fn clients_of_a_server_that_is_killed_under_load_come_back() {
    watched(async {
        let mut server = Process::start(0).await;
        let port = server.port;
        let killed = Arc::new(AtomicBool::new(false));
        let clients = (0..CLIENTS).map(|number| Busy::start(number, port, Arc::clone(&killed)));
        let clients = join_all(clients).await;

        killed.store(true, Ordering::Relaxed);
        server.kill();
        let mut late = Vec::new();
        for busy in &clients {
            while busy.link.is_attached() {
                tokio::task::yield_now().await;
            }
            late.push(busy.client.call_late(&busy.link));
        }
        let _restarted = Process::start(port).await;
        let since = Instant::now();
        let clients = clients.into_iter().zip(late);
        let back = clients.map(|(busy, late)| async move {
            let back = busy.client.come_back(&busy.link, late).await;
            busy.load.ends_as_lost().await;
            back.duration_since(since)
        });
        report(join_all(back).await);
    });
}

/// Prints when the clients were back, and asserts that it was soon and not all at once.
fn report(mut back: Vec<Duration>) {
    back.sort_unstable();
    let window = Duration::from_millis(100);
    let at_once = |from: &Duration| {
        let until = *from + window;
        back.iter().filter(|at| (from..&until).contains(at)).count()
    };
    let most = back.iter().map(at_once).max().unwrap_or(0);
    let [first, half, last] = [0, back.len() / 2, back.len() - 1].map(|place| back[place]);
    println!(
        "back after {first:.0?} to {last:.0?}, half within {half:.0?}, at most {most} of {CLIENTS} in 100 ms"
    );
    assert!(last < BACK, "the last client was back after {last:?}");
    assert!(most < CLIENTS, "all clients came back at once");
}

impl Busy {
    async fn start(number: usize, port: u16, killed: Arc<AtomicBool>) -> Self {
        if number.is_multiple_of(2) {
            let link = connect(port).await;
            let load = Load::start(&link, number, killed).await;
            let client = Client::Link(port);
            return Self { client, link, load };
        }
        let client = ReconnectingClient::new(move || dial(port), RetryPolicy::default());
        let load = Load::start(&client, number, killed).await;
        let link = client.connection().await.expect("it is connected");
        let client = Client::Reconnecting(client);
        Self { client, link, load }
    }
}

async fn dial(port: u16) -> Result<ConnectionHandle, ConnectError> {
    // Endless streams with megabytes in flight would leave no time for the calls.
    let limits = Limits::default().with_channel_window(16 * 1024);
    let config = Config::default().with_limits(limits);
    let url = format!("ws://127.0.0.1:{port}/rpc");
    websocket::connect(&url).config(config).await
}

async fn connect(port: u16) -> ConnectionHandle {
    dial(port).await.expect("the server accepts the link")
}

impl Client {
    /// Makes a call that cannot leave before the server is back.
    fn call_late(&self, link: &ConnectionHandle) -> JoinHandle<Result<String, CallError>> {
        let text = "late".to_owned();
        match self {
            Self::Reconnecting(client) => {
                tokio::spawn(CallsClient::new(client.clone()).echo(text).into_future())
            }
            Self::Link(_) => tokio::spawn(CallsClient::new(link.clone()).echo(text).into_future()),
        }
    }

    /// Returns when the client had the answer of a call to the new server.
    async fn come_back(
        &self,
        link: &ConnectionHandle,
        late: JoinHandle<Result<String, CallError>>,
    ) -> Instant {
        let reason = link.closed().await;
        assert!(
            matches!(&reason, CloseReason::Refused(it) if it.code == Close::UNKNOWN_LINK),
            "{reason}"
        );
        let late = late.await.expect("it did not panic");
        match self {
            // It was certainly not sent, so it was sent again.
            Self::Reconnecting(_) => assert_eq!(late.expect("an answer"), "late"),
            Self::Link(port) => {
                let unsent = matches!(late, Err(CallError::Lost { sent: false, .. }));
                assert!(unsent, "{late:?}");
                let calls = CallsClient::new(connect(*port).await);
                assert_eq!(
                    calls.echo("back".to_owned()).await.expect("an answer"),
                    "back"
                );
            }
        }
        Instant::now()
    }
}

impl Load {
    /// Returns when all calls have arrived.
    async fn start<C>(caller: &C, number: usize, killed: Arc<AtomicBool>) -> Self
    where
        C: Caller<Future: Send>,
    {
        let endings = EndingsClient::new(caller.clone());
        let streams = StreamsClient::new(caller.clone());
        let calls = CallsClient::new(caller.clone());
        let (reader, sender) = (calls.clone(), calls.clone());
        let key = |what: &str| format!("{what} of client {number}");
        let (quiet, silence) = channel();
        let (output, mut blocks) = channel::<Vec<u8>>();
        let (endless, input) = channel::<u32>();
        let load = Self {
            held: [
                tokio::spawn(endings.stay(key("stay")).into_future()),
                tokio::spawn(
                    endings
                        .take(key("take"), key("half"), silence)
                        .into_future(),
                ),
            ],
            pouring: tokio::spawn(streams.pour(key("pour"), 1_000, output).into_future()),
            draining: tokio::spawn(streams.drain(key("drain"), input).into_future()),
            reading: tokio::spawn(async move {
                let _quiet = quiet;
                loop {
                    match blocks.recv().await {
                        Ok(block) => assert!(block.is_some(), "a lost stream ended cleanly"),
                        Err(error) => return error,
                    }
                    // It may fail.
                    let _ = reader.echo(String::new()).await;
                }
            }),
            sending: tokio::spawn(async move {
                loop {
                    if let Err(error) = endless.send(1).await {
                        return error;
                    }
                    let _ = sender.echo(String::new()).await;
                }
            }),
            echoing: tokio::spawn(async move {
                while !killed.load(Ordering::Relaxed) {
                    if let Err(error) = calls.echo(String::new()).await {
                        return Some(error);
                    }
                }
                None
            }),
        };
        let watch = WatchClient::new(caller.clone());
        for what in ["stay", "take", "half", "pour", "drain"] {
            watch.started(key(what)).await.expect("it starts");
        }
        load
    }

    /// Asserts that nothing hangs, and that each call says whether it had left.
    async fn ends_as_lost(self) {
        for held in self.held {
            assert_sent(&held.await.expect("it did not panic"));
        }
        assert_sent(&self.pouring.await.expect("it did not panic"));
        assert_sent(&self.draining.await.expect("it did not panic"));
        let reading = self.reading.await.expect("it did not panic");
        assert!(matches!(reading, RecvError::Lost(_)), "{reading:?}");
        let sending = self.sending.await.expect("it did not panic");
        assert!(matches!(sending, SendError::Lost(_)), "{sending:?}");
        if let Some(error) = self.echoing.await.expect("it did not panic") {
            assert!(matches!(error, CallError::Lost { .. }), "{error:?}");
        }
    }
}

fn assert_sent<T: std::fmt::Debug>(ended: &Result<T, CallError>) {
    let lost = matches!(ended, Err(CallError::Lost { sent: true, .. }));
    assert!(lost, "{ended:?}");
}
