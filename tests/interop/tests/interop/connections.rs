//! Virtual connections.
//!
//! Quirk: the peer assigns ids from 1 on either side, while ours are odd or even by side. So only
//! one side accepts in each test, because both could assign the same id.

use roam::wire::MetadataValue;
use roam_core::proto::Rule;
use roam_core::{CloseReason, Metadata, NoDispatcher, server::RejectError};
use roam_session::ConnectError;
use tokio::join;

use crate::links::{Kind, Link};
use crate::reports::Reports;
use crate::watch::watched;
use crate::{ours, theirs};

fn our_service() -> (ours::TestbedDispatcher<ours::TestbedHandler>, Reports) {
    let (handler, reports) = ours::testbed_handler();
    (ours::TestbedDispatcher::new(handler), reports)
}

fn their_service() -> Box<dyn roam_session::ServiceDispatcher> {
    Box::new(theirs::TestbedDispatcher::new(theirs::testbed_handler().0))
}

type Both = (roam_core::ConnectionHandle, roam_session::ConnectionHandle);

/// Opens a connection that we request.
async fn we_open(link: &mut Link) -> Both {
    let metadata = Metadata::new().with("who", "us");
    let accept = async {
        let request = link.their_connections.recv().await.unwrap();
        assert_eq!(
            request.metadata,
            [("who".to_owned(), MetadataValue::String("us".to_owned()))]
        );
        request.accept(vec![], Some(their_service())).await.unwrap()
    };
    let (ours, theirs) = join!(link.ours.connect(metadata, our_service().0), accept);
    (ours.unwrap(), theirs)
}

/// Opens a connection that they request.
async fn they_open(link: &mut Link) -> Both {
    let metadata = vec![("who".to_owned(), MetadataValue::String("them".to_owned()))];
    let mut listener = link.ours.listen();
    let accept = async {
        let request = listener.next().await.unwrap();
        assert_eq!(request.metadata().get_str("who"), Some("them"));
        request.accept(&Metadata::new(), our_service().0).unwrap()
    };
    let (ours, theirs) = join!(accept, link.theirs.connect(metadata, Some(their_service())));
    (ours, theirs.unwrap())
}

async fn assert_works((ours, theirs): &Both) {
    let client = ours::TestbedClient::new(ours.clone());
    assert_eq!(client.echo("works".to_owned()).await.unwrap(), "works");
    let client = theirs::TestbedClient::new(theirs.clone());
    assert_eq!(client.echo("works".to_owned()).await.unwrap(), "works");
}

#[test]
fn every_method_on_a_connection_we_opened() {
    for kind in Kind::ALL {
        watched(async {
            let mut link = kind.link().await;
            let (ours, theirs) = we_open(&mut link).await;
            assert_eq!(ours.id().0, theirs.conn_id().raw());
            ours::calls::every_method(&ours::TestbedClient::new(ours)).await;
            theirs::calls::every_method(&theirs::TestbedClient::new(theirs)).await;
            link.assert_works().await;
        });
    }
}

#[test]
fn every_method_on_a_connection_they_opened() {
    for kind in Kind::ALL {
        watched(async {
            let mut link = kind.link().await;
            let (ours, theirs) = they_open(&mut link).await;
            assert_eq!(ours.id().0, theirs.conn_id().raw());
            ours::calls::every_method(&ours::TestbedClient::new(ours)).await;
            theirs::calls::every_method(&theirs::TestbedClient::new(theirs)).await;
            link.assert_works().await;
        });
    }
}

#[test]
fn closing_one_connection_leaves_the_others() {
    for kind in Kind::ALL {
        watched(async {
            let mut link = kind.link().await;
            let closed = we_open(&mut link).await;
            let open = we_open(&mut link).await;
            let client = theirs::TestbedClient::new(closed.1.clone());
            let held = tokio::spawn(async move { client.hold().await });
            assert_works(&closed).await;
            closed.0.close("no longer needed");
            assert!(held.await.unwrap().is_err());
            assert_works(&open).await;
            link.assert_works().await;
        });
    }
}

#[test]
fn they_reject_our_connection() {
    for kind in Kind::ALL {
        watched(async {
            let mut link = kind.link().await;
            let reject = async {
                let request = link.their_connections.recv().await.unwrap();
                request.reject("unauthorized".to_owned(), vec![]);
            };
            let (rejected, ()) = join!(link.ours.connect(Metadata::new(), NoDispatcher), reject);
            let Err(RejectError::Rejected { reason, .. }) = rejected else {
                panic!()
            };
            assert_eq!(&*reason, "unauthorized");
            link.assert_works().await;
        });
    }
}

#[test]
fn we_reject_their_connection() {
    for kind in Kind::ALL {
        watched(async {
            let link = kind.link().await;
            let Err(ConnectError::Rejected(reason)) = link.theirs.connect(vec![], None).await
            else {
                panic!()
            };
            assert_eq!(reason, "not listening");
            let mut listener = link.ours.listen();
            let reject = async {
                listener
                    .next()
                    .await
                    .unwrap()
                    .reject("unauthorized", &Metadata::new())
                    .unwrap();
            };
            let (rejected, ()) = join!(link.theirs.connect(vec![], None), reject);
            let Err(ConnectError::Rejected(reason)) = rejected else {
                panic!()
            };
            assert_eq!(reason, "unauthorized");
            link.assert_works().await;
        });
    }
}

#[test]
fn violation_ends_only_its_connection() {
    for kind in Kind::ALL {
        watched(async {
            let mut link = kind.link_with_credit(1_024).await;
            let (ours, _theirs) = we_open(&mut link).await;
            let (tx, _rx) = roam_core::channel();
            assert!(
                ours::TestbedClient::new(ours.clone())
                    .generate(5_000, tx)
                    .await
                    .is_err()
            );
            let CloseReason::Violation(violation) = ours.closed().await else {
                panic!()
            };
            assert_eq!(violation.rule, Rule::CreditOverrun);
            link.our_client()
                .echo("the link still works".to_owned())
                .await
                .unwrap();
        });
    }
}
