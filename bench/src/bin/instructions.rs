//! Makes a number of calls, or reads a number of items, to count their instructions. It uses an
//! in-memory link with client and server in one thread. Two runs under callgrind with different
//! numbers give the cost of one operation, without startup and independent of other load.

use bytes::Bytes;
use futures::future::join_all;
use roam_core::proto::Framing;
use roam_core::transport::memory_pair;
use roam_core::{Context, Tx, accept, channel, connect, service};
use tokio::runtime::{Builder, Runtime};

/// The service to call.
#[service]
trait Counted {
    /// Echoes `payload`; runs in its own task.
    async fn echo(&self, payload: Bytes) -> Bytes;
    /// Echoes `payload`; polled inline first.
    #[roam(inline)]
    async fn echo_inline(&self, payload: Bytes) -> Bytes;
    /// Sends `count` numbers.
    async fn numbers(&self, count: u64, output: Tx<u64>);
}

#[derive(Clone)]
struct Handler;

impl Counted for Handler {
    async fn echo(&self, _: &Context, payload: Bytes) -> Bytes {
        payload
    }

    async fn echo_inline(&self, _: &Context, payload: Bytes) -> Bytes {
        payload
    }

    async fn numbers(&self, _: &Context, count: u64, output: Tx<u64>) {
        for number in 0..count {
            if output.send(number).await.is_err() {
                break;
            }
        }
    }
}

/// With `link-`, on a link that survives its transport.
const HELP: &str = "usage: instructions [link-]call|inline|one|item COUNT";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, count] = &arguments[..] else {
        panic!("{HELP}")
    };
    let count: usize = count.parse().expect(HELP);
    let (framing, kind) = match kind.strip_prefix("link-") {
        Some(kind) => (Framing::Numbered, kind),
        None => (Framing::Packed, kind.as_str()),
    };
    runtime().block_on(async {
        let client = open(framing);
        match kind {
            "call" => call(&client, count, 64, false).await,
            "inline" => call(&client, count, 64, true).await,
            "one" => call(&client, count, 1, true).await,
            "item" => read(&client, count).await,
            _ => panic!("{HELP}"),
        }
    });
}

fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.expect("failed to start a runtime")
}

fn open(framing: Framing) -> CountedClient {
    let (ours, theirs) = memory_pair(framing);
    let dispatcher = CountedDispatcher::new(Handler);
    tokio::spawn(accept(theirs).dispatcher(dispatcher).drive().1);
    let (link, driver) = connect(ours).drive();
    tokio::spawn(driver);
    CountedClient::new(link)
}

async fn call(client: &CountedClient, calls: usize, in_flight: usize, inline: bool) {
    let callers = (0..in_flight).map(|_| {
        let client = client.clone();
        tokio::spawn(async move {
            for _ in 0..calls / in_flight {
                let payload = Bytes::from_static(&[7; 16]);
                let answer = if inline {
                    client.echo_inline(payload).await
                } else {
                    client.echo(payload).await
                };
                assert_eq!(answer.expect("the call failed").len(), 16);
            }
        })
    });
    for caller in join_all(callers).await {
        caller.expect("a caller panicked");
    }
}

async fn read(client: &CountedClient, count: usize) {
    let (output, mut numbers) = channel();
    let call = tokio::spawn(client.numbers(count as u64, output).into_future());
    let mut received = 0;
    while let Ok(Some(_)) = numbers.recv().await {
        received += 1;
    }
    assert_eq!(received, count);
    let answer = call.await.expect("the call panicked");
    answer.expect("the call failed");
}
