//! Introspection: what a peer serves, and why it does not know a method or has another signature of it.
//!
//! Introspection is an ordinary service: a server that offers it serves [`introspection`] along
//! with the services it describes. A peer that does not offer it answers `UnknownMethod`.
//!
//! ```
//! use roam_core::introspection::{explain, introspection};
//! use roam_core::{Context, RoutedDispatcher, service};
//! # use roam_core::{Config, NoDispatcher, accept, connect};
//! # use roam_core::proto::Framing;
//! # use roam_core::transport::memory_pair;
//!
//! mod theirs {
//!     # use roam_core::service;
//!     #[service]
//!     pub trait Greeter {
//!         async fn greet(&self, name: String, times: u64);
//!     }
//! }
//!
//! #[service]
//! trait Greeter {
//!     async fn greet(&self, name: String, times: u32);
//! }
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # struct Handler;
//! # impl theirs::Greeter for Handler {
//! #     async fn greet(&self, _: &Context, _: String, _: u64) {}
//! # }
//! # let handler = Handler;
//! let server = RoutedDispatcher::new()
//!     .with(theirs::GreeterDispatcher::new(handler))
//!     .with(introspection([theirs::greeter_service()]));
//! # let (ours, transport) = memory_pair(Framing::Packed);
//! # let (_, driver) = accept(transport).dispatcher(server).drive();
//! # tokio::spawn(driver);
//! # let client = connect(ours).await?;
//! // …
//! let greeter = GreeterClient::new(client.clone());
//! assert!(greeter.greet("you".into(), 2).await.is_err());
//! let mismatch = explain(&client, greeter_service(), "greet").await?.unwrap();
//! assert_eq!(
//!     mismatch.to_string(),
//!     r#"Greeter.greet differs: argument 2 "times": u32 here, u64 there"#
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

mod explain;
mod nearest;
mod service;

pub use explain::{ExplainError, Mismatch, explain};
pub use service::{
    RoamIntrospectionV1, RoamIntrospectionV1Client, RoamIntrospectionV1Dispatcher, Served,
    ServiceSummary, introspection, roam_introspection_v1_service,
};
