//! Descriptions of services.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::MethodId;

use super::{DanglingIndex, Schema, TypeIndex, Types, method_id};

/// Describes a service: what code generators, dispatchers and introspection read.
///
/// `#[service]` makes one for each service, returned by the function `<name>_service()`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(try_from = "Received")]
pub struct ServiceDescriptor {
    /// The name of the trait.
    pub name: Cow<'static, str>,
    /// Its doc comment, without indentation; empty when there is none.
    pub doc: Cow<'static, str>,
    /// The types that its methods mention.
    pub types: Types,
    /// Its methods in order of declaration.
    pub methods: Vec<MethodDescriptor>,
    /// The positions of `methods`, sorted by id.
    #[serde(skip)]
    by_id: Vec<(MethodId, usize)>,
}

/// Describes a method of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodDescriptor {
    /// The name as written in Rust, without `r#`.
    pub name: Cow<'static, str>,
    /// Its doc comment, without indentation; empty when there is none.
    pub doc: Cow<'static, str>,
    /// Its number on the wire.
    pub id: MethodId,
    /// Its arguments in order.
    pub args: Vec<Arg>,
    /// What it returns, the `Ok` side when it can fail.
    pub ok: TypeIndex,
    /// Its error type; `None` when it cannot fail.
    pub err: Option<TypeIndex>,
    /// Whether its handler is polled in place first: `#[roam(inline)]`.
    pub inline: bool,
    /// Whether it may be called twice for once: `#[roam(idempotent)]`.
    pub idempotent: bool,
}

/// An argument of a method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arg {
    /// The name as written in Rust, without `r#`.
    pub name: Cow<'static, str>,
    /// What it is.
    pub ty: TypeIndex,
}

impl ServiceDescriptor {
    fn new(
        name: Cow<'static, str>,
        doc: Cow<'static, str>,
        types: Types,
        methods: Vec<MethodDescriptor>,
    ) -> Self {
        let mut by_id: Vec<_> = methods.iter().map(|method| method.id).zip(0..).collect();
        by_id.sort_unstable();
        Self {
            name,
            doc,
            types,
            methods,
            by_id,
        }
    }

    /// The position in `methods` of the method with this id.
    pub fn position(&self, id: MethodId) -> Option<usize> {
        let found = self.by_id.binary_search_by_key(&id, |&(id, _)| id).ok()?;
        Some(self.by_id[found].1)
    }

    /// The method with this id.
    pub fn method(&self, id: MethodId) -> Option<&MethodDescriptor> {
        self.methods.get(self.position(id)?)
    }
}

/// A description as it comes from elsewhere.
#[derive(Deserialize)]
struct Received {
    name: Cow<'static, str>,
    doc: Cow<'static, str>,
    types: Types,
    methods: Vec<MethodDescriptor>,
}

impl TryFrom<Received> for ServiceDescriptor {
    type Error = DanglingIndex;

    fn try_from(received: Received) -> Result<Self, DanglingIndex> {
        let Received {
            name,
            doc,
            types,
            methods,
        } = received;
        for method in &methods {
            let args = method.args.iter().map(|arg| arg.ty);
            args.chain([method.ok])
                .chain(method.err)
                .try_for_each(|index| types.check_index(index))?;
        }
        Ok(Self::new(name, doc, types, methods))
    }
}

/// Builds a [`ServiceDescriptor`], method by method.
///
/// ```
/// use roam_core::schema::ServiceBuilder;
///
/// let mut demo = ServiceBuilder::new("Demo", "What roam can do.");
/// demo.method("add", "Adds.").arg::<i32>("a").arg::<i32>("b").returns::<i32>();
/// demo.method("parse", "").idempotent().arg::<String>("text").can_fail::<i32, String>();
/// let demo = demo.build();
/// assert_eq!(demo.methods[1].args[0].name, "text");
/// ```
#[derive(Debug)]
pub struct ServiceBuilder {
    name: &'static str,
    doc: &'static str,
    types: Types,
    methods: Vec<MethodDescriptor>,
}

impl ServiceBuilder {
    /// A service without methods yet; `name` is that of the trait.
    pub fn new(name: &'static str, doc: &'static str) -> Self {
        Self {
            name,
            doc,
            types: Types::new(),
            methods: Vec::new(),
        }
    }

    /// Begins a method; [`MethodBuilder::returns`] or [`MethodBuilder::can_fail`] ends it.
    pub fn method(&mut self, name: &'static str, doc: &'static str) -> MethodBuilder<'_> {
        MethodBuilder {
            service: self,
            name,
            doc,
            args: Vec::new(),
            inline: false,
            idempotent: false,
        }
    }

    /// The description.
    pub fn build(self) -> ServiceDescriptor {
        ServiceDescriptor::new(
            self.name.into(),
            self.doc.into(),
            self.types,
            self.methods,
        )
    }
}

/// A method of a [`ServiceBuilder`] that is not complete yet.
#[derive(Debug)]
#[must_use = "a method is part of the service when its result is known"]
pub struct MethodBuilder<'a> {
    service: &'a mut ServiceBuilder,
    name: &'static str,
    doc: &'static str,
    args: Vec<Arg>,
    inline: bool,
    idempotent: bool,
}

impl MethodBuilder<'_> {
    /// Sets [`MethodDescriptor::inline`].
    pub fn inline(mut self) -> Self {
        self.inline = true;
        self
    }

    /// Sets [`MethodDescriptor::idempotent`].
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Adds an argument.
    pub fn arg<T: Schema>(mut self, name: &'static str) -> Self {
        self.args.push(Arg {
            name: name.into(),
            ty: self.service.types.index_of::<T>(),
        });
        self
    }

    /// Ends a method that returns `T` and cannot fail.
    pub fn returns<T: Schema>(self) {
        let ok = self.service.types.index_of::<T>();
        self.end(ok, ok, None);
    }

    /// Ends a method that returns `Result<T, E>`.
    ///
    /// # Panics
    /// When `E` holds a channel, which no error can carry.
    pub fn can_fail<T: Schema, E: Schema>(self) {
        let types = &mut self.service.types;
        let ret = types.index_of::<Result<T, E>>();
        let ok = types.index_of::<T>();
        let err = types.index_of::<E>();
        // `#[service]` has checked it at compile time, but not below 32 levels of types.
        assert!(
            !types.contains_channel(err),
            "the error type of `{}` holds a channel",
            self.name
        );
        self.end(ret, ok, Some(err));
    }

    fn end(self, ret: TypeIndex, ok: TypeIndex, err: Option<TypeIndex>) {
        let ServiceBuilder {
            name,
            types,
            methods,
            ..
        } = self.service;
        let args: Vec<TypeIndex> = self.args.iter().map(|arg| arg.ty).collect();
        methods.push(MethodDescriptor {
            name: self.name.into(),
            doc: self.doc.into(),
            id: method_id(name, self.name, types, &args, ret),
            args: self.args,
            ok,
            err,
            inline: self.inline,
            idempotent: self.idempotent,
        });
    }
}
