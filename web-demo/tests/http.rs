//! What a browser gets by HTTP.

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use roam_core::Links;
use tower::ServiceExt as _;

async fn ask(request: axum::http::request::Builder) -> Response<Body> {
    let request = request.body(Body::empty()).expect("a correct request");
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
async fn everything_comes_with_a_strict_policy() {
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
async fn what_is_not_there_is_not_found() {
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
async fn the_socket_is_for_web_sockets_of_the_own_page() {
    let plain = ask(Request::get("/rpc")).await;
    assert_eq!(plain.status(), StatusCode::UPGRADE_REQUIRED);
    let foreign = Request::get("/rpc")
        .header("host", "127.0.0.1:8080")
        .header("origin", "http://example.com");
    assert_eq!(ask(foreign).await.status(), StatusCode::FORBIDDEN);
}
