//! Channels where something goes on beside sending and reading to the end.
//!
//! Quirk: the peer never grants credit and never waits for any.

use std::pin::pin;

use futures::FutureExt;
use roam_core::proto::Rule;
use roam_core::{CloseReason, channel};
use tokio::join;

use crate::links::Kind;
use crate::watch::watched;

#[test]
fn a_reader_of_ours_that_leaves_is_no_trouble() {
    for kind in Kind::ALL {
        watched(async {
            let link = kind.link().await;
            let (tx, mut rx) = channel();
            let client = link.our_client();
            let read_one = async move { rx.recv().await.unwrap() };
            // The peer ignores our Reset, and we what it goes on to send.
            let (done, first) = join!(client.generate(5_000, tx), read_one);
            done.unwrap();
            assert_eq!(first, Some(0));
            link.assert_works().await;
            assert_eq!(link.ours.stats().channels, 0);
        });
    }
}

#[test]
fn a_sender_of_ours_stops_where_its_credit_ends() {
    for kind in Kind::ALL {
        watched(async {
            let link = kind.link_with_credit(1_024).await;
            let (tx, rx) = channel();
            let client = link.our_client();
            let mut sum = pin!(client.sum(rx));
            assert!(sum.as_mut().now_or_never().is_none());
            // An element is one byte.
            for _ in 0..1_024 {
                tx.send(1).await.unwrap();
            }
            assert!(tx.send(1).now_or_never().is_none());
            drop(tx);
            assert_eq!(sum.await.unwrap(), 1_024);
        });
    }
}

#[test]
fn a_sender_of_theirs_that_overruns_its_credit_ends_its_connection() {
    for kind in Kind::ALL {
        watched(async {
            let link = kind.link_with_credit(1_024).await;
            // Nobody reads, and so nothing is granted.
            let (tx, _rx) = channel();
            assert!(link.our_client().generate(5_000, tx).await.is_err());
            let CloseReason::Violation(violation) = link.our_end.await.unwrap() else {
                panic!()
            };
            assert_eq!(violation.rule, Rule::CreditOverrun);
        });
    }
}

#[test]
fn what_we_grant_is_taken() {
    for kind in Kind::ALL {
        watched(async {
            let link = kind.link_with_credit(1_024).await;
            let (tx, input) = channel();
            let (output, mut rx) = channel();
            let client = link.our_client();
            // Eight windows through their handler and back; ours grants the way back as it reads.
            // The way there is never granted, so that it takes many calls.
            let talk = async move {
                for _ in 0..8 {
                    tx.send("a word".to_owned()).await.unwrap();
                    assert_eq!(rx.recv().await.unwrap().unwrap(), "A WORD");
                }
                drop(tx);
                assert_eq!(rx.recv().await.unwrap(), None);
            };
            let (done, ()) = join!(client.transform(input, output), talk);
            done.unwrap();
        });
    }
}
