//! The TypeScript that the page imports.

#[test]
fn is_what_the_services_say() {
    for (service, path) in web_demo::bindings() {
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == roam_codegen::typescript(service),
            "{} is not what the service says: run `cargo run --package web-demo --bin generate`",
            path.display()
        );
    }
}
