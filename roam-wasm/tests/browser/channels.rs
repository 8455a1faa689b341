//! Channels between JavaScript and the peer.

use wasm_bindgen_test::wasm_bindgen_test;

use super::face::{Face, Link, RECEIVER, SENDER};
use super::socket::after_events;
use super::testbed::{Handler, PACKED, TestbedDispatcher, method, serve};

/// An end within a payload.
const END: u64 = 0;

async fn link(face: &Face) -> Link {
    let (socket, _) = serve(PACKED, TestbedDispatcher::new(Handler::default())).await;
    Link::open(&socket, face).await.expect("the peer answers")
}

#[wasm_bindgen_test]
async fn what_is_sent_arrives_and_a_close_is_the_end() {
    let face = Face::new();
    let link = link(&face).await;
    let ends = link
        .call(1, method("sum"), (END,), &[SENDER])
        .expect("an end was kept");
    assert_eq!(ends.length(), 1);
    let numbers = ends.sender(0).expect("it was kept");
    numbers.send(1..=100_u32).expect("there is credit");
    numbers.close();
    assert_eq!(face.response::<u64>(1).await, 5050);
    assert_eq!(numbers.credit(), 0);
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
async fn what_arrives_is_taken_in_order_to_the_clean_end() {
    let face = Face::new();
    let link = link(&face).await;
    let ends = link
        .call(1, method("generate"), (10_000_u32, END), &[RECEIVER])
        .expect("an end was kept");
    let numbers = ends.receiver(0).expect("it was kept");
    assert_eq!(numbers.take::<u32>().ok(), Some(Some(vec![])));
    let mut received = Vec::new();
    while let Some(batch) = numbers.next_batch::<u32>().await.expect("it is not cut") {
        received.extend(batch);
    }
    let wrong = received
        .iter()
        .zip(0..)
        .position(|(&is, should): (&u32, u32)| is != should);
    assert_eq!((received.len(), wrong), (10_000, None));
    assert_eq!(numbers.take::<u32>().ok(), Some(None));
    face.response::<()>(1).await;
    assert_eq!(link.figure("channels"), 0);
}

#[wasm_bindgen_test]
async fn an_end_in_an_answer_is_taken_from_it() {
    let face = Face::new();
    let link = link(&face).await;
    link.call(1, method("stream"), (3_u32,), &[]);
    let answer = face.expect("response").await;
    let ends = answer.ends().expect("an end came");
    let numbers = ends.receiver(0).expect("it came");
    let mut received = Vec::new();
    while let Some(batch) = numbers.next_batch::<u32>().await.expect("it is not cut") {
        received.extend(batch);
    }
    assert_eq!(received, [0, 1, 2]);
}

#[wasm_bindgen_test]
async fn an_end_is_taken_once_and_as_what_it_is() {
    let face = Face::new();
    let link = link(&face).await;
    let ends = link
        .call(1, method("sum"), (END,), &[SENDER])
        .expect("an end was kept");
    assert_eq!(
        ends.receiver(0).expect_err("it is a sender").kind(),
        "protocol"
    );
    let numbers = ends.sender(0).expect("it was kept");
    assert_eq!(ends.sender(0).expect_err("it was taken").kind(), "protocol");
    assert_eq!(
        ends.sender(1).expect_err("there is none").kind(),
        "protocol"
    );
    numbers.free();
    assert_eq!(face.response::<u64>(1).await, 0);
}

#[wasm_bindgen_test]
async fn ends_that_are_not_taken_end_with_what_holds_them() {
    let face = Face::new();
    let link = link(&face).await;
    // The reader of `sum` sees a clean end, and the writer of `stream` that nobody reads.
    link.call(1, method("sum"), (END,), &[SENDER])
        .expect("an end was kept")
        .free();
    assert_eq!(face.response::<u64>(1).await, 0);
    link.call(2, method("stream"), (1_000_000_u32,), &[]);
    face.expect("response")
        .await
        .ends()
        .expect("an end came")
        .free();
    link.call(3, method("generate"), (1_000_000_u32, END), &[RECEIVER])
        .expect("an end was kept")
        .free();
    face.response::<()>(3).await;
    after_events().await;
    assert_eq!(link.figure("channels"), 0);
}

#[wasm_bindgen_test]
async fn a_reset_channel_says_so_to_who_waits_for_it() {
    let face = Face::new();
    let link = link(&face).await;
    let ends = link
        .call(1, method("sum"), (END,), &[SENDER])
        .expect("an end was kept");
    let numbers = ends.sender(0).expect("it was kept");
    let waiting = numbers.ready(f64::from(u32::MAX));
    numbers.reset();
    assert_eq!(waiting.await.expect_err("it is over").kind(), "reset");
    face.response::<u64>(1).await;

    let ends = link
        .call(2, method("generate"), (1_000_000_u32, END), &[RECEIVER])
        .expect("an end was kept");
    let numbers = ends.receiver(0).expect("it was kept");
    let waiting = numbers.ready();
    numbers.reset();
    waiting.await;
    assert_eq!(
        numbers.take::<u32>().expect_err("it is over").kind(),
        "reset"
    );
    face.response::<()>(2).await;
}

#[wasm_bindgen_test]
async fn an_error_answer_ends_the_channels_of_its_call() {
    let face = Face::new();
    let link = link(&face).await;
    let ends = link
        .call(1, method("fail"), (END,), &[SENDER])
        .expect("an end was kept");
    let numbers = ends.sender(0).expect("it was kept");
    numbers.send([9_u32]).expect("there is credit");
    let failed = numbers.ready(f64::from(u32::MAX)).await;
    assert_eq!(failed.expect_err("it is over").kind(), "reset");
    assert_eq!(face.expect("response").await.payload(), [1, 0, 9]);
}

#[wasm_bindgen_test]
async fn a_lost_link_is_no_clean_end_and_takes_nothing_that_had_arrived() {
    let face = Face::new();
    let (socket, _) = serve(PACKED, TestbedDispatcher::new(Handler::default())).await;
    let link = Link::open(&socket, &face).await.expect("the peer answers");
    let ends = link
        .call(1, method("generate"), (1_000_000_u32, END), &[RECEIVER])
        .expect("an end was kept");
    let numbers = ends.receiver(0).expect("it was kept");
    numbers.ready().await;
    let ends = link
        .call(2, method("sum"), (END,), &[SENDER])
        .expect("an end was kept");
    let waiting = ends.sender(0).expect("it was kept");
    let waiting = waiting.ready(f64::from(u32::MAX));
    socket.closed(1006, "");
    assert_eq!(waiting.await.expect_err("it is over").kind(), "closed");
    let arrived = numbers
        .take::<u32>()
        .ok()
        .flatten()
        .expect("some had arrived");
    assert!(!arrived.is_empty());
    let cut = loop {
        match numbers.take::<u32>() {
            Ok(end) => assert!(!end.expect("it is no clean end").is_empty()),
            Err(cut) => break cut,
        }
    };
    assert_eq!(
        (cut.kind().as_str(), cut.cause().as_deref()),
        ("closed", Some("transport"))
    );
    assert_eq!(
        numbers.take::<u32>().expect_err("it stays so").kind(),
        "closed"
    );
}

#[wasm_bindgen_test]
async fn records_that_are_not_whole_are_refused() {
    let face = Face::new();
    let link = link(&face).await;
    let ends = link
        .call(1, method("sum"), (END,), &[SENDER])
        .expect("an end was kept");
    let numbers = ends.sender(0).expect("it was kept");
    for records in [&[1][..], &[2, 0, 0, 0, 1], &[0xff, 0xff, 0xff, 0xff, 1]] {
        let failure = numbers.send_records(records).err();
        assert_eq!(failure.expect("it is refused").kind(), "protocol");
    }
    numbers.close();
    assert_eq!(face.response::<u64>(1).await, 0);
}
