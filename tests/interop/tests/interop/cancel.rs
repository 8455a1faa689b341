//! Cancelled calls.
//!
//! Quirk: the peer never sends Cancel; `messages.rs` covers it.

use std::pin::pin;
use std::time::Duration;

use futures::FutureExt;
use roam_core::{CallError, Failure, FailureKind};

use crate::links::Kind;
use crate::reports::Report;
use crate::watch::watched;

#[test]
fn dropped_call_stops_their_handler() {
    for kind in Kind::ALL {
        watched(async {
            let mut link = kind.link().await;
            let client = link.our_client();
            {
                let mut call = pin!(client.hold().into_future());
                assert!(call.as_mut().now_or_never().is_none());
                assert_eq!(link.their_reports.next().await, Report::Started);
            }
            assert_eq!(link.their_reports.next().await, Report::Stopped);
            link.assert_works().await;
            assert_eq!(link.ours.stats().outgoing_calls, 0);
        });
    }
}

#[test]
fn deadline_stops_their_handler() {
    watched(async {
        let mut link = Kind::WeConnectByTcp.link().await;
        let failed = link
            .our_client()
            .hold()
            .timeout(Duration::from_millis(20))
            .await;
        assert!(matches!(
            failed,
            Err(CallError::Failed(Failure {
                kind: FailureKind::Deadline,
                ..
            }))
        ));
        assert_eq!(link.their_reports.next().await, Report::Started);
        assert_eq!(link.their_reports.next().await, Report::Stopped);
        link.assert_works().await;
    });
}

#[test]
fn closing_the_link_stops_our_handler() {
    for kind in Kind::ALL {
        watched(async {
            let mut link = kind.link().await;
            let client = link.their_client();
            let call = tokio::spawn(async move { client.hold().await });
            assert_eq!(link.our_reports.next().await, Report::Started);
            link.ours.close("enough");
            assert_eq!(link.our_reports.next().await, Report::Stopped);
            assert!(call.await.unwrap().is_err());
        });
    }
}
