//! Calls made by JavaScript.

use futures::future::join;
use roam_core::{Metadata, NoDispatcher};
use roam_wasm::javascript::OutcomeKind;
use wasm_bindgen_test::wasm_bindgen_test;

use super::page::{Link, Page, ThrowingPage};
use super::socket::after_events;
use super::testbed::{Handler, PACKED, TestbedDispatcher, method, serve};

async fn link(handler: Handler, page: &Page) -> Link {
    let (socket, _) = serve(PACKED, TestbedDispatcher::new(handler)).await;
    Link::open(&socket, page).await.expect("the peer answers")
}

#[wasm_bindgen_test]
async fn answers_carry_the_id_of_their_call() {
    let page = Page::new();
    let link = link(Handler::default(), &page).await;
    link.call(1, method("echo"), ("one",), &[]);
    link.call(2, method("echo"), ("two",), &[]);
    assert_eq!(page.response::<String>(1).await, "one");
    assert_eq!(page.response::<String>(2).await, "two");
    assert_eq!(link.stat("callsOut"), 0);
}

#[wasm_bindgen_test]
async fn calls_of_one_task_share_a_frame() {
    for (protocol, frames) in [(PACKED, 1), ("roam.v2", 100), ("", 100)] {
        let page = Page::new();
        let (socket, _) = serve(protocol, TestbedDispatcher::new(Handler::default())).await;
        let link = Link::open(&socket, &page).await.expect("the peer answers");
        let before = socket.frames_sent();
        for id in 1..=100 {
            link.call(id, method("echo"), ("",), &[]);
        }
        for id in 1..=100 {
            page.response::<String>(id).await;
        }
        assert_eq!(socket.frames_sent() - before, frames, "{protocol:?}");
        assert_eq!(link.stat("framesOut"), socket.frames_sent());
    }
}

#[wasm_bindgen_test]
async fn unknown_method_is_rejected() {
    let page = Page::new();
    let (socket, _) = serve(PACKED, NoDispatcher).await;
    let link = Link::open(&socket, &page).await.expect("the peer answers");
    link.call(1, 42, (), &[]);
    let answer = page.expect("response").await;
    assert_eq!(
        (answer.outcome(), answer.payload()),
        (OutcomeKind::UnknownMethod, vec![])
    );
}

#[wasm_bindgen_test]
async fn cancelled_call_aborts_its_handler_silently() {
    let page = Page::new();
    let handler = Handler::default();
    let link = link(handler.clone(), &page).await;
    link.call(1, method("hang"), (), &[]);
    after_events().await;
    assert_eq!(handler.hanging.get(), 1);
    link.cancel(1);
    link.cancel(1);
    link.cancel(99);
    // Its answer follows any message about the cancelled call.
    link.call(2, method("echo"), ("",), &[]);
    page.response::<String>(2).await;
    assert_eq!((handler.hanging.get(), page.unread()), (0, 0));
}

#[wasm_bindgen_test]
async fn invalid_call_throws() {
    let page = Page::new();
    let link = link(Handler::default(), &page).await;
    let failure = link.call_refused(method("echo"), &vec![0; (1 << 20) + 1], &[]);
    assert_eq!(failure.kind(), "too-large");
    assert!(
        failure
            .message()
            .is_some_and(|message| message.contains("1048577") && message.contains("1048576"))
    );

    let long = Metadata::new().with("k".repeat(300), "");
    for metadata in [&long.to_bytes()[..], &[1], &[0, 0]] {
        assert_eq!(link.call_refused(1, &[], metadata).kind(), "metadata");
    }
    assert_eq!(page.unread(), 0);
}

#[wasm_bindgen_test]
async fn metadata_is_passed_unchanged() {
    let page = Page::new();
    let (socket, server) = serve(PACKED, NoDispatcher).await;
    let (ours, _) = join(Link::open(&socket, &page), server.ready()).await;
    let link = ours.expect("the peer answers");
    let sent = Metadata::new()
        .with("text", "t")
        .with("bytes", vec![1, 2])
        .with("number", u64::MAX);
    // The peer calls with metadata and gets the same metadata back.
    let call = server.call_raw(roam_core::MethodId(5), &sent, &[], &[]);
    let (call, _) = call.expect("the link is open");
    let answered = async {
        let request = page.expect("request").await;
        assert_eq!(request.metadata(), sent.to_bytes());
        link.respond(request.id(), &[], &request.metadata(), &[])
            .expect("the answer fits");
    };
    let (answer, ()) = join(call, answered).await;
    assert_eq!(answer.expect("the call was answered").metadata, sent);
}

#[wasm_bindgen_test]
async fn link_end_is_one_event_for_all_calls() {
    let page = Page::new();
    let handler = Handler::default();
    let (socket, server) = serve(PACKED, TestbedDispatcher::new(handler)).await;
    let link = Link::open(&socket, &page).await.expect("the peer answers");
    link.call(1, method("hang"), (), &[]);
    link.call(2, method("hang"), (), &[]);
    after_events().await;
    server.close("enough");
    assert_eq!(page.expect("closed").await.failure().kind(), "goodbye");
    let refused = link.call_refused(method("echo"), &[0], &[]);
    assert_eq!(
        (refused.kind().as_str(), refused.cause().as_deref()),
        ("closed", Some("goodbye"))
    );
    assert_eq!(page.unread(), 0);
}

#[wasm_bindgen_test]
async fn throwing_callback_affects_no_other_call() {
    let page = ThrowingPage::new();
    let link = link(Handler::default(), &page).await;
    for id in 1..=3 {
        link.call(id, method("echo"), ("",), &[]);
    }
    for id in 1..=3 {
        page.response::<String>(id).await;
    }
}
