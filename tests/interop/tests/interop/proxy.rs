//! Our proxy between two of their peers, which knows none of the types that it forwards.

use roam_core::proxy::ForwardingDispatcher;

use crate::links::{Kind, Link};
use crate::metadata::{expected, theirs as their_metadata};
use crate::theirs;
use crate::watch::watched;

/// Returns a link to their server, and a link from their client whose calls are forwarded to it.
async fn proxied(upstream: Kind, downstream: Kind) -> [Link; 2] {
    let upstream = upstream.link().await;
    let forwarder = ForwardingDispatcher::new(upstream.ours.clone());
    let downstream = downstream.link_to(forwarder).await;
    [upstream, downstream]
}

#[test]
fn every_method_through_a_proxy() {
    for (upstream, downstream) in [
        (Kind::WeConnectByTcp, Kind::TheyConnectByWebSocket),
        (Kind::WeConnectByWebSocket, Kind::TheyConnectByTcp),
        // Channel ids have the same parity on both links, so the proxy must renumber them.
        (Kind::TheyConnectByTcp, Kind::TheyConnectByTcp),
        (Kind::TheyConnectByWebSocket, Kind::WeConnectByWebSocket),
    ] {
        watched(async {
            let links = proxied(upstream, downstream).await;
            theirs::calls::every_method(&links[1].their_client()).await;
            for link in &links {
                link.wait_until_idle().await;
            }
        });
    }
}

#[test]
fn metadata_passes_through_a_proxy() {
    watched(async {
        let links = proxied(Kind::WeConnectByTcp, Kind::TheyConnectByWebSocket).await;
        let client = links[1].their_client();
        let call = client.metadata().with_metadata(their_metadata(expected()));
        assert_eq!(call.await.unwrap(), expected());
    });
}

#[test]
fn unknown_method_is_reported_through_a_proxy() {
    watched(async {
        let links = proxied(Kind::WeConnectByTcp, Kind::TheyConnectByWebSocket).await;
        let client = theirs::UnservedClient::new(links[1].theirs.clone());
        let error = theirs::answered(client.anything(1).await);
        assert_eq!(error, roam_session::RoamError::UnknownMethod);
        let client = links[1].their_client();
        assert_eq!(client.echo("works".to_owned()).await.unwrap(), "works");
    });
}
