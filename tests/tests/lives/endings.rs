//! A server or a client that is killed in the middle of everything.

use roam_core::{CallError, CloseReason, RecvError, SendError, channel};
use roam_tests::end::{connect, echo, serve};
use roam_tests::probe::{ProbeClient, ProbeDispatcher, reporting};
use roam_tests::watched;
use roam_ws_server::Server;
use tokio::runtime::Runtime;

/// A runtime that can be killed.
fn machine() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn when_the_server_is_killed_everything_that_waits_fails_with_the_reason() {
    watched(async {
        let machine = machine();
        let (reporting, mut events) = reporting();
        let server = Server::new(ProbeDispatcher::new(reporting));
        let (address, _) = machine.spawn(serve(server)).await.unwrap();
        let link = connect(address).await;
        let client = ProbeClient::new(link.clone());

        let held = tokio::spawn(client.hold());
        assert_eq!(events.started().await, "hold");
        let (to_server, rx) = channel::<String>();
        let taking = tokio::spawn(client.take(rx));
        assert_eq!(events.started().await, "take");
        let _unread = events.input().await;
        let (tx, mut from_server) = channel::<String>();
        let giving = tokio::spawn(client.give(tx));
        assert_eq!(events.started().await, "give");
        let output = events.output().await;
        output.send("before".to_owned()).await.unwrap();
        assert_eq!(from_server.recv().await.unwrap(), Some("before".to_owned()));
        let receiving = tokio::spawn(async move { from_server.recv().await });
        // Until the window is full, and then it waits.
        let sending = tokio::spawn(async move {
            loop {
                if let Err(error) = to_server.send("x".repeat(50_000)).await {
                    return error;
                }
            }
        });

        machine.shutdown_background();
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
        let cut = receiving.await.unwrap();
        assert!(
            matches!(cut, Err(RecvError::Lost(CloseReason::Lost(_)))),
            "{cut:?}"
        );
        let cut = sending.await.unwrap();
        assert!(
            matches!(cut, SendError::Lost(CloseReason::Lost(_))),
            "{cut:?}"
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
fn when_a_client_is_killed_its_handlers_stop_and_nothing_of_it_is_left() {
    watched(async {
        let (reporting, mut events) = reporting();
        let server = Server::new(ProbeDispatcher::new(reporting)).with_max_links(2);
        let (address, _) = serve(server).await;
        let bystander = connect(address).await;
        for _ in 0..3 {
            let machine = machine();
            let client = machine.spawn(connect(address)).await.unwrap();
            let client = ProbeClient::new(client);
            machine.spawn(client.meet()).await.unwrap().unwrap();
            let link = events.met().await;
            for _ in 0..5 {
                machine.spawn(client.hold());
                assert_eq!(events.started().await, "hold");
            }
            let (tx, rx) = channel::<String>();
            machine.spawn(client.take(rx));
            assert_eq!(events.started().await, "take");
            let mut input = events.input().await;
            tx.send("before".to_owned()).await.unwrap();
            assert_eq!(input.recv().await.unwrap(), Some("before".to_owned()));

            machine.shutdown_background();
            assert!(matches!(link.closed().await, CloseReason::Lost(_)));
            let cut = input.recv().await;
            assert!(
                matches!(cut, Err(RecvError::Lost(CloseReason::Lost(_)))),
                "{cut:?}"
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
            // Its place is free again: the next one has it.
            echo(&bystander).await;
        }
    });
}
