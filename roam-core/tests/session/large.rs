//! Values so large that their buffers are queued and sent as frames, without a copy.

use std::time::Duration;

use futures::future::{join, join_all};
use futures::{SinkExt, StreamExt, stream};
use roam_core::{Config, ConnectionHandle, Context, NoDispatcher, Rx, channel, service};

use super::harness::{link_with, start, until_idle};

runs! {
    waiting_calls_and_responses_arrive_whole
    waiting_elements_arrive_whole
    sink_elements_arrive_whole
    calls_succeed_after_a_refused_call
}

#[service]
trait Large {
    async fn echo(&self, text: String) -> String;
    /// Returns whether the texts match those of `text`, and their count.
    async fn check(&self, texts: Rx<String>) -> (bool, u32);
}

#[derive(Clone)]
struct Handler;

impl Large for Handler {
    async fn echo(&self, _: &Context, text: String) -> String {
        text
    }

    async fn check(&self, _: &Context, mut texts: Rx<String>) -> (bool, u32) {
        let (mut right, mut count) = (true, 0);
        while let Some(received) = texts.recv().await.unwrap() {
            right &= received == text(count);
            count += 1;
        }
        (right, count)
    }
}

const COUNT: u32 = 20;

/// Returns a text with a length and content of its own for each number.
fn text(number: u32) -> String {
    let letter = char::from(b'a' + number.to_le_bytes()[0] % 26);
    String::from(letter).repeat(15_000 + 4_000 * number as usize)
}

/// Returns a link that queues one message at a time and whose window holds two elements.
fn narrow() -> (LargeClient, ConnectionHandle) {
    let mut config = Config::default().with_initial_channel_credit(200_000);
    config.limits.send_buffer = 0;
    config.limits.channel_window = 200_000;
    let (client, _) = link_with(
        NoDispatcher,
        &config,
        LargeDispatcher::new(Handler),
        &config,
    );
    (LargeClient::new(client.clone()), client)
}

async fn waiting_calls_and_responses_arrive_whole() {
    let (large, client) = narrow();
    let calls = (0..COUNT).map(|number| {
        let call = large.echo(text(number));
        // Every other call carries a deadline in its header.
        if number % 2 == 0 {
            call.timeout(Duration::from_hours(1))
        } else {
            call
        }
    });
    let answers = join_all(calls.map(IntoFuture::into_future)).await;
    for (number, answer) in (0..).zip(answers) {
        assert!(answer.unwrap() == text(number), "{number}");
    }
    until_idle(&client).await;
}

async fn waiting_elements_arrive_whole() {
    let (large, client) = narrow();
    let (tx, texts) = channel();
    let sending = start(async move {
        for number in 0..COUNT {
            tx.send(text(number)).await.unwrap();
        }
    });
    assert_eq!(large.check(texts).await.unwrap(), (true, COUNT));
    sending.await;
    until_idle(&client).await;
}

async fn sink_elements_arrive_whole() {
    let (large, client) = narrow();
    let (tx, texts) = channel();
    let sending = start(async move {
        let mut texts = stream::iter(0..COUNT).map(|number| Ok(text(number)));
        let mut tx = tx;
        tx.send_all(&mut texts).await.unwrap();
        tx.close();
    });
    let (checked, ()) = join(large.check(texts).into_future(), sending).await;
    assert_eq!(checked.unwrap(), (true, COUNT));
    until_idle(&client).await;
}

async fn calls_succeed_after_a_refused_call() {
    let (large, client) = narrow();
    let longest = client.ready().await.unwrap().max_payload_size as usize;
    let refused = large.echo("x".repeat(longest)).await;
    assert!(refused.is_err(), "the length prefix makes it too long");
    assert!(large.echo(text(0)).await.unwrap() == text(0));
}
