//! Handlers that compute hold up nobody, as long as a worker thread is free.
//!
//! A handler computes until the client has got what it waits for. Where that is held up by the handler,
//! neither ever ends, so the handler gives up.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, join_all};
use roam_core::server::IncomingCall;
use roam_core::{
    Config, ConnectionHandle, Context, MethodDescriptor, MethodId, RoutedDispatcher,
    ServiceDispatcher, Tx, channel, service,
};
use roam_tests::endpoint::{connect, serve};
use roam_ws_server::Server;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinSet;

/// Longer than anything takes, even on a very busy machine.
const HELD_UP: Duration = Duration::from_secs(20);
/// How long a handler computes where it waits for nobody.
const COMPUTING: Duration = Duration::from_millis(20);
/// How often each test runs: what goes wrong depends on which thread does what.
const ROUNDS: u32 = 8;

#[service]
trait Work {
    /// Sends numbers, and computes until the client has received each.
    async fn produce(&self, count: u32, tx: Tx<u32>);
    /// Computes for a while before each number, and sends several at once.
    async fn produce_late(&self, count: u32, tx: Tx<u32>);
    /// Computes until the client has finished.
    async fn compute(&self);
    /// The same, in the driver.
    #[roam(inline)]
    async fn compute_in_place(&self);
    /// The same, after an element.
    async fn announce(&self, tx: Tx<u32>);
    async fn echo(&self, number: u32) -> u32;
    /// Answers after a millisecond.
    async fn sleep(&self);
}

#[service]
trait Light {
    async fn ping(&self);
}

/// What the client has got so far.
#[derive(Clone, Default)]
struct Progress(Arc<AtomicU32>);

impl Progress {
    fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn get(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    /// Computes until the client has got `count` things.
    fn compute_until(&self, count: u32) {
        let started = Instant::now();
        while self.get() < count {
            assert!(started.elapsed() < HELD_UP, "held up: {count}");
            std::hint::spin_loop();
        }
    }
}

fn compute() {
    let started = Instant::now();
    while started.elapsed() < COMPUTING {
        std::hint::spin_loop();
    }
}

/// The progress of the client, and how many handlers compute.
#[derive(Clone, Default)]
struct Handler {
    client: Progress,
    computing: Progress,
}

impl Work for Handler {
    async fn produce(&self, _: &Context, count: u32, tx: Tx<u32>) {
        for number in 0..count {
            tx.send(number).await.unwrap();
            self.client.compute_until(number + 1);
        }
    }

    async fn produce_late(&self, _: &Context, count: u32, tx: Tx<u32>) {
        for number in 0..count {
            compute();
            tx.send(2 * number).await.unwrap();
            tx.send(2 * number + 1).await.unwrap();
            self.client.compute_until(2 * number + 2);
        }
    }

    async fn compute(&self, _: &Context) {
        self.computing.add();
        self.client.compute_until(1);
    }

    async fn compute_in_place(&self, context: &Context) {
        self.compute(context).await;
    }

    async fn announce(&self, context: &Context, tx: Tx<u32>) {
        tx.send(1).await.unwrap();
        self.compute(context).await;
    }

    async fn echo(&self, _: &Context, number: u32) -> u32 {
        number
    }

    async fn sleep(&self, _: &Context) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

impl Light for () {
    async fn ping(&self, _: &Context) {}
}

/// Runs the handlers of a dispatcher on another runtime.
struct OnRuntime<D>(D, Handle);

impl<D: ServiceDispatcher> ServiceDispatcher for OnRuntime<D> {
    fn method(&self, id: MethodId) -> Option<&'static MethodDescriptor> {
        self.0.method(id)
    }

    fn dispatch(&self, call: IncomingCall) -> BoxFuture<'static, ()> {
        // It aborts the handler when it is dropped.
        let mut handler = JoinSet::new();
        handler.spawn_on(self.0.dispatch(call), &self.1);
        Box::pin(async move {
            handler.join_next().await;
        })
    }
}

/// A server with a runtime of its own.
struct World {
    _runtime: Runtime,
    server: SocketAddr,
    handler: Handler,
}

impl World {
    fn new(threads: usize) -> Self {
        let handler = Handler::default();
        Self::serving(threads, handler.clone(), WorkDispatcher::new(handler))
    }

    fn serving(threads: usize, handler: Handler, dispatcher: impl ServiceDispatcher) -> Self {
        let runtime = runtime_with(threads);
        // The timer of heartbeats helps out, now and then.
        let config = Config::default()
            .with_heartbeat(9 * HELD_UP)
            .with_dead_after(9 * HELD_UP);
        let server = Server::new(dispatcher).with_config(config);
        let (server, _) = runtime.block_on(serve(server));
        Self {
            _runtime: runtime,
            server,
            handler,
        }
    }

    async fn connect(&self) -> WorkClient<ConnectionHandle> {
        WorkClient::new(connect(self.server).await)
    }
}

fn runtime_with(threads: usize) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    let builder = builder.worker_threads(threads).enable_all();
    builder.build().unwrap()
}

/// How busy a server was before.
#[derive(Clone, Copy, Debug)]
enum Before {
    Fresh,
    WarmedUp,
}

/// Runs `test` on servers with two and four threads, fresh and warmed up.
#[expect(clippy::needless_pass_by_value, reason = "tests construct it in place")]
fn in_every_setting(test: impl AsyncFn(&World, WorkClient<ConnectionHandle>)) {
    for threads in [2, 4] {
        for before in [Before::Fresh, Before::WarmedUp] {
            for round in 0..ROUNDS {
                println!("{threads} threads, {before:?}, round {round}");
                let world = World::new(threads);
                run(async {
                    let client = world.connect().await;
                    if let Before::WarmedUp = before {
                        for _ in 0..20 {
                            echo_at_once(&client).await;
                        }
                    }
                    test(&world, client).await;
                });
            }
        }
    }
}

fn run(test: impl Future<Output = ()>) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let limit = 5 * HELD_UP;
        tokio::time::timeout(limit, test).await.expect("a deadlock");
    });
}

async fn echo_at_once(client: &WorkClient<ConnectionHandle>) {
    let calls = (0..64).map(async |number| {
        assert_eq!(client.echo(number).await.unwrap(), number);
    });
    join_all(calls).await;
}

/// Runs `beside` while `count` handlers compute until it has ended.
async fn beside_computing(
    world: &World,
    client: &WorkClient<ConnectionHandle>,
    count: u32,
    beside: impl AsyncFn(),
) {
    let computing: Vec<_> = (0..count)
        .map(|_| tokio::spawn(client.compute().into_future()))
        .collect();
    while world.handler.computing.get() < count {
        tokio::task::yield_now().await;
    }
    beside().await;
    world.handler.client.add();
    for call in computing {
        call.await.unwrap().expect("the call was held up");
    }
}

#[test]
fn elements_leave_while_their_handler_computes() {
    in_every_setting(async |world, client| {
        let (tx, mut rx) = channel();
        let call = tokio::spawn(client.produce(5, tx).into_future());
        for expected in 0..5 {
            assert_eq!(rx.recv().await.unwrap(), Some(expected));
            world.handler.client.add();
        }
        call.await.unwrap().unwrap();
    });
}

#[test]
fn elements_of_a_handler_that_has_computed_leave() {
    in_every_setting(async |world, client| {
        let (tx, mut rx) = channel();
        let call = tokio::spawn(client.produce_late(3, tx).into_future());
        for expected in 0..6 {
            assert_eq!(rx.recv().await.unwrap(), Some(expected));
            world.handler.client.add();
        }
        call.await.unwrap().unwrap();
    });
}

#[test]
fn elements_leave_among_many_calls() {
    in_every_setting(async |world, client| {
        let (tx, mut rx) = channel();
        let call = tokio::spawn(client.produce(5, tx).into_future());
        let calls = async {
            for _ in 0..20 {
                echo_at_once(&client).await;
            }
        };
        let elements = async {
            for expected in 0..5 {
                assert_eq!(rx.recv().await.unwrap(), Some(expected));
                world.handler.client.add();
            }
        };
        tokio::join!(calls, elements);
        call.await.unwrap().unwrap();
    });
}

#[test]
fn calls_beside_a_computing_handler_are_answered() {
    in_every_setting(async |world, client| {
        beside_computing(world, &client, 1, async || {
            for number in 0..10 {
                assert_eq!(client.echo(number).await.unwrap(), number);
            }
        })
        .await;
    });
}

#[test]
fn many_calls_beside_a_computing_handler_are_answered() {
    in_every_setting(async |world, client| {
        beside_computing(world, &client, 1, async || {
            for _ in 0..20 {
                echo_at_once(&client).await;
            }
        })
        .await;
    });
}

#[test]
fn calls_that_came_with_a_computing_one_are_answered() {
    in_every_setting(async |world, client| {
        let compute = async {
            client.compute().await.expect("the call was held up");
        };
        let calls = async {
            for _ in 0..5 {
                echo_at_once(&client).await;
            }
            world.handler.client.add();
        };
        tokio::join!(calls, compute);
    });
}

#[test]
fn timers_beside_a_computing_handler_ring() {
    in_every_setting(async |world, client| {
        beside_computing(world, &client, 1, async || {
            for _ in 0..3 {
                client.sleep().await.unwrap();
            }
        })
        .await;
    });
}

#[test]
fn other_links_beside_a_computing_handler_go_on() {
    in_every_setting(async |world, client| {
        let other = world.connect().await;
        beside_computing(world, &client, 1, async || {
            echo_at_once(&other).await;
            echo_at_once(&world.connect().await).await;
        })
        .await;
    });
}

#[test]
fn other_links_beside_a_handler_that_computes_in_place_go_on() {
    in_every_setting(async |world, client| {
        let other = world.connect().await;
        let computing = tokio::spawn(client.compute_in_place().into_future());
        while world.handler.computing.get() == 0 {
            tokio::task::yield_now().await;
        }
        echo_at_once(&other).await;
        echo_at_once(&world.connect().await).await;
        world.handler.client.add();
        computing.await.unwrap().expect("the call was held up");
    });
}

#[test]
fn one_free_thread_is_enough() {
    for _ in 0..ROUNDS {
        let world = World::new(4);
        run(async {
            let client = world.connect().await;
            beside_computing(&world, &client, 3, async || {
                for number in 0..10 {
                    assert_eq!(client.echo(number).await.unwrap(), number);
                }
                echo_at_once(&client).await;
                client.sleep().await.unwrap();
            })
            .await;
        });
    }
}

#[test]
fn handlers_on_a_runtime_of_their_own_may_use_all_its_threads() {
    for _ in 0..ROUNDS {
        let (handler, threads) = (Handler::default(), runtime_with(2));
        let work = WorkDispatcher::new(handler.clone());
        let dispatcher = RoutedDispatcher::new()
            .with(OnRuntime(work, threads.handle().clone()))
            .with(LightDispatcher::new(()));
        let world = World::serving(1, handler, dispatcher);
        run(async {
            let link = connect(world.server).await;
            let (client, light) = (WorkClient::new(link.clone()), LightClient::new(link));
            beside_computing(&world, &client, 1, async || {
                let (tx, mut rx) = channel();
                let call = tokio::spawn(client.announce(tx).into_future());
                assert_eq!(rx.recv().await.unwrap(), Some(1));
                for _ in 0..10 {
                    light.ping().await.unwrap();
                }
                call.abort();
            })
            .await;
        });
    }
}
