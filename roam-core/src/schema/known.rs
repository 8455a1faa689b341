//! The methods that this program knows by name.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use crate::MethodId;

use super::ServiceDescriptor;

/// Service and method. It holds what services of this program were described, so that it is
/// bounded by what was compiled in.
static KNOWN: RwLock<BTreeMap<MethodId, [Cow<'static, str>; 2]>> = RwLock::new(BTreeMap::new());

/// The name of a method, as `Demo.divide`, for people who have but its id: in a log, in a list of
/// what is in flight. It is known once the service has been used in this program, by a client or a
/// dispatcher, or described.
pub fn method_name(id: MethodId) -> Option<String> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    known.get(&id).map(|names| names.join("."))
}

pub(super) fn learn(service: &ServiceDescriptor) {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    for method in &service.methods {
        known.insert(method.id, [service.name.clone(), method.name.clone()]);
    }
}
