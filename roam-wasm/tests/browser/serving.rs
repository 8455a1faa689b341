//! Calls that JavaScript answers.

use futures::future::{FutureExt, join};
use roam_core::{
    CallError, ConnectionHandle, Failure as Named, Metadata, NoDispatcher, RoamError, Rx, Tx,
};
use wasm_bindgen_test::wasm_bindgen_test;

use super::face::{Face, Link, RECEIVER};
use super::socket::after_events;
use super::testbed::{PACKED, TestbedClient, method, serve};

/// A link of which JavaScript answers all of the testbed's calls but `echo`.
async fn link(face: &Face) -> (Link, TestbedClient, ConnectionHandle) {
    let (socket, server) = serve(PACKED, NoDispatcher).await;
    let link = Link::open(&socket, face).await.expect("the peer answers");
    server.ready().await.expect("the peer is ready");
    link.serve(&["hang", "sum", "generate"].map(method));
    link.serve(&["stream", "fail"].map(method));
    (link, TestbedClient::new(server.clone()), server)
}

fn encode<T: serde::Serialize>(value: T) -> Vec<u8> {
    postcard::to_allocvec(&(0_u8, value)).expect("it can be encoded")
}

#[wasm_bindgen_test]
async fn a_call_is_answered_with_what_its_channel_brought() {
    let face = Face::new();
    let (link, client, _) = link(&face).await;
    let (tx, rx) = roam_core::channel();
    let answer = async {
        let request = face.expect("request").await;
        assert_eq!(
            (request.method(), request.payload()),
            (method("sum"), vec![0])
        );
        let numbers = request
            .ends()
            .expect("an end came")
            .receiver(0)
            .expect("it came");
        let mut sum = 0;
        while let Some(batch) = numbers.next_batch::<u32>().await.expect("it is not cut") {
            sum += u64::from(batch.into_iter().sum::<u32>());
        }
        link.respond(request.id(), &encode(sum), &[], &[])
            .expect("it fits");
    };
    let numbers = async {
        for number in [1, 2, 3] {
            tx.send(number).await.expect("it is read");
        }
        drop(tx);
    };
    let (sum, ((), ())) = join(client.sum(rx), join(answer, numbers)).await;
    assert_eq!(sum.expect("it is answered"), 6);
    after_events().await;
    assert_eq!((link.figure("callsIn"), link.figure("channels")), (0, 0));
}

#[wasm_bindgen_test]
async fn an_answer_can_bring_a_channel() {
    let face = Face::new();
    let (link, client, _) = link(&face).await;
    let answer = async {
        let request = face.expect("request").await;
        let kept = link.respond(request.id(), &encode(0_u64), &[], &[super::face::SENDER]);
        let numbers = kept.ok().flatten().expect("an end was kept");
        let numbers = numbers.sender(0).expect("it was kept");
        numbers.send(0..3_u32).expect("there is credit");
        numbers.close();
    };
    let (numbers, ()) = join(client.stream(3), answer).await;
    let mut numbers = numbers.expect("it is answered");
    for number in 0..3 {
        assert_eq!(numbers.recv().await.expect("it is not cut"), Some(number));
    }
    assert_eq!(numbers.recv().await.expect("it is a clean end"), None);
}

#[wasm_bindgen_test]
async fn an_answer_can_bring_a_channel_back() {
    let face = Face::new();
    let (link, _, server) = link(&face).await;
    // The result has a Tx: JavaScript keeps the receiving end.
    let call = server.call_raw(
        roam_core::MethodId(method("hang")),
        &Metadata::new(),
        &[],
        &[],
    );
    let (call, _) = call.expect("the link is open");
    let answer = async {
        let request = face.expect("request").await;
        let kept = link.respond(request.id(), &encode(0_u64), &[], &[RECEIVER]);
        let texts = kept.ok().flatten().expect("an end was kept");
        texts.receiver(0).expect("it was kept")
    };
    let (answered, texts) = join(call, answer).await;
    let mut ends = answered.expect("it is answered").ends;
    let wire = ends
        .next_wire(roam_core::proto::Direction::Send)
        .expect("an end came");
    wire.queue([&[5][..], &[6]]).expect("there is credit");
    wire.finish();
    assert_eq!(texts.next_batch::<u8>().await.ok(), Some(Some(vec![5, 6])));
    assert_eq!(texts.next_batch::<u8>().await.ok(), Some(None));
}

#[wasm_bindgen_test]
async fn methods_that_are_not_served_are_unknown() {
    let face = Face::new();
    let (_link, client, server) = link(&face).await;
    let answer = client.echo(String::new()).await;
    assert!(
        matches!(answer, Err(CallError::Answered(RoamError::UnknownMethod))),
        "{answer:?}"
    );
    assert_eq!(face.unasked(), 0);
    assert_eq!(server.stats().outgoing_calls, 0);
}

#[wasm_bindgen_test]
async fn a_cancelled_call_is_in_flight_until_its_handler_is_gone() {
    let face = Face::new();
    let (link, client, _) = link(&face).await;
    let mut call = client.hang();
    assert!((&mut call).now_or_never().is_none());
    let request = face.expect("request").await;
    drop(call);
    let cancelled = face.expect("cancelled").await;
    assert_eq!(cancelled.id(), request.id());
    assert_eq!(link.figure("callsIn"), 1);
    let late = link.respond(request.id(), &encode(()), &[], &[]);
    assert!(late.expect("it is ignored").is_none());
    let again = link.respond(request.id(), &encode(()), &[], &[]);
    assert!(again.expect("it is ignored").is_none());
    after_events().await;
    assert_eq!(link.figure("callsIn"), 0);
}

#[wasm_bindgen_test]
async fn an_answer_that_is_too_large_can_be_replaced() {
    let face = Face::new();
    let (link, client, _) = link(&face).await;
    let answer = async {
        let request = face.expect("request").await;
        let failure = link
            .respond(request.id(), &vec![0; (1 << 20) + 1], &[], &[])
            .err();
        assert_eq!(failure.expect("it is refused").kind(), "too-large");
        let (metadata, payload) = Named::TooLarge.response();
        link.respond(request.id(), payload, &metadata.to_bytes(), &[])
            .expect("it fits");
    };
    let (answered, ()) = join(client.hang().into_future(), answer).await;
    assert!(
        matches!(answered, Err(CallError::Failed(Named::TooLarge))),
        "{answered:?}"
    );
}

#[wasm_bindgen_test]
async fn the_end_of_the_link_cancels_what_is_being_answered() {
    let face = Face::new();
    let (link, client, server) = link(&face).await;
    let mut call = client.hang();
    assert!((&mut call).now_or_never().is_none());
    let request = face.expect("request").await;
    server.close("");
    assert_eq!(face.expect("cancelled").await.id(), request.id());
    face.expect("closed").await;
    let late = link.respond(request.id(), &encode(()), &[], &[]);
    assert!(late.expect("it is ignored").is_none());
}

#[wasm_bindgen_test]
async fn a_channel_that_was_given_up_is_cut_for_its_writer() {
    let face = Face::new();
    let (link, client, _) = link(&face).await;
    let (tx, rx): (Tx<u32>, Rx<u32>) = roam_core::channel();
    let answer = async {
        let request = face.expect("request").await;
        let numbers = request
            .ends()
            .expect("an end came")
            .receiver(0)
            .expect("it came");
        numbers.free();
        link.respond(request.id(), &encode(0_u64), &[], &[])
            .expect("it fits");
    };
    let (sum, ()) = join(client.sum(rx), answer).await;
    sum.expect("it is answered");
    after_events().await;
    assert!(tx.send(1).await.is_err());
}
