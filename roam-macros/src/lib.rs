//! The macros of roam: [`macro@service`] and [`macro@Schema`]. Users find both in `roam_core`.
//!
//! Each goes the same way: `parse` reads what the user wrote into `model`, or says what is
//! wrong with it, at the place where it is wrong; `expand` writes the code.

mod common;
mod schema;
mod service;

use proc_macro::TokenStream;

/// Makes a service of a trait.
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
/// /// Does sums.
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
/// stands for
/// - the trait `Calculator` that a handler implements; its methods get the call's `Context`
///   first: `async fn divide(&self, cx: &Context, number: i64, by: i64) -> Result<i64, MathError>`;
/// - `CalculatorDispatcher<H>`, which serves a handler: a `ServiceDispatcher`;
/// - `CalculatorClient<C = ConnectionHandle>`, which calls a handler at the other end over any
///   `Caller`; its methods return a `Call`, to be awaited;
/// - `calculator_service()`, the description of the service.
///
/// They are as visible as the trait.
///
/// # Methods
/// Each is `async`, takes `&self` and at most 16 arguments of owned types, and returns an
/// owned type. Every type implements `Schema` and serde's `Serialize` and `Deserialize`. A
/// method that can fail returns `Result<T, E>`, written out with both types, since the macro
/// sees only how a type is written. `E` cannot hold channels.
///
/// # Attributes of methods
/// - `#[roam(idempotent)]`: calling it twice is as good as once, so a call may be repeated
///   when the connection was lost.
/// - `#[roam(inline)]`: the handler is polled where the request is read before a task is made
///   of it: for handlers that compute little and rarely wait.
#[proc_macro_attribute]
pub fn service(args: TokenStream, item: TokenStream) -> TokenStream {
    service::service(args.into(), item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Describes a type: implements `roam_core::Schema`.
///
/// ```
/// use roam_core::Schema;
/// use serde::{Deserialize, Serialize};
///
/// /// A page of something.
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
/// The attributes of serde that change names (`rename`, `rename_all`, `rename_all_fields`) show
/// in the description; `transparent`, `skip`, and `from` with `into` of the same type are
/// followed. Those by which the wire would differ from what can be described (`flatten`,
/// `tag`, `untagged`, `with`, `skip_serializing_if` and their like) are errors.
/// `#[repr(transparent)]` structs are described as what they hold.
#[proc_macro_derive(Schema, attributes(serde))]
pub fn schema(item: TokenStream) -> TokenStream {
    schema::schema(item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
