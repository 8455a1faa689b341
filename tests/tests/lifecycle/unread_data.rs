//! Peers that do not read what they receive.

use std::borrow::Cow;

use roam_core::net::websocket;
use roam_core::proto::{ChannelId, Close, Message};
use roam_core::{CloseReason, ConnectError, Metadata, MethodId, RequestId, Rule};
use roam_tests::endpoint::{HELLO, connect, echo, serve};
use roam_tests::probe::{ProbeDispatcher, method, probe_handler};
use roam_tests::raw::{Framing, Peer, ROOT, request};
use roam_tests::watched;
use roam_ws_server::Server;
use tokio_tungstenite::tungstenite::Message as Frame;

#[test]
fn goodbye_reaches_a_peer_that_keeps_sending() {
    watched(async {
        let (handler, _events) = probe_handler();
        let (address, _) = serve(Server::new(ProbeDispatcher::new(handler))).await;
        for framing in [Framing::Packed, Framing::Single, Framing::Unnamed] {
            for (first, rule) in [
                (Frame::text("hello"), Rule::DecodeError),
                (Frame::binary(vec![0; 4 << 20]), Rule::TooLarge),
            ] {
                let mut peer = Peer::connect(address, framing).await;
                peer.handshake(HELLO).await;
                peer.try_send_frame(first).await.unwrap();
                for _ in 0..8 {
                    // Far more than all buffers in between hold.
                    peer.try_send_frame(Frame::binary(vec![0; 1 << 20]))
                        .await
                        .unwrap();
                }
                peer.expect_goodbye(ROOT, rule).await;
                peer.expect_close().await;
            }
        }
    });
}

#[test]
fn peer_that_never_reads_our_replies_is_disconnected() {
    watched(async {
        let (handler, mut events) = probe_handler();
        let server = Server::new(ProbeDispatcher::new(handler)).with_max_links(2);
        let (address, _) = serve(server).await;
        let bystander = connect(address).await;
        let mut peer = Peer::connect(address, Framing::Packed).await;
        peer.handshake(HELLO).await;
        peer.request(ROOT, 1, method("meet"), &[], &[]).await;
        let link = events.met().await;
        // We reply to each channel with a Reset that the peer never reads.
        let mut n = 0;
        while link.close_reason().is_none() {
            let ids: Vec<_> = (0..200).map(|k| ChannelId(2 * (n + k) + 1)).collect();
            n += 200;
            let stray = Message::Response {
                connection: ROOT,
                request: RequestId(9),
                metadata: Cow::Owned(Metadata::new()),
                channels: ids.into(),
                payload: &[0],
            };
            if peer.try_send(&stray).await.is_err() {
                break;
            }
            assert!(link.stats().queued_bytes < 2 << 20);
        }
        assert!(matches!(link.closed().await, CloseReason::RepliesUnread));
        echo(&bystander).await;
        // Its slot is free for the next client, although it still holds its socket.
        let url = format!("ws://{address}/");
        let next = loop {
            match websocket::connect(&url).await {
                Ok(next) => break next,
                Err(ConnectError::Closed(CloseReason::Refused(refusal))) => {
                    assert_eq!(refusal.code, Close::TOO_MANY);
                    tokio::time::sleep(refusal.retry_after.unwrap()).await;
                }
                Err(error) => panic!("{error}"),
            }
        };
        echo(&next).await;
        drop(peer);
    });
}

#[test]
fn unread_responses_and_elements_are_bounded() {
    watched(async {
        let (handler, mut events) = probe_handler();
        let (address, _) = serve(Server::new(ProbeDispatcher::new(handler))).await;
        let bystander = connect(address).await;
        let mut peer = Peer::connect(address, Framing::Packed).await;
        peer.handshake(HELLO).await;
        peer.request(ROOT, 1, method("meet"), &[], &[]).await;
        let link = events.met().await;
        peer.response(ROOT, 1).await;
        // 200 responses of 1 MB, and an endless stream.
        for id in 2..202 {
            peer.send(&request(ROOT, id, method("fill"), &[], &[0xc0, 0x84, 0x3d]))
                .await;
        }
        let channel = [ChannelId(1)];
        peer.send(&request(ROOT, 500, method("pour"), &channel, &[0xe8, 7, 0]))
            .await;
        peer.request(ROOT, 501, MethodId(42), &[], &[]).await;
        while events.started().await != "pour" {}
        for _ in 0..100 {
            echo(&bystander).await;
            // The limit of the outbox, and the largest message queued after it.
            assert!(link.stats().queued_bytes <= 256 * 1024 + (1 << 20) + (64 << 10));
        }
        drop(peer);
        assert!(matches!(link.closed().await, CloseReason::Lost(_)));
        while link.stats().incoming_calls > 0 {
            tokio::task::yield_now().await;
        }
        echo(&bystander).await;
    });
}
