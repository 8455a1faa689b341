//! Virtual connections.
//!
//! Quirk: the peer hands out ids from 1 whichever side it is on, ours are odd or even by side. So
//! each test lets one side accept only: both could pick the same.

use roam::wire::MetadataValue;
use roam_core::proto::Rule;
use roam_core::{CloseReason, Metadata, NoDispatcher, RejectError};
use roam_session::ConnectError;
use tokio::join;

use crate::links::{Kind, Link};
use crate::reports::Reports;
use crate::watch::watched;
use crate::{ours, theirs};

fn our_service() -> (ours::TestbedDispatcher<ours::Answering>, Reports) {
    let (handler, reports) = ours::answering();
    (ours::TestbedDispatcher::new(handler), reports)
}

fn their_service() -> Box<dyn roam_session::ServiceDispatcher> {
    Box::new(theirs::TestbedDispatcher::new(theirs::answering().0))
}

type Both = (roam_core::ConnectionHandle, roam_session::ConnectionHandle);

/// Opens one for which we ask.
async fn we_ask(link: &mut Link) -> Both {
    let metadata = Metadata::new().with("who", "us");
    let accept = async {
        let asked = link.their_connections.recv().await.unwrap();
        assert_eq!(
            asked.metadata,
            [("who".to_owned(), MetadataValue::String("us".to_owned()))]
        );
        asked.accept(vec![], Some(their_service())).await.unwrap()
    };
    let (ours, theirs) = join!(link.ours.connect(metadata, our_service().0), accept);
    (ours.unwrap(), theirs)
}

/// Opens one for which they ask.
async fn they_ask(link: &mut Link) -> Both {
    let metadata = vec![("who".to_owned(), MetadataValue::String("them".to_owned()))];
    let mut asking = link.ours.listen();
    let accept = async {
        let asked = asking.next().await.unwrap();
        assert_eq!(asked.metadata().get_str("who"), Some("them"));
        asked.accept(&Metadata::new(), our_service().0).unwrap()
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
fn every_method_on_a_connection_for_which_we_asked() {
    for kind in Kind::ALL {
        watched(async {
            let mut link = kind.link().await;
            let (ours, theirs) = we_ask(&mut link).await;
            assert_eq!(ours.id().0, theirs.conn_id().raw());
            ours::calls::every_method(&ours::TestbedClient::new(ours)).await;
            theirs::calls::every_method(&theirs::TestbedClient::new(theirs)).await;
            link.assert_works().await;
        });
    }
}

#[test]
fn every_method_on_a_connection_for_which_they_asked() {
    for kind in Kind::ALL {
        watched(async {
            let mut link = kind.link().await;
            let (ours, theirs) = they_ask(&mut link).await;
            assert_eq!(ours.id().0, theirs.conn_id().raw());
            ours::calls::every_method(&ours::TestbedClient::new(ours)).await;
            theirs::calls::every_method(&theirs::TestbedClient::new(theirs)).await;
            link.assert_works().await;
        });
    }
}

#[test]
fn several_go_on_when_one_ends() {
    for kind in Kind::ALL {
        watched(async {
            let mut link = kind.link().await;
            let ended = we_ask(&mut link).await;
            let stays = we_ask(&mut link).await;
            let client = theirs::TestbedClient::new(ended.1.clone());
            let held = tokio::spawn(async move { client.hold().await });
            assert_works(&ended).await;
            ended.0.close("no longer needed");
            assert!(held.await.unwrap().is_err());
            assert_works(&stays).await;
            link.assert_works().await;
        });
    }
}

#[test]
fn they_reject_ours() {
    for kind in Kind::ALL {
        watched(async {
            let mut link = kind.link().await;
            let reject = async {
                let asked = link.their_connections.recv().await.unwrap();
                asked.reject("unauthorized".to_owned(), vec![]);
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
fn we_reject_theirs() {
    for kind in Kind::ALL {
        watched(async {
            let link = kind.link().await;
            let Err(ConnectError::Rejected(reason)) = link.theirs.connect(vec![], None).await
            else {
                panic!()
            };
            assert_eq!(reason, "not listening");
            let mut asking = link.ours.listen();
            let reject = async {
                asking
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
fn a_violation_ends_the_connection_on_which_it_happens() {
    for kind in Kind::ALL {
        watched(async {
            let mut link = kind.link_with_credit(1_024).await;
            let (ours, _theirs) = we_ask(&mut link).await;
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
                .echo("the link goes on".to_owned())
                .await
                .unwrap();
        });
    }
}
