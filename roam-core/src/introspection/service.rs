//! The introspection service.

use heck::ToKebabCase;
use serde::{Deserialize, Serialize};

use crate::{Context, Schema, ServiceDescriptor, ServiceDispatcher, service};

/// Describes the services of a connection.
#[service]
pub trait RoamIntrospectionV1 {
    /// Returns the services, without their methods and types.
    #[roam(inline, idempotent)]
    async fn services(&self) -> Vec<ServiceSummary>;

    /// Returns the description of the service with this name, with its methods and their types. Names
    /// are compared in kebab case, as for method ids.
    #[roam(inline, idempotent)]
    async fn describe(&self, service: String) -> Option<ServiceDescriptor>;
}

/// A service, without its methods and types.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct ServiceSummary {
    /// The name of the trait.
    pub name: String,
    /// Its doc comment; empty when there is none.
    pub doc: String,
}

/// Creates a dispatcher that serves the descriptions of `services`, and no others.
///
/// A description is sent in one answer, so it must fit the link's `max_payload_size`; a larger one
/// is answered `too-large`.
pub fn introspection(
    services: impl IntoIterator<Item = &'static ServiceDescriptor>,
) -> impl ServiceDispatcher + Clone {
    let services = services.into_iter().collect();
    RoamIntrospectionV1Dispatcher::new(Served(services))
}

/// Answers introspection calls from a list of descriptors.
#[derive(Clone, Debug)]
pub struct Served(pub Vec<&'static ServiceDescriptor>);

impl RoamIntrospectionV1 for Served {
    async fn services(&self, _: &Context) -> Vec<ServiceSummary> {
        let summary = |service: &&ServiceDescriptor| ServiceSummary {
            name: service.name.clone().into_owned(),
            doc: service.doc.clone().into_owned(),
        };
        self.0.iter().map(summary).collect()
    }

    async fn describe(&self, _: &Context, service: String) -> Option<ServiceDescriptor> {
        let name = service.to_kebab_case();
        let found = self
            .0
            .iter()
            .find(|known| known.name.to_kebab_case() == name);
        found.map(|&known| known.clone())
    }
}
