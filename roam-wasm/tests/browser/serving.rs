//! Calls answered by JavaScript.

use futures::future::{FutureExt, join};
use roam_core::{
    CallError, ConnectionHandle, Failure, FailureKind, NoDispatcher, RoamError, Rx, Tx,
};
use roam_wasm::javascript::OutcomeKind;
use wasm_bindgen_test::wasm_bindgen_test;

use super::page::{Link, Page, RECEIVER};
use super::socket::after_events;
use super::testbed::{PACKED, TestbedClient, method, serve};

/// Returns a link on which JavaScript answers calls.
async fn link(page: &Page) -> (Link, TestbedClient, ConnectionHandle) {
    let (socket, server) = serve(PACKED, NoDispatcher).await;
    let link = Link::open(&socket, page).await.expect("the peer answers");
    server.ready().await.expect("the peer is ready");
    (link, TestbedClient::new(server.clone()), server)
}

fn encode<T: serde::Serialize>(value: T) -> Vec<u8> {
    postcard::to_allocvec(&value).expect("the value can be encoded")
}

#[wasm_bindgen_test]
async fn answers_from_the_elements_of_a_channel() {
    let page = Page::new();
    let (link, client, _) = link(&page).await;
    let (tx, rx) = roam_core::channel();
    let answer = async {
        let request = page.expect("request").await;
        // The payload holds the id of the channel: the first that an acceptor opens.
        assert_eq!(
            (request.method(), request.payload()),
            (method("sum"), vec![2])
        );
        let numbers = request
            .channels()
            .expect("a half arrived")
            .receiver(0)
            .expect("the half arrived");
        let mut sum = 0;
        while let Some(batch) = numbers
            .next_batch::<u32>()
            .await
            .expect("the channel was not reset")
        {
            sum += u64::from(batch.into_iter().sum::<u32>());
        }
        link.respond(request.id(), &encode(sum), &[], &[])
            .expect("the answer fits");
    };
    let numbers = async {
        for number in [1, 2, 3] {
            tx.send(number).await.expect("the receiver reads");
        }
        drop(tx);
    };
    let (sum, ((), ())) = join(client.sum(rx).into_future(), join(answer, numbers)).await;
    assert_eq!(sum.expect("the call was answered"), 6);
    after_events().await;
    assert_eq!((link.stat("callsIn"), link.stat("channels")), (0, 0));
}

#[wasm_bindgen_test]
async fn answer_can_carry_a_receiver() {
    let page = Page::new();
    let (link, client, _) = link(&page).await;
    let answer = async {
        let request = page.expect("request").await;
        let kept = link.respond(request.id(), &encode(0_u64), &[], &[super::page::SENDER]);
        let numbers = kept.ok().flatten().expect("a half was kept");
        let numbers = numbers.sender(0).expect("the half was kept");
        numbers.send(0..3_u32).expect("there is credit");
        numbers.close();
    };
    let (numbers, ()) = join(client.stream(3).into_future(), answer).await;
    let mut numbers = numbers.expect("the call was answered");
    for number in 0..3 {
        assert_eq!(
            numbers.recv().await.expect("the channel was not reset"),
            Some(number)
        );
    }
    assert_eq!(numbers.recv().await.expect("the channel was closed"), None);
}

#[wasm_bindgen_test]
async fn answer_can_carry_a_sender() {
    let page = Page::new();
    let (link, client, _) = link(&page).await;
    let answer = async {
        let request = page.expect("request").await;
        let kept = link.respond(request.id(), &encode(0_u64), &[], &[RECEIVER]);
        let bytes = kept.ok().flatten().expect("a half was kept");
        bytes.receiver(0).expect("the half was kept")
    };
    let (sink, bytes) = join(client.sink().into_future(), answer).await;
    let sink = sink.expect("the call was answered");
    for byte in [5, 6] {
        sink.send(byte).await.expect("there is credit");
    }
    sink.close();
    assert_eq!(bytes.next_batch::<u8>().await.ok(), Some(Some(vec![5, 6])));
    assert_eq!(bytes.next_batch::<u8>().await.ok(), Some(None));
}

#[wasm_bindgen_test]
async fn cancelled_call_is_in_flight_until_its_handler_finishes() {
    let page = Page::new();
    let (link, client, _) = link(&page).await;
    let mut call = client.hang().into_future();
    assert!((&mut call).now_or_never().is_none());
    let request = page.expect("request").await;
    drop(call);
    let cancelled = page.expect("cancelled").await;
    assert_eq!(cancelled.id(), request.id());
    assert_eq!(link.stat("callsIn"), 1);
    let late = link.respond(request.id(), &encode(()), &[], &[]);
    assert!(late.expect("the answer is ignored").is_none());
    let again = link.respond(request.id(), &encode(()), &[], &[]);
    assert!(again.expect("the answer is ignored").is_none());
    after_events().await;
    assert_eq!(link.stat("callsIn"), 0);
}

#[wasm_bindgen_test]
async fn oversized_answer_can_be_replaced() {
    let page = Page::new();
    let (link, client, _) = link(&page).await;
    let answer = async {
        let request = page.expect("request").await;
        let failure = link
            .respond(request.id(), &vec![0; (1 << 20) + 1], &[], &[])
            .err();
        assert_eq!(failure.expect("the answer is rejected").kind(), "too-large");
        link.respond_as(request.id(), OutcomeKind::TooLarge, &[])
            .expect("the answer fits");
    };
    let (answered, ()) = join(client.hang().into_future(), answer).await;
    assert!(
        matches!(
            answered,
            Err(CallError::Failed(Failure {
                kind: FailureKind::TooLarge,
                ..
            }))
        ),
        "{answered:?}"
    );
}

#[wasm_bindgen_test]
async fn every_outcome_reaches_the_caller() {
    let page = Page::new();
    let (link, client, _) = link(&page).await;
    for kind in [
        OutcomeKind::Value,
        OutcomeKind::Error,
        OutcomeKind::UnknownMethod,
        OutcomeKind::InvalidPayload,
        OutcomeKind::Cancelled,
        OutcomeKind::Panic,
        OutcomeKind::TooLarge,
        OutcomeKind::Busy,
        OutcomeKind::Deadline,
        OutcomeKind::Unavailable,
        OutcomeKind::NonceReused,
        OutcomeKind::NonceSpent,
        OutcomeKind::Unauthenticated,
        OutcomeKind::PermissionDenied,
        OutcomeKind::ResourceExhausted,
        OutcomeKind::FailedPrecondition,
    ] {
        let answer = async {
            let request = page.expect("request").await;
            let malformed = link.respond_as(request.id(), OutcomeKind::Malformed, &[]);
            let failure = malformed.expect_err("only a peer's answer is malformed");
            assert_eq!(failure.kind(), "protocol");
            let body = if kind == OutcomeKind::Error {
                encode(7_u32)
            } else {
                Vec::new()
            };
            link.respond_as(request.id(), kind, &body)
                .expect("the answer fits");
        };
        let (_tx, rx) = roam_core::channel();
        let (answered, ()) = join(client.fail(rx).into_future(), answer).await;
        let received = match answered {
            Ok(()) => OutcomeKind::Value,
            Err(CallError::Answered(RoamError::User(7))) => OutcomeKind::Error,
            Err(CallError::Answered(RoamError::UnknownMethod)) => OutcomeKind::UnknownMethod,
            Err(CallError::Answered(RoamError::InvalidPayload)) => OutcomeKind::InvalidPayload,
            Err(CallError::Answered(RoamError::Cancelled)) => OutcomeKind::Cancelled,
            Err(CallError::Failed(failure)) => failure.kind.into(),
            Err(error) => panic!("{kind:?} became {error:?}"),
        };
        assert_eq!(received, kind);
    }
}

#[wasm_bindgen_test]
async fn large_answer_arrives_unchanged() {
    let page = Page::new();
    let (link, client, _) = link(&page).await;
    let text = "large".repeat(20_000);
    let answer = async {
        let request = page.expect("request").await;
        link.respond(request.id(), &request.payload(), &[], &[])
            .expect("the answer fits");
    };
    let (answered, ()) = join(client.echo(text.clone()).into_future(), answer).await;
    assert_eq!(answered.expect("the call was answered"), text);
}

#[wasm_bindgen_test]
async fn answer_after_the_end_of_the_link_is_ignored() {
    let page = Page::new();
    let (link, client, server) = link(&page).await;
    let mut call = client.hang().into_future();
    assert!((&mut call).now_or_never().is_none());
    let request = page.expect("request").await;
    server.close("");
    page.expect("closed").await;
    let late = link.respond(request.id(), &encode(()), &[], &[]);
    assert!(late.expect("the answer is ignored").is_none());
}

#[wasm_bindgen_test]
async fn dropped_receiver_resets_the_sender() {
    let page = Page::new();
    let (link, client, _) = link(&page).await;
    let (tx, rx): (Tx<u32>, Rx<u32>) = roam_core::channel();
    let answer = async {
        let request = page.expect("request").await;
        let numbers = request
            .channels()
            .expect("a half arrived")
            .receiver(0)
            .expect("the half arrived");
        numbers.free();
        link.respond(request.id(), &encode(0_u64), &[], &[])
            .expect("the answer fits");
    };
    let (sum, ()) = join(client.sum(rx).into_future(), answer).await;
    sum.expect("the call was answered");
    after_events().await;
    assert!(tx.send(1).await.is_err());
}
