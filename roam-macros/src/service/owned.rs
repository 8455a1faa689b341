//! Check that the types in a signature are owned.

use syn::visit::{self, Visit};
use syn::{Error, Lifetime, Path, Type, TypeImplTrait, TypeReference};

use crate::common::Errors;

/// Rejects types that borrow, have no name, or depend on the handler.
pub(super) fn check_owned(ty: &Type, role: &'static str, errors: &mut Errors) {
    Owned { role, errors }.visit_type(ty);
}

struct Owned<'e> {
    role: &'static str,
    errors: &'e mut Errors,
}

impl<'ast> Visit<'ast> for Owned<'_> {
    fn visit_type_reference(&mut self, ty: &'ast TypeReference) {
        let role = self.role;
        let instead = match &*ty.elem {
            Type::Path(path) if path.path.is_ident("str") => "`String`",
            Type::Slice(_) => "`Vec`",
            _ => "the owned type",
        };
        self.errors.add(Error::new_spanned(
            ty,
            format!("borrowed {role}: types on the wire must be owned, use {instead}"),
        ));
    }

    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        if lifetime.ident != "static" {
            let message = format!("borrowed {}: types on the wire must be owned", self.role);
            self.errors.add(Error::new_spanned(lifetime, message));
        }
    }

    fn visit_type_impl_trait(&mut self, ty: &'ast TypeImplTrait) {
        let message = format!(
            "`impl Trait` in {}: both peers must know the type",
            self.role
        );
        self.errors.add(Error::new_spanned(ty, message));
    }

    fn visit_path(&mut self, path: &'ast Path) {
        if path
            .segments
            .first()
            .is_some_and(|first| first.ident == "Self")
        {
            let message = format!("`Self` in {}: both peers must know the type", self.role);
            self.errors.add(Error::new_spanned(path, message));
        }
        visit::visit_path(self, path);
    }
}
