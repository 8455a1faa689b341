//! The `Demo` service, called the way a page calls it.

mod common;

use roam_core::{CallError, RoamError, channel};
use tokio::sync::mpsc::UnboundedReceiver;
use web_demo::api::{DemoClient, DigestError, MathError, Operator, Progress};
use web_demo::dispatcher;

use common::{Called, open_page};

async fn demo() -> (DemoClient, UnboundedReceiver<Called>) {
    let (page, calls) = open_page(&dispatcher()).await;
    (DemoClient::new(page), calls)
}

#[tokio::test]
async fn calculates_and_reports_overflow() {
    let (demo, _) = demo().await;
    demo.ping().await.expect("the server answers");
    let sum = demo.calculate(i64::MAX, Operator::Subtract, 1).await;
    assert_eq!(sum.expect("the result fits"), i64::MAX - 1);

    let overflow = demo.calculate(i64::MAX, Operator::Add, 1).await;
    let exact = i128::from(i64::MAX) + 1;
    assert!(matches!(
        overflow,
        Err(CallError::Answered(RoamError::User(error))) if error == MathError::Overflow { exact }
    ));
}

#[tokio::test]
async fn hashes_a_stream() {
    let (demo, _) = demo().await;
    let (sender, chunks) = channel();
    let sending = async {
        for chunk in [b"a".to_vec(), Vec::new(), b"bc".to_vec()] {
            sender.send(chunk).await.expect("the server reads");
        }
        sender.close();
    };
    let (digest, ()) = tokio::join!(demo.digest(chunks), sending);
    let digest = digest.expect("the stream ended cleanly");
    assert_eq!(digest.bytes, 3);
    // The hash of "abc", from FIPS 180-2.
    assert_eq!(digest.sha256[..4], [0xba, 0x78, 0x16, 0xbf]);
    assert_eq!(digest.sha256[28..], [0xf2, 0x00, 0x15, 0xad]);
}

#[tokio::test]
async fn reset_stream_has_no_digest() {
    let (demo, _) = demo().await;
    let (sender, chunks) = channel();
    let sending = async {
        sender.send(vec![0; 7]).await.expect("the server reads");
        sender.reset();
    };
    let (digest, ()) = tokio::join!(demo.digest(chunks), sending);
    let error = digest.expect_err("the stream was reset").into_user();
    // Elements still in transit at the reset may be lost.
    assert!(matches!(
        error,
        Some(DigestError::Interrupted { bytes: 0 | 7 })
    ));
}

#[tokio::test(start_paused = true)]
async fn measures_at_the_requested_rate() {
    let (demo, _) = demo().await;
    let (sender, mut samples) = channel();
    let measuring = tokio::spawn(async move { demo.measure(100, sender).await });
    for number in 0..10 {
        let sample = samples.recv().await.expect("the channel is not reset");
        let sample = sample.expect("the channel is not closed");
        assert_eq!(sample.number, number);
        assert!((sample.at_ms - f64::from(number) * 10.0).abs() < 2.0);
        assert_eq!(sample.waited_ms, 0);
        assert!(sample.memory_kib > 0);
    }
    drop(samples);
    let answer = measuring.await.expect("the call does not panic");
    answer.expect("dropping the receiver is not an error");
}

#[tokio::test(start_paused = true)]
async fn waits_for_a_slow_page_and_reports_it() {
    let (demo, mut calls) = demo().await;
    let (sender, mut samples) = channel();
    let measuring = {
        let demo = demo.clone();
        tokio::spawn(async move { demo.measure(1_000, sender).await })
    };

    let stopped = loop {
        let called = calls.recv().await.expect("the link stays open");
        if let Called::Sending(
            progress @ Progress {
                waiting_ms: 2_000..,
                ..
            },
        ) = called
        {
            break progress;
        }
    };
    // A sample takes about 20 bytes of the window of 64 KiB.
    assert!((2_000..6_000).contains(&stopped.sent), "{stopped:?}");
    // The blocked stream does not block calls.
    demo.ping().await.expect("the server answers");

    let mut longest = 0;
    for number in 0..stopped.sent + 10 {
        let sample = samples.recv().await.expect("the channel is not reset");
        let sample = sample.expect("the channel is not closed");
        assert_eq!(sample.number, number);
        longest = longest.max(sample.waited_ms);
    }
    assert!(longest >= 2_000);

    measuring.abort();
    let end = loop {
        match samples.recv().await {
            Ok(Some(_)) => {}
            end => break end,
        }
    };
    assert!(end.is_err(), "cancelling a call resets its channels");
}
