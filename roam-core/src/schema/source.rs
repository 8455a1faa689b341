//! Services as constants, which `#[service]` generates.
//!
//! As constants, they let the compiler check what a signature must fulfil, in one place for each of
//! its types. The descriptors are built from them at run time.

use std::borrow::Cow;

use serde::{Serialize, de::DeserializeOwned};

use super::{
    Arg, Attribute, MethodDescriptor, Schema, ServiceDescriptor, TypeIndex, Types, channel_depth,
    known, method_id,
};

/// The constant from which a [`ServiceDescriptor`] is built.
///
/// ```
/// use roam_core::schema::{MethodSource, ServiceSource, arg, can_fail};
///
/// const CALCULATOR: ServiceSource = ServiceSource {
///     name: "Calculator",
///     doc: "Does sums.",
///     methods: &[MethodSource {
///         name: "divide",
///         doc: "Fails when `by` is 0.",
///         args: &[arg::<i64>("number"), arg::<i64>("by")],
///         output: can_fail::<i64, String>(),
///         inline: true,
///         attributes: &["idempotent"],
///     }],
/// };
/// assert_eq!(CALCULATOR.describe().methods[0].args[1].name, "by");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ServiceSource {
    /// See [`ServiceDescriptor::name`].
    pub name: &'static str,
    /// See [`ServiceDescriptor::doc`].
    pub doc: &'static str,
    /// See [`ServiceDescriptor::methods`].
    pub methods: &'static [MethodSource],
}

/// The constant from which a [`MethodDescriptor`] is built.
#[derive(Debug, Clone, Copy)]
pub struct MethodSource {
    /// See [`MethodDescriptor::name`].
    pub name: &'static str,
    /// See [`MethodDescriptor::doc`].
    pub doc: &'static str,
    /// The arguments, made by [`arg`].
    pub args: &'static [ArgSource],
    /// The result, made by [`returns`] or [`can_fail`].
    pub output: OutputSource,
    /// See [`MethodDescriptor::inline`].
    pub inline: bool,
    /// The names of its [`MethodDescriptor::attributes`].
    pub attributes: &'static [&'static str],
}

/// An argument; see [`arg`].
#[derive(Debug, Clone, Copy)]
pub struct ArgSource {
    name: &'static str,
    ty: Describe,
}

/// The result of a method; see [`returns`] and [`can_fail`].
#[derive(Debug, Clone, Copy)]
pub struct OutputSource {
    returned: Describe,
    ok: Describe,
    err: Option<Describe>,
}

type Describe = fn(&mut Types) -> TypeIndex;

/// Describes the argument `name` of type `T`.
///
/// # Panics
/// If the elements of a channel in `T` contain a channel. In a constant, this is a compile error.
pub const fn arg<T: Schema + Serialize + DeserializeOwned>(name: &'static str) -> ArgSource {
    assert_plain_elements::<T>();
    ArgSource {
        name,
        ty: Types::index_of::<T>,
    }
}

/// Describes the result of a method that returns `T` and cannot fail.
///
/// # Panics
/// As [`arg`] does.
pub const fn returns<T: Schema + Serialize + DeserializeOwned>() -> OutputSource {
    assert_plain_elements::<T>();
    OutputSource {
        returned: Types::index_of::<T>,
        ok: Types::index_of::<T>,
        err: None,
    }
}

/// Describes the result of a method that returns `Result<T, E>`.
///
/// # Panics
/// As [`arg`] does, and if `E` contains a channel: an error ends the channels of its call.
pub const fn can_fail<T, E>() -> OutputSource
where
    T: Schema + Serialize + DeserializeOwned,
    E: Schema + Serialize + DeserializeOwned,
{
    assert_plain_elements::<T>();
    assert!(
        channel_depth::<E>() == 0,
        "an error type cannot hold a channel (`Tx` or `Rx`): an error ends the call's channels"
    );
    OutputSource {
        returned: Types::index_of::<Result<T, E>>,
        ok: Types::index_of::<T>,
        err: Some(Types::index_of::<E>),
    }
}

const fn assert_plain_elements<T: Schema>() {
    assert!(
        channel_depth::<T>() <= 1,
        "the elements of a channel cannot hold a channel: make both of them arguments"
    );
}

impl ServiceSource {
    /// Builds the descriptor.
    ///
    /// # Panics
    /// If an error type contains a channel too deep for the compiler to find; see
    /// [`channel_depth`].
    pub fn describe(&self) -> ServiceDescriptor {
        let mut types = Types::new();
        let methods = self.methods.iter();
        let methods = methods
            .map(|method| method.describe(self.name, &mut types))
            .collect();
        let service = ServiceDescriptor::new(self.name.into(), self.doc.into(), types, methods);
        known::register(&service);
        service
    }
}

impl MethodSource {
    fn describe(&self, service: &str, types: &mut Types) -> MethodDescriptor {
        let args: Vec<_> = self.args.iter().map(|arg| (arg.ty)(types)).collect();
        let returned = (self.output.returned)(types);
        let err = self.output.err.map(|err| err(types));
        assert!(
            !err.is_some_and(|err| types.contains_channel(err)),
            "the error type of `{}` contains a channel",
            self.name
        );
        MethodDescriptor {
            service: Cow::default(),
            name: self.name.into(),
            doc: self.doc.into(),
            id: method_id(service, self.name, types, &args, returned),
            ok: (self.output.ok)(types),
            err,
            inline: self.inline,
            signature: None,
            attributes: self
                .attributes
                .iter()
                .copied()
                .map(Attribute::new)
                .collect(),
            args: self
                .args
                .iter()
                .zip(args)
                .map(|(arg, ty)| Arg::new(arg.name, ty))
                .collect(),
        }
    }
}
