//! Who may go on with a link: tokens that expire, and are asked for.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use roam_core::net::websocket;
use roam_core::proto::{Close, LinkId, Refusal};
use roam_core::{AskError, CloseReason, ConnectionHandle, Identity, Metadata, NoDispatcher};
use roam_tests::watched;
use roam_ws_server::Admission;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::world::{MeterClient, Net, NumbersBothWays, World, over_each};

const WITHIN: Duration = Duration::from_mins(1);

/// What the server was told: a token, and for which link.
type Seen = (Option<String>, Option<LinkId>);

/// A world whose server knows Ann, by tokens that begin with a, and Bob, by others. `expired` is no longer valid.
async fn world() -> (World, UnboundedReceiver<Seen>) {
    let (tell, seen) = unbounded_channel();
    let admit = move |peer: Admission| {
        let token = peer.metadata.get_str("token").map(str::to_owned);
        tell.send((token.clone(), peer.link)).unwrap();
        ready(match token.as_deref() {
            None | Some("expired") => Err(Refusal::new(Close::TOKEN, "sign in again")),
            Some(token) if token.starts_with('a') => Ok(Some(Identity::new("ann"))),
            Some(_) => Ok(Some(Identity::new("bob"))),
        })
    };
    let world = World::with(|server| server.with_admission(admit)).await;
    (world, seen)
}

/// Opens a link that says these tokens, one after another, and then the last again and again.
async fn connect(world: &World, tokens: &'static [&'static str]) -> ConnectionHandle {
    let next = AtomicU32::new(0);
    let link = websocket::connect(&world.url()).metadata_from(move || {
        let at = next.fetch_add(1, Ordering::Relaxed) as usize;
        let token = tokens.get(at).or(tokens.last()).copied();
        ready(Ok::<_, Infallible>(
            Metadata::new().with("token", token.unwrap_or_default()),
        ))
    });
    link.await.expect("the first token is valid")
}

async fn expect_code(link: &ConnectionHandle, code: u16) -> String {
    let reason = link.closed().await;
    let told = reason.peer_close().unwrap_or_else(|| panic!("{reason}"));
    assert_eq!(told.code, code, "{reason}");
    told.reason
}

#[test]
fn the_server_sees_what_a_client_says_with_each_socket_and_each_token() {
    watched(async {
        let (mut world, mut seen) = world().await;
        let link = connect(&world, &["a1", "a2", "a3"]).await;
        let (_held, server) = world.hold(&link).await;
        world.cut();
        MeterClient::new(link.clone()).count().await.unwrap();
        let given = server.ask_for_token(WITHIN).await.unwrap().unwrap();
        assert_eq!(given.get_str("token"), Some("a3"));
        let id = link.link_id();
        assert!(id.is_some() && id == server.link_id());
        for expected in [("a1", None), ("a2", id.clone()), ("a3", id)] {
            let (token, link) = seen.recv().await.unwrap();
            assert_eq!((token.as_deref(), link), (Some(expected.0), expected.1));
        }
        assert!(link.close_reason().is_none());
    });
}

#[test]
fn streams_go_on_while_a_token_is_asked_for() {
    watched(async {
        let (mut world, _seen) = world().await;
        let link = connect(&world, &["a"]).await;
        let (_held, server) = world.hold(&link).await;
        let client = MeterClient::new(link.clone());
        let numbers = NumbersBothWays::start(&client, 50_000);
        for _ in 0..20 {
            server.ask_for_token(WITHIN).await.unwrap();
        }
        numbers.arrive().await;
    });
}

#[test]
fn an_expired_token_ends_a_link_that_returns() {
    watched(async {
        let (world, _seen) = world().await;
        let link = connect(&world, &["a", "expired"]).await;
        world.cut();
        assert_eq!(expect_code(&link, Close::TOKEN).await, "sign in again");
    });
}

#[test]
fn an_expired_token_ends_a_link_that_is_asked_for_it() {
    watched(async {
        let (mut world, _seen) = world().await;
        let link = connect(&world, &["a", "expired"]).await;
        let (_held, server) = world.hold(&link).await;
        let refused = server.ask_for_token(WITHIN).await.unwrap_err();
        assert!(matches!(
            refused,
            AskError::Ended(CloseReason::ClosedHere(_))
        ));
        assert_eq!(expect_code(&link, Close::TOKEN).await, "sign in again");
    });
}

#[test]
fn a_token_of_somebody_else_ends_the_link() {
    watched(async {
        let (mut world, _seen) = world().await;
        for is_cut in [true, false] {
            let link = connect(&world, &["a", "b"]).await;
            let (_held, server) = world.hold(&link).await;
            if is_cut {
                world.cut();
            } else {
                server.ask_for_token(WITHIN).await.unwrap_err();
            }
            expect_code(&link, Close::OTHER_PRINCIPAL).await;
        }
    });
}

#[test]
fn a_client_that_gives_no_token_in_time_loses_its_link() {
    watched(async {
        let (mut world, _seen) = world().await;
        let calls = Arc::new(AtomicU32::new(0));
        let link = websocket::connect(&world.url())
            .metadata_from(move || {
                let first = calls.fetch_add(1, Ordering::Relaxed) == 0;
                async move {
                    if !first {
                        std::future::pending::<()>().await;
                    }
                    Ok::<_, Infallible>(Metadata::new().with("token", "a"))
                }
            })
            .await
            .unwrap();
        let (_held, server) = world.hold(&link).await;
        server
            .ask_for_token(Duration::from_millis(50))
            .await
            .unwrap_err();
        let reason = expect_code(&link, Close::TOKEN).await;
        assert_eq!(reason, "no valid token in time");
    });
}

#[test]
fn a_client_without_a_function_says_what_it_said_first() {
    over_each(async |net| {
        let mut world = World::new(net).await;
        let link = match net {
            Net::WebSocket => {
                let link = websocket::connect(&world.url());
                link.metadata(Metadata::new().with("token", "a")).await
            }
            Net::Tcp => world.try_to_connect().await,
        };
        let (_held, server) = world.hold(&link.unwrap()).await;
        let given = server.ask_for_token(WITHIN).await.unwrap().unwrap();
        let expected = (net == Net::WebSocket).then_some("a");
        assert_eq!(given.get_str("token"), expected);
    });
}

#[test]
fn a_question_waits_for_the_next_socket() {
    watched(async {
        let (mut world, mut seen) = world().await;
        let link = connect(&world, &["a1", "a2"]).await;
        let (_held, server) = world.hold(&link).await;
        world.cut_off().await;
        let asking = tokio::spawn({
            let server = server.clone();
            async move { server.ask_for_token(WITHIN).await }
        });
        world.proxy.admit(roam_faults::Admission::Accept);
        // Its metadata are the answer.
        assert_eq!(asking.await.unwrap().unwrap(), None);
        assert!(seen.recv().await.is_some() && seen.recv().await.is_some());
        assert!(seen.try_recv().is_err(), "nothing was asked twice");
    });
}

#[test]
fn a_detached_link_whose_token_does_not_come_ends() {
    watched(async {
        let (mut world, _seen) = world().await;
        let link = connect(&world, &["a"]).await;
        let (_held, server) = world.hold(&link).await;
        world.cut_off().await;
        server
            .ask_for_token(Duration::from_millis(50))
            .await
            .unwrap_err();
        world.proxy.admit(roam_faults::Admission::Accept);
        expect_code(&link, Close::TOKEN).await;
    });
}

#[test]
fn nobody_asks_a_peer_that_cannot_answer() {
    watched(async {
        let mut world = World::new(Net::WebSocket).await;
        let link = world.connect().await;
        let asked = link.ask_for_token(WITHIN).await;
        assert!(matches!(asked, Err(AskError::Unsupported)), "as initiator");
        let old = websocket::connect(&world.url())
            .dispatcher(NoDispatcher)
            .subprotocols(websocket::Subprotocols::OfferNone)
            .await
            .unwrap();
        let (_held, server) = world.hold(&old).await;
        let asked = server.ask_for_token(WITHIN).await;
        assert!(matches!(asked, Err(AskError::Unsupported)), "of version 2");
        assert!(old.close_reason().is_none());
    });
}
