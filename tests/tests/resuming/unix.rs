//! Links over Unix sockets that are cut.

use std::path::Path;
use std::sync::atomic::Ordering;

use roam_core::net::stream::{StreamTransport, unix};
use roam_core::server::Acceptor;
use roam_core::{Config, channel};
use roam_tests::watched;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;

use crate::world::{MeterClient, MeterDispatcher, accept, expect_numbers, handler, send_numbers};

/// Joins each socket that comes with one to `server`, and hands out how to cut it.
async fn relay(listener: UnixListener, server: Box<Path>, cuts: UnboundedSender<AbortHandle>) {
    while let Ok((mut near, _)) = listener.accept().await {
        let mut far = UnixStream::connect(&server).await.unwrap();
        let carrying = tokio::spawn(async move {
            // One that is cut has no end.
            let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
        });
        // The test may have ended.
        let _ = cuts.send(carrying.abort_handle());
    }
}

async fn cut(relayed: &mut UnboundedReceiver<AbortHandle>) {
    relayed.recv().await.expect("the relay runs").abort();
}

#[test]
fn calls_and_streams_over_unix_sockets_go_on_exactly_once() {
    watched(async {
        let folder = tempfile::tempdir().unwrap();
        let [near, far] = ["near", "far"].map(|name| folder.path().join(name));
        let (handler, _told) = handler();
        let dispatcher = MeterDispatcher::new(handler.clone());
        let listener = UnixListener::bind(&far).unwrap();
        tokio::spawn(async move {
            let acceptor = Acceptor::new(Config::default());
            while let Ok((socket, _)) = listener.accept().await {
                let socket = StreamTransport::new(socket);
                tokio::spawn(accept(acceptor.clone(), socket, dispatcher.clone()));
            }
        });
        let (cuts, mut relayed) = unbounded_channel();
        let listener = UnixListener::bind(&near).unwrap();
        tokio::spawn(relay(listener, far.into(), cuts));

        let link = unix::connect(&near).await.unwrap();
        let client = MeterClient::new(link.clone());
        let (output, input) = channel();
        let up = tokio::spawn(client.check(input).into_future());
        let sending = tokio::spawn(send_numbers(100_000, output));
        let (output, input) = channel();
        let down = tokio::spawn(client.numbers(100_000, output).into_future());
        let reading = tokio::spawn(expect_numbers(input));
        for call in 1..=10 {
            cut(&mut relayed).await;
            assert_eq!(client.count().await.unwrap(), call);
        }
        sending.await.unwrap();
        assert_eq!(up.await.unwrap().unwrap(), 100_000);
        down.await.unwrap().unwrap();
        assert_eq!(reading.await.unwrap(), 100_000);
        assert_eq!(handler.counted.load(Ordering::Relaxed), 10);
        assert!(link.close_reason().is_none());
    });
}
