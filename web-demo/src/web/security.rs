//! What the page may do, and who may talk to the server.

use axum::Router;
use axum::extract::Request;
use axum::http::header::{
    CONTENT_SECURITY_POLICY, HOST, HeaderName, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, Uri};
use tower_http::set_header::SetResponseHeaderLayer;

/// Nothing but what the page consists of. `'self'` covers its WebSocket as well.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
    style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'";

const HEADERS: [(HeaderName, &str); 4] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];

/// The same with headers that keep browsers from doing what the page never does.
pub(super) fn with_headers(router: Router) -> Router {
    HEADERS.into_iter().fold(router, |router, (name, value)| {
        let value = HeaderValue::from_static(value);
        router.layer(SetResponseHeaderLayer::overriding(name, value))
    })
}

/// Whether a request comes from our own page, or from no page at all. A browser lets any page
/// open a WebSocket to any server, and only tells the server which page it is.
pub(super) fn is_same_origin(request: &Request) -> bool {
    let header = |name| request.headers().get(name)?.to_str().ok();
    let Some(origin) = header(ORIGIN) else {
        return true;
    };
    let origin = origin.parse::<Uri>().ok();
    let authority = origin.as_ref().and_then(|origin| origin.authority());
    authority.is_some_and(|authority| header(HOST) == Some(authority.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(origin: Option<&'static str>) -> bool {
        let request = Request::builder().header(HOST, "127.0.0.1:8080");
        let request = match origin {
            Some(origin) => request.header(ORIGIN, origin),
            None => request,
        };
        let request = request.body(axum::body::Body::empty());
        is_same_origin(&request.expect("a correct request"))
    }

    #[test]
    fn only_the_own_page_and_programs_may_connect() {
        assert!(asked(None));
        assert!(asked(Some("http://127.0.0.1:8080")));
        assert!(!asked(Some("http://127.0.0.1:8081")));
        assert!(!asked(Some("https://example.com")));
        assert!(!asked(Some("null")));
    }
}
