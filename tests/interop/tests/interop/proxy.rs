//! A proxy of ours between two peers of theirs, which knows no type of what it passes on.

use roam_core::ForwardingDispatcher;

use crate::links::{Kind, Link};
use crate::metadata::{expected, theirs as their_metadata};
use crate::theirs;
use crate::watch::watched;

/// A link to their server, and one from their client that is forwarded to it.
async fn proxied(upstream: Kind, downstream: Kind) -> [Link; 2] {
    let upstream = upstream.link().await;
    let forwarder = ForwardingDispatcher::new(upstream.ours.clone());
    let downstream = downstream.link_to(forwarder).await;
    [upstream, downstream]
}

#[test]
fn every_method_through_it() {
    for (upstream, downstream) in [
        (Kind::WeConnectByTcp, Kind::TheyConnectByWebSocket),
        (Kind::WeConnectByWebSocket, Kind::TheyConnectByTcp),
        // The ids of channels have the same parity on both links, so that it has to renumber.
        (Kind::TheyConnectByTcp, Kind::TheyConnectByTcp),
        (Kind::TheyConnectByWebSocket, Kind::WeConnectByWebSocket),
    ] {
        watched(async {
            let links = proxied(upstream, downstream).await;
            theirs::calls::every_method(&links[1].their_client()).await;
            for link in &links {
                link.settled().await;
            }
        });
    }
}

#[test]
fn what_travels_beside_a_call_goes_through_it() {
    watched(async {
        let links = proxied(Kind::WeConnectByTcp, Kind::TheyConnectByWebSocket).await;
        let client = links[1].their_client();
        let call = client.metadata().with_metadata(their_metadata(expected()));
        assert_eq!(call.await.unwrap(), expected());
    });
}

#[test]
fn an_unknown_method_is_one_through_it() {
    watched(async {
        let links = proxied(Kind::WeConnectByTcp, Kind::TheyConnectByWebSocket).await;
        let client = theirs::UnservedClient::new(links[1].theirs.clone());
        let error = theirs::answered(client.anything(1).await);
        assert_eq!(error, roam_session::RoamError::UnknownMethod);
        let client = links[1].their_client();
        assert_eq!(client.echo("works".to_owned()).await.unwrap(), "works");
    });
}
