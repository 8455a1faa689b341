//! Descriptors of services.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::MethodId;

use super::{DanglingIndex, Schema, TypeIndex, Types};

/// Describes a service, for code generators, dispatchers and introspection.
///
/// `#[service]` generates the function `<name>_service()`, which returns the service's descriptor.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Received")]
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
    #[serde(skip)]
    by_id: Vec<(MethodId, usize)>,
}

/// Describes a method of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct MethodDescriptor {
    /// The name of the service that it belongs to.
    #[serde(skip)]
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
    /// Whether calling it twice has the effect of calling it once: `#[roam(idempotent)]`.
    pub idempotent: bool,
}

/// An argument of a method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Arg {
    /// The name as written in Rust, without `r#`.
    pub name: Cow<'static, str>,
    /// Its type.
    pub ty: TypeIndex,
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

/// The descriptor of a service, as sent on the wire.
#[derive(Deserialize, Schema)]
#[serde(rename = "ServiceDescriptor")]
struct Received {
    /// The name of the trait.
    name: Cow<'static, str>,
    /// Its doc comment; empty when there is none.
    doc: Cow<'static, str>,
    /// The types that its methods use; they refer to each other by index.
    types: Types,
    /// Its methods in order of declaration.
    methods: Vec<MethodDescriptor>,
}

impl Schema for ServiceDescriptor {
    type Parts = (Types, Vec<MethodDescriptor>);

    fn describe(types: &mut Types) -> TypeIndex {
        types.index_of::<Received>()
    }
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
