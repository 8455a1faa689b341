//! What types look like: descriptions for code generation and introspection, and method ids.
//!
//! [`Schema`] describes a type into a table, [`Types`]; `#[derive(Schema)]` writes it. A
//! [`ServiceDescriptor`] describes a service by such a table and its methods, and
//! [`method_id`] turns a signature into the number that stands on the wire. Everything that
//! walks through types does it by [`Types::walk`].

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

/// Writes the [`trait@Schema`] of a struct or an enum.
pub use roam_macros::Schema;

pub use difference::{Contrast, Difference, Named, Step, difference};
pub use identity::method_id;
pub use known::method_name;
pub use parts::{Channel, Parts, channel_depth};
pub use service::{Arg, MethodDescriptor, ServiceDescriptor};
pub use source::{ArgSource, MethodSource, OutputSource, ServiceSource, arg, can_fail, returns};
pub use types::{
    DanglingIndex, Enum, Field, Payload, Struct, StructKind, Type, TypeIndex, Types, Variant,
};
pub use walk::{Part, Visitor};

/// Describes a type.
///
/// Derive it beside serde's traits. The description follows what serde puts on the wire:
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
/// Attributes of serde by which the wire would differ from what can be described, such as
/// `flatten` or `tag`, are refused by the derive.
///
/// A type with a serialization of its own is described by hand, here as what it holds:
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
    /// The types that this one holds, as a tuple: `()`, `(A,)`, `(A, B)`, up to twelve, more
    /// by tuples of tuples.
    ///
    /// By it the compiler knows whether a type holds channels, see [`channel_depth`].
    type Parts: Parts;

    /// Describes this type in `types` and returns where.
    ///
    /// It is asked once for a table; callers use [`Types::index_of`].
    fn describe(types: &mut Types) -> TypeIndex;

    /// Describes `Vec<Self>`: bytes when this is `u8`.
    #[doc(hidden)]
    fn describe_vec(types: &mut Types) -> TypeIndex
    where
        Self: Sized,
    {
        types.define::<Vec<Self>>(|types| Type::List(types.index_of::<Self>()))
    }
}
