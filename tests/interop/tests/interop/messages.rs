//! Their encoder and decoder against our links, message by message. This covers messages that their
//! own driver never sends.

use std::collections::HashMap;

use roam::wire::{ConnectionId, Hello, Message};
use roam_core::net::stream::StreamTransport;
use roam_core::{CloseReason, Config, ConnectionHandle, Metadata, accept};
use roam_stream::CobsFramed;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::links::{CREDIT, sockets};
use crate::ours;
use crate::reports::{Report, Reports};
use crate::watch::watched;

/// A scripted peer, on a link that it opened.
struct Scripted {
    stream: CobsFramed<TcpStream>,
    ours: ConnectionHandle,
    driver: JoinHandle<CloseReason>,
    reports: Reports,
    ids: HashMap<String, u64>,
}

impl Scripted {
    async fn connect() -> Self {
        let (connecting, accepting) = sockets().await;
        let (handler, reports) = ours::testbed_handler();
        let config = Config::default().with_initial_channel_credit(CREDIT);
        let dispatcher = ours::TestbedDispatcher::new(handler);
        let (ours, driver) = accept(StreamTransport::new(accepting))
            .dispatcher(dispatcher)
            .config(config.clone())
            .drive();
        let methods = ours::testbed_service().methods.iter();
        let mut scripted = Self {
            stream: CobsFramed::new(connecting),
            ours,
            driver: tokio::spawn(driver),
            reports,
            ids: methods
                .map(|method| (method.name.to_string(), method.id.0))
                .collect(),
        };
        let hello = Hello::V2 {
            max_payload_size: 1 << 20,
            initial_channel_credit: CREDIT,
        };
        // We are silent until we know what the peer speaks.
        scripted.send(Message::Hello(hello.clone())).await;
        assert_eq!(scripted.recv().await, Message::Hello(hello));
        scripted
    }

    async fn send(&mut self, message: Message) {
        self.stream.send(&message).await.unwrap();
    }

    async fn recv(&mut self) -> Message {
        self.stream
            .recv()
            .await
            .unwrap()
            .expect("the peer closed the stream")
    }

    async fn request(&mut self, method: &str, channels: Vec<u64>, payload: Vec<u8>) {
        let request = Message::Request {
            conn_id: ConnectionId::ROOT,
            request_id: 1,
            method_id: self.ids[method],
            metadata: vec![],
            channels,
            payload,
        };
        self.send(request).await;
    }

    async fn data(&mut self, channel_id: u64, payload: Vec<u8>) {
        self.send(Message::Data {
            conn_id: ConnectionId::ROOT,
            channel_id,
            payload,
        })
        .await;
    }
}

fn response(payload: Vec<u8>) -> Message {
    let (conn_id, metadata, channels) = (ConnectionId::ROOT, vec![], vec![]);
    Message::Response {
        conn_id,
        request_id: 1,
        metadata,
        channels,
        payload,
    }
}

#[test]
fn cancel_stops_the_handler_and_is_answered() {
    watched(async {
        let mut peer = Scripted::connect().await;
        peer.request("hold", vec![], vec![]).await;
        assert_eq!(peer.reports.next().await, Report::Started);
        peer.send(Message::Cancel {
            conn_id: ConnectionId::ROOT,
            request_id: 1,
        })
        .await;
        assert_eq!(peer.recv().await, response(vec![1, 3]));
        assert_eq!(peer.reports.next().await, Report::Stopped);
    });
}

#[test]
fn credit_is_granted_as_the_handler_reads() {
    watched(async {
        let mut peer = Scripted::connect().await;
        peer.request("sum", vec![1], vec![1]).await;
        for _ in 0..CREDIT {
            peer.data(1, vec![2]).await;
        }
        let Message::Credit {
            channel_id: 1,
            bytes,
            ..
        } = peer.recv().await
        else {
            panic!()
        };
        assert!(bytes > 0);
        peer.data(1, vec![2]).await;
        peer.send(Message::Close {
            conn_id: ConnectionId::ROOT,
            channel_id: 1,
        })
        .await;
        // The sum of 65,537 ones, zigzag-encoded.
        let sum = response(vec![0, 0x82, 0x80, 0x08]);
        while let received = peer.recv().await
            && received != sum
        {
            assert!(
                matches!(received, Message::Credit { channel_id: 1, .. }),
                "{received:?}"
            );
        }
    });
}

#[test]
fn credit_resumes_the_handler_and_close_precedes_the_response() {
    watched(async {
        let mut peer = Scripted::connect().await;
        // 70,000 is 0x011170; each element takes up to three bytes.
        peer.request("generate", vec![1], vec![0xf0, 0xa2, 0x04, 1])
            .await;
        let (mut received, mut window) = (0, i64::from(CREDIT));
        loop {
            match peer.recv().await {
                Message::Data {
                    channel_id: 1,
                    payload,
                    ..
                } => {
                    received += 1;
                    window -= i64::try_from(payload.len()).unwrap();
                    assert!(window >= 0, "the handler exceeded its credit");
                }
                Message::Close { channel_id: 1, .. } => break,
                other => panic!("{other:?}"),
            }
            if window < 8 {
                window += i64::from(CREDIT);
                let (conn_id, bytes) = (ConnectionId::ROOT, CREDIT);
                peer.send(Message::Credit {
                    conn_id,
                    channel_id: 1,
                    bytes,
                })
                .await;
            }
        }
        assert_eq!(received, 70_000);
        assert_eq!(peer.recv().await, response(vec![0]));
    });
}

#[test]
fn reset_ends_the_channel_of_a_running_handler() {
    watched(async {
        let mut peer = Scripted::connect().await;
        peer.request("sum", vec![1], vec![1]).await;
        peer.data(1, vec![2]).await;
        peer.send(Message::Reset {
            conn_id: ConnectionId::ROOT,
            channel_id: 1,
        })
        .await;
        let Message::Response { payload, .. } = peer.recv().await else {
            panic!()
        };
        assert_eq!(
            payload[0], 0,
            "expected the handler to return its partial sum"
        );
        // Late elements are ignored.
        peer.data(1, vec![2]).await;
        peer.request("nothing", vec![], vec![]).await;
        assert_eq!(peer.recv().await, response(vec![0]));
    });
}

#[test]
fn connections_open_and_close() {
    watched(async {
        let mut peer = Scripted::connect().await;
        let mut listener = peer.ours.listen();
        peer.send(Message::Connect {
            request_id: 7,
            metadata: vec![],
        })
        .await;
        let accepted = listener
            .next()
            .await
            .unwrap()
            .accept(&Metadata::new(), roam_core::NoDispatcher);
        let connection = accepted.unwrap();
        let Message::Accept {
            request_id: 7,
            conn_id,
            ..
        } = peer.recv().await
        else {
            panic!()
        };
        assert_eq!(conn_id.raw(), connection.id().0);
        peer.send(Message::Goodbye {
            conn_id,
            reason: "done".to_owned(),
        })
        .await;
        assert_eq!(
            connection.closed().await.to_string(),
            "closed by the peer: done"
        );
        assert!(peer.ours.close_reason().is_none());
        peer.send(Message::Goodbye {
            conn_id: ConnectionId::ROOT,
            reason: "bye".to_owned(),
        })
        .await;
        assert_eq!(
            peer.driver.await.unwrap().to_string(),
            "closed by the peer: bye"
        );
    });
}

#[test]
fn goodbye_names_the_rule() {
    watched(async {
        let mut peer = Scripted::connect().await;
        peer.data(9, vec![2]).await;
        let Message::Goodbye {
            conn_id: ConnectionId::ROOT,
            reason,
        } = peer.recv().await
        else {
            panic!()
        };
        assert!(reason.starts_with("channeling.unknown"), "{reason}");
        assert!(matches!(
            peer.driver.await.unwrap(),
            CloseReason::Violation(_)
        ));
    });
}
