//! Whether caller and handler have the same signature of a method.
//!
//! Method ids do not cover what a `Result` holds. So the first calls of a method carry the hash of the
//! caller's whole signature.

use crate::proto::{Failure, FailureKind, Metadata};
use crate::schema::{MethodDescriptor, SignatureHash};

/// The metadata key for the hash of the caller's signature.
const KEY: &str = "roam-signature";

/// Adds the hash of the caller's signature to the metadata of a call. Returns `false` when that has no room
/// for it.
#[cold]
pub(super) fn put(signature: SignatureHash, metadata: &mut Metadata) -> bool {
    metadata.set(KEY, signature.0);
    let fits = metadata.check().is_ok();
    if !fits {
        remove(metadata);
    }
    fits
}

/// Returns why the caller cannot decode what `method` returns, if the metadata of its call says so.
pub(in crate::session) fn mismatch(
    method: &MethodDescriptor,
    metadata: &Metadata,
) -> Option<Failure> {
    let theirs = SignatureHash(metadata.get_u64(KEY)?);
    let ours = method.signature.filter(|ours| *ours != theirs)?;
    let (service, name) = (&method.service, &method.name);
    let reason =
        format!("{service}.{name} has the signature {ours} at the handler, {theirs} at the caller");
    Some(Failure::new(FailureKind::SignatureMismatch).with_reason(&reason))
}

/// Removes the hash. Only the first calls have it, so handlers do not see it.
#[cold]
pub(in crate::session) fn remove(metadata: &mut Metadata) {
    metadata.remove(KEY);
}
