//! Parser for declarations. Reports what cannot be described.

use syn::spanned::Spanned;
use syn::{Data, DataEnum, DeriveInput, Error, GenericParam, Generics, Ident, LitStr, Type};

use crate::common::{Errors, doc_of, name_of};

use super::case::Case;
use super::model::{Described, Field, Fields, Shape, Variant};
use super::names::Names;
use super::{schema_attrs, serde_attrs};

pub(super) fn described(input: DeriveInput) -> syn::Result<Described> {
    let mut errors = Errors::default();
    errors.take(check_owned(&input.generics));

    let krate = errors.take(schema_attrs::crate_path(&input.attrs));
    let is_enum = matches!(input.data, Data::Enum(_));
    let attrs = errors.take(serde_attrs::Container::parse(&input.attrs, is_enum));
    let attrs = attrs.unwrap_or_default();
    let shape = match errors.take(attrs.described_as()).flatten() {
        Some(ty) => Shape::Same(Box::new(ty)),
        None => shape(input.data, &attrs, &mut errors),
    };
    errors.finish(Described {
        krate: krate.unwrap_or_default(),
        name: renamed(attrs.rename.as_ref(), || name_of(&input.ident)),
        doc: doc_of(&input.attrs),
        ident: input.ident,
        generics: input.generics,
        shape,
    })
}

fn check_owned(generics: &Generics) -> syn::Result<()> {
    let borrowed = generics
        .params
        .iter()
        .find(|param| matches!(param, GenericParam::Lifetime(_)));
    match borrowed {
        Some(lifetime) => Err(Error::new_spanned(
            lifetime,
            "`Schema` does not support lifetimes: types on the wire must be owned",
        )),
        None => Ok(()),
    }
}

fn shape(data: Data, attrs: &serde_attrs::Container, errors: &mut Errors) -> Shape {
    match data {
        Data::Struct(data) => {
            let newtype = is_newtype(&data.fields);
            let span = data.fields.span();
            let fields = fields(data.fields, attrs.rename_fields, errors);
            if let Some(transparent) = attrs.transparent {
                match transparent_field(fields, transparent) {
                    Ok(ty) => return Shape::Same(Box::new(ty)),
                    Err(error) => errors.add(error),
                }
                return Shape::Struct(Fields::Unit);
            }
            if newtype && matches!(&fields, Fields::Unnamed(types) if types.is_empty()) {
                errors.add(Error::new(
                    span,
                    "cannot skip the only field of a tuple struct: serde writes it anyway",
                ));
            }
            Shape::Struct(fields)
        }
        Data::Enum(data) => Shape::Enum(variants(data, attrs, errors)),
        Data::Union(data) => {
            errors.add(Error::new_spanned(
                data.union_token,
                "`Schema` does not support unions: the active field is unknown",
            ));
            Shape::Struct(Fields::Unit)
        }
    }
}

fn is_newtype(fields: &syn::Fields) -> bool {
    matches!(fields, syn::Fields::Unnamed(fields) if fields.unnamed.len() == 1)
}

/// Returns the type of the only field that is neither skipped nor empty.
fn transparent_field(fields: Fields, transparent: proc_macro2::Span) -> syn::Result<Type> {
    let types: Vec<Type> = match fields {
        Fields::Unit => Vec::new(),
        Fields::Unnamed(types) => types,
        Fields::Named(fields) => fields.into_iter().map(|field| field.ty).collect(),
    };
    let mut candidates = types.into_iter().filter(|ty| !is_phantom(ty));
    match (candidates.next(), candidates.next()) {
        (Some(ty), None) => Ok(ty),
        _ => Err(Error::new(
            transparent,
            "a transparent struct must have exactly one field that is neither skipped nor empty",
        )),
    }
}

fn is_phantom(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => {
            let last = path.path.segments.last();
            last.is_some_and(|last| last.ident == "PhantomData")
        }
        Type::Tuple(tuple) => tuple.elems.is_empty(),
        _ => false,
    }
}

fn fields(fields: syn::Fields, case: Option<Case>, errors: &mut Errors) -> Fields {
    match fields {
        syn::Fields::Unit => Fields::Unit,
        syn::Fields::Unnamed(fields) => Fields::Unnamed(
            kept(fields.unnamed, errors)
                .into_iter()
                .map(|(field, _)| field.ty)
                .collect(),
        ),
        syn::Fields::Named(fields) => {
            let mut names = Names::of_fields();
            let mut described = Vec::new();
            for (it, attrs) in kept(fields.named, errors) {
                let ident = it.ident.clone().expect("a named field has a name");
                let field = field(it, &ident, &attrs, case);
                names.add(&ident, &field.wire_name, errors);
                described.push(field);
            }
            Fields::Named(described)
        }
    }
}

/// Returns the fields that are sent on the wire, each with the type that describes it.
fn kept(
    fields: impl IntoIterator<Item = syn::Field>,
    errors: &mut Errors,
) -> Vec<(syn::Field, serde_attrs::Field)> {
    let mut kept = Vec::new();
    for mut field in fields {
        let attrs = errors.take(serde_attrs::Field::parse(&field.attrs));
        let Some(attrs) = attrs.filter(|attrs| !attrs.skip) else {
            continue;
        };
        if let Some(with) = &attrs.with {
            field.ty = with.clone();
        }
        kept.push((field, attrs));
    }
    kept
}

fn field(
    field: syn::Field,
    ident: &Ident,
    attrs: &serde_attrs::Field,
    case: Option<Case>,
) -> Field {
    let name = name_of(ident);
    Field {
        wire_name: renamed(attrs.rename.as_ref(), || match case {
            Some(case) => case.of_field(&name),
            None => name.clone(),
        }),
        doc: doc_of(&field.attrs),
        ty: field.ty,
        name,
    }
}

fn variants(
    data: DataEnum,
    container: &serde_attrs::Container,
    errors: &mut Errors,
) -> Vec<Variant> {
    let mut variants = Vec::new();
    let mut names = Names::of_variants();
    let mut skipped = None;
    for variant in data.variants {
        errors.take(schema_attrs::reject(&variant.attrs));
        let Some(attrs) = errors.take(serde_attrs::Variant::parse(&variant.attrs)) else {
            continue;
        };
        if attrs.skip.is_some() {
            skipped = skipped.or(attrs.skip);
            continue;
        }
        if let Some(span) = skipped.take() {
            errors.add(Error::new(
                span,
                "serde reads and writes different variant indices when a skipped variant precedes \
                 others: move skipped variants to the end",
            ));
        }
        let ident = variant.ident.clone();
        let variant = self::variant(variant, &attrs, container, errors);
        names.add(&ident, &variant.wire_name, errors);
        variants.push(variant);
    }
    variants
}

fn variant(
    variant: syn::Variant,
    attrs: &serde_attrs::Variant,
    container: &serde_attrs::Container,
    errors: &mut Errors,
) -> Variant {
    let name = name_of(&variant.ident);
    let newtype = is_newtype(&variant.fields);
    let case = attrs.rename_fields.or(container.rename_fields);
    let fields = match fields(variant.fields, case, errors) {
        // serde treats `A(#[serde(skip)] T)` as a unit variant.
        Fields::Unnamed(types) if newtype && types.is_empty() => Fields::Unit,
        fields => fields,
    };
    Variant {
        wire_name: renamed(attrs.rename.as_ref(), || match container.rename_variants {
            Some(case) => case.of_variant(&name),
            None => name.clone(),
        }),
        doc: doc_of(&variant.attrs),
        newtype,
        fields,
        name,
    }
}

fn renamed(rename: Option<&LitStr>, otherwise: impl FnOnce() -> String) -> String {
    rename.map_or_else(otherwise, LitStr::value)
}
