//! How a link ends.

use roam_core::transport::ClosedSilently;
use roam_core::{CallError, CloseReason, channel};
use roam_session::ConnectionError;

use crate::links::Kind;
use crate::ours;
use crate::watch::watched;

#[test]
fn they_take_our_goodbye_for_a_clean_end() {
    for kind in Kind::ALL {
        watched(async {
            let link = kind.link().await;
            link.ours.close("that was all");
            assert!(matches!(link.our_end.await.unwrap(), CloseReason::Local(_)));
            link.their_end.await.unwrap().unwrap();
            assert!(link.theirs.call_raw(1, vec![]).await.is_err());
        });
    }
}

#[test]
fn when_they_leave_the_link_is_lost() {
    for kind in Kind::ALL {
        watched(async {
            let mut link = kind.link().await;
            let client = link.our_client();
            let held = tokio::spawn(async move { client.hold().await });
            link.their_reports.next().await;
            // Quirk: the peer says Goodbye on violations only.
            link.their_end.abort();
            let reason = link.our_end.await.unwrap();
            assert!(matches!(reason, CloseReason::Lost(_)), "{reason}");
            if let (Kind::WeConnectByTcp | Kind::TheyConnectByTcp, CloseReason::Lost(error)) =
                (kind, reason)
            {
                assert!(error.is::<ClosedSilently>(), "{error}");
            }
            assert!(matches!(
                held.await.unwrap(),
                Err(CallError::Lost { sent: true, .. })
            ));
        });
    }
}

/// Quirk: for the peer every violation is one of the whole link.
#[test]
fn the_rule_that_they_say_we_broke_is_told() {
    for kind in Kind::ALL {
        watched(async {
            let link = kind.link().await;
            // Quirk: when nobody serves the method, the peer does not know the channels in its
            // arguments. The element is there before the call, and so goes out with it.
            let (tx, rx) = channel();
            tx.send(1).await.unwrap();
            let client = ours::UnservedClient::new(link.ours.clone());
            assert!(client.stream(rx).await.is_err());
            let Err(ConnectionError::ProtocolViolation { rule_id, .. }) =
                link.their_end.await.unwrap()
            else {
                panic!()
            };
            let CloseReason::Goodbye(reason) = link.our_end.await.unwrap() else {
                panic!()
            };
            assert_eq!(
                (rule_id, &*reason),
                ("channeling.unknown", "channeling.unknown")
            );
        });
    }
}
