//! Every method, both ways, over everything that carries a link.

use crate::links::Kind;
use crate::watch::watched;
use crate::{ours, theirs};

fn both_ways(kind: Kind) {
    watched(async {
        let link = kind.link().await;
        ours::calls::every_method(&link.our_client()).await;
        theirs::calls::every_method(&link.their_client()).await;
    });
}

#[test]
fn over_a_websocket_that_we_opened() {
    both_ways(Kind::WeConnectByWebSocket);
}

#[test]
fn over_a_websocket_that_they_opened() {
    both_ways(Kind::TheyConnectByWebSocket);
}

#[test]
fn over_tcp_that_we_opened() {
    both_ways(Kind::WeConnectByTcp);
}

#[test]
fn over_tcp_that_they_opened() {
    both_ways(Kind::TheyConnectByTcp);
}

#[test]
fn both_ways_at_once() {
    for kind in Kind::ALL {
        watched(async {
            let link = kind.link().await;
            let (ours, theirs) = (link.our_client(), link.their_client());
            tokio::join!(
                ours::calls::every_method(&ours),
                theirs::calls::every_method(&theirs),
            );
        });
    }
}
