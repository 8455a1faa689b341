//! Descriptors of services.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::MethodId;

use super::identity::{self, SignatureHash};
use super::{Attribute, DanglingIndex, Schema, TypeIndex, Types};

/// Describes a service, for code generators, dispatchers and introspection.
///
/// `#[service]` generates the function `<name>_service()`, which returns the service's descriptor.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct ServiceDescriptor {
    /// The name of the trait.
    pub name: Cow<'static, str>,
    /// Its doc comment, without indentation; empty when there is none.
    pub doc: Cow<'static, str>,
    /// The types that its methods use.
    pub types: Types,
    /// Its methods in order of declaration.
    pub methods: Vec<MethodDescriptor>,
    /// Positions in `methods`, sorted by id.
    by_id: Vec<(MethodId, usize)>,
}

/// Describes a method of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodDescriptor {
    /// The name of the service that it belongs to.
    pub service: Cow<'static, str>,
    /// The name as written in Rust, without `r#`.
    pub name: Cow<'static, str>,
    /// Its doc comment, without indentation; empty when there is none.
    pub doc: Cow<'static, str>,
    /// Its id on the wire.
    pub id: MethodId,
    /// Its arguments in order.
    pub args: Vec<Arg>,
    /// What it returns, the `Ok` side if it can fail.
    pub ok: TypeIndex,
    /// Its error type; `None` when it cannot fail.
    pub err: Option<TypeIndex>,
    /// Whether its handler is first polled in place, without a task: `#[roam(inline)]`.
    pub inline: bool,
    /// The hash of its whole signature, everything inside `Result` included, which its id does not cover.
    /// Both ends of a link compare it. `None` where only a malicious peer describes a service: a
    /// signature is longer than 1 MiB, or those before it are longer than 4 MiB.
    pub signature: Option<SignatureHash>,
    /// What it promises its callers. A received description has only [`Attribute::IDEMPOTENT`].
    pub attributes: Vec<Attribute>,
}

/// An argument of a method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Arg {
    /// The name as written in Rust, without `r#`.
    pub name: Cow<'static, str>,
    /// Its type.
    pub ty: TypeIndex,
}

impl MethodDescriptor {
    /// Returns whether the method has an attribute.
    ///
    /// ```
    /// use roam_core::schema::Attribute;
    /// use roam_core::service;
    ///
    /// #[service]
    /// trait Files {
    ///     #[roam(idempotent)]
    ///     async fn remove(&self, path: String);
    /// }
    ///
    /// assert!(files_service().methods[0].has(Attribute::IDEMPOTENT));
    /// ```
    pub fn has(&self, attribute: Attribute) -> bool {
        self.attributes.contains(&attribute)
    }
}

impl Arg {
    pub(super) fn new(name: &'static str, ty: TypeIndex) -> Self {
        Self {
            name: name.into(),
            ty,
        }
    }
}

impl ServiceDescriptor {
    pub(super) fn new(
        name: Cow<'static, str>,
        doc: Cow<'static, str>,
        types: Types,
        mut methods: Vec<MethodDescriptor>,
    ) -> Self {
        for method in &mut methods {
            method.service.clone_from(&name);
        }
        identity::hash_signatures(&types, &mut methods);
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

    /// Returns the position in `methods` of the method with this id.
    pub fn position(&self, id: MethodId) -> Option<usize> {
        let found = self.by_id.binary_search_by_key(&id, |&(id, _)| id).ok()?;
        Some(self.by_id[found].1)
    }

    /// Returns the method with this id.
    pub fn method(&self, id: MethodId) -> Option<&MethodDescriptor> {
        self.methods.get(self.position(id)?)
    }
}

// Its shape is part of the method ids of `RoamIntrospectionV1`, so it cannot change under that name.
/// The descriptor of a service, as sent on the wire.
#[derive(Serialize, Deserialize, Schema)]
#[serde(rename = "ServiceDescriptor")]
struct Wire {
    /// The name of the trait.
    name: Cow<'static, str>,
    /// Its doc comment; empty when there is none.
    doc: Cow<'static, str>,
    /// The types that its methods use; they refer to each other by index.
    types: Types,
    /// Its methods in order of declaration.
    methods: Vec<WireMethod>,
}

/// Describes a method of a service.
#[derive(Serialize, Deserialize, Schema)]
#[serde(rename = "MethodDescriptor")]
struct WireMethod {
    /// The name as written in Rust, without `r#`.
    name: Cow<'static, str>,
    /// Its doc comment, without indentation; empty when there is none.
    doc: Cow<'static, str>,
    /// Its id on the wire.
    id: MethodId,
    /// Its arguments in order.
    args: Vec<Arg>,
    /// What it returns, the `Ok` side if it can fail.
    ok: TypeIndex,
    /// Its error type; `None` when it cannot fail.
    err: Option<TypeIndex>,
    /// Whether its handler is first polled in place, without a task: `#[roam(inline)]`.
    inline: bool,
    /// Whether calling it twice has the effect of calling it once: `#[roam(idempotent)]`.
    idempotent: bool,
}

impl Schema for ServiceDescriptor {
    type Parts = (Types, Vec<Arg>);

    fn describe(types: &mut Types) -> TypeIndex {
        types.index_of::<Wire>()
    }
}

impl From<ServiceDescriptor> for Wire {
    fn from(service: ServiceDescriptor) -> Self {
        let methods = service.methods.into_iter();
        Self {
            name: service.name,
            doc: service.doc,
            types: service.types,
            methods: methods.map(WireMethod::from).collect(),
        }
    }
}

impl From<MethodDescriptor> for WireMethod {
    fn from(method: MethodDescriptor) -> Self {
        Self {
            idempotent: method.has(Attribute::IDEMPOTENT),
            name: method.name,
            doc: method.doc,
            id: method.id,
            args: method.args,
            ok: method.ok,
            err: method.err,
            inline: method.inline,
        }
    }
}

impl From<WireMethod> for MethodDescriptor {
    fn from(method: WireMethod) -> Self {
        let idempotent = method.idempotent.then_some(Attribute::IDEMPOTENT);
        Self {
            service: Cow::default(),
            name: method.name,
            doc: method.doc,
            id: method.id,
            args: method.args,
            ok: method.ok,
            err: method.err,
            inline: method.inline,
            signature: None,
            attributes: idempotent.into_iter().collect(),
        }
    }
}

impl TryFrom<Wire> for ServiceDescriptor {
    type Error = DanglingIndex;

    fn try_from(received: Wire) -> Result<Self, DanglingIndex> {
        let Wire {
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
        let methods = methods.into_iter().map(MethodDescriptor::from).collect();
        Ok(Self::new(name, doc, types, methods))
    }
}
