//! The names of the methods that this program knows.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use crate::MethodId;

use super::ServiceDescriptor;

/// The names of service and method. Only services of this program are added, so the size is bounded
/// by what was compiled in.
static KNOWN: RwLock<BTreeMap<MethodId, [Cow<'static, str>; 2]>> = RwLock::new(BTreeMap::new());

/// Returns the name of a method, such as `Demo.divide`, for logs and diagnostics that have only its
/// id.
///
/// A name is known once this program has described its service, or used it in a client or a
/// dispatcher.
pub fn method_name(id: MethodId) -> Option<String> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    known.get(&id).map(|names| names.join("."))
}

/// Makes the methods of `service` known by name.
pub(super) fn register(service: &ServiceDescriptor) {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    for method in &service.methods {
        known.insert(method.id, [service.name.clone(), method.name.clone()]);
    }
}
