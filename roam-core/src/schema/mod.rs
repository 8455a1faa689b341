//! Descriptions of types and services, for code generation, introspection and method ids.
//!
//! [`Schema`] adds the description of a type to a table, [`Types`]; `#[derive(Schema)]` implements
//! it. A [`ServiceDescriptor`] holds such a table and the methods of a service, and [`method_id`]
//! turns a signature into the id that is sent on the wire. All traversal of types goes through
//! [`Types::walk`].

mod attribute;
mod difference;
mod identity;
mod impls;
mod known;
mod parts;
mod service;
mod source;
mod text;
mod types;
mod walk;

#[cfg(test)]
mod tests;

/// Implements [`trait@Schema`] for a struct or an enum.
pub use roam_macros::Schema;

pub use attribute::Attribute;
pub use difference::{Contrast, Difference, Named, Step, difference};
pub use identity::{SignatureHash, method_id};
pub use known::method_name;
pub use parts::{Channel, Parts, channel_depth};
pub use service::{Arg, MethodDescriptor, ServiceDescriptor};
pub use source::{ArgSource, MethodSource, OutputSource, ServiceSource, arg, can_fail, returns};
pub use types::{
    DanglingIndex, Enum, Field, Payload, Struct, StructKind, Type, TypeIndex, Types, Variant,
};
pub use walk::{Part, Visitor};

/// A type that can be described, and therefore sent.
///
/// Derive it along with serde's traits. The description follows what serde writes:
///
/// ```
/// use roam_core::Schema;
/// use serde::{Deserialize, Serialize};
///
/// /// A corner of a drawing.
/// #[derive(Serialize, Deserialize, Schema)]
/// #[serde(rename_all = "camelCase")]
/// struct Corner {
///     x_millis: f64,
///     y_millis: f64,
///     next: Option<Box<Corner>>,
/// }
/// ```
///
/// The derive rejects serde's attributes whose encoding cannot be described, such as `flatten` or
/// `tag`.
///
/// `#[schema(with = Type)]` describes a field, or a whole type, as another one that serde writes
/// alike. This field is an `f64` on the wire:
///
/// ```
/// use roam_core::Schema;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Schema)]
/// struct Reading {
///     sensor: String,
///     #[schema(with = f64)]
///     temperature: Celsius,
/// }
///
/// /// A type of another crate, which does not know roam.
/// #[derive(Serialize, Deserialize)]
/// #[serde(transparent)]
/// struct Celsius(f64);
/// ```
///
/// Implement it by hand where no derive fits. This one is serialized as an `f64`, so it is
/// described as one:
///
/// ```
/// use roam_core::schema::{Schema, TypeIndex, Types};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// #[serde(from = "f64", into = "f64")]
/// #[derive(Clone, Copy)]
/// struct Celsius {
///     kelvin: f64,
/// }
/// # impl From<f64> for Celsius {
/// #     fn from(celsius: f64) -> Self { Self { kelvin: celsius + 273.15 } }
/// # }
/// # impl From<Celsius> for f64 {
/// #     fn from(celsius: Celsius) -> Self { celsius.kelvin - 273.15 }
/// # }
///
/// impl Schema for Celsius {
///     type Parts = (f64,);
///
///     fn describe(types: &mut Types) -> TypeIndex {
///         types.index_of::<f64>()
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no description: it does not implement `Schema`",
    label = "this type cannot travel yet",
    note = "add `#[derive(roam_core::Schema, serde::Serialize, serde::Deserialize)]` to `{Self}`"
)]
pub trait Schema: 'static {
    /// The types that this type contains, as a tuple: `()`, `(A,)`, `(A, B)`, up to sixteen; nest
    /// tuples for more.
    ///
    /// The compiler uses it to find out whether a type contains channels; see [`channel_depth`].
    type Parts: Parts;

    /// Adds the description of this type to `types` and returns its index.
    ///
    /// It is called once per table; call [`Types::index_of`] instead.
    fn describe(types: &mut Types) -> TypeIndex;

    /// Describes `Vec<Self>`, which is bytes when `Self` is `u8`.
    #[doc(hidden)]
    fn describe_vec(types: &mut Types) -> TypeIndex
    where
        Self: Sized,
    {
        types.define::<Vec<Self>>(|types| Type::List(types.index_of::<Self>()))
    }
}
