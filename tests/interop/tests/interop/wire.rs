//! Their encoder and decoder, message for message, on links of ours: also for what their own
//! driver never says.

use std::collections::HashMap;

use roam::wire::{ConnectionId, Hello, Message};
use roam_core::transport::stream::StreamTransport;
use roam_core::{CloseReason, Config, ConnectionHandle, Metadata, accept};
use roam_stream::CobsFramed;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::links::{CREDIT, sockets};
use crate::ours;
use crate::reports::{Report, Reports};
use crate::watch::watched;

/// A peer that says what the test wants, on a link that it opened.
struct Scripted {
    stream: CobsFramed<TcpStream>,
    ours: ConnectionHandle,
    end: JoinHandle<CloseReason>,
    reports: Reports,
    ids: HashMap<String, u64>,
}

impl Scripted {
    async fn connect() -> Self {
        let (connecting, accepting) = sockets().await;
        let (handler, reports) = ours::answering();
        let config = Config {
            initial_channel_credit: CREDIT,
            ..Config::default()
        };
        let dispatcher = ours::TestbedDispatcher::new(handler);
        let (ours, driver) = accept(StreamTransport::new(accepting), dispatcher, &config);
        let methods = ours::testbed_service().methods.iter();
        let mut scripted = Self {
            stream: CobsFramed::new(connecting),
            ours,
            end: tokio::spawn(driver),
            reports,
            ids: methods
                .map(|method| (method.name.to_string(), method.id.0))
                .collect(),
        };
        let hello = Hello::V2 {
            max_payload_size: 1 << 20,
            initial_channel_credit: CREDIT,
        };
        assert_eq!(scripted.hear().await, Message::Hello(hello.clone()));
        scripted.say(Message::Hello(hello)).await;
        scripted
    }

    async fn say(&mut self, message: Message) {
        self.stream.send(&message).await.unwrap();
    }

    async fn hear(&mut self) -> Message {
        self.stream.recv().await.unwrap().expect("a message")
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
        self.say(request).await;
    }

    async fn data(&mut self, channel_id: u64, payload: Vec<u8>) {
        self.say(Message::Data {
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
        peer.say(Message::Cancel {
            conn_id: ConnectionId::ROOT,
            request_id: 1,
        })
        .await;
        assert_eq!(peer.hear().await, response(vec![1, 3]));
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
        } = peer.hear().await
        else {
            panic!()
        };
        assert!(bytes > 0);
        peer.data(1, vec![2]).await;
        peer.say(Message::Close {
            conn_id: ConnectionId::ROOT,
            channel_id: 1,
        })
        .await;
        // The sum of 65,537 ones, zig-zag.
        let sum = response(vec![0, 0x82, 0x80, 0x08]);
        while let heard = peer.hear().await
            && heard != sum
        {
            assert!(
                matches!(heard, Message::Credit { channel_id: 1, .. }),
                "{heard:?}"
            );
        }
    });
}

#[test]
fn credit_lets_the_handler_go_on_and_its_close_comes_before_its_answer() {
    watched(async {
        let mut peer = Scripted::connect().await;
        // 70,000 is 0x011170; each element takes up to three bytes.
        peer.request("generate", vec![1], vec![0xf0, 0xa2, 0x04, 1])
            .await;
        let (mut received, mut window) = (0, i64::from(CREDIT));
        loop {
            match peer.hear().await {
                Message::Data {
                    channel_id: 1,
                    payload,
                    ..
                } => {
                    received += 1;
                    window -= i64::try_from(payload.len()).unwrap();
                    assert!(window >= 0, "beyond the credit");
                }
                Message::Close { channel_id: 1, .. } => break,
                other => panic!("{other:?}"),
            }
            if window < 8 {
                window += i64::from(CREDIT);
                let (conn_id, bytes) = (ConnectionId::ROOT, CREDIT);
                peer.say(Message::Credit {
                    conn_id,
                    channel_id: 1,
                    bytes,
                })
                .await;
            }
        }
        assert_eq!(received, 70_000);
        assert_eq!(peer.hear().await, response(vec![0]));
    });
}

#[test]
fn reset_is_no_clean_end() {
    watched(async {
        let mut peer = Scripted::connect().await;
        peer.request("sum", vec![1], vec![1]).await;
        peer.data(1, vec![2]).await;
        peer.say(Message::Reset {
            conn_id: ConnectionId::ROOT,
            channel_id: 1,
        })
        .await;
        let Message::Response { payload, .. } = peer.hear().await else {
            panic!()
        };
        assert_eq!(
            payload[0], 0,
            "the handler was told, and answers what it has"
        );
        // What comes for it later is ignored.
        peer.data(1, vec![2]).await;
        peer.request("nothing", vec![], vec![]).await;
        assert_eq!(peer.hear().await, response(vec![0]));
    });
}

#[test]
fn connections_begin_and_end() {
    watched(async {
        let mut peer = Scripted::connect().await;
        let mut asking = peer.ours.listen();
        peer.say(Message::Connect {
            request_id: 7,
            metadata: vec![],
        })
        .await;
        let granted = asking
            .next()
            .await
            .unwrap()
            .accept(&Metadata::new(), roam_core::NoDispatcher);
        let connection = granted.unwrap();
        let Message::Accept {
            request_id: 7,
            conn_id,
            ..
        } = peer.hear().await
        else {
            panic!()
        };
        assert_eq!(conn_id.raw(), connection.id().0);
        peer.say(Message::Goodbye {
            conn_id,
            reason: "done".to_owned(),
        })
        .await;
        assert_eq!(
            connection.closed().await.to_string(),
            "closed by the peer: done"
        );
        assert!(peer.ours.close_reason().is_none());
        peer.say(Message::Goodbye {
            conn_id: ConnectionId::ROOT,
            reason: "bye".to_owned(),
        })
        .await;
        assert_eq!(
            peer.end.await.unwrap().to_string(),
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
        } = peer.hear().await
        else {
            panic!()
        };
        assert!(reason.starts_with("channeling.unknown"), "{reason}");
        assert!(matches!(peer.end.await.unwrap(), CloseReason::Violation(_)));
    });
}
