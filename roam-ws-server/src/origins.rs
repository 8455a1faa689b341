//! The check of a page's origin.

use http::header::{HOST, HeaderMap, ORIGIN};
use http::uri::{Authority, Uri};

/// Which pages may open links.
///
/// A browser lets any page connect to any server, with the visitor's cookies, and only tells the
/// server the page's origin. Programs other than browsers send no origin and may always connect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origins {
    /// Pages served from the host and port they connect to, as named by the `Host` header. A proxy
    /// in front of the server must pass that header on.
    #[default]
    Same,
    /// The pages of [`Same`](Self::Same), and pages from these origins, written the way browsers
    /// send them: `https://example.com`, `http://localhost:5173`.
    Listed(Vec<String>),
    /// All pages. Safe only for services that do not trust what browsers send on their own, such as
    /// cookies.
    Any,
}

impl Origins {
    /// Checks whether a request with these headers may open a link. Returns its origin if not.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), String> {
        let Some(origin) = headers.get(ORIGIN) else {
            return Ok(());
        };
        let named = String::from_utf8_lossy(origin.as_bytes());
        let listed = match self {
            Self::Any => true,
            Self::Same => false,
            Self::Listed(origins) => origins.iter().any(|listed| *listed == named),
        };
        if listed || is_same(&named, headers) {
            Ok(())
        } else {
            Err(named.into_owned())
        }
    }
}

fn is_same(origin: &str, headers: &HeaderMap) -> bool {
    let origin = origin.parse::<Uri>().ok();
    let authority = origin.as_ref().and_then(Uri::authority);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    authority.is_some() && authority.map(Authority::as_str) == host
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn allows(origins: &Origins, origin: Option<&'static str>) -> bool {
        let mut headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("localhost:80"))]);
        headers.extend(origin.map(|origin| (ORIGIN, HeaderValue::from_static(origin))));
        origins.check(&headers).is_ok()
    }

    #[test]
    fn accepts_requests_without_an_origin() {
        for origins in [Origins::Same, Origins::Listed(Vec::new()), Origins::Any] {
            assert!(allows(&origins, None));
        }
    }

    #[test]
    fn default_accepts_only_the_same_host_and_port() {
        let origins = Origins::default();
        assert!(allows(&origins, Some("http://localhost:80")));
        assert!(!allows(&origins, Some("http://localhost:81")));
        assert!(!allows(&origins, Some("https://example.com")));
        assert!(!allows(&origins, Some("null")));
        assert!(!allows(&origins, Some("")));
    }

    #[test]
    fn accepts_listed_origins_and_the_same_host() {
        let origins = Origins::Listed(vec!["https://example.com".to_owned()]);
        assert!(allows(&origins, Some("https://example.com")));
        assert!(allows(&origins, Some("http://localhost:80")));
        assert!(!allows(&origins, Some("http://example.com")));
        assert!(!allows(&origins, Some("https://example.com.evil.com")));
    }

    #[test]
    fn any_accepts_every_origin() {
        assert!(allows(&Origins::Any, Some("null")));
    }
}
