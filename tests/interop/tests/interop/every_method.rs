//! Every method, in both directions, over every transport.

use crate::links::Kind;
use crate::watch::watched;
use crate::{ours, theirs};

fn call_in_both_directions(kind: Kind) {
    watched(async {
        let link = kind.link().await;
        ours::calls::every_method(&link.our_client()).await;
        theirs::calls::every_method(&link.their_client()).await;
    });
}

#[test]
fn over_a_websocket_we_opened() {
    call_in_both_directions(Kind::WeConnectByWebSocket);
}

#[test]
fn over_a_websocket_they_opened() {
    call_in_both_directions(Kind::TheyConnectByWebSocket);
}

#[test]
fn over_a_tcp_socket_we_opened() {
    call_in_both_directions(Kind::WeConnectByTcp);
}

#[test]
fn over_a_tcp_socket_they_opened() {
    call_in_both_directions(Kind::TheyConnectByTcp);
}

#[test]
fn in_both_directions_at_once() {
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
