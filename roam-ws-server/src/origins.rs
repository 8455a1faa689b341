//! Which pages may open links.

use http::header::{HOST, HeaderMap, ORIGIN};
use http::uri::{Authority, Uri};

/// Which pages may open links. A browser lets any page connect to any server, with the visitor's
/// cookies, and only tells the server which page it is; programs that are no browsers say nothing
/// and are always let in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// Pages that come from the host and port to which they connect: the header `Host`, which a
    /// proxy in front of the server has to pass on.
    #[default]
    Same,
    /// Those of [`Same`](Self::Same), and pages from these origins, written as browsers do:
    /// `https://example.com`, `http://localhost:5173`.
    Listed(Vec<String>),
    /// All of them. Right only for services that trust nothing that a browser sends by itself.
    Any,
}

impl Origins {
    /// Whether a request with these headers may open a link; if not, the origin that it names.
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
    fn programs_may_always_connect() {
        for origins in [Origins::Same, Origins::Listed(Vec::new()), Origins::Any] {
            assert!(allows(&origins, None));
        }
    }

    #[test]
    fn by_default_only_pages_of_the_same_host_and_port_may() {
        let origins = Origins::default();
        assert!(allows(&origins, Some("http://localhost:80")));
        assert!(!allows(&origins, Some("http://localhost:81")));
        assert!(!allows(&origins, Some("https://example.com")));
        assert!(!allows(&origins, Some("null")));
        assert!(!allows(&origins, Some("")));
    }

    #[test]
    fn listed_pages_may_as_well() {
        let origins = Origins::Listed(vec!["https://example.com".to_owned()]);
        assert!(allows(&origins, Some("https://example.com")));
        assert!(allows(&origins, Some("http://localhost:80")));
        assert!(!allows(&origins, Some("http://example.com")));
        assert!(!allows(&origins, Some("https://example.com.evil.com")));
    }

    #[test]
    fn all_pages_may_when_told_so() {
        assert!(allows(&Origins::Any, Some("null")));
    }
}
