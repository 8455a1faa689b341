//! Introspection: what a peer serves, and why it does not know a method.

use roam_core::introspection::{
    ExplainError, Mismatch, RoamIntrospectionV1Client, explain, introspection,
    roam_introspection_v1_service,
};
use roam_core::{
    CallError, ConnectionHandle, Context, NoDispatcher, RoamError, RoutedDispatcher, Rx, Schema,
    service,
};
use serde::{Deserialize, Serialize};

use super::harness::{link, link_with};

runs! {
    server_lists_the_configured_services
    descriptors_arrive_unchanged
    peer_without_introspection_answers_unknown_method
    explains_an_unknown_service
    explains_an_unknown_method
    explains_a_different_signature
    served_method_has_no_mismatch
    explaining_an_undeclared_method_fails_locally
    oversized_descriptor_is_reported
}

/// Runs jobs.
#[service]
trait Workshop {
    /// Runs them all.
    async fn start(&self, label: String, jobs: Vec<Job>) -> u32;
    async fn stop(&self);
    async fn feed(&self, parts: Rx<u8>) -> Result<u32, Refusal>;
}

#[derive(Clone, Debug, Serialize, Deserialize, Schema)]
struct Job {
    n: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize, Schema)]
enum Refusal {
    Full,
}

struct Handler;

impl Workshop for Handler {
    async fn start(&self, _: &Context, _: String, jobs: Vec<Job>) -> u32 {
        u32::try_from(jobs.len()).unwrap()
    }

    async fn stop(&self, _: &Context) {}

    async fn feed(&self, _: &Context, _: Rx<u8>) -> Result<u32, Refusal> {
        Err(Refusal::Full)
    }
}

/// The service as an outdated client knows it.
mod old {
    use super::{Deserialize, Rx, Schema, Serialize, service};

    #[service]
    pub(super) trait Workshop {
        async fn start(&self, label: String, jobs: Vec<Job>) -> u32;
        async fn stops(&self);
        async fn feed(&self, parts: Rx<u8>) -> Result<u32, super::Refusal>;
        async fn rename(&self);
    }

    #[derive(Clone, Debug, Serialize, Deserialize, Schema)]
    pub(super) struct Job {
        pub(super) n: u32,
    }

    #[service]
    pub(super) trait Workshops {
        async fn count(&self) -> u32;
    }

    #[service]
    pub(super) trait Elsewhere {
        async fn count(&self) -> u32;
    }
}

fn server() -> ConnectionHandle {
    let services = [workshop_service(), roam_introspection_v1_service()];
    let server = RoutedDispatcher::new()
        .with(WorkshopDispatcher::new(Handler))
        .with(introspection(services));
    link(NoDispatcher, server).0
}

async fn server_lists_the_configured_services() {
    let services = RoamIntrospectionV1Client::new(server())
        .services()
        .await
        .unwrap();
    let named: Vec<_> = services.iter().map(|it| (&*it.name, &*it.doc)).collect();
    assert_eq!(
        named,
        [
            ("Workshop", "Runs jobs."),
            (
                "RoamIntrospectionV1",
                "Describes the services of a connection."
            )
        ]
    );
}

async fn descriptors_arrive_unchanged() {
    let client = RoamIntrospectionV1Client::new(server());
    for ours in [workshop_service(), roam_introspection_v1_service()] {
        let theirs = client
            .describe(ours.name.to_string())
            .await
            .unwrap()
            .unwrap();
        assert_eq!((&theirs.name, &theirs.doc), (&ours.name, &ours.doc));
        assert_eq!(theirs.methods, ours.methods);
        assert!(theirs.types.iter().eq(ours.types.iter()));
        for method in &ours.methods {
            assert_eq!(theirs.method(method.id), Some(method));
        }
    }
    assert!(client.describe("workshop".into()).await.unwrap().is_some());
    assert!(client.describe("Nothing".into()).await.unwrap().is_none());
}

async fn peer_without_introspection_answers_unknown_method() {
    let (client, _) = link(NoDispatcher, WorkshopDispatcher::new(Handler));
    let services = RoamIntrospectionV1Client::new(client.clone())
        .services()
        .await;
    let unknown = matches!(services, Err(CallError::Answered(RoamError::UnknownMethod)));
    assert!(unknown, "{services:?}");
    let explained = explain(&client, old::workshop_service(), "start").await;
    assert!(
        matches!(explained, Err(ExplainError::NotOffered)),
        "{explained:?}"
    );
    client.close("enough");
    let explained = explain(&client, old::workshop_service(), "start").await;
    assert_eq!(explained.unwrap_err().to_string(), "closed here: enough");
}

async fn explains_an_unknown_service() {
    let client = server();
    let near = explain(&client, old::workshops_service(), "count")
        .await
        .unwrap();
    assert_eq!(
        near,
        Some(Mismatch::NoSuchService {
            service: "Workshops".into(),
            nearest: Some("Workshop".into())
        })
    );
    assert_eq!(
        near.unwrap().to_string(),
        "the peer has no service Workshops, but Workshop"
    );
    let far = explain(&client, old::elsewhere_service(), "count")
        .await
        .unwrap();
    assert_eq!(
        far.unwrap().to_string(),
        "the peer has no service Elsewhere"
    );
}

async fn explains_an_unknown_method() {
    let client = server();
    let called = old::WorkshopClient::new(client.clone()).stops().await;
    assert!(matches!(
        called,
        Err(CallError::Answered(RoamError::UnknownMethod))
    ));
    let near = explain(&client, old::workshop_service(), "stops")
        .await
        .unwrap();
    assert_eq!(
        near,
        Some(Mismatch::NoSuchMethod {
            service: "Workshop".into(),
            method: "stops".into(),
            nearest: Some("stop".into())
        })
    );
    assert_eq!(
        near.unwrap().to_string(),
        "the peer's Workshop has no method stops, but Workshop.stop"
    );
    let far = explain(&client, old::workshop_service(), "rename")
        .await
        .unwrap();
    assert_eq!(
        far.unwrap().to_string(),
        "the peer's Workshop has no method rename"
    );
}

async fn explains_a_different_signature() {
    let client = server();
    let called = old::WorkshopClient::new(client.clone())
        .start("now".into(), Vec::new())
        .await;
    assert!(matches!(
        called,
        Err(CallError::Answered(RoamError::UnknownMethod))
    ));
    let mismatch = explain(&client, old::workshop_service(), "start")
        .await
        .unwrap();
    assert_eq!(
        mismatch.unwrap().to_string(),
        "Workshop.start differs: argument 2 \"jobs\": element: field \"n\": u32 here, u64 there"
    );
}

async fn served_method_has_no_mismatch() {
    let client = server();
    for method in ["start", "stop", "feed"] {
        assert_eq!(
            explain(&client, workshop_service(), method).await.unwrap(),
            None
        );
    }
    assert_eq!(
        explain(&client, old::workshop_service(), "feed")
            .await
            .unwrap(),
        None
    );
}

async fn explaining_an_undeclared_method_fails_locally() {
    let explained = explain(&server(), workshop_service(), "begin").await;
    assert_eq!(
        explained.unwrap_err().to_string(),
        "Workshop has no method begin"
    );
}

async fn oversized_descriptor_is_reported() {
    let small = roam_core::Config::default().with_max_payload_size(100);
    let server = introspection([workshop_service()]);
    let (client, _) = link_with(NoDispatcher, &small, server, &small);
    let peer = RoamIntrospectionV1Client::new(client);
    assert_eq!(peer.services().await.unwrap().len(), 1);
    let described = peer.describe("Workshop".into()).await;
    let Err(CallError::Failed(failure)) = described else {
        panic!("{described:?}");
    };
    assert_eq!(failure.kind, roam_core::FailureKind::TooLarge);
}

/// Method ids cover the shapes of types. If these ids change, peers with the old ids find no
/// introspection, so the changed service needs a new name.
#[test]
fn method_ids_belong_to_the_service_version() {
    let ids = roam_introspection_v1_service().methods.iter();
    let ids: Vec<_> = ids.map(|method| method.id.to_string()).collect();
    assert_eq!(ids, ["0x464187a09b387c0d", "0x245a1a4405a62143"]);
}
