//! Servers and clients that are killed while calls and streams are in flight.

use std::time::Duration;

use roam_core::{CallError, CloseReason, Config, RecvError, SendError, channel};
use roam_tests::endpoint::{connect, echo, serve};
use roam_tests::probe::{ProbeClient, ProbeDispatcher, probe_handler};
use roam_tests::watched;
use roam_ws_server::Server;
use tokio::runtime::Runtime;

/// Returns a runtime whose shutdown simulates a crash.
fn new_runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// Links end with their sockets.
fn keeps_nothing() -> Config {
    Config::default().with_keep(Duration::ZERO)
}

#[test]
fn server_crash_fails_everything_pending() {
    watched(async {
        let runtime = new_runtime();
        let (handler, mut events) = probe_handler();
        let server = Server::new(ProbeDispatcher::new(handler)).with_config(keeps_nothing());
        let (address, _) = runtime.spawn(serve(server)).await.unwrap();
        let link = connect(address).await;
        let client = ProbeClient::new(link.clone());

        let held = tokio::spawn(client.hold().into_future());
        assert_eq!(events.started().await, "hold");
        let (to_server, rx) = channel::<String>();
        let taking = tokio::spawn(client.take(rx).into_future());
        assert_eq!(events.started().await, "take");
        let _unread = events.input().await;
        let (tx, mut from_server) = channel::<String>();
        let giving = tokio::spawn(client.give(tx).into_future());
        assert_eq!(events.started().await, "give");
        let output = events.output().await;
        output.send("before".to_owned()).await.unwrap();
        assert_eq!(from_server.recv().await.unwrap(), Some("before".to_owned()));
        let receiving = tokio::spawn(async move { from_server.recv().await });
        // Fills the window, then blocks.
        let sending = tokio::spawn(async move {
            loop {
                if let Err(error) = to_server.send("x".repeat(50_000)).await {
                    return error;
                }
            }
        });

        runtime.shutdown_background();
        for call in [held, taking, giving] {
            let failed = call.await.unwrap();
            assert!(
                matches!(
                    failed,
                    Err(CallError::Lost {
                        reason: CloseReason::Lost(_),
                        sent: true
                    })
                ),
                "{failed:?}"
            );
        }
        let lost = receiving.await.unwrap();
        assert!(
            matches!(lost, Err(RecvError::Lost(CloseReason::Lost(_)))),
            "{lost:?}"
        );
        let lost = sending.await.unwrap();
        assert!(
            matches!(lost, SendError::Lost(CloseReason::Lost(_))),
            "{lost:?}"
        );
        assert!(matches!(link.closed().await, CloseReason::Lost(_)));
        let late = client.hold().await;
        assert!(
            matches!(late, Err(CallError::Lost { sent: false, .. })),
            "{late:?}"
        );
    });
}

#[test]
fn client_crash_stops_its_handlers_and_frees_its_slot() {
    watched(async {
        let (handler, mut events) = probe_handler();
        let server = Server::new(ProbeDispatcher::new(handler))
            .with_config(keeps_nothing())
            .with_max_links(2);
        let (address, _) = serve(server).await;
        let bystander = connect(address).await;
        for _ in 0..3 {
            let runtime = new_runtime();
            let client = runtime.spawn(connect(address)).await.unwrap();
            let client = ProbeClient::new(client);
            runtime
                .spawn(client.meet().into_future())
                .await
                .unwrap()
                .unwrap();
            let link = events.met().await;
            for _ in 0..5 {
                runtime.spawn(client.hold().into_future());
                assert_eq!(events.started().await, "hold");
            }
            let (tx, rx) = channel::<String>();
            runtime.spawn(client.take(rx).into_future());
            assert_eq!(events.started().await, "take");
            let mut input = events.input().await;
            tx.send("before".to_owned()).await.unwrap();
            assert_eq!(input.recv().await.unwrap(), Some("before".to_owned()));

            runtime.shutdown_background();
            assert!(matches!(link.closed().await, CloseReason::Lost(_)));
            let lost = input.recv().await;
            assert!(
                matches!(lost, Err(RecvError::Lost(CloseReason::Lost(_)))),
                "{lost:?}"
            );
            let mut stopped = Vec::new();
            for _ in 0..6 {
                stopped.push(events.stopped().await);
            }
            stopped.sort_unstable();
            assert_eq!(stopped, ["hold", "hold", "hold", "hold", "hold", "take"]);
            drop(input);
            while link.stats().incoming_calls > 0 || link.stats().channels > 0 {
                tokio::task::yield_now().await;
            }
            // Its slot is free for the next client.
            echo(&bystander).await;
        }
    });
}
