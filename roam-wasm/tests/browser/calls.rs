//! Calls that JavaScript makes.

use futures::future::join;
use roam_core::{Metadata, NoDispatcher};
use wasm_bindgen_test::wasm_bindgen_test;

use super::face::{Face, Link, ThrowingFace};
use super::socket::after_events;
use super::testbed::{Handler, PACKED, TestbedDispatcher, method, serve};

async fn link(handler: Handler, face: &Face) -> Link {
    let (socket, _) = serve(PACKED, TestbedDispatcher::new(handler)).await;
    Link::open(&socket, face).await.expect("the peer answers")
}

#[wasm_bindgen_test]
async fn an_answer_comes_under_the_id_of_its_call() {
    let face = Face::new();
    let link = link(Handler::default(), &face).await;
    link.call(7, method("echo"), ("seven",), &[]);
    link.call(4, method("echo"), ("four",), &[]);
    assert_eq!(face.response::<String>(7).await, "seven");
    assert_eq!(face.response::<String>(4).await, "four");
    assert_eq!(link.figure("callsOut"), 0);
}

#[wasm_bindgen_test]
async fn calls_of_one_task_share_a_frame() {
    for (protocol, frames) in [(PACKED, 1), ("roam.v2", 100), ("", 100)] {
        let face = Face::new();
        let (socket, _) = serve(protocol, TestbedDispatcher::new(Handler::default())).await;
        let link = Link::open(&socket, &face).await.expect("the peer answers");
        let before = socket.frames_sent();
        for id in 0..100 {
            link.call(id, method("echo"), ("",), &[]);
        }
        for id in 0..100 {
            face.response::<String>(id).await;
        }
        assert_eq!(socket.frames_sent() - before, frames, "{protocol:?}");
        assert_eq!(link.figure("framesOut"), socket.frames_sent());
    }
}

#[wasm_bindgen_test]
async fn an_unknown_method_is_answered_as_such() {
    let face = Face::new();
    let (socket, _) = serve(PACKED, NoDispatcher).await;
    let link = Link::open(&socket, &face).await.expect("the peer answers");
    link.call(1, 42, (), &[]);
    assert_eq!(face.expect("response").await.payload(), [1, 1]);
}

#[wasm_bindgen_test]
async fn a_cancelled_call_stops_its_handler_and_is_not_heard_of() {
    let face = Face::new();
    let handler = Handler::default();
    let link = link(handler.clone(), &face).await;
    link.call(1, method("hang"), (), &[]);
    after_events().await;
    assert_eq!(handler.hanging.get(), 1);
    link.cancel(1);
    link.cancel(1);
    link.cancel(99);
    // Its answer comes behind what the peer says of the cancelled one.
    link.call(2, method("echo"), ("",), &[]);
    face.response::<String>(2).await;
    assert_eq!((handler.hanging.get(), face.unasked()), (0, 0));
}

#[wasm_bindgen_test]
async fn a_call_that_cannot_be_sent_throws() {
    let face = Face::new();
    let link = link(Handler::default(), &face).await;
    let failure = link.call_refused(method("echo"), &vec![0; (1 << 20) + 1], &[]);
    assert_eq!(failure.kind(), "too-large");
    assert_eq!(
        (failure.length(), failure.max()),
        (Some((1 << 20) + 1), Some(1 << 20))
    );
    assert!(
        failure
            .message()
            .is_some_and(|message| message.contains("1048576"))
    );

    let long = Metadata::new().with("k".repeat(300), "");
    for metadata in [&long.to_bytes()[..], &[1], &[0, 0]] {
        assert_eq!(link.call_refused(1, &[], metadata).kind(), "metadata");
    }
    assert_eq!(face.unasked(), 0);
}

#[wasm_bindgen_test]
async fn metadata_goes_as_it_is() {
    let face = Face::new();
    let (socket, server) = serve(PACKED, NoDispatcher).await;
    let (ours, _) = join(Link::open(&socket, &face), server.ready()).await;
    let link = ours.expect("the peer answers");
    let sent = Metadata::new()
        .with("text", "t")
        .with("bytes", vec![1, 2])
        .with("number", u64::MAX);
    link.serve(&[5]);
    // The peer calls with metadata, and is answered with the same.
    let call = server.call_raw(roam_core::MethodId(5), &sent, &[], &[]);
    let (call, _) = call.expect("the link is open");
    let answered = async {
        let request = face.expect("request").await;
        assert_eq!(request.metadata(), sent.to_bytes());
        link.respond(request.id(), &[0], &request.metadata(), &[])
            .expect("it fits");
    };
    let (answer, ()) = join(call, answered).await;
    assert_eq!(answer.expect("it was answered").metadata, sent);
}

#[wasm_bindgen_test]
async fn calls_fail_before_their_link_is_closed() {
    let face = Face::new();
    let handler = Handler::default();
    let (socket, server) = serve(PACKED, TestbedDispatcher::new(handler)).await;
    let link = Link::open(&socket, &face).await.expect("the peer answers");
    link.call(1, method("hang"), (), &[]);
    link.call(2, method("hang"), (), &[]);
    after_events().await;
    server.close("enough");
    for id in [1, 2] {
        let told = face.expect("failed").await;
        let failure = told.failure();
        assert_eq!((told.id(), failure.kind().as_str()), (id, "closed"));
        assert_eq!(failure.reason().as_deref(), Some("enough"));
        assert_eq!(failure.cause().as_deref(), Some("goodbye"));
    }
    assert_eq!(face.expect("closed").await.failure().kind(), "goodbye");
    let refused = link.call_refused(method("echo"), &[0], &[]);
    assert_eq!(
        (refused.kind().as_str(), refused.cause().as_deref()),
        ("closed", Some("goodbye"))
    );
    assert_eq!(face.unasked(), 0);
}

#[wasm_bindgen_test]
async fn a_face_that_throws_harms_no_other_call() {
    let face = ThrowingFace::new();
    let link = link(Handler::default(), &face).await;
    for id in 0..3 {
        link.call(id, method("echo"), ("",), &[]);
    }
    for id in 0..3 {
        face.response::<String>(id).await;
    }
}
