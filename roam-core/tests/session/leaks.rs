//! Nothing is left at the end, and user code never runs under a lock.

use std::future::pending;
use std::sync::{Arc, Mutex};

use futures::future::join_all;
use roam_core::{
    ConnectionHandle, Context, Metadata, MethodDescriptor, MethodId, NoDispatcher, Rx,
    ServiceDispatcher, Stats, Tx, channel, rt, server::IncomingCall, service,
};

use super::harness::{Events, events, link, poll_now, until_idle, yield_now};

runs! {
    everything_is_released_at_the_end
    dispatcher_is_dropped_with_its_link
    handler_may_hold_its_own_connection
    dispatchers_are_dropped_outside_the_lock
}

#[service]
trait Mix {
    async fn add(&self, a: u32, b: u32) -> u32;
    #[roam(inline)]
    async fn inline(&self, a: u32) -> Result<u32, String>;
    async fn nothing(&self);
    async fn stay(&self);
    async fn both(&self, input: Rx<u32>, output: Tx<u32>);
    async fn give(&self) -> (Rx<u32>, Tx<u32>);
    async fn keep_connection(&self);
}

#[derive(Default)]
struct Handler {
    kept: Mutex<Vec<ConnectionHandle>>,
    alive: Arc<()>,
}

impl Mix for Handler {
    async fn add(&self, _: &Context, a: u32, b: u32) -> u32 {
        a + b
    }

    async fn inline(&self, _: &Context, a: u32) -> Result<u32, String> {
        if a.is_multiple_of(2) {
            Ok(a)
        } else {
            Err("odd".into())
        }
    }

    async fn nothing(&self, _: &Context) {}

    async fn stay(&self, _: &Context) {
        pending::<()>().await;
    }

    async fn both(&self, _: &Context, mut input: Rx<u32>, output: Tx<u32>) {
        while let Ok(Some(number)) = input.recv().await {
            if output.send(number).await.is_err() {
                return;
            }
        }
    }

    async fn give(&self, cx: &Context) -> (Rx<u32>, Tx<u32>) {
        let ((tx, input), (output, rx)) = (channel(), channel());
        let cx = cx.clone();
        rt::spawn(async move { Self::default().both(&cx, input, output).await });
        (rx, tx)
    }

    async fn keep_connection(&self, cx: &Context) {
        self.kept.lock().unwrap().push(cx.connection().clone());
    }
}

/// Runs everything at once: calls that succeed, fail or are dropped, and streams that are read to
/// the end, dropped or reset.
async fn do_everything(mix: &MixClient, round: u32) {
    let add = async { assert_eq!(mix.add(round, 1).await.unwrap(), round + 1) };
    let inline = async { assert_eq!(mix.inline(round).await.is_ok(), round.is_multiple_of(2)) };
    let dropped = async {
        let mut call = mix.stay().into_future();
        assert!(poll_now(&mut call).is_pending());
    };
    let streams = async {
        let ((tx, input), (output, mut rx)) = (channel(), channel());
        let call = mix.both(input, output).into_future();
        let here = async {
            for number in 0..20 {
                tx.send(number).await.unwrap();
                assert_eq!(rx.recv().await.unwrap(), Some(number));
            }
            match round % 3 {
                0 => tx.close(),
                1 => tx.reset(),
                _ => drop(rx),
            }
        };
        futures::future::join(call, here).await.0.unwrap();
    };
    let given = async {
        let (mut rx, tx) = mix.give().await.unwrap();
        tx.send(round).await.unwrap();
        assert_eq!(rx.recv().await.unwrap(), Some(round));
    };
    let calls = futures::future::join(add, inline);
    futures::future::join4(calls, dropped, streams, given).await;
}

/// Returns the statistics that must return to their initial values.
fn retained(stats: &Stats) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        stats.remaining,
        stats.connections,
        stats.ended_connections,
        stats.channels,
    )
}

async fn everything_is_released_at_the_end() {
    let (client, server) = link(NoDispatcher, MixDispatcher::new(Handler::default()));
    client.ready().await.unwrap();
    server.ready().await.unwrap();
    let before = [retained(&client.stats()), retained(&server.stats())];
    let mut incoming = server.listen();
    let mix = MixClient::new(client.clone());
    for _ in 0..10 {
        join_all((0..6).map(|round| do_everything(&mix, round))).await;
    }
    for round in 0..10 {
        let asking = client.connect(Metadata::new(), NoDispatcher);
        let granting = async {
            let handler = MixDispatcher::new(Handler::default());
            incoming
                .next()
                .await
                .unwrap()
                .accept(&Metadata::new(), handler)
                .unwrap()
        };
        let (asked, granted) = futures::future::join(asking, granting).await;
        let asked = asked.unwrap();
        do_everything(&MixClient::new(asked.clone()), round).await;
        if round % 2 == 0 {
            asked.close("");
        } else {
            granted.close("");
        }
        asked.closed().await;
    }
    until_idle(&client).await;
    until_idle(&server).await;
    assert_eq!(
        [retained(&client.stats()), retained(&server.stats())],
        before
    );
}

async fn dispatcher_is_dropped_with_its_link() {
    let (tell, mut seen) = events();
    let (client, server) = link(NoDispatcher, Told(Some(tell)));
    client.ready().await.unwrap();
    // Handles do not keep it alive.
    let (client_too, server_too) = (client.clone(), server.clone());
    client.close("");
    server.closed().await;
    seen.expect("dropped").await;
    drop((client_too, server_too, server));
}

/// Reports when it is dropped.
struct Told(Option<Events<&'static str>>);

impl ServiceDispatcher for Told {
    fn method(&self, _: MethodId) -> Option<&'static MethodDescriptor> {
        None
    }

    fn dispatch(&self, call: IncomingCall) -> rt::BoxFuture<'static, ()> {
        Box::pin(call.unknown_method())
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(tell) = self.0.take() {
            tell.tell("dropped");
        }
    }
}

async fn handler_may_hold_its_own_connection() {
    let handler = Handler::default();
    let alive = Arc::downgrade(&handler.alive);
    let (client, server) = link(NoDispatcher, MixDispatcher::new(handler));
    MixClient::new(client.clone())
        .keep_connection()
        .await
        .unwrap();
    assert!(alive.upgrade().is_some());
    drop(client);
    server.closed().await;
    drop(server);
    while alive.upgrade().is_some() {
        yield_now().await;
    }
}

/// Takes the link's lock when it is used and when it is dropped.
struct Locks(ConnectionHandle);

impl Drop for Locks {
    fn drop(&mut self) {
        self.0.stats();
    }
}

impl ServiceDispatcher for Locks {
    fn method(&self, _: MethodId) -> Option<&'static MethodDescriptor> {
        self.0.stats();
        None
    }

    fn dispatch(&self, call: IncomingCall) -> rt::BoxFuture<'static, ()> {
        self.0.stats();
        Box::pin(call.unknown_method())
    }
}

async fn dispatchers_are_dropped_outside_the_lock() {
    let (client, server) = link(NoDispatcher, NoDispatcher);
    let locks = || Locks(client.clone());
    let too_much = Metadata::new().with("key", "x".repeat(20_000));
    client.connect(too_much.clone(), locks()).await.unwrap_err();
    client.connect(Metadata::new(), locks()).await.unwrap_err();

    let mut incoming = server.listen();
    for end in 0..3 {
        let mut asking = Box::pin(client.connect(Metadata::new(), locks()));
        assert!(poll_now(&mut asking).is_pending());
        let asked = incoming.next().await.unwrap();
        match end {
            0 => drop(asking),
            1 => {
                asked.accept(&too_much, Locks(server.clone())).unwrap_err();
                asking.await.unwrap_err();
            }
            _ => {
                let granted = asked
                    .accept(&Metadata::new(), Locks(server.clone()))
                    .unwrap();
                let asked = asking.await.unwrap();
                MixClient::new(granted).nothing().await.unwrap_err();
                MixClient::new(asked.clone()).nothing().await.unwrap_err();
                asked.close("");
            }
        }
    }
    let mut asking = Box::pin(client.connect(Metadata::new(), locks()));
    assert!(poll_now(&mut asking).is_pending());
    server.close("");
    asking.await.unwrap_err();
}
