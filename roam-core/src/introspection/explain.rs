//! Explains why the peer does not know a method, or has another signature of it.

use std::fmt;

use heck::ToKebabCase;

use crate::client::CallFailure;
use crate::schema::{Difference, difference};
use crate::{CallError, Caller, RoamError, ServiceDescriptor};

use super::nearest::nearest;
use super::service::RoamIntrospectionV1Client;

/// How the services of the peer differ from our description.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mismatch {
    /// The peer has no such service.
    NoSuchService {
        /// The service.
        service: String,
        /// A service of the peer with a similar name.
        nearest: Option<String>,
    },
    /// The peer's service has no such method.
    NoSuchMethod {
        /// The service.
        service: String,
        /// The method.
        method: String,
        /// A method of that service with a similar name.
        nearest: Option<String>,
    },
    /// The peer's method has a different signature.
    Signature {
        /// The service.
        service: String,
        /// The method.
        method: String,
        /// The first difference. `None` when the ids differ but the descriptions do not: the peer
        /// computes ids in another way.
        difference: Option<Difference>,
    },
}

/// Why [`explain`] failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExplainError {
    /// The given description has no such method.
    #[error("{service} has no method {method}")]
    NotOurs {
        /// The service.
        service: String,
        /// The method.
        method: String,
    },
    /// The peer does not offer introspection.
    #[error("the peer does not offer introspection")]
    NotOffered,
    /// The call to the peer failed.
    #[error(transparent)]
    Call(CallFailure),
}

/// Asks the peer why a call of `method` (its name in Rust) was answered `UnknownMethod` or
/// [`FailureKind::SignatureMismatch`](crate::FailureKind::SignatureMismatch).
///
/// Returns `None` if the peer serves the method as `service` describes it. The peer must offer
/// [introspection](super::introspection).
pub async fn explain(
    caller: &impl Caller,
    service: &ServiceDescriptor,
    method: &str,
) -> Result<Option<Mismatch>, ExplainError> {
    let Some(ours) = service.methods.iter().find(|ours| ours.name == method) else {
        return Err(ExplainError::NotOurs {
            service: service.name.clone().into_owned(),
            method: method.to_owned(),
        });
    };
    let peer = RoamIntrospectionV1Client::new(caller.clone());
    let name = service.name.clone().into_owned();
    let Some(theirs) = peer.describe(name.clone()).await.map_err(failed_call)? else {
        let services = peer.services().await.map_err(failed_call)?;
        let names = services.iter().map(|service| &*service.name);
        let nearest = nearest(&name, names).map(str::to_owned);
        return Ok(Some(Mismatch::NoSuchService {
            service: name,
            nearest,
        }));
    };
    let method = method.to_owned();
    // Method ids compare names in kebab case.
    let kebab = method.to_kebab_case();
    let Some(found) = theirs
        .methods
        .iter()
        .find(|theirs| theirs.name.to_kebab_case() == kebab)
    else {
        let names = theirs.methods.iter().map(|theirs| &*theirs.name);
        let nearest = nearest(&method, names).map(str::to_owned);
        return Ok(Some(Mismatch::NoSuchMethod {
            service: name,
            method,
            nearest,
        }));
    };
    let difference = difference((service, ours), (&theirs, found));
    let same = difference.is_none() && ours.id == found.id;
    Ok((!same).then_some(Mismatch::Signature {
        service: name,
        method,
        difference,
    }))
}

fn failed_call(error: CallFailure) -> ExplainError {
    match error {
        CallError::Answered(RoamError::UnknownMethod) => ExplainError::NotOffered,
        error => ExplainError::Call(error),
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (service, nearest) = match self {
            Self::NoSuchService { service, nearest } => {
                write!(f, "the peer has no service {service}")?;
                (None, nearest)
            }
            Self::NoSuchMethod {
                service,
                method,
                nearest,
            } => {
                write!(f, "the peer's {service} has no method {method}")?;
                (Some(service), nearest)
            }
            Self::Signature {
                service,
                method,
                difference: Some(difference),
            } => return write!(f, "{service}.{method} differs: {difference}"),
            Self::Signature {
                service, method, ..
            } => {
                return write!(
                    f,
                    "{service}.{method} has the same signature but a different id"
                );
            }
        };
        match (service, nearest) {
            (_, None) => Ok(()),
            (None, Some(nearest)) => write!(f, ", but {nearest}"),
            (Some(service), Some(nearest)) => write!(f, ", but {service}.{nearest}"),
        }
    }
}
