//! HTTP responses to a browser.

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use roam_core::diagnostics::Links;
use tower::ServiceExt as _;

async fn ask(request: axum::http::request::Builder) -> Response<Body> {
    let request = request.body(Body::empty()).expect("the request is valid");
    let answer = web_demo::router(Links::new()).oneshot(request).await;
    answer.expect("the router never fails")
}

fn header<'a>(response: &'a Response<Body>, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

#[tokio::test]
async fn every_response_has_a_strict_policy() {
    for path in ["/", "/nothing"] {
        let answer = ask(Request::get(path)).await;
        let policy = header(&answer, "content-security-policy");
        assert!(policy.contains("default-src 'none'"));
        assert!(policy.contains("script-src 'self' 'wasm-unsafe-eval';"));
        assert!(!policy.contains("'unsafe-"));
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn rejects_unknown_paths_and_methods() {
    for path in ["/nothing", "/../Cargo.toml", "/assets/", "//etc/passwd"] {
        assert_eq!(
            ask(Request::get(path)).await.status(),
            StatusCode::NOT_FOUND
        );
    }
    let posted = ask(Request::post("/")).await;
    assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn rpc_accepts_only_websockets_of_its_own_pages() {
    let plain = ask(Request::get("/rpc")).await;
    assert_eq!(plain.status(), StatusCode::UPGRADE_REQUIRED);
    let foreign = Request::get("/rpc")
        .header("host", "127.0.0.1:8080")
        .header("origin", "http://example.com");
    assert_eq!(ask(foreign).await.status(), StatusCode::FORBIDDEN);
}
