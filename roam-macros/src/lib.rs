//! The macros of roam: [`macro@service`] and [`macro@Schema`], which `roam_core` re-exports.
//!
//! Both work the same way: `parse` reads the user's code into `model` and reports errors where
//! they are; `expand` generates the code.

mod common;
mod schema;
mod service;

use proc_macro::TokenStream;

/// Defines a service as a trait.
///
/// ```
/// # use roam_core::schema;
/// use roam_core::{Rx, Schema, Tx, service};
/// use serde::{Deserialize, Serialize};
///
/// /// Why a division failed.
/// #[derive(Debug, Serialize, Deserialize, Schema)]
/// pub enum MathError {
///     DivisionByZero,
/// }
///
/// /// Does arithmetic.
/// #[service]
/// pub trait Calculator {
///     /// Divides.
///     #[roam(idempotent, inline)]
///     async fn divide(&self, number: i64, by: i64) -> Result<i64, MathError>;
///
///     /// Adds all numbers.
///     async fn sum(&self, numbers: Rx<i32>) -> i64;
///
///     /// Counts to `last`.
///     async fn count(&self, last: u32, output: Tx<u32>);
/// }
/// # assert_eq!(calculator_service().methods.len(), 3);
/// ```
///
/// expands to
/// - the trait `Calculator`, which a handler implements; its methods get the call's `Context`
///   first: `async fn divide(&self, cx: &Context, number: i64, by: i64) -> Result<i64, MathError>`;
/// - `CalculatorDispatcher<H>`, a `ServiceDispatcher` that passes calls to a handler;
/// - `CalculatorClient<C = ConnectionHandle>`, which calls the peer's handler over any `Caller`;
///   its methods return a `Call` to await;
/// - `calculator_service()`, the descriptor of the service.
///
/// All of them have the visibility of the trait.
///
/// # Methods
/// Each method is `async`, takes `&self` and at most 16 arguments of owned types, and returns an
/// owned type. Every type implements `Schema` and serde's `Serialize` and `Deserialize`. A
/// method that can fail returns `Result<T, E>`, written out with both types because the macro
/// cannot see through an alias. `E` cannot contain channels.
///
/// The names of the methods are also names in TypeScript, in camel case. Two methods cannot have
/// the same name there or on the wire, nor one that clients already have: `new` and `clone` in
/// Rust; `new`, `then`, `constructor`, `toString` and what else every object inherits in
/// JavaScript.
///
/// # Crate path
/// Generated code says `::roam_core`. Where that crate has another name, or is re-exported, give
/// its path: `#[service(crate = my_framework::roam)]`.
///
/// # Method attributes
/// - `#[roam(idempotent)]`: two calls have the same effect as one, so a call may be repeated
///   after its connection is lost.
/// - `#[roam(resumable)]`: the arguments say where the method's stream begins, so that a reader
///   whose link was lost may call again for the rest. roam does not do so by itself.
/// - `#[roam(inline)]`: the handler is first polled in place, where the request is read, and
///   becomes a task only if it does not finish then. For handlers that compute little and rarely
///   wait.
///
/// `idempotent` and `resumable` are promises to callers: they are the `attributes` of the method's
/// descriptor, also in TypeScript.
#[proc_macro_attribute]
pub fn service(args: TokenStream, item: TokenStream) -> TokenStream {
    service::service(args.into(), item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Derives `roam_core::Schema`, which describes a type.
///
/// ```
/// use roam_core::Schema;
/// use serde::{Deserialize, Serialize};
///
/// /// A page of a list.
/// #[derive(Serialize, Deserialize, Schema)]
/// #[serde(rename_all = "camelCase")]
/// struct Page<T> {
///     /// Counted from 0.
///     page_number: u32,
///     items: Vec<T>,
/// }
/// ```
///
/// Every field's type must implement `Schema`; type parameters get that bound. Recursive types
/// work.
///
/// The descriptor follows serde's attributes: it uses names from `rename`, `rename_all` and
/// `rename_all_fields`, and respects `transparent`, `skip`, and `from` with `into` of the same
/// type. Attributes with an effect that a descriptor cannot express (`flatten`, `tag`,
/// `untagged`, `skip_serializing_if` and similar ones) are errors. A `#[repr(transparent)]` struct
/// is described as its inner type.
///
/// `#[schema(with = Type)]` on a field describes it as `Type` instead of its own type, which then
/// need not implement `Schema`. serde must write the field exactly as it writes a `Type`: nothing
/// else checks that. It allows serde's `with`, `serialize_with` and `deserialize_with`:
///
/// ```
/// use std::time::Instant;
///
/// use roam_core::Schema;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Schema)]
/// struct Job {
///     name: String,
///     #[serde(with = "age")]
///     #[schema(with = u64)]
///     started: Instant,
/// }
///
/// /// How long ago an `Instant` was, in milliseconds.
/// mod age {
///     # use std::time::{Duration, Instant};
///     # use serde::{Deserialize, Deserializer, Serialize, Serializer};
///     pub fn serialize<S: Serializer>(at: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
///         // …
///         # u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX).serialize(serializer)
///     }
///
///     pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Instant, D::Error> {
///         // …
///         # let millis = Duration::from_millis(u64::deserialize(deserializer)?);
///         # Ok(Instant::now().checked_sub(millis).unwrap_or_else(Instant::now))
///     }
/// }
/// ```
///
/// On a struct or an enum whose serde traits are written by hand, it describes the whole type.
///
/// Two fields, or two variants, cannot have the same name after renaming, and no field can be named
/// `__proto__`, since the names are those of properties in TypeScript.
///
/// Where `roam_core` has another name, or is re-exported, give its path:
///
/// ```
/// # use roam_core::Schema;
/// # use serde::{Deserialize, Serialize};
/// mod framework {
///     pub use roam_core as roam;
/// }
///
/// #[derive(Serialize, Deserialize, Schema)]
/// #[schema(crate = framework::roam)]
/// struct Point {
///     x: f64,
///     y: f64,
/// }
/// ```
#[proc_macro_derive(Schema, attributes(serde, schema))]
pub fn schema(item: TokenStream) -> TokenStream {
    schema::schema(item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
