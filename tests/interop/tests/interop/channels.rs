//! Channels that are reset, run out of credit, or exceed it.
//!
//! Quirk: the peer never grants credit, and never waits for it.

use std::pin::pin;

use futures::FutureExt;
use roam_core::proto::Rule;
use roam_core::{CloseReason, channel};
use tokio::join;

use crate::links::Kind;
use crate::watch::watched;

#[test]
fn our_receiver_may_be_dropped_early() {
    for kind in Kind::ALL {
        watched(async {
            let link = kind.link().await;
            let (tx, mut rx) = channel();
            let client = link.our_client();
            let read_one = async move { rx.recv().await.unwrap() };
            // The peer ignores our Reset and keeps sending elements, which we ignore.
            let (done, first) = join!(client.generate(5_000, tx), read_one);
            done.unwrap();
            assert_eq!(first, Some(0));
            link.assert_works().await;
            assert_eq!(link.ours.stats().channels, 0);
        });
    }
}

#[test]
fn our_sender_waits_when_its_credit_is_used_up() {
    for kind in Kind::ALL {
        watched(async {
            let link = kind.link_with_credit(1_024).await;
            let (tx, rx) = channel();
            let client = link.our_client();
            let mut sum = pin!(client.sum(rx).into_future());
            assert!(sum.as_mut().now_or_never().is_none());
            // Each element takes one byte.
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
fn their_credit_overrun_is_a_violation() {
    for kind in Kind::ALL {
        watched(async {
            let link = kind.link_with_credit(1_024).await;
            // Without a reader we grant nothing.
            let (tx, _rx) = channel();
            assert!(link.our_client().generate(5_000, tx).await.is_err());
            let CloseReason::Violation(violation) = link.our_driver.await.unwrap() else {
                panic!()
            };
            assert_eq!(violation.rule, Rule::CreditOverrun);
        });
    }
}

#[test]
fn words_pass_through_their_handler_with_a_small_window() {
    for kind in Kind::ALL {
        watched(async {
            let link = kind.link_with_credit(1_024).await;
            let (tx, input) = channel();
            let (output, mut rx) = channel();
            let client = link.our_client();
            // We grant credit for what we read. They never grant any, so all words must fit into
            // one window.
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
