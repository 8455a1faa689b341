//! Panicking handlers, which fail only their own call.

use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::future::{join, join_all};
use roam_core::{
    CallError, ConnectionHandle, Context, Failure, FailureKind, NoDispatcher, RecvError, Rx, Tx,
    channel, service,
};

use super::harness::{link, poll_now, until_idle, yield_now};

runs! {
    panic_fails_only_its_call
    panic_resets_the_channel_of_its_call
    panic_resets_a_local_channel
    panic_leaves_other_streams_running
    panicked_handlers_leave_nothing_behind
}

#[service]
trait Nervous {
    async fn echo(&self, text: String) -> String;
    async fn panic(&self, at_once: bool);
    #[roam(inline)]
    async fn panic_inline(&self);
    async fn send_and_panic(&self, tx: Tx<u32>);
    async fn sum(&self, rx: Rx<u32>) -> u32;
}

struct Handler;

impl Nervous for Handler {
    async fn echo(&self, _: &Context, text: String) -> String {
        text
    }

    async fn panic(&self, _: &Context, at_once: bool) {
        if !at_once {
            yield_now().await;
        }
        panic!("as asked");
    }

    async fn panic_inline(&self, _: &Context) {
        panic!("as asked");
    }

    async fn send_and_panic(&self, _: &Context, tx: Tx<u32>) {
        tx.send(1).await.unwrap();
        panic!("as asked");
    }

    async fn sum(&self, _: &Context, mut rx: Rx<u32>) -> u32 {
        let mut sum = 0;
        while let Some(number) = rx.recv().await.unwrap() {
            sum += number;
        }
        sum
    }
}

async fn nervous() -> (NervousClient, [ConnectionHandle; 2]) {
    let (client, server) = link(NoDispatcher, NervousDispatcher::new(Handler));
    client.ready().await.unwrap();
    (NervousClient::new(client.clone()), [client, server])
}

fn expect_panic(outcome: &Result<(), CallError>) {
    let told = matches!(
        outcome,
        Err(CallError::Failed(Failure {
            kind: FailureKind::Panic,
            ..
        }))
    );
    assert!(told, "{outcome:?}");
}

async fn panic_fails_only_its_call() {
    let (nervous, _) = nervous().await;
    for at_once in [true, false] {
        let echo = nervous.echo("still here".into()).into_future();
        let (echo, panicked) = join(echo, nervous.panic(at_once).into_future()).await;
        assert_eq!(echo.unwrap(), "still here");
        expect_panic(&panicked);
    }
    expect_panic(&nervous.panic_inline().await);
    assert_eq!(
        nervous.echo("still here".into()).await.unwrap(),
        "still here"
    );
}

async fn panic_resets_the_channel_of_its_call() {
    let (nervous, [client, _]) = nervous().await;
    let (tx, mut rx) = channel();
    expect_panic(&nervous.send_and_panic(tx).await);
    while let Ok(received) = rx.recv().await {
        assert_eq!(received, Some(1), "the channel ended cleanly");
    }
    until_idle(&client).await;
}

async fn panic_resets_a_local_channel() {
    let (tx, mut rx) = channel::<u32>();
    let result = catch_unwind(AssertUnwindSafe(move || {
        let _tx = tx;
        panic!("on purpose");
    }));
    assert!(result.is_err());
    assert!(matches!(rx.recv().await, Err(RecvError::Reset)));
}

async fn panic_leaves_other_streams_running() {
    let (nervous, _) = nervous().await;
    let (tx, rx) = channel();
    let mut sum = nervous.sum(rx).into_future();
    assert!(poll_now(&mut sum).is_pending());
    for number in 0..10 {
        tx.send(number).await.unwrap();
        expect_panic(&nervous.send_and_panic(channel().0).await);
    }
    drop(tx);
    assert_eq!(sum.await.unwrap(), 45);
}

async fn panicked_handlers_leave_nothing_behind() {
    let (nervous, links) = nervous().await;
    let before = links.clone().map(|link| link.stats().remaining);
    let calls = (0..20).map(|round| nervous.panic(round % 2 == 0));
    join_all(calls.map(IntoFuture::into_future))
        .await
        .iter()
        .for_each(expect_panic);
    let streams = (0..20).map(|_| nervous.send_and_panic(channel().0));
    join_all(streams.map(IntoFuture::into_future))
        .await
        .iter()
        .for_each(expect_panic);
    for link in &links {
        until_idle(link).await;
    }
    assert_eq!(links.map(|link| link.stats().remaining), before);
}
