//! How a link ends.

use roam_core::proto::PeerClose;
use roam_core::{CallError, CloseReason, channel};
use roam_session::ConnectionError;

use crate::links::Kind;
use crate::ours;
use crate::watch::watched;

#[test]
fn our_goodbye_ends_their_driver_cleanly() {
    for kind in Kind::ALL {
        watched(async {
            let link = kind.link().await;
            link.ours.close("that was all");
            assert!(matches!(
                link.our_driver.await.unwrap(),
                CloseReason::Local(_)
            ));
            link.their_driver.await.unwrap().unwrap();
            assert!(link.theirs.call_raw(1, vec![]).await.is_err());
        });
    }
}

#[test]
fn link_is_lost_when_they_leave() {
    for kind in Kind::ALL {
        watched(async {
            let mut link = kind.link().await;
            let client = link.our_client();
            let held = tokio::spawn(async move { client.hold().await });
            link.their_reports.next().await;
            // Quirk: the peer sends Goodbye only on violations.
            link.their_driver.abort();
            let reason = link.our_driver.await.unwrap();
            assert!(matches!(reason, CloseReason::Lost(_)), "{reason}");
            if let (Kind::WeConnectByTcp | Kind::TheyConnectByTcp, CloseReason::Lost(error)) =
                (kind, reason)
            {
                assert!(error.is::<PeerClose>(), "{error}");
            }
            assert!(matches!(
                held.await.unwrap(),
                Err(CallError::Lost { sent: true, .. })
            ));
        });
    }
}

/// Quirk: the peer treats every violation as one of the whole link.
#[test]
fn their_goodbye_names_the_rule_we_broke() {
    for kind in Kind::ALL {
        watched(async {
            let link = kind.link().await;
            // Quirk: the peer does not register the channels in the arguments of an unknown method.
            // The element is queued before the call and thus sent together with it.
            let (tx, rx) = channel();
            tx.send(1).await.unwrap();
            let client = ours::UnservedClient::new(link.ours.clone());
            assert!(client.stream(rx).await.is_err());
            let Err(ConnectionError::ProtocolViolation { rule_id, .. }) =
                link.their_driver.await.unwrap()
            else {
                panic!()
            };
            let CloseReason::Goodbye(reason) = link.our_driver.await.unwrap() else {
                panic!()
            };
            assert_eq!(
                (rule_id, &*reason),
                ("channeling.unknown", "channeling.unknown")
            );
        });
    }
}
