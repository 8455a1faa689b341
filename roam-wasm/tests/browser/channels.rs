//! Channels between JavaScript and the peer.

use roam_wasm::javascript::OutcomeKind;
use wasm_bindgen_test::wasm_bindgen_test;

use super::page::{Link, Page, RECEIVER, SENDER};
use super::socket::after_events;
use super::testbed::{Handler, PACKED, TestbedDispatcher, method, serve};

/// The encoding of a channel half in a payload.
const HALF: u64 = 0;

async fn link(page: &Page) -> Link {
    let (socket, _) = serve(PACKED, TestbedDispatcher::new(Handler::default())).await;
    Link::open(&socket, page).await.expect("the peer answers")
}

#[wasm_bindgen_test]
async fn closed_channel_delivers_what_was_sent() {
    let page = Page::new();
    let link = link(&page).await;
    let channels = link
        .call(1, method("sum"), (HALF,), &[SENDER])
        .expect("a half was kept");
    assert_eq!(channels.length(), 1);
    let numbers = channels.sender(0).expect("the half was kept");
    numbers.send(1..=100_u32).expect("there is credit");
    numbers.close();
    assert_eq!(page.response::<u64>(1).await, 5050);
    assert_eq!(numbers.credit(0), 0);
    assert_eq!(
        numbers
            .send([1])
            .err()
            .map(|failure| failure.kind())
            .as_deref(),
        Some("reset")
    );
}

#[wasm_bindgen_test]
async fn receives_in_order_up_to_the_close() {
    let page = Page::new();
    let link = link(&page).await;
    let channels = link
        .call(1, method("generate"), (10_000_u32, HALF), &[RECEIVER])
        .expect("a half was kept");
    let numbers = channels.receiver(0).expect("the half was kept");
    assert_eq!(numbers.take::<u32>().ok(), Some(Some(vec![])));
    let mut received = Vec::new();
    while let Some(batch) = numbers
        .next_batch::<u32>()
        .await
        .expect("the channel was not reset")
    {
        received.extend(batch);
    }
    let wrong = received
        .iter()
        .zip(0..)
        .position(|(&is, should): (&u32, u32)| is != should);
    assert_eq!((received.len(), wrong), (10_000, None));
    assert_eq!(numbers.take::<u32>().ok(), Some(None));
    page.response::<()>(1).await;
    assert_eq!(link.stat("channels"), 0);
}

#[wasm_bindgen_test]
async fn answer_can_carry_a_channel() {
    let page = Page::new();
    let link = link(&page).await;
    link.call(1, method("stream"), (3_u32,), &[]);
    let answer = page.expect("response").await;
    let channels = answer.channels().expect("a half arrived");
    let numbers = channels.receiver(0).expect("the half arrived");
    let mut received = Vec::new();
    while let Some(batch) = numbers
        .next_batch::<u32>()
        .await
        .expect("the channel was not reset")
    {
        received.extend(batch);
    }
    assert_eq!(received, [0, 1, 2]);
}

#[wasm_bindgen_test]
async fn half_is_taken_once_and_in_its_direction() {
    let page = Page::new();
    let link = link(&page).await;
    let channels = link
        .call(1, method("sum"), (HALF,), &[SENDER])
        .expect("a half was kept");
    assert_eq!(
        channels
            .receiver(0)
            .expect_err("the half is a sender")
            .kind(),
        "protocol"
    );
    let numbers = channels.sender(0).expect("the half was kept");
    assert_eq!(
        channels.sender(0).expect_err("the half was taken").kind(),
        "protocol"
    );
    assert_eq!(
        channels.sender(1).expect_err("there is one half").kind(),
        "protocol"
    );
    numbers.free();
    assert_eq!(page.response::<u64>(1).await, 0);
}

#[wasm_bindgen_test]
async fn freeing_channels_drops_untaken_halves() {
    let page = Page::new();
    let link = link(&page).await;
    // The receiver in `sum` and the sender in `stream` see a reset.
    link.call(1, method("sum"), (HALF,), &[SENDER])
        .expect("a half was kept")
        .free();
    assert_eq!(page.response::<u64>(1).await, 0);
    link.call(2, method("stream"), (1_000_000_u32,), &[]);
    page.expect("response")
        .await
        .channels()
        .expect("a half arrived")
        .free();
    link.call(3, method("generate"), (1_000_000_u32, HALF), &[RECEIVER])
        .expect("a half was kept")
        .free();
    page.response::<()>(3).await;
    after_events().await;
    assert_eq!(link.stat("channels"), 0);
}

#[wasm_bindgen_test]
async fn reset_reaches_waiters() {
    let page = Page::new();
    let link = link(&page).await;
    let channels = link
        .call(1, method("sum"), (HALF,), &[SENDER])
        .expect("a half was kept");
    let numbers = channels.sender(0).expect("the half was kept");
    let waiting = numbers.ready(f64::from(u32::MAX));
    numbers.reset();
    assert_eq!(
        waiting.await.expect_err("the channel has ended").kind(),
        "reset"
    );
    page.response::<u64>(1).await;

    let channels = link
        .call(2, method("generate"), (1_000_000_u32, HALF), &[RECEIVER])
        .expect("a half was kept");
    let numbers = channels.receiver(0).expect("the half was kept");
    let waiting = numbers.ready();
    numbers.reset();
    waiting.await;
    assert_eq!(
        numbers
            .take::<u32>()
            .expect_err("the channel has ended")
            .kind(),
        "reset"
    );
    page.response::<()>(2).await;
}

#[wasm_bindgen_test]
async fn error_answer_ends_the_channels_of_its_call() {
    let page = Page::new();
    let link = link(&page).await;
    let channels = link
        .call(1, method("fail"), (HALF,), &[SENDER])
        .expect("a half was kept");
    let numbers = channels.sender(0).expect("the half was kept");
    numbers.send([9_u32]).expect("there is credit");
    let failed = numbers.ready(f64::from(u32::MAX)).await;
    assert_eq!(failed.expect_err("the channel has ended").kind(), "reset");
    let answer = page.expect("response").await;
    assert_eq!(
        (answer.outcome(), answer.payload()),
        (OutcomeKind::Error, vec![9])
    );
}

#[wasm_bindgen_test]
async fn lost_link_keeps_arrived_elements_and_then_fails() {
    let page = Page::new();
    let (socket, _) = serve(PACKED, TestbedDispatcher::new(Handler::default())).await;
    let link = Link::open(&socket, &page).await.expect("the peer answers");
    let channels = link
        .call(1, method("generate"), (1_000_000_u32, HALF), &[RECEIVER])
        .expect("a half was kept");
    let numbers = channels.receiver(0).expect("the half was kept");
    numbers.ready().await;
    let channels = link
        .call(2, method("sum"), (HALF,), &[SENDER])
        .expect("a half was kept");
    let waiting = channels.sender(0).expect("the half was kept");
    let waiting = waiting.ready(f64::from(u32::MAX));
    socket.closed(1006, "");
    assert_eq!(
        waiting.await.expect_err("the channel has ended").kind(),
        "closed"
    );
    let arrived = numbers
        .take::<u32>()
        .ok()
        .flatten()
        .expect("elements had arrived");
    assert!(!arrived.is_empty());
    let failure = loop {
        match numbers.take::<u32>() {
            Ok(batch) => assert!(!batch.expect("the channel was not closed").is_empty()),
            Err(failure) => break failure,
        }
    };
    assert_eq!(
        (failure.kind().as_str(), failure.cause().as_deref()),
        ("closed", Some("transport"))
    );
    assert_eq!(
        numbers
            .take::<u32>()
            .expect_err("the failure persists")
            .kind(),
        "closed"
    );
}

#[wasm_bindgen_test]
async fn rejects_incomplete_records() {
    let page = Page::new();
    let link = link(&page).await;
    let channels = link
        .call(1, method("sum"), (HALF,), &[SENDER])
        .expect("a half was kept");
    let numbers = channels.sender(0).expect("the half was kept");
    for records in [&[1][..], &[2, 0, 0, 0, 1], &[0xff, 0xff, 0xff, 0xff, 1]] {
        let failure = numbers.send_records(records).err();
        assert_eq!(
            failure.expect("the records are rejected").kind(),
            "protocol"
        );
    }
    numbers.close();
    assert_eq!(page.response::<u64>(1).await, 0);
}
