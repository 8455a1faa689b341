//! Failed calls, which affect nothing else.

use roam_core::proto::Rule;
use roam_core::{CallError, CloseReason, Metadata, MethodId};

use crate::links::{Kind, Link};
use crate::watch::watched;
use crate::{ours, theirs};

/// Encoded outcomes.
const UNKNOWN_METHOD: [u8; 2] = [1, 1];
const INVALID_PAYLOAD: [u8; 2] = [1, 2];

fn method(name: &str) -> MethodId {
    let methods = &ours::testbed_service().methods;
    methods
        .iter()
        .find(|method| method.name == name)
        .unwrap()
        .id
}

impl Link {
    async fn we_call(&self, method: MethodId, payload: &[u8]) -> Vec<u8> {
        let (call, _) = self
            .ours
            .call_raw(method, &Metadata::new(), payload, &[])
            .unwrap();
        call.await.unwrap().payload.to_vec()
    }

    async fn they_call(&self, method: MethodId, payload: &[u8]) -> Vec<u8> {
        self.theirs
            .call_raw(method.0, payload.to_vec())
            .await
            .unwrap()
    }
}

#[test]
fn unknown_method_is_reported() {
    for kind in Kind::ALL {
        watched(async {
            let link = kind.link().await;
            let error = ours::answered(
                ours::UnservedClient::new(link.ours.clone())
                    .anything(1)
                    .await,
            );
            assert_eq!(error, roam_core::RoamError::UnknownMethod);
            let client = theirs::UnservedClient::new(link.theirs.clone());
            let error = theirs::answered(client.anything(1).await);
            assert_eq!(error, roam_session::RoamError::UnknownMethod);
            assert_eq!(link.we_call(MethodId(42), &[1, 2, 3]).await, UNKNOWN_METHOD);
            assert_eq!(
                link.they_call(MethodId(42), &[1, 2, 3]).await,
                UNKNOWN_METHOD
            );
            link.assert_works().await;
        });
    }
}

#[test]
fn undecodable_arguments_are_reported() {
    for kind in Kind::ALL {
        watched(async {
            let link = kind.link().await;
            let bad: [(&str, &[u8]); 5] = [
                ("divide", &[]),
                ("divide", &[2]),
                ("echo", &[2, 0xff, 0xff]),
                ("shape_area", &[3]),
                ("check", &[2]),
            ];
            for (name, payload) in bad {
                assert_eq!(
                    link.we_call(method(name), payload).await,
                    INVALID_PAYLOAD,
                    "{name}"
                );
                assert_eq!(
                    link.they_call(method(name), payload).await,
                    INVALID_PAYLOAD,
                    "{name}"
                );
            }
            link.assert_works().await;
        });
    }
}

/// Quirk: the peer ignores bytes after the arguments.
#[test]
fn only_we_reject_trailing_bytes() {
    watched(async {
        let link = Kind::TheyConnectByTcp.link().await;
        assert_eq!(
            link.they_call(method("check"), &[1, 9]).await,
            INVALID_PAYLOAD
        );
        assert_eq!(link.we_call(method("check"), &[1, 9]).await, [0]);
    });
}

#[test]
fn our_oversized_arguments_are_not_sent() {
    for kind in Kind::ALL {
        watched(async {
            let link = kind.link().await;
            let refused = link.our_client().echo("x".repeat(1 << 20)).await;
            assert!(matches!(
                refused,
                Err(CallError::TooLarge { max: 1_048_576, .. })
            ));
            link.assert_works().await;
        });
    }
}

/// Quirk: the peer does not check the size of what it sends.
#[test]
fn their_oversized_arguments_end_the_link() {
    for kind in Kind::ALL {
        watched(async {
            let link = kind.link().await;
            assert!(link.their_client().echo("x".repeat(1 << 20)).await.is_err());
            let CloseReason::Violation(violation) = link.our_driver.await.unwrap() else {
                panic!()
            };
            assert_eq!(violation.rule, Rule::PayloadLimit);
        });
    }
}

/// A peer that does not know the metadata key `roam-error` sees Cancelled.
#[test]
fn our_oversized_result_looks_cancelled_to_them() {
    for kind in Kind::ALL {
        watched(async {
            let link = kind.link().await;
            let error = theirs::answered(link.their_client().fill(1 << 20).await);
            assert_eq!(error, roam_session::RoamError::Cancelled);
            link.assert_works().await;
        });
    }
}

#[test]
fn our_handler_panic_looks_cancelled_to_them() {
    for kind in Kind::ALL {
        watched(async {
            let link = kind.link().await;
            let error = theirs::answered(link.their_client().panic().await);
            assert_eq!(error, roam_session::RoamError::Cancelled);
            link.assert_works().await;
        });
    }
}
