//! The generated TypeScript bindings that the page imports.

#[test]
fn bindings_match_the_services() {
    for (service, path) in web_demo::bindings() {
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == roam_codegen::typescript(service),
            "{} is out of date: run `cargo run --package web-demo --bin generate`",
            path.display()
        );
    }
}
